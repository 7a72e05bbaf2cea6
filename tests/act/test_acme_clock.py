"""A clock that is not the CA's: told, and nothing is spent on it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest

from acme_companion.decide.problems import NotYet
from tests.act.acme_world import HeardLog, LaterClock, session_with

if TYPE_CHECKING:
    from aiohttp import web

    from tests.act.acme_proxy import AcmeProxy, Forward


async def test_nothing_is_ordered_by_a_clock_that_is_far_ahead(proxy: AcmeProxy) -> None:
    """T01: certificates that seem to have ended are not replaced in panic: the CA's own time says what is wrong."""
    async with session_with(proxy, clock=LaterClock(timedelta(days=365))) as session:
        with pytest.raises(
            NotYet, match=r"this host's clock is ahead: .*set it right \(NTP\)\. Nothing is ordered"
        ):
            await session.knowledge()

    assert [one.path for one in proxy.requests] == ["/dir", "/nonce-plz"]


@pytest.mark.parametrize(
    ("hours", "said"), [pytest.param(2, "ahead", id="ahead"), pytest.param(-2, "late", id="late")]
)
async def test_a_clock_that_is_a_little_wrong(proxy: AcmeProxy, hours: int, said: str) -> None:
    """It is told, and stops nothing."""
    log = HeardLog()
    async with session_with(proxy, clock=LaterClock(timedelta(hours=hours)), log=log) as session:
        assert (await session.knowledge()).account_uri

    assert [f"this host's clock is {said}" in line for line in log.warnings] == [True]


@pytest.mark.parametrize("age", [timedelta(hours=1), timedelta(days=30)], ids=str)
async def test_a_directory_that_was_kept_on_the_way(proxy: AcmeProxy, age: timedelta) -> None:
    """A cache gives it with the day on which it was made. It says nothing of our clock, and stops nothing."""

    async def kept(_: web.BaseRequest, forward: Forward) -> web.Response:
        response = await forward()
        response.headers["Date"] = format_datetime(datetime.now(UTC) - age, usegmt=True)
        return response

    proxy.on("/dir", kept)
    log = HeardLog()
    async with session_with(proxy, log=log) as session:
        assert (await session.knowledge()).account_uri

    assert log.warnings == []
