"""A clock that is not the CA's: told, and nothing is spent on it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from acme_companion.decide.problems import NotYet
from tests.act.acme_world import HeardLog, LaterClock, session_with

if TYPE_CHECKING:
    from tests.act.acme_proxy import AcmeProxy


async def test_nothing_is_ordered_by_a_clock_that_is_far_ahead(proxy: AcmeProxy) -> None:
    """T01: certificates that seem to have ended are not replaced in panic: the CA's own time says what is wrong."""
    async with session_with(proxy, clock=LaterClock(timedelta(days=365))) as session:
        with pytest.raises(
            NotYet, match=r"this host's clock is ahead: .*set it right \(NTP\)\. Nothing is ordered"
        ):
            await session.knowledge()

    assert [one.path for one in proxy.requests] == ["/dir"]


@pytest.mark.parametrize(
    ("hours", "said"), [pytest.param(2, "ahead", id="ahead"), pytest.param(-2, "late", id="late")]
)
async def test_a_clock_that_is_a_little_wrong(proxy: AcmeProxy, hours: int, said: str) -> None:
    """It is told, and stops nothing."""
    log = HeardLog()
    async with session_with(proxy, clock=LaterClock(timedelta(hours=hours)), log=log) as session:
        assert (await session.knowledge()).account_uri

    assert [f"this host's clock is {said}" in line for line in log.warnings] == [True]
