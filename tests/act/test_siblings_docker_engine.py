"""Siblings through a real Docker Engine."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from acme_companion.act.siblings.docker_engine import DockerEngine
from acme_companion.decide.deployment import NGINX_RELOAD, RESTART, Action, ActionKind, came_up
from acme_companion.decide.problems import NotYet
from acme_companion.decide.settings import Deployment
from tests.bed.containers import SOCKET, Containers, docker, inspect, wait_for_log
from tests.bed.doors import RealClock, RememberingLog

if TYPE_CHECKING:
    from collections.abc import Iterator

    from acme_companion.decide.facts import Sibling

pytestmark = pytest.mark.docker
TRAPS_HUP = (
    "python3", "-uc",
    "import signal; signal.signal(1, lambda *_: print('reloaded')); print('ready');"
    "[signal.pause() for _ in range(9)]",
)  # fmt: skip
CRASHES = ("python3", "-c", "import time; time.sleep(0.3); raise SystemExit(1)")


@pytest.fixture
def few() -> Iterator[Containers]:
    with Containers() as found:
        yield found


def engine(containers: Containers, own: str = "", log: RememberingLog | None = None) -> DockerEngine:
    deployment = Deployment(project=containers.project, docker_host=f"unix://{SOCKET}")
    return DockerEngine(deployment, RealClock(), log or RememberingLog(), own)


async def only(found: DockerEngine) -> Sibling:
    (sibling,) = await found.list()
    return sibling


async def test_who_is_listed(few: Containers) -> None:
    """Exactly this project's containers that are known or labelled, running or not; never ourselves or a neighbour."""
    label = {"acme-companion.action": "restart"}
    ours = {
        few.start("nginx-mailcow"),
        few.start("postfix-mailcow", options=["--stop-timeout", "1"]),
        few.start("webmail", labels=label),
        few.start("webmail", labels=label, name=f"{few.project}-webmail-2"),
    }
    few.start("mysql-mailcow")
    few.start("dovecot-mailcow", name=f"{few.project}-dev", project=f"{few.project}dev")
    own = few.start("acme-mailcow", labels=label)
    docker("stop", "--time", "1", f"{few.project}-postfix-mailcow-1")

    found = await engine(few, own).list()

    assert {sibling.identity for sibling in found} == ours
    assert {(sibling.service, sibling.state) for sibling in found} == {
        ("nginx-mailcow", "running"),
        ("postfix-mailcow", "exited"),
        ("webmail", "running"),
    }


async def test_addresses_are_those_of_shared_networks(few: Containers) -> None:
    """A sibling that is in more networks than we is asked only where we can reach it."""
    few.new_network(f"{few.project}-other")
    own = few.start("acme-mailcow")
    name = f"{few.project}-nginx-mailcow-1"
    few.start("nginx-mailcow")
    docker("network", "connect", f"{few.project}-other", name)
    networks = inspect(name)["NetworkSettings"]["Networks"]

    inside, outside = await only(engine(few, own)), await only(engine(few))

    assert inside.addresses == (networks[few.network]["IPAddress"],)
    assert set(outside.addresses) == {network["IPAddress"] for network in networks.values()}


async def test_restart(few: Containers) -> None:
    """A restart starts it anew, within its own time to stop, and is not mistaken for a crash."""
    few.start("dovecot-mailcow", options=["--stop-timeout", "1"])
    before = await only(engine(few))

    await engine(few).act(before, RESTART)

    after = await only(engine(few))
    assert after.started_at > before.started_at
    assert came_up(before, after).up


async def test_crash_loop_is_seen(few: Containers) -> None:
    """A container that Docker restarts over and over has not come up, also when it happens to run at the moment."""
    few.start("dovecot-mailcow", CRASHES, options=["--restart", "always"])
    name = f"{few.project}-dovecot-mailcow-1"
    before = await only(engine(few))
    while inspect(name)["RestartCount"] <= before.restart_count:
        await asyncio.sleep(0.05)

    assert not came_up(before, await only(engine(few))).up


async def test_signal(few: Containers) -> None:
    """A signal reaches the main process."""
    few.start("proxy", TRAPS_HUP, labels={"acme-companion.action": "signal:HUP"})
    name = f"{few.project}-proxy-1"
    wait_for_log(name, "ready")

    await engine(few).act(await only(engine(few)), Action(ActionKind.SIGNAL, ("HUP",)))

    wait_for_log(name, "reloaded")


async def test_command_that_succeeds_or_says_no(few: Containers) -> None:
    """The exit code decides, and what the command said is in the sentence; nothing else is done instead."""
    few.start("nginx-mailcow")
    sibling = await only(engine(few))
    said_no = Action(ActionKind.EXEC, ("sh", "-c", "echo out; echo config broken >&2; exit 3"), RESTART)

    await engine(few).act(sibling, Action(ActionKind.EXEC, ("true",)))
    with pytest.raises(NotYet, match=r"it said no \(exit code 3\): (out / )?config broken"):
        await engine(few).act(sibling, said_no)

    assert (await only(engine(few))).started_at == sibling.started_at


async def test_command_that_does_not_exist(few: Containers) -> None:
    """A command that cannot be run at all gives way to what may be done instead, and the log says so."""
    few.start("nginx-mailcow", options=["--stop-timeout", "1"])
    log, before = RememberingLog(), await only(engine(few))

    await engine(few, log=log).act(before, NGINX_RELOAD)  # the base image has no nginx

    assert (await only(engine(few))).started_at > before.started_at
    assert [
        line for line in log.lines("warning") if "'nginx -s reload'" in line and "instead: restart" in line
    ]
    with pytest.raises(NotYet, match="no-such-command"):
        await engine(few).act(before, Action(ActionKind.EXEC, ("no-such-command",)))


@pytest.mark.parametrize("state", ["exited", "paused"])
async def test_what_does_not_run_is_not_started(few: Containers, state: str) -> None:
    """A container that someone stopped or paused stays so."""
    few.start("postfix-mailcow", options=["--stop-timeout", "1"])
    name = f"{few.project}-postfix-mailcow-1"
    docker("stop" if state == "exited" else "pause", name)

    with pytest.raises(NotYet, match=f"{name} is '{state}', not running"):
        await engine(few).act(await only(engine(few)), RESTART)

    assert inspect(name)["State"]["Status"] == state


async def test_made_anew_since_the_list(few: Containers) -> None:
    """A container that was recreated is looked for again, once; one that is gone is said to be gone."""
    few.start("nginx-mailcow", options=["--stop-timeout", "1"])
    name = f"{few.project}-nginx-mailcow-1"
    old = await only(engine(few))
    docker("rm", "--force", name)
    few.start("nginx-mailcow", options=["--stop-timeout", "1"])
    new = await only(engine(few))

    await engine(few).act(old, RESTART)

    assert (await only(engine(few))).started_at > new.started_at
    docker("rm", "--force", name)
    with pytest.raises(NotYet, match="is gone"):
        await engine(few).act(new, RESTART)
