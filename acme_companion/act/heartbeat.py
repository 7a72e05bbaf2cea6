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
        fresh = self._path.with_name(f"{self._path.name}.new")
        try:
            fresh.write_text(until.isoformat(), encoding="ascii")
            # Whoever reads meanwhile finds the old time or the new one.
            fresh.replace(self._path)
        except OSError:
            return

    def alive_until(self) -> datetime | None:
        """The time that was last vouched for, None when there is none."""
        try:
            with self._path.open("rb") as file:
                until = datetime.fromisoformat(file.read(64).decode("ascii"))
        except (OSError, ValueError):
            return None
        return until if until.tzinfo else None
