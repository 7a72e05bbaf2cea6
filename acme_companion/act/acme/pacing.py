"""Fair use of a CA: how many requests a second, and nonces that are neither wasted nor stale."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acme_companion.act.acme.signing import usable_nonce

if TYPE_CHECKING:
    from acme_companion.decide.limits.requests import Bucket
    from acme_companion.ports import Clock

NONCE_LIFE = 300.0  # seconds; after a pause an old nonce is more likely refused than not
MOST_NONCES = 64
LONGEST_NONCE = 512  # characters


class Pace:
    """A token bucket: `turn` returns when one more request is fair."""

    def __init__(self, clock: Clock, bucket: Bucket) -> None:
        self._clock, self._a_second, self._burst = clock, bucket.a_second, bucket.at_once
        self._ready_at = float("-inf")

    async def turn(self) -> None:
        now = self._clock.monotonic()
        # The moment at which the bucket would be full again tells how much is in it now.
        self._ready_at = max(self._ready_at, now - self._burst / self._a_second) + 1 / self._a_second
        if (wait := self._ready_at - now) > 0:
            await self._clock.sleep(wait)


class Nonces:
    """The nonces that answers brought (RFC 8555 section 6.5), the newest first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._held: list[tuple[float, str]] = []

    def keep(self, nonce: str | None) -> None:
        """Take what an answer brought; ignores what is not a nonce."""
        if nonce and len(nonce) <= LONGEST_NONCE and usable_nonce(nonce):
            self._held.append((self._clock.monotonic(), nonce))
            del self._held[:-MOST_NONCES]

    def take(self) -> str | None:
        if not self._held:
            return None
        kept, nonce = self._held.pop()
        if self._clock.monotonic() - kept < NONCE_LIFE:
            return nonce
        self._held.clear()  # the others are older still
        return None
