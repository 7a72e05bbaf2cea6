"""A pair is switched, forth or back: what was there is kept first, then everything changes through one intent.

A key is renamed before its certificate. Where the key stays, which is the rule, only the certificate is renamed, and no
reader ever sees a pair that does not match. `domains` comes last: without it, siblings pass a directory over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from acme_companion.act.store import files, generations, intent, layout
from acme_companion.act.store.generations import DAMAGED, ROLLED_BACK, SERVER
from acme_companion.act.store.layout import BACKUPS, CERTIFICATE, CSR, DOMAINS, KEY
from acme_companion.decide.pair import NotAPair, Pair
from acme_companion.decide.problems import Damaged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from acme_companion.decide.names import Name

PAIR = (KEY, CERTIFICATE)
ORDER = (CSR, KEY, CERTIFICATE, DOMAINS)


def switch(
    root: Path,
    directory: str,
    pair: Pair,
    names: Sequence[Name],
    csr_pem: bytes,
    *,
    server: bool,
    now: datetime,
    order: Path,
) -> None:
    """See `ports.Store.switch`. `order`: the file of the open order that the pair comes from, which goes with the same intent."""
    target = layout.lineage(root, directory)
    try:
        pair.certificate()
    except NotAPair as problem:
        raise Damaged(f"{target}: the new pair was not installed: {problem}") from None
    domains = layout.domains(names)
    content = {CSR: csr_pem, KEY: pair.key_pem, CERTIFICATE: pair.chain_pem, DOMAINS: domains}
    wanted = _lineage_files(target, content) + (_server_files(root, content) if server else [])
    if all(files.read(path) == data for path, data in wanted):
        files.remove(order)
        return
    previous = _keep(root, directory, server=server, now=now)
    files.make_directory(target)
    intent.commit(root, wanted, previous=previous, spent=order)


def roll_back(root: Path, directory: str, *, server: bool, now: datetime) -> bool:
    """See `ports.Store.roll_back`.

    What is rolled back from is kept beside the generations, where no roll-back looks. A generation without `domains` is
    the server pair from before the lineage began: the lineage's directory then goes, too.
    """
    target = layout.lineage(root, directory)
    there = generations.snapshot(target)
    top = generations.snapshot(root, PAIR) if server else {}
    found = _older_than_visible(root, directory, there, top, server=server)
    if found is None:
        return False
    content, on_top = found, _server_part(found) if server else {}
    begins = server and DOMAINS not in content
    if begins:
        beside = generations.next_name(root, directory, now) + ROLLED_BACK
        intent.commit(root, _server_files(root, on_top), retire=(target, root / BACKUPS / directory / beside))
        return True
    kept = generations.keep(root, directory, there or top, now, ROLLED_BACK) if there or top else ""
    files.make_directory(target)
    content.setdefault(DOMAINS, _domains_of(content, directory))
    wanted = _lineage_files(target, content) + (_server_files(root, on_top) if server else [])
    intent.commit(root, wanted, previous=kept)
    return True


def _older_than_visible(
    root: Path, directory: str, there: Mapping[str, bytes], top: Mapping[str, bytes], *, server: bool
) -> dict[str, bytes] | None:
    """The newest whole generation that is older than what siblings see: after a roll-back, the next one goes further."""
    visible = (there.get(CERTIFICATE), top.get(CERTIFICATE))
    found = None
    for name in generations.listed(root, directory):
        content = generations.load(root, directory, name)
        on_top = _server_part(content) if server else {}
        begins = server and DOMAINS not in content
        if (None if begins else content.get(CERTIFICATE), on_top.get(CERTIFICATE)) == visible:
            found = None  # only what lies behind it is older
        elif found is None and generations.is_pair(content) and (not server or generations.is_pair(on_top)):
            found = content
    return found


def _keep(root: Path, directory: str, *, server: bool, now: datetime) -> str:
    """Keep what siblings use now as a generation; where, or an empty text when there is nothing whole."""
    there = generations.snapshot(root / directory)
    top = generations.snapshot(root, PAIR) if server else {}
    for content in (there, top):
        if not generations.is_pair(content):
            if KEY in content or CERTIFICATE in content:
                generations.keep(root, directory, content, now, DAMAGED)
            content.clear()
    if there and top and any(there[name] != top[name] for name in PAIR):
        there |= {f"{SERVER}{name}": data for name, data in top.items()}
    content = there or top
    return generations.keep(root, directory, content, now) if content else ""


def _lineage_files(target: Path, content: Mapping[str, bytes]) -> list[tuple[Path, bytes]]:
    return [(target / name, content[name]) for name in ORDER if name in content]


def _server_files(root: Path, content: Mapping[str, bytes]) -> list[tuple[Path, bytes]]:
    return [(root / name, content[name]) for name in PAIR]


def _server_part(content: Mapping[str, bytes]) -> dict[str, bytes]:
    """The server pair in a generation: its own files, or the lineage's where both were the same."""
    own = {name: content[f"{SERVER}{name}"] for name in PAIR if f"{SERVER}{name}" in content}
    return own or {name: content[name] for name in PAIR if name in content}


def _domains_of(content: Mapping[str, bytes], directory: str) -> bytes:
    # Older backups may lack `domains`; the certificate has the names, and the directory is the first one's.
    names = Pair(content[KEY], content[CERTIFICATE]).certificate().names
    return layout.domains(sorted(names, key=lambda one: one.directory != directory))
