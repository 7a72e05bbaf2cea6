"""The log: plain lines on standard output, one per event, in the admin's time zone."""

from __future__ import annotations

import io
import logging
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TextIO
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from datetime import tzinfo

LOGGER = logging.getLogger("acme_companion")
_LONGEST = 4000


def one_line(text: str) -> str:
    """`text` with control characters escaped and cut: what a name, a CA or a container says cannot forge a second line."""
    safe = "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[: _LONGEST + 1]
    )
    return f"{safe[:_LONGEST]}…" if len(safe) > _LONGEST else safe


class OneLineFormatter(logging.Formatter):
    """`2026-11-21 03:07:16 WARNING text`."""

    def __init__(self, zone: tzinfo) -> None:
        super().__init__()
        self._zone = zone

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, self._zone)
        return f"{time:%Y-%m-%d %H:%M:%S} {record.levelname:<7} {one_line(record.getMessage())}"


def start_log(time_zone: str = "", *, verbose: bool = False, stream: TextIO | None = None) -> logging.Logger:
    """The logger that everything speaks through. A second call replaces the first one's handlers."""
    # A full or closed pipe must not end a cycle, and its traceback would help nobody.
    logging.raiseExceptions = False
    stream = stream or sys.stdout
    if isinstance(stream, io.TextIOWrapper):
        # A container may run with a character set that lacks a dash or an umlaut: no reason to lose the line.
        stream.reconfigure(errors="backslashreplace")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(OneLineFormatter(ZoneInfo(time_zone) if time_zone else UTC))
    for old in LOGGER.handlers[:]:
        LOGGER.removeHandler(old)
        old.close()
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.DEBUG if verbose else logging.INFO)
    LOGGER.propagate = False
    return LOGGER
