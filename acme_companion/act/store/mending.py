"""Certificates whose files do not belong together: siblings that read all of them would not start. Mended before anybody is waited for."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from acme_companion.act.store import files, generations, intent, keys, layout, reading
from acme_companion.act.store.layout import BACKUPS, CERTIFICATE, CSR, DOMAINS, KEY
from acme_companion.decide.pair import NotAPair, Pair
from acme_companion.decide.problems import Damaged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from acme_companion.decide.memory import Held, Memory
    from acme_companion.decide.names import Name

_PAIR = (CERTIFICATE, KEY)


def lineages(
    root: Path, held: Held, hostname: Name, shared_key: Callable[[], bytes], now: datetime
) -> Iterator[tuple[str, str]]:
    """Mend every lineage of ours that siblings see and cannot use; yields its directory, and what was done.

    A pair that is whole comes back; where none is left, the directory goes out of the siblings' sight, and the plan sees that it
    is missing. A directory that is not ours stays, and so does one whose files cannot be read: that is the disk's fault.
    """
    for one in held.lineages:
        path = root / one.directory
        if not one.damage or not one.ours or not _is_torn(path):
            continue
        there = generations.snapshot(path)
        kept = generations.keep(root, one.directory, there, now, generations.DAMAGED)
        candidates = [(f"{layout.ACME}/{KEY}", {**there, KEY: shared_key()})]
        if one.directory == hostname.directory and _is_ours(root, held):
            candidates.insert(0, ("the top of the volume", {**there, **generations.snapshot(root, _PAIR)}))
        candidates += _generations(root, one.directory)
        source, content = _best(candidates, held.memory, now)
        if content:
            wanted = [
                (path / name, content[name]) for name in (KEY, CERTIFICATE, DOMAINS, CSR) if name in content
            ]
            intent.commit(root, wanted)
            yield one.directory, f"{one.damage}; restored from {source}; the files are kept in {kept}"
        else:
            beside = generations.next_name(root, one.directory, now) + generations.DAMAGED
            intent.move_directory(path, root / BACKUPS / one.directory / beside)
            yield (
                one.directory,
                f"{one.damage}; services that read it would not start, so the directory was moved to"
                f" {BACKUPS}/{one.directory}/{beside}, and its names are certified anew",
            )


def _is_ours(root: Path, held: Held) -> bool:
    """Whether the server pair may be copied: an admin's own must not become ours, as we would renew it."""
    only_ours = held.server is not None and held.server.spki == keys.held_certificate_key(root)
    return held.server_is_ours or only_ours


def _is_torn(path: Path) -> bool:
    """Whether the directory is one of a certificate, and its key is missing or does not belong to the chain."""
    try:
        if any(files.read(path / name) is None for name in (DOMAINS, CERTIFICATE)):
            return False
        files.read(path / CSR)
        reading.PairReader().certificate(path)
    except NotAPair:
        return True
    except Damaged:
        return False
    return False


def _generations(root: Path, directory: str) -> Iterator[tuple[str, dict[str, bytes]]]:
    for name in generations.listed(root, directory):
        source = f"{BACKUPS}/{directory}/{name}"
        with suppress(Damaged):  # what cannot be read is no candidate
            yield source, generations.snapshot(root / source)


def _best(
    candidates: Iterable[tuple[str, Mapping[str, bytes]]], memory: Memory, now: datetime
) -> tuple[str, Mapping[str, bytes]]:
    """The first pair of a CA that is whole and valid, or at least whole, and where it was; nothing when there is none."""
    whole = [
        (Pair(content[KEY], content[CERTIFICATE]).certificate(), source, content)
        for source, content in candidates
        if generations.is_pair(content) and DOMAINS in content
    ]
    whole = [one for one in whole if not one[0].self_signed and not memory.is_out(one[0])]
    best = next((one for one in whole if one[0].not_after > now), whole[0] if whole else None)
    return best[1:] if best else ("", {})
