"""Facts for people: aligned columns on a terminal. Machines ask for `--json`."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from acme_companion.decide.acme_problems import legible

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_NARROWEST = 16
_LONGEST_CELL = 2000


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], width: int = 0) -> str:
    """Columns aligned to the left; the last one is folded to `width` characters in all (default: the terminal's).

    Cells may be untrusted: nothing in them moves a cursor or begins a line.
    """
    if not rows:
        return ""
    rows = [[legible(cell, _LONGEST_CELL) for cell in row] for row in rows]
    width = width or (shutil.get_terminal_size().columns if sys.stdout.isatty() else 10_000)
    lengths = [[len(row[i]) for row in (headings, *rows)] for i in range(len(headings) - 1)]
    columns = _narrowed(lengths, width - _NARROWEST)
    return "\n".join(line for row in (headings, *rows) for line in _lines(row, columns, width))


def _narrowed(lengths: Sequence[Sequence[int]], room: int) -> list[int]:
    """The columns' widths: the widest is made narrower until all fit, and as wide as the longest cell that fits it then."""
    widths = [max(column) for column in lengths]
    while sum(widths) + 2 * len(widths) > room and max(widths) > _NARROWEST:
        widths[widths.index(max(widths))] -= 1
    return [
        max((length for length in column if length <= width), default=width)
        for width, column in zip(widths, lengths, strict=True)
    ]


def _lines(row: Sequence[str], columns: Sequence[int], width: int) -> Iterator[str]:
    """One row. After a cell that is longer than its column the next one begins below it: names stay whole."""
    begins = list(accumulate((column + 2 for column in columns), initial=0))
    room = max(width - begins[-1], _NARROWEST)
    folded = textwrap.wrap(row[-1], room, break_long_words=False, break_on_hyphens=False) or [""]
    line = ""
    for begin, text in (*zip(begins[:-1], row[:-1], strict=True), *((begins[-1], part) for part in folded)):
        if line and len(line) + 2 > begin:
            yield line.rstrip()
            line = ""
        line = line.ljust(begin) + text
    yield line.rstrip()


def as_json(data: Any) -> str:
    """One JSON document, readable and stable, in ASCII: it may hold untrusted text, and end on any terminal."""
    return json.dumps(data, indent=2)
