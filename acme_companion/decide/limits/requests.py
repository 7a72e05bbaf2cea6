"""How many requests a CA gets from us in which time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from acme_companion.decide.known_cas import is_lets_encrypt

CONNECTIONS: Final = 10
"""Kept alive for all orders of a session; no more requests than that can be on the way at the same moment."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Requests that are fair `at_once`, and how many `a_second` become fair again."""

    a_second: float
    at_once: float


LETS_ENCRYPTS: Final = Bucket(250.0, 125.0)
"""What its load balancer takes from one address, of everything that has no entry of its own there."""
# https://letsencrypt.org/docs/rate-limits/ as of 2026-08-05. What leaves us at the full rate arrives with a burst of as many more
# as can pile up on the way. Only a CA that is less than 40 ms away ever feels it.
BELOW_LETS_ENCRYPTS: Final = Bucket(LETS_ENCRYPTS.a_second, LETS_ENCRYPTS.at_once - CONNECTIONS)
OURS: Final = Bucket(250.0, 250.0)
"""For a CA that names no such limit: an order of a hundred names goes through in one go (two requests for each name, and a few),
and many orders after one another keep the pace that is known to be fair."""
NONCES: Final = Bucket(5.0, 10.0)
"""Let's Encrypt counts requests for nonces alone, and takes 10 of them at once and 20 a second. Each of our connections needs one to
begin with, and afterwards answers bring them; so slowly, the eleventh comes late enough even if the ten before it were held up on
the way for longer than it. The directory, which is asked for once, counts for neither."""


def requests_at(directory_url: str) -> Bucket:
    """What the CA of this directory gets."""
    return BELOW_LETS_ENCRYPTS if is_lets_encrypt(directory_url) else OURS
