"""Generations: the pairs that were there before, below `backups/<directory>/<time>/`.

A generation is made in a hidden directory and appears whole. What must not be brought back (rolled back from, or
damaged) lies beside the generations with a suffix.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from acme_companion.act.store import files, layout
from acme_companion.act.store.layout import BACKUPS, CERTIFICATE, CSR, DOMAINS, KEY
from acme_companion.decide.pair import NotAPair, Pair
from acme_companion.decide.problems import Damaged

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MOST = 10
ROLLED_BACK, DAMAGED = ".rolled_back", ".damaged"
SERVER = "server_"
"""Prefix of the server pair's files in a generation, where it was another one than the lineage's."""

_DATE = "%Y-%m-%d_%H_%M_%S"
_FIRST = "2000-01-01_00_00_00"
_CONTENT = (CERTIFICATE, KEY, DOMAINS, CSR)


def snapshot(path: Path, names: tuple[str, ...] = _CONTENT) -> dict[str, bytes]:
    """The files of a pair that are there; raises `Damaged`."""
    found = ((name, files.read(path / name)) for name in names)
    return {name: data for name, data in found if data is not None}


def is_pair(content: Mapping[str, bytes]) -> bool:
    """Whether key and chain are both there and belong together."""
    if KEY not in content or CERTIFICATE not in content:
        return False
    try:
        Pair(content[KEY], content[CERTIFICATE]).certificate()
    except NotAPair:
        return False
    return True


def listed(root: Path, directory: str) -> tuple[str, ...]:
    """The generations of a lineage, newest first."""
    names = files.list_directory(root / BACKUPS / directory)
    return tuple(name for name in reversed(names) if layout.is_generation(name))


def load(root: Path, directory: str, name: str) -> dict[str, bytes]:
    """The files of one generation; raises `Damaged`."""
    return snapshot(
        root / BACKUPS / directory / name, (*_CONTENT, f"{SERVER}{KEY}", f"{SERVER}{CERTIFICATE}")
    )


def keep(root: Path, directory: str, content: Mapping[str, bytes], now: datetime, suffix: str = "") -> str:
    """Keep `content` as the newest generation (or beside them, with a suffix); where, relative to the volume.

    Content that the newest of its kind holds already is not kept twice: a step that is repeated after a crash adds nothing.
    """
    above = root / BACKUPS / directory
    same_kind = [name for name in _kept(above) if name[19:] == suffix]
    if same_kind and load(root, directory, same_kind[-1]) == content:
        return f"{BACKUPS}/{directory}/{same_kind[-1]}"
    files.make_directory(above.parent)
    files.make_directory(above)
    name = next_name(root, directory, now) + suffix
    fresh = files.fresh_beside(above / name)
    _remove_tree(fresh)
    files.make_directory(fresh)
    try:
        for file, data in content.items():
            files.create(fresh / file, data, layout.MODES[file.removeprefix(SERVER)])
        files.sync_directory(fresh)
        with files.translated(above / name, "made"):
            os.rename(fresh, above / name)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    files.sync_directory(above)
    return f"{BACKUPS}/{directory}/{name}"


def bring_back(root: Path, directory: str) -> None:
    """Make the newest generation the lineage again, in one step; raises `Damaged` when there is none, or a lineage in its place."""
    target = layout.lineage(root, directory)
    newest = next(iter(listed(root, directory)), None)
    if newest is None or os.path.lexists(target):
        raise Damaged(f"{target}: cannot be brought back from {BACKUPS}/{directory}")
    source = root / BACKUPS / directory / newest
    with files.translated(source, f"moved to {target}"):
        os.rename(source, target)
    files.sync_directory(root)
    files.sync_directory(source.parent)


def check(root: Path, directory: str) -> None:
    """Show that `keep` can make one more generation; raises `Damaged`."""
    above = root / BACKUPS / directory
    files.make_directory(above.parent)
    files.make_directory(above)
    for suffix in ("", DAMAGED):
        if same_kind := [name for name in _kept(above) if name[19:] == suffix]:
            load(root, directory, same_kind[-1])
    fresh = files.fresh_beside(above / (_kept(above) or [_FIRST])[-1])
    _remove_tree(fresh)
    files.make_directory(fresh)
    _remove_tree(fresh)


def next_name(root: Path, directory: str, now: datetime) -> str:
    """A name for `now` that sorts after every other: also within one second, and after the clock was set back."""
    moment = now.astimezone(UTC)
    for name in reversed(_kept(root / BACKUPS / directory)):
        with suppress(ValueError, OverflowError):
            newest = datetime.strptime(name[:19], _DATE).replace(tzinfo=UTC)
            moment = max(moment, newest + timedelta(seconds=1))
            break
    return moment.strftime(_DATE)


def prune(root: Path, directory: str) -> None:
    """Remove all but the newest generations, and all but as many of what lies beside them."""
    above = root / BACKUPS / directory
    kept = _kept(above)
    generations = [name for name in kept if layout.is_generation(name)]
    beside = [name for name in kept if not layout.is_generation(name)]
    for name in (*generations[:-MOST], *beside[:-MOST]):
        # It vanishes as a whole first: half a generation must not look like one.
        fresh = files.fresh_beside(above / name)
        _remove_tree(fresh)
        with files.translated(above / name, "removed"):
            os.rename(above / name, fresh)
        _remove_tree(fresh)


def sweep(above: Path) -> None:
    """Remove what an interrupted `keep` or `prune` left in `backups/<directory>/`."""
    for name in files.list_directory(above):
        if layout.is_left_over_generation(name):
            _remove_tree(above / name)


def _kept(above: Path) -> list[str]:
    return [name for name in files.list_directory(above) if layout.is_generation(name[:19])]


def _remove_tree(path: Path) -> None:
    with files.translated(path, "removed"), suppress(FileNotFoundError):
        shutil.rmtree(path)
