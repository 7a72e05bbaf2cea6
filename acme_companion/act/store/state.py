"""`state.json`: the companion's memory. A damaged one is moved aside, a newer one is never touched."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from acme_companion.act.store import files, layout
from acme_companion.decide.memory import Memory
from acme_companion.decide.memory_json import MOST_BYTES, NewerMemory, NotMemory, from_json, to_json
from acme_companion.problems import Damaged

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from acme_companion.ports import Log


def load(own: Path, log: Log) -> Memory:
    """What is remembered; nothing, with a warning, when the file is damaged. Raises `Damaged` for a newer schema."""
    path = own / layout.STATE
    memory, damage = _look(path)
    if damage:
        log.warning(
            f"{path}: {damage}; what was remembered is lost, certificates are not, and it goes on without"
        )
    return memory


def save(own: Path, memory: Memory, now: datetime, log: Log) -> None:
    """Replace what is remembered; a damaged file is moved aside first, a newer schema raises `Damaged`."""
    path = own / layout.STATE
    if damage := _look(path)[1]:
        aside = path.with_name(f"{layout.STATE}.corrupt-{now:%Y-%m-%d_%H_%M_%S}")
        with files.translated(path, "moved aside"):
            os.rename(path, aside)
        log.warning(f"{path}: {damage}; it was moved to {aside.name}")
    files.write(path, to_json(memory), files.PRIVATE)


def _look(path: Path) -> tuple[Memory, str]:
    try:
        data = files.read(path, MOST_BYTES)
        return (Memory(), "") if data is None else (from_json(data), "")
    except files.TooLarge:
        return Memory(), f"has more than {MOST_BYTES} bytes"
    except NotMemory as problem:
        return Memory(), f"is damaged: {problem}"
    except NewerMemory as problem:
        raise Damaged(
            f"{path}: was written by a newer version: {problem}; run that version again, or move the file away "
            "(what it remembers is lost then, certificates are not)"
        ) from None


def adopt(own: Path, fingerprint: str, now: datetime, log: Log) -> None:
    """Remember a leaf as ours that no CA session of ours made."""
    memory = load(own, log)
    if fingerprint not in memory.issued:
        save(own, replace(memory, issued={**memory.issued, fingerprint: ""}), now, log)
