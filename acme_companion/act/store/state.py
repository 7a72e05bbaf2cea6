"""`state.json`: the companion's memory. A damaged one is moved aside, a newer one is never touched."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from acme_companion.act.store import files
from acme_companion.act.store.layout import STATE
from acme_companion.decide.memory import Memory
from acme_companion.decide.memory_json import MOST_BYTES, NewerMemory, NotMemory, from_json, to_json
from acme_companion.decide.problems import Damaged

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path

    from acme_companion.ports import Log

MOST_CORRUPT = 3
"""So many damaged files are kept to be looked at; a disk that damages every one must not fill up with them."""


class State:
    """The file in the directory `own`, which need not exist yet."""

    def __init__(self, own: Path, log: Log) -> None:
        self._path = own / STATE
        self._log = log
        self._whole: tuple[int, ...] | None = None  # the file that was read or written by us and is whole

    def load(self) -> Memory:
        """What is remembered; nothing, with a warning, when the file is damaged. Raises `Damaged` for a newer schema."""
        memory, damage = self._look()
        if damage:
            self._log.warning(
                f"{self._path}: {damage}; what was remembered is lost, certificates are not, and it goes on without"
            )
        return memory

    def save(self, memory: Memory, now: datetime) -> None:
        """Replace what is remembered; a damaged file is moved aside first, a newer schema raises `Damaged`."""
        # With 10,000 lineages a look takes longer than a write, and a cycle saves several times.
        if self._whole is None or self._identity() != self._whole:
            _, damage = self._look()
            if damage:
                self._move_aside(damage, now)
        self._whole = None
        files.write(self._path, to_json(memory), files.PRIVATE)
        self._whole = self._identity()

    def adopt(self, fingerprint: str, now: datetime) -> None:
        """Remember a leaf as ours that no CA session of ours made."""
        memory = self.load()
        if fingerprint not in memory.issued:
            self.save(replace(memory, issued={**memory.issued, fingerprint: ""}), now)

    def not_served_yet(self, directories: Iterable[str], now: datetime) -> None:
        """Remember that siblings may serve something else than what lies in `directories` now."""
        memory = self.load()
        undeployed = tuple(dict.fromkeys((*memory.undeployed, *sorted(directories))))
        self.save(replace(memory, undeployed=undeployed), now)

    def _look(self) -> tuple[Memory, str]:
        self._whole, identity = None, self._identity()
        try:
            data = files.read(self._path, MOST_BYTES)
            memory = Memory() if data is None else from_json(data)
        except files.TooLarge:
            return Memory(), f"has more than {MOST_BYTES} bytes"
        except NotMemory as problem:
            return Memory(), f"is damaged: {problem}"
        except NewerMemory as problem:
            raise Damaged(
                f"{self._path}: was written by a newer version: {problem}; run that version again, or move the file away "
                "(what it remembers is lost then, certificates are not)"
            ) from None
        self._whole = identity
        return memory, ""

    def _identity(self) -> tuple[int, ...] | None:
        """What is another one as soon as anybody replaces or changes the file."""
        try:
            found = os.lstat(self._path)
        except OSError:
            return None
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns

    def _move_aside(self, damage: str, now: datetime) -> None:
        prefix = f"{STATE}.corrupt-"
        aside = self._path.with_name(f"{prefix}{now:%Y-%m-%d_%H_%M_%S}")
        with files.translated(self._path, "moved aside"):
            os.rename(self._path, aside)
        self._log.warning(f"{self._path}: {damage}; it was moved to {aside.name}")
        names = files.list_directory(self._path.parent)
        older = [name for name in names if name.startswith(prefix) and name != aside.name]
        for name in older[: 1 - MOST_CORRUPT]:
            with suppress(Damaged):  # the next time, then
                files.remove(self._path.with_name(name))
