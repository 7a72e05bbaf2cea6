"""Real file systems for a test, as root only."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def mounted(*arguments: str, at: Path) -> Iterator[Path]:
    """Mount something at a path that is made, and unmount it again."""
    at.mkdir()
    subprocess.run(["mount", *arguments, str(at)], check=True)
    try:
        yield at
    finally:
        subprocess.run(["umount", str(at)], check=True)
