"""When a certificate is due: the CA's advice first, then a share of its lifetime, never later than the last tenth."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from acme_companion.decide.acme_headers import retry_after
from acme_companion.decide.memory import Failures, RenewalWindow
from acme_companion.decide.names import quoted

if TYPE_CHECKING:
    from datetime import datetime

    from acme_companion.decide.pair import Certificate

SHORT_LIFETIME = timedelta(days=10)
LAST_PARTS = 10
"""One in so many parts of its life is left: a renewal comes before everything else."""
SHORTEST_TO_COUNT = timedelta(days=2)
YOUNGEST = timedelta(hours=12)
"""A certificate this young (or in the first tenth of its life) is not renewed, so that a CA whose advice is always "now" gets two orders a day."""
ASK_AGAIN_AT_LEAST = timedelta(minutes=1)
ASK_AGAIN_AT_MOST = timedelta(hours=12)
"""RFC 9773 section 4.3.2 lets us, and Let's Encrypt wants to be asked twice a day: it is how a revocation is learnt of."""
FIRST_ASK_AGAIN = timedelta(minutes=15)
ASK_AGAIN_WITHOUT_ADVICE = timedelta(hours=6)  # RFC 9773 section 4.3.3


@dataclass(frozen=True, slots=True)
class RenewalAdvice:
    """The CA's answer about one certificate (RFC 9773 section 4.2): a window, when to ask again, and a page about it.

    `ask_again_after` is clamped to one minute .. one day. `explanation` is untrusted text.
    """

    start: datetime
    end: datetime
    ask_again_after: timedelta
    explanation: str = ""


@dataclass(frozen=True, slots=True)
class Due:
    """When to renew, and the reason in one sentence. `advised`: it is the CA's own advice."""

    at: datetime
    because: str
    advised: bool = False


def due(certificate: Certificate, window: RenewalWindow | None) -> Due:
    """The moment from which `certificate` should be renewed (RFC 9773; a share of the lifetime as the backstop)."""
    life = certificate.not_after - certificate.not_before
    end = last_call(certificate)
    if window is not None and usable(window, certificate):
        page = f" ({quoted(window.explanation)})" if window.explanation else ""
        if window.chosen >= end:
            return Due(end, f"a tenth of its lifetime is left, and the CA's advice would be later{page}")
        return Due(
            max(window.chosen, certificate.not_before + min(YOUNGEST, life / 10)),
            f"the CA asks for a renewal between {window.start:%d %b} and {window.end:%d %b %Y}{page}",
            advised=True,
        )
    if life < SHORT_LIFETIME:
        return Due(certificate.not_after - life / 2, "half of its lifetime is over")
    return Due(certificate.not_after - life / 3, "two thirds of its lifetime are over")


def last_call(certificate: Certificate) -> datetime:
    """From here on a tenth of its lifetime is left, and a renewal comes before everything else."""
    return certificate.not_after - (certificate.not_after - certificate.not_before) / LAST_PARTS


def usable(window: RenewalWindow, certificate: Certificate) -> bool:
    """Whether a window is one: not one that ends before it starts (RFC 9773 section 4.2), nor one that starts before the certificate.

    With the latter every successor would be renewed as well.
    """
    return certificate.not_before < window.start < window.end


def exempt(certificate: Certificate, window: RenewalWindow | None, now: datetime) -> bool:
    """Whether a renewal now is what the CA advised: inside the window, and with a predecessor that can be named."""
    return (
        window is not None
        and bool(certificate.renewal_id)
        and usable(window, certificate)
        and window.start <= now < window.end
    )


def only_advised(certificate: Certificate, when: Due, now: datetime) -> bool:
    """Whether nothing but the CA's advice asks for it, so that a CA whose advice is always "now" must not be followed for ever.

    What lives for less than two days has to be renewed more than twice a day, and what is due without any advice has to be.
    """
    counts = certificate.not_after - certificate.not_before > SHORTEST_TO_COUNT
    return when.advised and counts and now < due(certificate, None).at


def window_from(
    before: RenewalWindow | None, advice: RenewalAdvice, now: datetime, share: float
) -> RenewalWindow:
    """The window to remember, with a moment in it chosen at `share` (0..1).

    It is chosen once, and again only when the window moves: choosing anew at every look could put a renewal off for ever.
    """
    if before is not None and (before.start, before.end) == (advice.start, advice.end):
        chosen = before.chosen
    else:
        chosen = advice.start + (advice.end - advice.start) * share
    return RenewalWindow(advice.start, advice.end, chosen, now + advice.ask_again_after, advice.explanation)


def ask_after_failure(before: Failures | None, now: datetime, because: str, share: float) -> Failures:
    """When to ask again after no usable answer: ever later, up to six hours (RFC 9773 section 4.3.3). `share` (0..1): jitter."""
    count = (before.count if before else 0) + 1
    wait = min(FIRST_ASK_AGAIN * 2 ** min(count - 1, 10), ASK_AGAIN_WITHOUT_ADVICE)
    return Failures(count, now, now + wait * (1 + 0.1 * share), because)


def ask_again_after(value: str | None, date: str | None, now: datetime) -> timedelta:
    """How long to wait by a `Retry-After` and the answer's own `Date`, clamped to a minute .. a day (RFC 9773 section 4.3.2)."""
    seconds = retry_after(value, date, now)
    if seconds is None:
        return ASK_AGAIN_WITHOUT_ADVICE
    return min(max(timedelta(seconds=seconds), ASK_AGAIN_AT_LEAST), ASK_AGAIN_AT_MOST)
