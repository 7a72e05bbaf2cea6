"""What a CA lets us order, and when: asked before every order, so that no mistake of ours or an admin's uses up its limits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from acme_companion.decide.limits.buckets import (
    ORDERS,
    Planned,
    buckets_of,
    digest,
    is_exempt,
    of_failures,
    of_failures_in_a_row,
    of_ours,
    shown,
)
from acme_companion.decide.limits.table import BATCH, KEPT, OURS, Limits, limits_of
from acme_companion.decide.schedule import RETRY_AFTER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from acme_companion.decide.ledger import Ledger
    from acme_companion.decide.names import Name

__all__ = [
    "Decision",
    "Go",
    "GoBecauseExempt",
    "Limits",
    "Planned",
    "WaitUntil",
    "decide",
    "limits_of",
    "name_waits_until",
]


@dataclass(frozen=True, slots=True)
class Go:
    """It may be placed now."""


@dataclass(frozen=True, slots=True)
class GoBecauseExempt:
    """It may be placed now, as it counts for no limit."""

    because: str


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """It must not be placed before `when`. `closed`: it is the CA's own word to everybody, not a count of ours."""

    when: datetime
    because: str
    closed: bool = False


Decision = Go | GoBecauseExempt | WaitUntil


def decide(limits: Limits | None, ledger: Ledger, order: Planned, hostname: Name, now: datetime) -> Decision:
    """Whether `order` may be placed now. `limits` None: the CA's limits are not known."""
    waits = [one for one in _waits(limits, ledger, order, hostname, now) if one.when > now]
    if waits:
        latest = max(waits, key=lambda one: one.when)
        batched = latest.when if order.lineage.server or latest.closed else max(latest.when, now + BATCH)
        return replace(latest, when=batched)
    if limits and is_exempt(limits, order):
        return GoBecauseExempt(f"a renewal that {limits.name} advised counts for none of its limits")
    return Go()


def _waits(
    limits: Limits | None, ledger: Ledger, order: Planned, hostname: Name, now: datetime
) -> Iterator[WaitUntil]:
    if ledger.closed_until:
        yield WaitUntil(ledger.closed_until, f"the CA: {ledger.closed_because}", closed=True)
    attempt = ledger.attempts.get(order.lineage.directory)
    if attempt and attempt.cut_off > 1:
        # One cut is a power failure. More of them are a loop, and each of them may cost an order.
        wait = RETRY_AFTER[min(attempt.cut_off - 1, len(RETRY_AFTER)) - 1]
        because = f"the last {attempt.cut_off} tries were cut off before they ended: what ends the container?"
        yield WaitUntil(attempt.at + wait, because)
    if order.wish:
        when = ledger.ready_at(of_ours(order), OURS, now)
        yield WaitUntil(when, "it was renewed twice within a day already, and each time costs a certificate")
    if limits is None or is_exempt(limits, order):
        return
    begun = attempt is not None and attempt.names == digest(order.lineage.names)
    for bucket, rate, keep, what in buckets_of(limits, order, hostname):
        if begun and bucket != ORDERS:
            continue  # it is counted already
        yield WaitUntil(ledger.ready_at(bucket, rate, now, keep), f"{limits.name} allows {what}")


def name_waits_until(limits: Limits | None, ledger: Ledger, name: Name, now: datetime) -> WaitUntil | None:
    """Whether validating `name` once more could use up what the CA allows it to fail; None: it may be ordered."""
    if limits is None or not ledger.full_at:
        return None
    soon = ledger.ready_at(of_failures(name), limits.failed, now, keep=1)
    row = limits.failed_in_a_row
    later = ledger.ready_at(of_failures_in_a_row(name), row, now, keep=row.most // KEPT)
    if max(soon, later) <= now:
        return None
    if soon >= later:
        what = f"{limits.failed.most} failed validations of a name in {shown(limits.failed.period)}"
    else:
        what = f"{limits.failed_in_a_row.most} failed validations of a name in a row"
    return WaitUntil(max(soon, later), f"{limits.name} allows {what}, and this name is close to it")
