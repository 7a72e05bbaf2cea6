"""The real clock and dice."""

from __future__ import annotations

import asyncio
import random
import time
from datetime import UTC, datetime


class SystemClock:
    """See `ports.Clock`."""

    def now(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251 - this is the clock

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)  # noqa: TID251 - this is the clock


class SystemDice:
    """See `ports.Dice`."""

    def between(self, low: float, high: float) -> float:
        return random.uniform(low, high)  # noqa: S311 - spreads requests, keeps no secret
