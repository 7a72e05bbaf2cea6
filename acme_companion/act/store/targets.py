"""What a switch would be refused for, found before a certificate is spent on it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from acme_companion.act.store import files, generations, layout
from acme_companion.act.store.layout import CERTIFICATE
from acme_companion.act.store.switching import ORDER, PAIR

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def check(root: Path, directory: str, *, server: bool) -> None:
    """See `ports.Store.check_targets`."""
    target = layout.lineage(root, directory)
    begins = not os.path.lexists(target)
    if begins:
        _takes_a_file(root)
    else:
        files.make_directory(target)  # it is one, or is refused
    there = not begins and _replaceable(target, ORDER)
    if (server and _replaceable(root, PAIR)) or there:
        generations.check(root, directory)  # a switch keeps what is there


def _replaceable(directory: Path, names: Sequence[str]) -> bool:
    """Whether any of these files is there; raises `Damaged` for the first that could not be replaced."""
    there = False
    for path in (directory / name for name in names):
        files.refuse_odd(path)
        if files.read(path) is not None:
            files.refuse_irreplaceable(path)
            there = True
        files.remove(files.fresh_beside(path))
    _takes_a_file(directory)
    return there


def _takes_a_file(directory: Path) -> None:
    fresh = files.fresh_beside(directory / CERTIFICATE)
    files.remove(fresh)
    files.create(fresh, b"", files.PUBLIC)
    files.remove(fresh)
