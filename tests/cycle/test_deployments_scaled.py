"""A service with several containers: each is judged, and acted on, by what it serves itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from acme_companion.decide.steps import DEPLOYMENT
from tests.cycle.fakes import TlsSibling, TlsSiblings
from tests.cycle.test_deployments import until_tried_again

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.cycle.stack import Stack


@pytest.fixture
async def replicas(stack: Stack) -> AsyncIterator[TlsSiblings]:
    """Two containers of one service, after a first certificate."""
    await stack.cycle(SKIP_LETS_ENCRYPT="y")
    made = TlsSiblings(
        tuple(TlsSibling("nginx-mailcow", stack.volume, f"nginx-{n}", f"127.0.0.{n}") for n in (1, 2))
    )
    for one in made.all:
        await one.start()
    stack.siblings = made
    await stack.cycle()
    yield made
    for one in made.all:
        one.stop()


async def test_one_replica_does_not_hear_a_reload(stack: Stack, replicas: TlsSiblings):
    """Only that one is restarted."""
    replicas.all[1].deaf = True
    report = await stack.cycle(force=True)

    assert report.deployment.ok
    assert replicas.asked == [
        "nginx-1: restart",
        "nginx-1: signal HUP",
        "nginx-2: restart",
        "nginx-2: signal HUP",
        "nginx-2: restart",
    ]


async def test_one_replica_was_never_reached(stack: Stack, replicas: TlsSiblings):
    """It shows nothing, and the other one serves what it should: the next try acts on it all the same, and only on it."""
    first, second = replicas.all
    replicas.unreachable, second.hidden = True, True
    assert (await stack.cycle(force=True)).failed
    replicas.unreachable = False
    await first.start()
    await until_tried_again(stack, DEPLOYMENT)

    report = await stack.cycle()

    assert report.deployment.ok
    assert (first.asked, second.asked) == (["restart"], ["restart", "restart"])
