"""A clock that was wrong: what it noted is put right with it, and nobody waits for the day that it showed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from acme_companion.decide.known_cas import LETS_ENCRYPT
from acme_companion.decide.limits.table import LIMITS
from tests.cycle.stack import steps

if TYPE_CHECKING:
    from tests.cycle.stack import Stack

YEAR = timedelta(days=365)


@pytest.fixture
def limits(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """The CA of this test has Let's Encrypt's limits."""
    monkeypatch.setitem(LIMITS, stack.proxy.directory_url, LIMITS[LETS_ENCRYPT])
    stack.environment |= {"ALLOW_EPHEMERAL_VOLUME": "y", "ENABLE_SSL_SNI": "y"}


@pytest.mark.usefixtures("limits")
async def test_a_clock_that_was_a_year_ahead(stack: Stack):
    """For one cycle; then it is right: new names are ordered at once, and what was ordered before is counted still."""
    stack.clock.ahead = YEAR
    assert not (await stack.cycle()).failed
    stack.clock.ahead = timedelta(0)
    now = stack.clock.now()
    report = await stack.cycle(MAIL_DOMAINS=f"{stack.base},a.{stack.base},b.example")

    new = {f"imap.a.{stack.base}", "imap.b.example"}
    assert not report.failed
    assert set(steps(report)) == {("Keep", one) for one in (stack.host, stack.imap)} | {
        ("Issue", one) for one in new
    }
    assert stack.covered() == {stack.host, stack.imap, *new}
    ledger, rate = (
        (await stack.held()).memory.ledgers[stack.proxy.directory_url],
        LIMITS[LETS_ENCRYPT].domain,
    )
    certificates = (ledger.full_at[f"domain:{stack.base}"] - now) / rate.refill
    assert certificates == pytest.approx(3, abs=0.1)


@pytest.mark.usefixtures("limits")
async def test_a_clock_that_is_late(stack: Stack):
    """A host without a battery starts in 1970: it says so, and what it knew is there when the time is right again."""
    assert not (await stack.cycle()).failed
    memory = (await stack.held()).memory
    stack.clock.ahead = -timedelta(days=20000)
    report = await stack.cycle()

    said = "\n".join(report.warnings)
    assert f"this host's clock is late: it says {stack.clock.now():%d %b %Y}" in said
    assert {kind for kind, _ in steps(report)} == {"Keep"}
    stack.clock.ahead = timedelta(0)
    assert (await stack.cycle()).warnings == ()
    known = (await stack.held()).memory
    assert known.ledgers == memory.ledgers
    assert known.ledgers[stack.proxy.directory_url].full_at
