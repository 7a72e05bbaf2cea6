"""`orders/`: one small file for each order that is open. A damaged one is moved aside, a newer one is never touched."""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING

from acme_companion.act.store import files
from acme_companion.act.store.layout import ORDERS
from acme_companion.decide import checked_json
from acme_companion.decide.checked_json import NewerSchema, NotReadable
from acme_companion.decide.names import quoted
from acme_companion.decide.open_orders import SCHEMA, OpenOrder, is_over
from acme_companion.decide.problems import Damaged

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from acme_companion.ports import Log

MOST_BYTES = 1024 * 1024
MOST_CORRUPT = 3
"""So many damaged files are kept to be looked at; a disk that damages every one must not fill up with them."""
_WHOLE, _CORRUPT, _LEFT_OVER = (
    re.compile(r"[^.].*\.json\Z"),
    re.compile(r".*\.corrupt-.*\Z"),
    re.compile(r"\..*\.new\Z"),
)


class Journal:
    """The files in `orders/` of the directory `own`, neither of which need exist yet."""

    def __init__(self, own: Path, log: Log) -> None:
        self._folder = own / ORDERS
        self._log = log

    def path(self, directory: str) -> Path:
        """The file for a lineage's order; a name of 253 bytes leaves no room for more of a file's name."""
        digest = hashlib.sha256(directory.encode()).hexdigest()
        return self._folder / f"{directory[:150]}-{digest[:16]}.json"

    def read(self) -> dict[str, OpenOrder]:
        """The open orders by directory, without those whose file is damaged; raises `Damaged` for a newer schema."""
        found = (self._look(self._folder / name) for name in self._names())
        return {order.directory: order for order, damage in found if order and not damage}

    def note(self, order: OpenOrder, now: datetime) -> None:
        """Write the order down, durably; raises `Damaged`. May run in a thread: no two lineages share a file."""
        path = self.path(order.directory)
        files.make_directory(self._folder, files.PRIVATE_DIRECTORY)
        _, damage = self._look(path)
        if damage:
            self._move_aside(path, damage, now)
        files.write(path, checked_json.dump(order, "order", SCHEMA), files.PRIVATE)

    def forget(self, directory: str) -> None:
        """Take it away; one that comes back after a power failure is seen to be over at the CA. Raises `Damaged`."""
        files.remove(self.path(directory))

    def sweep(self, now: datetime) -> None:
        """Under the lock: away with what is over or half written, damaged ones aside."""
        for name in files.list_directory(self._folder):
            path = self._folder / name
            if _LEFT_OVER.match(name):
                files.remove(path)
            elif _WHOLE.match(name):
                order, damage = self._look(path)
                if damage:
                    self._move_aside(path, damage, now)
                elif order and is_over(order, now):
                    files.remove(path)

    def _names(self) -> list[str]:
        return [name for name in files.list_directory(self._folder) if _WHOLE.match(name)]

    def _look(self, path: Path) -> tuple[OpenOrder | None, str]:
        try:
            data = files.read(path, MOST_BYTES)
            if data is None:
                return None, ""
            order: OpenOrder = checked_json.load(data, OpenOrder, "order", SCHEMA, MOST_BYTES)
        except files.TooLarge:
            return None, f"has more than {MOST_BYTES} bytes"
        except NotReadable as problem:
            return None, f"is damaged: {problem}"
        except NewerSchema as problem:
            raise Damaged(
                f"{path}: was written by a newer version: {problem}; run that version again, or move the file away (the CA "
                "may be asked for the same certificate once more then)"
            ) from None
        if self.path(order.directory) != path:
            return None, f"is for {quoted(order.directory)}, and its name is not"
        return order, ""

    def _move_aside(self, path: Path, damage: str, now: datetime) -> None:
        aside = path.with_name(f"{path.name}.corrupt-{now:%Y-%m-%d_%H_%M_%S}")
        with files.translated(path, "moved aside"):
            os.rename(path, aside)
        self._log.warning(f"{path}: {damage}; it was moved to {aside.name}, and its order is left to the CA")
        older = [name for name in files.list_directory(self._folder) if _CORRUPT.match(name)]
        older.sort(key=lambda name: name.rpartition("-corrupt")[2])
        for name in older[:-MOST_CORRUPT]:
            with suppress(Damaged):  # the next time, then
                files.remove(self._folder / name)
