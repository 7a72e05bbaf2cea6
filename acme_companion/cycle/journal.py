"""The open order of one lineage, between the CA's session that goes on with it and the store that keeps it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from acme_companion.decide.open_orders import OpenOrder
    from acme_companion.ports import Store


class LineageJournal:
    """Implements `ports.Journal`. `known`: what the store had when the cycle began."""

    def __init__(self, store: Store, directory: str, known: OpenOrder | None) -> None:
        self._store, self._directory = store, directory
        self.known = known
        self.refused: dict[str, str] = {}

    def note(self, order: OpenOrder) -> None:
        """See `ports.Journal.note`."""
        refused = {name: why for name, why in self.refused.items() if name not in order.identifiers}
        written = replace(order, directory=self._directory, refused=refused)
        self._store.note_order(written)
        self.known = written

    def forget(self) -> None:
        """See `ports.Journal.forget`."""
        self.known = None
        self._store.forget_order(self._directory)
