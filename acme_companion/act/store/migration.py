"""What mailcow's container left in a form of its own is taken over, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acme_companion.act.store import files, generations, intent, keys, reading
from acme_companion.act.store.layout import ACCOUNT, ACME, BACKUPS, KEY
from acme_companion.decide.problems import Damaged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from acme_companion.act.store.state import State
    from acme_companion.ports import Log

_BEFORE_SNI = {"account.key": ACCOUNT, "privkey.pem": KEY}
"""What `acme/private/` held before there was SNI, and what it is called now."""


def adopt_layout_before_sni(root: Path, state: State, now: datetime, log: Log) -> Iterator[str]:
    """Copy the keys to where they are now, adopt the server pair made with them, and move the old directory to the backups.

    The move comes last: until then a kill costs nothing, it all begins again. Yields what was done, as sentences.
    """
    old = root / ACME / "private"
    if not files.is_directory(old):
        return
    for name, new_name in _BEFORE_SNI.items():
        data, new = files.read(old / name), root / ACME / new_name
        if data is not None and files.read(new) is None:
            keys.digest(old / name, data)
            files.write(new, data, files.PRIVATE)
            yield f"{new}: taken over from {old / name}, the layout before SNI"
        if data is not None:
            # It is the key in use, wherever it lies, and the volume is mounted by others.
            try:
                files.make_private(old / name)
            except Damaged as problem:
                log.warning(str(problem))  # the owner may have to do it; nothing waits for that
    server, _ = reading.pair_or_damage(root, reading.PairReader())
    if server is not None and server.spki == keys.held_certificate_key(root):
        state.adopt(server.fingerprint, now)
        yield f"{root}/cert.pem: made with our key, so it is ours from now on"
    destination = root / BACKUPS / ACME / generations.next_name(root, ACME, now)
    intent.move_directory(old, destination)
    yield f"{old}: moved to {destination}"
