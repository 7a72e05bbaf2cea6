"""A30: a CA delivers another certificate than the one ordered: nothing of it is used, people can look at it, and no loop costs more."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.act.acme_proxy import with_body

if TYPE_CHECKING:
    from tests.cycle.stack import Stack


def leaf_only(pem: bytes) -> bytes:
    return pem[: pem.index(b"-----END") + 26]


async def wait_for_the_next_try(stack: Stack) -> timedelta:
    """Let its waiting time pass; how long it was."""
    known = (await stack.held()).memory.lineage_failures[stack.host]
    stack.clock.ahead += known.wait_until - stack.clock.now()
    return known.wait_until - known.last


@pytest.mark.usefixtures("siblings")
async def test_not_what_was_ordered(stack: Stack) -> None:
    """It is fetched once more, in case that our clock was wrong; then comes another order, and not before a day and a half."""
    before = stack.certificate().fingerprint
    stack.proxy.on("/certZ", *[with_body(leaf_only)] * 2)

    report = await stack.cycle()
    assert report.failed
    assert (stack.certificate().fingerprint, len(stack.orders())) == (before, 1)
    kept = list((stack.volume / ".companion" / "refused").iterdir())
    assert [leaf_only(one.read_bytes()) for one in kept] == [one.read_bytes() for one in kept]
    said = "\n".join(stack.log.lines("error") + stack.log.lines("warning"))
    assert "was not ordered: its chain is missing" in said
    assert str(kept[0]) in said

    await wait_for_the_next_try(stack)
    await stack.cycle()
    assert (stack.certificate().fingerprint, len(stack.orders())) == (before, 1)

    assert await wait_for_the_next_try(stack) >= timedelta(hours=36)
    await stack.cycle()
    assert stack.certificate().fingerprint != before
    assert len(stack.orders()) == 2
