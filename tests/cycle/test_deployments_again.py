"""A deployment that could not be finished is gone on with: on whom it must, and on nobody else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from acme_companion.decide.deployment import RESTART
from acme_companion.decide.problems import NotYet
from acme_companion.decide.steps import DEPLOYMENT
from tests.cycle.stack import steps
from tests.cycle.test_deployments import _Everything, until_tried_again

if TYPE_CHECKING:
    from aiohttp import web

    from acme_companion.decide.deployment import Action
    from acme_companion.decide.facts import Sibling
    from tests.act.acme_proxy import Forward
    from tests.cycle.fakes import TlsSiblings
    from tests.cycle.stack import Stack


async def test_only_who_serves_something_else_is_touched(stack: Stack, siblings: TlsSiblings):
    """Docker went away in the middle; an admin restarted one service meanwhile: only the other one is restarted."""
    await stack.cycle()
    asked = len(siblings.asked)
    siblings.unreachable = True
    await stack.cycle(force=True)
    siblings.unreachable = False
    await siblings.all[0].act(RESTART)
    await until_tried_again(stack, DEPLOYMENT)

    report = await stack.cycle()

    assert report.deployment.ok
    assert (siblings.all[0].asked[-1], siblings.all[1].asked[-1]) == ("restart", "restart")
    assert len(siblings.asked) == asked + 2


async def test_who_cannot_be_looked_at_is_restarted_once(stack: Stack, siblings: TlsSiblings):
    """Nobody sees what it serves, so it counts whether our action reached it: not before, and then not again."""
    await stack.cycle()
    hidden = siblings.all[1]
    hidden.hidden, siblings.unreachable = True, True
    await stack.cycle(force=True)
    siblings.unreachable, asked = False, len(hidden.asked)
    await until_tried_again(stack, DEPLOYMENT)

    report = await stack.cycle()

    assert report.deployment.ok
    assert len(hidden.asked) == asked + 1
    assert (await stack.cycle()).deployment.ok is None


async def test_a_sibling_that_falls_in_the_second_try(stack: Stack, siblings: TlsSiblings):
    """The certificate was switched in one cycle and killed a service in the next: it is rolled back all the same."""
    await stack.cycle()
    old = stack.certificate().fingerprint
    siblings.unreachable = True
    await stack.cycle(force=True)
    siblings.unreachable = False
    siblings.all[1].refuses = _Everything(but=old)
    await until_tried_again(stack, DEPLOYMENT)

    report = await stack.cycle()

    assert (report.failed, report.deployment.rolled_back) == (True, True)
    assert stack.certificate().fingerprint == old
    assert {one.served for one in report.deployment.endpoints} == {old}
    assert [one.state for one in await siblings.list()] == ["running", "running"]


async def test_one_step_back_and_never_two(stack: Stack, siblings: TlsSiblings):
    """A second sibling falls while the first is still down after a roll-back: no older generation is dug up for it."""
    await stack.cycle()
    await stack.cycle(force=True)
    previous = stack.certificate().fingerprint
    first, second = siblings.all
    second.deaf, second.refuses = True, _Everything(but="")
    assert (await stack.cycle(force=True)).deployment.rolled_back
    other = first.volume.with_name("other")
    other.mkdir()
    generation = min((stack.volume / "backups" / stack.host).glob("*[0-9]"))
    for name in ("cert.pem", "key.pem"):
        (other / name).write_bytes((generation / name).read_bytes())
    first.volume = other
    await first.start()
    first.refuses = _Everything(but="")
    await until_tried_again(stack, DEPLOYMENT)

    report = await stack.cycle()

    assert (report.failed, report.deployment.rolled_back) == (True, False)
    assert stack.certificate().fingerprint == previous


async def test_nobody_uses_the_certificates(stack: Stack, siblings: TlsSiblings):
    """A wrong project name must not look like success: nothing was restarted."""
    for one in siblings.all:
        one.stop()
    siblings.all = ()

    report = await stack.cycle(DOCKER_HOST="unix:///nowhere")

    assert (report.failed, report.deployment.ok) == (True, False)
    assert "set COMPOSE_PROJECT_NAME right" in report.deployment.sentences[0]


class _Remade:
    """The siblings of the stack, one of which somebody makes anew (another id) while we look at it."""

    def __init__(self, siblings: TlsSiblings) -> None:
        self._siblings = siblings
        self._acted = False

    async def list(self) -> tuple[Sibling, ...]:
        found = await self._siblings.list()
        return tuple(replace(one, identity=f"{one.identity} anew") for one in found) if self._acted else found

    async def act(self, sibling: Sibling, action: Action) -> None:
        self._acted = True
        if sibling.identity.endswith(" anew"):
            raise NotYet("nobody acts on it twice")
        await self._siblings.act(sibling, action)


async def test_a_sibling_that_is_made_anew_meanwhile(stack: Stack, siblings: TlsSiblings):
    """`docker compose up -d` while we look: the container has another id, and nothing is rolled back."""
    stack.siblings = _Remade(siblings)

    report = await stack.cycle()

    assert (report.deployment.ok, report.deployment.rolled_back) == (True, False)


async def test_a_health_check_that_was_still_starting(stack: Stack, siblings: TlsSiblings):
    """A service that had not come up before our pair did not fall over it: its certificate stays, the failure is told."""
    siblings.all[1].health = ("starting", "unhealthy")

    report = await stack.cycle()

    assert (report.deployment.ok, report.deployment.rolled_back) == (True, False)
    assert not stack.certificate().self_signed
    assert steps(await stack.cycle()) == [("Keep", stack.host)]


async def test_what_could_not_be_put_in_place_awaits_no_deployment(stack: Stack, siblings: TlsSiblings):
    """The disk says no after the CA delivered: the old pair is in place, and a roll-back must not reach behind it."""
    await stack.cycle()
    old = stack.certificate().fingerprint

    async def damage(request: web.BaseRequest, forward: Forward) -> web.Response:
        (stack.volume / stack.host / "acme.csr").unlink()
        (stack.volume / stack.host / "acme.csr").mkdir()
        return await forward()

    stack.proxy.on("/certZ", damage)
    report = await stack.cycle(force=True)

    assert (report.failed, report.deployment.ok) == (True, None)
    assert stack.certificate().fingerprint == old
    assert (await stack.held()).memory.undeployed == ()
