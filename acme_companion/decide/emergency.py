"""A wait that a CA asked for, held against the end of the certificate that is served meanwhile."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from acme_companion.decide.alarm import CRITICAL
from acme_companion.decide.renewal import LAST_PARTS
from acme_companion.decide.schedule import RETRY_AFTER, SHARE_OF_A_LIFETIME

if TYPE_CHECKING:
    from datetime import datetime

    from acme_companion.decide.ledger import Ledger
    from acme_companion.decide.limits import WaitUntil
    from acme_companion.decide.memory import Failures
    from acme_companion.decide.pair import Certificate


def obeyed_until(
    until: datetime, asked: datetime, ends: datetime | None, lifetime: timedelta | None
) -> datetime:
    """Until when to obey a CA that at `asked` said "not before `until`", with a certificate that `ends` then.

    To the letter, unless that would let the certificate end: if less than a twentieth of its life would be left, the CA is
    asked once more when a tenth is left, and after that at the slowest pace of the schedule, so that it is no hammer
    whatever it answers. `ends` None: there is no certificate that could end; `lifetime` None: it has ended already.
    """
    life = lifetime or timedelta(0)
    if ends is None or until <= ends - life / CRITICAL:
        return until
    slowest = RETRY_AFTER[-1] if lifetime is None else min(RETRY_AFTER[-1], life / SHARE_OF_A_LIFETIME)
    return min(until, max(ends - life / LAST_PARTS, asked + slowest))


def sooner(failed: Failures | None, last: Certificate, now: datetime) -> Failures | None:
    """A wait after failures without what would let `last` end; what is no wait of the CA's own stays as it is."""
    if failed is None or not failed.asked_by_ca:
        return failed
    until = obeyed_until(failed.wait_until, failed.last, last.not_after, _lifetime(last, now))
    return replace(failed, wait_until=until)


def open_sooner(ledger: Ledger, last: Certificate | None, now: datetime) -> Ledger:
    """The ledger of a CA that is closed, as far as `last` can wait for it. Not known when it said so: as if now."""
    if ledger.closed_until is None or last is None:
        return ledger
    asked = ledger.closed_at or now
    until = obeyed_until(ledger.closed_until, asked, last.not_after, _lifetime(last, now))
    return replace(ledger, closed_until=until)


def explained(waits: WaitUntil, last: Certificate) -> str:
    """Why the CA is asked before the time that it named."""
    return (
        f"it asked for nothing before {waits.when:%d %b %H:%M} UTC, and that is too late for the certificate, whose end is "
        f"{last.not_after:%d %b %H:%M} UTC: it is asked once before"
    )


def _lifetime(certificate: Certificate, now: datetime) -> timedelta | None:
    return certificate.not_after - certificate.not_before if certificate.not_after > now else None
