"""A deployment that is cut off between an action and its outcome: whoever fell is brought back, and nobody else is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from acme_companion.decide.deployment import ActionKind
from acme_companion.decide.problems import NotYet
from acme_companion.decide.report import lines
from acme_companion.decide.steps import DEPLOYMENT
from tests.cycle.stack import steps, stopped
from tests.cycle.test_deployments import _Everything, until_tried_again

if TYPE_CHECKING:
    from acme_companion.decide.deployment import Action
    from acme_companion.decide.facts import Sibling
    from tests.cycle.fakes import TlsSiblings
    from tests.cycle.stack import Stack


class _AfterTheLastAction:
    """The siblings of the stack; once the last one was acted on, Docker gives no list `times` times, or never does (None)."""

    def __init__(self, siblings: TlsSiblings, times: int | None) -> None:
        self._siblings, self._times = siblings, times
        self._acted = False
        self.reached = asyncio.Event()

    async def list(self) -> tuple[Sibling, ...]:
        if not self._acted:
            return await self._siblings.list()
        self.reached.set()
        if self._times is None:
            await asyncio.get_running_loop().create_future()
        elif self._times > 0:
            self._times -= 1
            raise NotYet("Docker at unix:///nowhere does not answer")
        return await self._siblings.list()

    async def act(self, sibling: Sibling, action: Action) -> None:
        await self._siblings.act(sibling, action)
        self._acted = sibling.identity == self._siblings.all[-1].service


async def falling(stack: Stack, siblings: TlsSiblings) -> str:
    """From now on the second sibling does not start with any other pair than the present one, whose fingerprint this is."""
    await stack.cycle()
    old = stack.certificate().fingerprint
    siblings.all[1].refuses = _Everything(but=old)
    return old


async def test_stopped_before_anybody_saw_who_fell(stack: Stack, siblings: TlsSiblings):
    """SIGTERM while a service is down over the new pair: the next start brings the old pair and the service back."""
    old = await falling(stack, siblings)
    stack.siblings = watched = _AfterTheLastAction(siblings, None)
    await stopped(stack.cycle(force=True), watched.reached)
    stack.siblings = siblings
    assert (siblings.all[1].as_sibling().state, stack.certificate().fingerprint == old) == ("exited", False)

    report = await stack.cycle()

    assert (report.failed, report.deployment.rolled_back) == (True, True)
    assert stack.certificate().fingerprint == old
    assert [one.state for one in await siblings.list()] == ["running", "running"]
    assert {one.served for one in report.deployment.endpoints} == {old}


async def test_docker_is_away_for_a_moment(stack: Stack, siblings: TlsSiblings):
    """Two lists without an answer, just after a service fell: it is seen a little later, and rolled back in the same cycle."""
    old = await falling(stack, siblings)
    stack.siblings = _AfterTheLastAction(siblings, 2)

    report = await stack.cycle(force=True)

    assert report.deployment.rolled_back
    assert stack.certificate().fingerprint == old
    assert [one.state for one in await siblings.list()] == ["running", "running"]


async def test_docker_is_away_for_longer(stack: Stack, siblings: TlsSiblings):
    """Nobody could see who fell until the time was over: the next try sees it, and rolls back."""
    old = await falling(stack, siblings)
    stack.siblings = _AfterTheLastAction(siblings, 1000)
    report = await stack.cycle(force=True)
    assert (report.failed, report.deployment.rolled_back) == (True, False)
    assert "does not answer" in report.deployment.sentences[-1]
    stack.siblings = siblings
    await until_tried_again(stack, DEPLOYMENT)

    report = await stack.cycle()

    assert report.deployment.rolled_back
    assert stack.certificate().fingerprint == old
    assert [one.state for one in await siblings.list()] == ["running", "running"]


async def test_a_restart_that_ends_it_and_fails(stack: Stack, siblings: TlsSiblings):
    """Docker stops a container and cannot start it, with any pair: once it can, we start whom we ended."""
    await stack.cycle()
    second = siblings.all[1]

    class Failing:
        async def list(self) -> tuple[Sibling, ...]:
            return await siblings.list()

        async def act(self, sibling: Sibling, action: Action) -> None:
            await siblings.act(sibling, action)
            if sibling.identity == second.service and action.kind is ActionKind.RESTART:
                second.stop()
                raise NotYet("port is already allocated")

    second.deaf = True
    stack.siblings = Failing()
    report = await stack.cycle(force=True)
    assert (report.failed, second.as_sibling().state) == (True, "exited")
    stack.siblings = siblings
    await until_tried_again(stack, DEPLOYMENT)

    report = await stack.cycle()

    assert report.deployment.ok
    assert second.as_sibling().state == "running"


async def test_who_was_stopped_by_an_admin_meanwhile(stack: Stack, siblings: TlsSiblings):
    """A deployment is unfinished because of one service, and the admin stops the other one: we do not start it."""
    await stack.cycle()
    first, second = siblings.all
    other = first.volume.with_name("other")
    other.mkdir()
    for name in ("cert.pem", "key.pem"):
        (other / name).write_bytes((first.volume / name).read_bytes())
    second.volume = other
    assert (await stack.cycle(force=True)).failed
    first.stop()
    await until_tried_again(stack, DEPLOYMENT)

    await stack.cycle()

    assert first.as_sibling().state == "exited"


async def test_who_cannot_be_looked_at_took_another_one_up(stack: Stack, siblings: TlsSiblings):
    """It was taken through one certificate in a deployment that did not finish: that says nothing about the next one."""
    await stack.cycle()
    first, second = siblings.all
    first.hidden = True
    second.volume, mine = second.volume.with_name("other"), second.volume
    second.volume.mkdir()
    for name in ("cert.pem", "key.pem"):
        (second.volume / name).write_bytes((mine / name).read_bytes())
    assert (await stack.cycle(force=True)).failed
    siblings.unreachable, asked = True, len(first.asked)
    assert (await stack.cycle(force=True)).failed
    siblings.unreachable, second.volume = False, mine
    await until_tried_again(stack, DEPLOYMENT)

    assert (await stack.cycle()).deployment.ok
    assert len(first.asked) == asked + 1


async def test_a_certificate_is_gone_and_docker_was_away(stack: Stack, siblings: TlsSiblings):
    """Siblings that still list a certificate which is archived are taken through that later, as through any other change."""
    both = f"a.{stack.base},b.{stack.base}"
    await stack.cycle(ENABLE_SSL_SNI="y", MAIL_DOMAINS=both)
    siblings.unreachable, asked = True, len(siblings.asked)
    report = await stack.cycle(ENABLE_SSL_SNI="y", MAIL_DOMAINS=f"a.{stack.base}")
    assert ("Archive", f"imap.b.{stack.base}") in steps(report)
    assert report.failed
    siblings.unreachable = False
    await until_tried_again(stack, DEPLOYMENT)

    report = await stack.cycle(ENABLE_SSL_SNI="y", MAIL_DOMAINS=f"a.{stack.base}")

    assert ("info", f"siblings are taken through imap.b.{stack.base} again: ") in [
        (level, line.partition("Docker")[0]) for level, line in lines(report)
    ]
    assert (report.deployment.ok, len(siblings.asked)) == (True, asked + 2)
    quiet = await stack.cycle(ENABLE_SSL_SNI="y", MAIL_DOMAINS=f"a.{stack.base}")
    assert (quiet.deployment.ok, len(siblings.asked)) == (None, asked + 2)


async def test_another_certificate_arrives_after_it(stack: Stack, siblings: TlsSiblings):
    """Stopped before anybody saw that all stand; the next cycle has yet another pair for them, and nobody is missing."""
    await stack.cycle()
    stack.siblings = watched = _AfterTheLastAction(siblings, None)
    await stopped(stack.cycle(force=True), watched.reached)
    stack.siblings = siblings

    report = await stack.cycle(force=True)

    assert report.deployment.ok
    assert {one.served for one in report.deployment.endpoints} == {stack.certificate().fingerprint}


async def test_another_certificate_arrives_after_one_was_ended(stack: Stack, siblings: TlsSiblings):
    """Stopped between the end and the start of a service: that one is started first, and then all are taken through the pair."""
    await stack.cycle()
    second = siblings.all[1]
    stack.siblings = watched = _AfterTheLastAction(siblings, None)
    await stopped(stack.cycle(force=True), watched.reached)
    second.stop()
    stack.siblings, asked = siblings, len(siblings.asked)

    report = await stack.cycle(force=True)

    assert report.deployment.ok
    assert [one.state for one in await siblings.list()] == ["running", "running"]
    assert {one.served for one in report.deployment.endpoints} == {stack.certificate().fingerprint}
    assert second.asked[-1] == "restart"
    assert len(siblings.asked) == asked + 2


async def test_stopped_before_docker_was_told(stack: Stack, siblings: TlsSiblings):
    """Nobody knows whether a service that cannot be looked at took the pair up: it is asked to at the next start."""
    await stack.cycle()
    first = siblings.all[0]
    first.hidden, asked = True, len(first.asked)
    reached = asyncio.Event()

    class Slow:
        async def list(self) -> tuple[Sibling, ...]:
            return await siblings.list()

        async def act(self, sibling: Sibling, action: Action) -> None:
            reached.set()
            await asyncio.get_running_loop().create_future()

    stack.siblings = Slow()
    await stopped(stack.cycle(force=True), reached)
    stack.siblings = siblings

    assert (await stack.cycle()).deployment.ok
    assert len(first.asked) == asked + 1
