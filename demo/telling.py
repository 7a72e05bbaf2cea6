"""What a person sees: lines with the time while something is under way, then tables. Colour on a terminal only."""

from __future__ import annotations

import os
import re
import sys
import time
from typing import TYPE_CHECKING

from acme_companion.cli.tables import table

if TYPE_CHECKING:
    from collections.abc import Sequence

BOLD, DIM, GREEN, YELLOW, RED, PLAIN = "\033[1m", "\033[2m", "\033[32m", "\033[33m", "\033[31m", "\033[0m"
_COLOURED = {"ready": GREEN, "not ready": YELLOW}


class Teller:
    """Prints; it is also the `ports.Log` of the demo, so that the companion's own lines appear among ours."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ

    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._began

    def title(self, text: str) -> None:
        """Begin an act."""
        print(f"\n{self._in(BOLD, text)}", flush=True)

    def now(self, text: str) -> None:
        """Say what is happening, or has just happened."""
        print(f"{self._in(DIM, f'{self.elapsed():6.2f} s')}  {text}", flush=True)

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a table with an empty line before it."""
        head, _, body = table(headings, rows).partition("\n")
        if self._colour:
            body = re.sub(r"(?<=  )(not ready|ready)(?=  )", lambda m: self._in(_COLOURED[m[0]], m[0]), body)
        print(f"\n{self._in(BOLD, head)}\n{body}", flush=True)

    def note(self, text: str) -> None:
        """Say something about the table above."""
        print(self._in(DIM, text), flush=True)

    def close(self, text: str, *, ok: bool) -> None:
        """Print the last line."""
        print(f"\n{self._in(GREEN if ok else RED, text)}", flush=True)

    def debug(self, text: str, /) -> None:
        """Leave it out."""

    def info(self, text: str, /) -> None:
        """Pass on what the companion logs."""
        self.now(text)

    def warning(self, text: str, /) -> None:
        """Pass on what the companion warns of."""
        self.now(self._in(YELLOW, text))

    def error(self, text: str, /) -> None:
        """Pass on what the companion complains about."""
        self.now(self._in(RED, text))

    def _in(self, colour: str, text: str) -> str:
        return f"{colour}{text}{PLAIN}" if self._colour else text
