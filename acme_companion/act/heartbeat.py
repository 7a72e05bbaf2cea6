"""The sign of life of `run`, for the container's health check."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

NAME = ".companion/heartbeat"


class Heartbeat:
    """A file of the volume with the time until which the loop counts as alive."""

    def __init__(self, volume: str) -> None:
        self._path = Path(volume) / NAME

    def beat(self, until: datetime) -> None:
        """Vouch for the loop until then. A disk that says no makes the loop look stuck, which is what it should look like."""
        try:
            self._path.write_text(until.isoformat(), encoding="ascii")
        except OSError:
            return

    def alive_until(self) -> datetime | None:
        """The time that was last vouched for, None when there is none."""
        try:
            return datetime.fromisoformat(self._path.read_text(encoding="ascii")[:64])
        except (OSError, ValueError):
            return None
