"""Chains that were delivered and refused, kept aside for people to look at. Nothing here is ever served."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acme_companion.act.store import files, layout

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

MOST_KEPT = 10
MOST_BYTES = 128 * 1024


def set_aside(folder: Path, directory: str, chain: bytes, now: datetime) -> str:
    """Write the beginning of `chain` to a file of its own in `folder` and forget all but the newest; its path. Raises `Damaged`."""
    files.make_directory(folder, files.PRIVATE_DIRECTORY)
    path = folder / f"{now:%Y-%m-%d_%H_%M_%S}_{layout.lineage(folder, directory).name}.pem"
    # Private, as nobody knows what is in it: a CA that delivers the wrong thing may deliver a key.
    files.write(path, chain[:MOST_BYTES], files.PRIVATE)
    # The date comes first in a name. What a crash left half written begins with a dot, and goes as the oldest.
    for name in sorted(files.list_directory(folder))[:-MOST_KEPT]:
        files.remove(folder / name)
    return str(path)
