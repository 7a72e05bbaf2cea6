"""Fair use of a CA: how many requests a second, and nonces that are neither wasted nor stale."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acme_companion.act.acme.signing import usable_nonce

if TYPE_CHECKING:
    from acme_companion.ports import Clock

# Let's Encrypt's load balancer takes 250 requests a second from one address, and 125 at once. On the way at most one
# request for each of our ten connections can pile up, so what leaves us at the full rate arrives with a burst of at
# most ten more. Only a CA that is less than 40 ms away ever feels it.
REQUESTS_A_SECOND = 250.0
BURST = 125.0 - 10
# It counts requests for nonces alone, and takes far fewer of them: each of our connections needs one to begin with,
# and afterwards answers bring them. The directory, which is asked for once, counts for neither.
NONCES_A_SECOND = 20.0
NONCE_BURST = 10.0
NONCE_LIFE = 300.0  # seconds; after a pause an old nonce is more likely refused than not
MOST_NONCES = 64
LONGEST_NONCE = 512  # characters


class Pace:
    """A token bucket: `turn` returns when one more request is fair."""

    def __init__(self, clock: Clock, a_second: float = REQUESTS_A_SECOND, burst: float = BURST) -> None:
        self._clock, self._a_second, self._burst = clock, a_second, burst
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
