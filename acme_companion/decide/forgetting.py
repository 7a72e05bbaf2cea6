"""What the memory forgets: what is long over, and what only a wrong clock can have noted."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from acme_companion.decide.acme_headers import LONGEST_WAIT
from acme_companion.decide.limits import limits_of
from acme_companion.decide.limits.forgetting import ledger_now
from acme_companion.decide.memory import FUTURE
from acme_companion.decide.renewal import ASK_AGAIN_AT_MOST
from acme_companion.decide.schedule import AFTER_MORE_ROLL_BACKS, JITTER, RETRY_AFTER

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from acme_companion.decide.memory import Authority, Failures, Held, Memory, RenewalWindow
    from acme_companion.decide.pair import Certificate

FORGOTTEN_AFTER = timedelta(days=30)
MOST_REVOKED = 1000
"""What was revoked may lie among generations for years, and must not be brought back from there."""
REHEARSED_FOR = timedelta(days=30)
"""A rehearsal proves nothing for longer: DNS, the way to us and the account may have changed."""
_SPREAD = timedelta(minutes=15)
LONGEST_ASKED = LONGEST_WAIT * (1 + JITTER) + _SPREAD
LONGEST_OURS = max(*RETRY_AFTER, AFTER_MORE_ROLL_BACKS) * (1 + JITTER) + _SPREAD
"""No table has a longer wait; a clock that was set while one was noted can make it look longer."""


def without_the_past(held: Held, now: datetime) -> Memory:
    """The memory without gone certificates, failures that nobody waits for any more, and times that a wrong clock noted.

    It must not grow over the years. A certificate that comes back from a generation is known by its files.
    While the clock is late everything looks as if it came from a clock that was ahead: then all of it is kept.
    """
    memory = held.memory
    if issued_later(held, now):
        return memory
    present = {one.fingerprint for one in _certificates(held)}
    return replace(
        memory,
        issued={print_: url for print_, url in memory.issued.items() if print_ in present},
        revoked=memory.revoked[-MOST_REVOKED:],
        lineage_failures=_recent(memory.lineage_failures, now),
        name_failures=_recent(memory.name_failures, now),
        not_ready_since=_past(memory.not_ready_since, now),
        unwanted_since=_past(memory.unwanted_since, now),
        missing_since=_past(memory.missing_since, now),
        unknown_since=_past(memory.unknown_since, now),
        authorities={url: _begun(one, now) for url, one in memory.authorities.items()},
        ledgers={url: ledger_now(limits_of(url), one, now) for url, one in memory.ledgers.items()},
        rehearsed={
            key: when for key, when in _past(memory.rehearsed, now).items() if now - when < REHEARSED_FOR
        },
        advice_failures={
            key: one for key, one in _recent(memory.advice_failures, now).items() if key in present
        },
        directories_read=_past(memory.directories_read, now),
        windows={key: _asked_soon(one, now) for key, one in memory.windows.items()},
    )


def issued_later(held: Held, now: datetime) -> Certificate | None:
    """A certificate that a CA issued after `now`, as far as this host's clock tells: then the clock is late.

    One that was self-signed has its dates from the same clock, and one of the admin's may begin whenever that was wanted.
    """
    ours = (one for one in _certificates(held) if held.memory.issued.get(one.fingerprint))
    later = (one for one in ours if one.not_before > now + FUTURE)
    return max(later, key=lambda one: one.not_before, default=None)


def late_clock(held: Held, now: datetime) -> str:
    """What an admin reads while the clock is late; empty when nothing says that it is."""
    later = issued_later(held, now)
    if later is None:
        return ""
    return (
        f"this host's clock is late: it says {now:%d %b %Y %H:%M} UTC, and the certificate of {later.names[0]} is valid from "
        f"{later.not_before:%d %b %Y %H:%M} UTC on: set it right (NTP)"
    )


def _certificates(held: Held) -> tuple[Certificate, ...]:
    known = (one.certificate for one in (*held.lineages, *held.archived))
    return tuple(one for one in (held.server, *known) if one)


def _recent(failures: Mapping[str, Failures], now: datetime) -> dict[str, Failures]:
    return {
        key: _bounded(value, now)
        for key, value in failures.items()
        if now - value.wait_until < FORGOTTEN_AFTER and value.last <= now + FUTURE
    }


def _bounded(failures: Failures, now: datetime) -> Failures:
    longest = now + (LONGEST_ASKED if failures.asked_by_ca else LONGEST_OURS)
    return failures if failures.wait_until <= longest else replace(failures, wait_until=longest)


def _asked_soon(window: RenewalWindow, now: datetime) -> RenewalWindow:
    soon = now + ASK_AGAIN_AT_MOST
    return window if window.ask_again <= soon else replace(window, ask_again=soon)


def _begun(authority: Authority, now: datetime) -> Authority:
    """An account cannot have taken another one's place later than now."""
    if authority.since is None or authority.since <= now + FUTURE:
        return authority
    return replace(authority, since=now)


def _past(moments: Mapping[str, datetime], now: datetime) -> dict[str, datetime]:
    return {key: value for key, value in moments.items() if value <= now + FUTURE}
