"""A deployment that is stopped at any of its calls to Docker ends well at the next start."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from acme_companion.decide.steps import DEPLOYMENT
from tests.cycle.test_deployments import _Everything, until_tried_again

if TYPE_CHECKING:
    from acme_companion.decide.deployment import Action
    from acme_companion.decide.facts import Sibling
    from acme_companion.ports import Siblings
    from tests.cycle.fakes import TlsSiblings
    from tests.cycle.stack import Stack

MOST_CALLS = 30


class _StoppedAt:
    """Stops the cycle as SIGTERM does: at the call with this number, which Docker carries out all the same."""

    def __init__(self, siblings: Siblings, number: int) -> None:
        self._siblings, self.calls_left = siblings, number

    async def list(self) -> tuple[Sibling, ...]:
        found = await self._siblings.list()
        await self._count()
        return found

    async def act(self, sibling: Sibling, action: Action) -> None:
        await self._siblings.act(sibling, action)
        await self._count()

    async def _count(self) -> None:
        self.calls_left -= 1
        task = asyncio.current_task()
        if self.calls_left < 0 and task is not None:
            task.cancel()
            await asyncio.sleep(0)


@pytest.mark.parametrize("falls", [False, True], ids=["all goes well", "one falls over the pair"])
async def test_whichever_call_it_is(stack: Stack, siblings: TlsSiblings, *, falls: bool):
    """Everybody runs and serves what the volume holds: the new pair, or the old one when somebody falls over the new one."""
    await stack.cycle()
    for number in range(MOST_CALLS):
        old = stack.certificate().fingerprint
        siblings.all[1].refuses = _Everything(but=old) if falls else set()
        stack.siblings = stopping = _StoppedAt(siblings, number)
        with suppress(asyncio.CancelledError):
            await asyncio.create_task(stack.cycle(force=True))
        stack.siblings = siblings
        report = await stack.cycle()
        while (await stack.held()).memory.undeployed:
            await until_tried_again(stack, DEPLOYMENT)
            report = await stack.cycle()

        now = stack.certificate().fingerprint
        assert (now == old) == falls
        assert {one.served for one in report.deployment.endpoints} <= {now}
        assert [one.state for one in await siblings.list()] == ["running", "running"]
        if stopping.calls_left >= 0:
            return
        stack.clock.let_pass(days=3)
    pytest.fail(f"a deployment calls Docker more than {MOST_CALLS} times")


async def test_stopped_while_an_older_failure_waits(stack: Stack, siblings: TlsSiblings):
    """A deployment that failed is tried again later; a service that fell since then is not left down until then."""
    await stack.cycle()
    siblings.unreachable = True
    assert (await stack.cycle(force=True)).failed
    siblings.unreachable, previous = False, stack.certificate().fingerprint
    siblings.all[1].refuses = _Everything(but=previous)
    stack.siblings = _StoppedAt(siblings, len(siblings.all) * 2)
    with suppress(asyncio.CancelledError):
        await asyncio.create_task(stack.cycle(force=True))
    stack.siblings = siblings
    assert siblings.all[1].as_sibling().state == "exited"

    report = await stack.cycle()

    assert report.deployment.rolled_back
    assert stack.certificate().fingerprint == previous
    assert [one.state for one in await siblings.list()] == ["running", "running"]
