"""Doors for tests of one part: the real passing of time, and a log that remembers."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime


class RealClock:
    """The machine's time."""

    def now(self) -> datetime:
        """Give the wall clock."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Give seconds that never run backwards."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait as long as told."""
        await asyncio.sleep(seconds)


class RememberingLog:
    """Keeps what was said, by level; a test that fails shows it."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []

    def lines(self, level: str) -> list[str]:
        """Give what was said at one level."""
        return [text for one, text in self.said if one == level]

    def debug(self, text: str, /) -> None:
        """Remember it."""
        self._keep("debug", text)

    def info(self, text: str, /) -> None:
        """Remember it."""
        self._keep("info", text)

    def warning(self, text: str, /) -> None:
        """Remember it."""
        self._keep("warning", text)

    def error(self, text: str, /) -> None:
        """Remember it."""
        self._keep("error", text)

    def _keep(self, level: str, text: str) -> None:
        self.said.append((level, text))
        print(f"{level}: {text}")
