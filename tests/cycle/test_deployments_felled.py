"""One service falls over a new pair: it is brought back first, and what still stands is not taken down with it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from acme_companion.decide.deployment import ActionKind
from acme_companion.decide.problems import NotYet
from acme_companion.decide.steps import DEPLOYMENT
from tests.cycle.test_deployments import _Everything, until_tried_again
from tests.cycle.test_deployments_cut_off import falling

if TYPE_CHECKING:
    from acme_companion.decide.deployment import Action
    from acme_companion.decide.facts import Sibling
    from tests.cycle.fakes import TlsSiblings
    from tests.cycle.stack import Stack


async def test_who_refused_to_reload_is_not_restarted(stack: Stack, siblings: TlsSiblings):
    """Its configuration is broken, so a restart would end what still serves; not even while another one is brought back."""
    old = await falling(stack, siblings)
    first, second = siblings.all
    second.deaf = True  # the reload is not enough, and the restart ends it

    class Refusing:
        async def list(self) -> tuple[Sibling, ...]:
            return await siblings.list()

        async def act(self, sibling: Sibling, action: Action) -> None:
            if sibling.identity == first.service and action.kind is not ActionKind.RESTART:
                first.asked.append("refused")
                raise NotYet("nginx: [emerg] unknown directive")
            await siblings.act(sibling, action)

    stack.siblings, asked = Refusing(), len(first.asked)

    report = await stack.cycle(force=True)

    assert report.deployment.rolled_back
    assert first.asked[asked:] == ["refused"]
    assert {one.served for one in report.deployment.endpoints} == {old}


async def test_who_is_down_is_brought_back_first(stack: Stack, siblings: TlsSiblings):
    """Each restart takes its time, and those who stand can wait for it. Here the first one falls while we act on the second."""
    await stack.cycle()
    siblings.all[0].refuses = _Everything(but=stack.certificate().fingerprint)
    order: list[str] = []

    class InOrder:
        async def list(self) -> tuple[Sibling, ...]:
            first, second = await siblings.list()
            return (replace(first, state="running") if len(order) < 2 else first, second)

        async def act(self, sibling: Sibling, action: Action) -> None:
            order.append(f"{sibling.name}: {action}")
            await siblings.act(sibling, action)

    stack.siblings = InOrder()

    assert (await stack.cycle(force=True)).deployment.rolled_back
    assert order[2:] == ["nginx-mailcow: restart", "postfix-mailcow: restart"]


async def test_who_is_paused_did_not_fall(stack: Stack, siblings: TlsSiblings):
    """Somebody pauses a service for a backup while we look at it: a failure that is gone on with, and no roll back."""
    await stack.cycle()
    paused = True

    class Paused:
        async def list(self) -> tuple[Sibling, ...]:
            first, second = await siblings.list()
            acted = len(siblings.all[1].asked) > 1
            return (first, replace(second, state="paused") if acted and paused else second)

        async def act(self, sibling: Sibling, action: Action) -> None:
            await siblings.act(sibling, action)

    stack.siblings = Paused()
    report = await stack.cycle(force=True)
    assert (report.failed, report.deployment.rolled_back) == (True, False)
    paused = False
    await until_tried_again(stack, DEPLOYMENT)

    report = await stack.cycle()

    assert report.deployment.ok
    assert siblings.all[1].asked == ["restart", "signal HUP"]


async def test_the_others_are_left_alone_when_one_falls(stack: Stack, siblings: TlsSiblings):
    """A pair that ends one service would end the next one as well: it goes on with the old pair, and is not touched at all."""
    await stack.cycle()
    first, second = siblings.all
    old, asked = stack.certificate().fingerprint, len(second.asked)
    first.refuses = second.refuses = _Everything(but=old)

    report = await stack.cycle(force=True)

    assert report.deployment.rolled_back
    assert len(second.asked) == asked
    assert {one.served for one in report.deployment.endpoints} == {old}
    assert [one.state for one in await siblings.list()] == ["running", "running"]


async def test_one_falls_in_a_deployment_that_is_gone_on_with(stack: Stack, siblings: TlsSiblings):
    """Docker was away when the pair came; once it is back, the first service falls over it, and the second is left alone."""
    await stack.cycle()
    first, second = siblings.all
    old, asked = stack.certificate().fingerprint, len(second.asked)
    siblings.unreachable = True
    assert (await stack.cycle(force=True)).failed
    siblings.unreachable = False
    first.refuses = second.refuses = _Everything(but=old)
    await until_tried_again(stack, DEPLOYMENT)

    report = await stack.cycle()

    assert report.deployment.rolled_back
    assert len(second.asked) == asked
    assert [one.state for one in await siblings.list()] == ["running", "running"]
