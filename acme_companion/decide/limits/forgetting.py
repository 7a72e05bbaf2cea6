"""What a ledger forgets: what no limit looks back to, and what only a clock that was ahead can have written there."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from acme_companion.decide.acme_headers import LONGEST_WAIT
from acme_companion.decide.ledger import Ledger
from acme_companion.decide.limits.buckets import rate_of
from acme_companion.decide.memory import FUTURE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from acme_companion.decide.limits.table import Limits

ATTEMPTS_FOR = timedelta(days=7)
"""An order is not gone on with for longer."""


def ledger_now(limits: Limits | None, ledger: Ledger, now: datetime) -> Ledger:
    """The ledger as it counts `now`. It must not grow over the years, and no wrong clock may bind anybody for long.

    How far the clock was ahead is known from when the ledger was written, so that what the CA's limits have seen since is
    moved back and goes on counting. A ledger that never said so has its moments cut to what is possible.
    """
    ahead = _ahead(ledger, now)
    full_at = dict(_full_at(limits, ledger.full_at, ahead, now))
    attempts = {
        directory: one
        for directory, one in ledger.attempts.items()
        if now - ATTEMPTS_FOR < one.at <= now + FUTURE
    }
    closed = ledger.closed_until - ahead if ledger.closed_until else now
    if not full_at and not attempts and closed <= now:
        return Ledger()
    kept = Ledger(full_at, attempts, noted=now if ahead else ledger.noted)
    if closed <= now:
        return kept
    said = min(ledger.closed_at, now) if ledger.closed_at else None
    until = min(closed, now + LONGEST_WAIT)
    return replace(kept, closed_until=until, closed_because=ledger.closed_because, closed_at=said)


def _ahead(ledger: Ledger, now: datetime) -> timedelta:
    if ledger.noted is None or ledger.noted <= now + FUTURE:
        return timedelta(0)
    return ledger.noted - now


def _full_at(
    limits: Limits | None, full_at: Mapping[str, datetime], ahead: timedelta, now: datetime
) -> Iterator[tuple[str, datetime]]:
    for bucket, moment in full_at.items():
        rate = rate_of(limits, bucket)
        if rate is None:
            continue
        # A clock that was ahead by less may have found something here that was counted by the right time: it is not moved.
        moved = moment - ahead if ahead >= rate.period else moment
        if moved > now:
            # No bucket is emptier than empty.
            yield bucket, min(moved, now + rate.period)
