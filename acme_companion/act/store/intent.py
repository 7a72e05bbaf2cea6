"""The redo log: several files change together, or not at all, wherever the power fails.

All fresh files lie synced beside their targets; then the intent is written; from there on the change happens, in this
process or in the next one that holds the volume. An intent found is finished as often as it takes: every step of it can
be repeated.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from acme_companion.act.store import files, layout
from acme_companion.decide.problems import Damaged

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class _NotAnIntent(ValueError):
    """The file is not an intent of ours."""


@dataclass(frozen=True, slots=True)
class Intent:
    """What is under way. Paths are relative to the volume.

    `renames`: each target with the SHA-256 of what it shall hold, in the order of the renames. `retire`: a directory
    and where it moves to, after the renames. `previous`: where the files that were there are kept, for people. `spent`: a
    file that goes when all is done.
    """

    renames: tuple[tuple[str, str], ...]
    retire: tuple[str, str] | None
    previous: str
    spent: str = ""


def commit(
    root: Path,
    wanted: Sequence[tuple[Path, bytes]],
    *,
    previous: str = "",
    retire: tuple[Path, Path] | None = None,
    spent: Path | None = None,
) -> None:
    """Make every path of `wanted` hold its bytes, in this order; a path that holds them already is not touched.

    `spent` is removed with it: what it tells is true until the change has happened, and never after. Raises `Damaged`: then either nothing changed, or the intent stands and `finish` ends it.
    """
    changed = [(path, data) for path, data in wanted if files.read(path) != data]
    if not changed and retire is None:
        return
    intent = Intent(
        renames=tuple((str(path.relative_to(root)), _digest(data)) for path, data in changed),
        retire=(str(retire[0].relative_to(root)), str(retire[1].relative_to(root))) if retire else None,
        previous=previous,
        spent=str(spent.relative_to(root)) if spent else "",
    )
    try:
        for path, data in changed:
            files.prepare(path, data, layout.MODES[path.name])
        for directory in sorted({path.parent for path, _ in changed}):
            files.sync_directory(directory)
        files.write(root / layout.OWN / layout.INTENT, _to_json(intent), files.PRIVATE)
    except BaseException:
        _forget(root, intent)
        raise
    _carry_out(root, intent)


def finish(root: Path) -> str:
    """End the change that was interrupted, if there is one; what happened as a sentence, else an empty text."""
    path = root / layout.OWN / layout.INTENT
    data = files.read(path)
    if data is None:
        return ""
    try:
        intent = _from_json(data)
    except _NotAnIntent as problem:
        aside = path.with_name(f"{layout.INTENT}.damaged")
        with files.translated(path, "moved aside"):
            os.rename(path, aside)
        return (
            f"{path}: is not readable ({problem}) and was moved to {aside.name}; what it meant to do is lost"
        )
    where = ", ".join(target for target, _ in intent.renames)
    if not all(_can_be_done(root / target, digest) for target, digest in intent.renames):
        _forget(root, intent)
        return f"an interrupted change of {where} was given up, because its prepared files are gone"
    _carry_out(root, intent)
    return f"an interrupted change of {where} was finished"


def _carry_out(root: Path, intent: Intent) -> None:
    for target, digest in intent.renames:
        path = root / target
        fresh = files.fresh_beside(path)
        if _holds(fresh, digest):
            files.refuse_odd(path)
            with files.translated(path, "replaced"):
                os.rename(fresh, path)
    for directory in sorted({(root / target).parent for target, _ in intent.renames}):
        files.sync_directory(directory)
    if intent.retire:
        move_directory(root / intent.retire[0], root / intent.retire[1])
    if intent.spent:
        files.remove(root / intent.spent)
    _drop(root)


def move_directory(source: Path, destination: Path) -> None:
    """Move a whole directory in one step; done already when the source is gone. Raises `Damaged`."""
    if files.is_directory(source):
        files.make_directory(destination.parent.parent)
        files.make_directory(destination.parent)
        with files.translated(source, f"moved to {destination}"):
            os.rename(source, destination)
        files.sync_directory(destination.parent)
        files.sync_directory(source.parent)


def _can_be_done(path: Path, digest: str) -> bool:
    return _holds(files.fresh_beside(path), digest) or _holds(path, digest)


def _holds(path: Path, digest: str) -> bool:
    data = files.read(path)
    return data is not None and _digest(data) == digest


def _drop(root: Path) -> None:
    files.remove(root / layout.OWN / layout.INTENT)
    files.sync_directory(root / layout.OWN)


def _forget(root: Path, intent: Intent) -> None:
    # The intent goes first and durably: without its fresh files it could not be carried out.
    with suppress(Damaged):
        _drop(root)
        for target, _ in intent.renames:
            files.remove(files.fresh_beside(root / target))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _to_json(intent: Intent) -> bytes:
    plain = asdict(intent)
    return json.dumps({"schema": 1, "checksum": _checksum(plain), "intent": plain}, indent=1).encode()


def _from_json(data: bytes) -> Intent:
    try:
        envelope = json.loads(data)
        plain = envelope["intent"]
        intent = Intent(
            renames=tuple((str(target), str(digest)) for target, digest in plain["renames"]),
            retire=(str(plain["retire"][0]), str(plain["retire"][1])) if plain["retire"] else None,
            previous=str(plain["previous"]),
            spent=str(plain.get("spent", "")),
        )
    except (ValueError, KeyError, TypeError, IndexError, RecursionError):
        raise _NotAnIntent("not an intent of this version") from None
    if envelope.get("checksum") != _checksum(plain):
        raise _NotAnIntent("its checksum does not fit")
    paths = [target for target, _ in intent.renames] + [*(intent.retire or ()), intent.spent]
    if any(path.startswith("/") or ".." in path.split("/") for path in paths):
        raise _NotAnIntent("it leads out of the volume")
    return intent


def _checksum(plain: object) -> str:
    return _digest(json.dumps(plain, sort_keys=True).encode())
