"""The limits of CAs, by directory URL, and our own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from acme_companion.decide.known_cas import LETS_ENCRYPT, LETS_ENCRYPT_STAGING
from acme_companion.decide.ledger import Rate

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one CA. `replaces_is_exempt`: a renewal that names its predecessor in its window counts for none."""

    name: str
    orders: Rate
    domain: Rate
    same_names: Rate
    failed: Rate
    failed_in_a_row: Rate
    replaces_is_exempt: bool = True


LIMITS = {
    # https://letsencrypt.org/docs/rate-limits/ as of 2026-08-05. New accounts (10 in 3 hours) need no entry: there is one
    # account per volume.
    LETS_ENCRYPT: Limits(
        "Let's Encrypt",
        orders=Rate(300, 3 * HOUR),
        domain=Rate(50, 7 * DAY),
        same_names=Rate(5, 7 * DAY),
        failed=Rate(5, HOUR),
        failed_in_a_row=Rate(1152, 1152 * DAY),
    ),
    LETS_ENCRYPT_STAGING: Limits(
        "Let's Encrypt's staging",
        orders=Rate(1500, 3 * HOUR),
        domain=Rate(30_000, 7 * DAY),
        same_names=Rate(30_000, 7 * DAY),
        failed=Rate(200, HOUR),
        failed_in_a_row=Rate(1152, 1152 * DAY),
    ),
}
"""By directory URL. A CA that is not here gets no made-up limits, which could only hold up who runs a CA of their own: what
it says itself (429, Retry-After), the retry schedule and our own limit on wishes and advice hold for every CA."""

OURS = Rate(2, DAY)
"""How often a lineage may be ordered because somebody only wishes it: an admin, or the CA's advice (its bug would never end)."""
KEPT = 10
"""One in so many tokens is kept back for the server's own certificate, and so that an operator can still try by hand."""
BATCH = timedelta(minutes=15)
"""Other certificates than the server's wait at least so long for a token, and are then ordered together."""


def limits_of(directory_url: str) -> Limits | None:
    return LIMITS.get(directory_url)
