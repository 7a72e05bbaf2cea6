"""When a certificate is due: the CA's advice first, then a share of its lifetime, never later than the last tenth."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from acme_companion.decide.memory import RenewalWindow
    from acme_companion.decide.pair import Certificate

SHORT_LIFETIME = timedelta(days=10)


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
    """When to renew, and the reason in one sentence."""

    at: datetime
    because: str


def due(certificate: Certificate, window: RenewalWindow | None) -> Due:
    """The moment from which `certificate` should be renewed (RFC 9773; a share of the lifetime as the backstop)."""
    life = certificate.not_after - certificate.not_before
    last_call = certificate.not_after - life / 10
    if (
        window is not None
        and certificate.not_before < window.start < window.end
        and window.chosen < last_call
    ):
        return Due(
            window.chosen, f"the CA asks for a renewal between {window.start:%d %b} and {window.end:%d %b %Y}"
        )
    if life < SHORT_LIFETIME:
        return Due(certificate.not_after - life / 2, "half of its lifetime is over")
    if window is not None and window.chosen >= last_call:
        return Due(last_call, "a tenth of its lifetime is left, and the CA's advice would be later")
    return Due(certificate.not_after - life / 3, "two thirds of its lifetime are over")
