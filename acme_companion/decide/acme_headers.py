"""What a CA says in headers: when to ask again (RFC 9110 section 10.2.3), and where else to look (RFC 8288)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_WAIT = timedelta(days=8)
"""No CA's limit lasts longer than a week; a longer `Retry-After` is a mistake."""
CLOCKS_DIFFER = timedelta(minutes=5)
AHEAD_TOO_FAR = timedelta(days=2)
"""A clock that is so far ahead has certificates seem to be due, or over, that are not, and each new one as well."""
_LINK = re.compile(
    r"""<(?P<target>[^<>]*)>[^<>]*?;\s*rel\s*=\s*(?:"(?P<quoted>[^"<>]*)"|(?P<plain>[^\s;,"<>]+))""",
    re.IGNORECASE,
)
_LONGEST_LINKS = 10_000


def retry_after(value: str | None, date: str | None, now: datetime) -> float | None:
    """Seconds to wait by `Retry-After` (RFC 9110 section 10.2.3), 0 … eight days; None when absent or garbled.

    An HTTP-date is compared with the answer's own `Date`, so that our clock may be wrong; `now` serves without it.
    """
    text = (value or "").strip()
    if re.fullmatch(r"\d{1,20}", text, re.ASCII):
        seconds = float(text)
    elif (until := _http_date(text)) is not None:
        seconds = (until - (_http_date(date or "") or now)).total_seconds()
    else:
        return None
    return min(max(seconds, 0.0), LONGEST_WAIT.total_seconds())


@dataclass(frozen=True, slots=True)
class ClockFault:
    """Our clock and the CA's are not the same. `hopeless`: what is ordered by it is of no use."""

    sentence: str
    hopeless: bool


def clock_fault(date: str | None, now: datetime, url: str) -> ClockFault | None:
    """What the `Date` of an answer from `url` says of our clock; None when they agree, or it is absent or garbled."""
    theirs = _http_date(date or "")
    if theirs is None or abs(now - theirs) <= CLOCKS_DIFFER:
        return None
    sentence = (
        f"this host's clock is {'ahead' if now > theirs else 'late'}: it says {now:%Y-%m-%d %H:%M} UTC, and {url} "
        f"{theirs:%Y-%m-%d %H:%M} UTC: set it right (NTP)"
    )
    return ClockFault(sentence, now - theirs > AHEAD_TOO_FAR)


def links(values: Iterable[str], relation: str) -> tuple[str, ...]:
    """The targets in `Link` headers (RFC 8288) that have this relation, as they stand there."""
    found = (one for value in values for one in _LINK.finditer(value[:_LONGEST_LINKS]))
    return tuple(
        one["target"] for one in found if relation in (one["quoted"] or one["plain"] or "").lower().split()
    )


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    # "-0000" and other zones without an offset come back naive; HTTP knows only GMT.
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
