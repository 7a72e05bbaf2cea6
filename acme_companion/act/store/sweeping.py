"""What a killed process left half made is removed. Only the holder of the lock may, after an intent is finished."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from acme_companion.act.store import files, generations, layout
from acme_companion.act.store.layout import ACME, BACKUPS, OWN
from acme_companion.decide.problems import Damaged

if TYPE_CHECKING:
    from pathlib import Path


def sweep(root: Path) -> None:
    """Remove every left-over fresh file and half-made generation, and the lineage directory that got nothing else."""
    for directory in (root, root / OWN, root / ACME):
        _remove_left_over_files(directory)
    for name in files.list_directory(root):
        with suppress(Damaged):  # one that is closed to us must not keep the others from their certificates
            _sweep_lineage(root, name)
    with suppress(Damaged):
        for name in files.list_directory(root / BACKUPS):
            if files.is_directory(root / BACKUPS / name):
                generations.sweep(root / BACKUPS / name)


def _sweep_lineage(root: Path, name: str) -> None:
    path = root / name
    if layout.may_be_lineage(name) and files.is_directory(path) and _remove_left_over_files(path):
        with suppress(OSError):  # not empty: the lineage was there before
            os.rmdir(path)


def _remove_left_over_files(directory: Path) -> bool:
    names = [name for name in files.list_directory(directory) if layout.is_left_over_file(name)]
    for name in names:
        files.remove(directory / name)
    return bool(names)
