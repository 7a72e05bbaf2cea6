"""Facts for people: aligned columns on a terminal. Machines ask for `--json`."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from typing import TYPE_CHECKING, Any

from acme_companion.decide.acme_problems import legible

if TYPE_CHECKING:
    from collections.abc import Sequence

_NARROWEST_LAST = 24
_LONGEST_CELL = 2000


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], width: int = 0) -> str:
    """Columns aligned to the left; the last one is folded to `width` characters in all (default: the terminal's).

    Cells may be untrusted: nothing in them moves a cursor or begins a line.
    """
    if not rows:
        return ""
    rows = [[legible(cell, _LONGEST_CELL) for cell in row] for row in rows]
    width = width or (shutil.get_terminal_size().columns if sys.stdout.isatty() else 10_000)
    columns = [max(len(row[i]) for row in (headings, *rows)) for i in range(len(headings) - 1)]
    room = max(width - sum(columns) - 2 * len(columns), _NARROWEST_LAST)
    lines: list[str] = []
    for row in (headings, *rows):
        folded = textwrap.wrap(row[-1], room, break_long_words=False, break_on_hyphens=False) or [""]
        cells = [cell.ljust(columns[i]) for i, cell in enumerate(row[:-1])]
        blank = [" " * column for column in columns]
        lines += ["  ".join([*(cells if n == 0 else blank), part]).rstrip() for n, part in enumerate(folded)]
    return "\n".join(lines)


def as_json(data: Any) -> str:
    """One JSON document, readable and stable, in ASCII: it may hold untrusted text, and end on any terminal."""
    return json.dumps(data, indent=2)
