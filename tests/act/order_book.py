"""A journal in memory, and what a cycle does with it: what tests of interrupted orders stand on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from acme_companion.act.challenges.http01 import Http01Solver
from acme_companion.cycle.journal import LineageJournal
from acme_companion.decide.problems import Damaged
from tests.act.acme_world import CERTIFICATE_KEY, names, session_with

if TYPE_CHECKING:
    from acme_companion.decide.open_orders import OpenOrder
    from acme_companion.ports import Issued, Proof
    from tests.act.acme_proxy import AcmeProxy


class Stays(Http01Solver):
    """What was shown stays, as it does in a web root after a kill."""

    async def clean_up(self, proof: Proof) -> None:
        pass


class Book:
    """The store's part of a journal, in memory; `full`: the disk takes nothing more."""

    def __init__(self, *orders: OpenOrder) -> None:
        self.orders = {order.directory: order for order in orders}
        self.full = False

    def note_order(self, order: OpenOrder) -> None:
        if self.full:
            raise Damaged("the disk is full")
        self.orders[order.directory] = order

    def forget_order(self, directory: str) -> None:
        self.orders.pop(directory, None)


async def issue(
    proxy: AcmeProxy,
    book: Book,
    *texts: str,
    required: tuple[str, ...] = (),
    replaces: str = "",
    **settings: Any,
) -> Issued:
    """As one cycle does: with whatever was written down before."""
    journal = LineageJournal(book, texts[0], book.orders.get(texts[0]))  # type: ignore[arg-type]
    async with session_with(proxy, **settings) as session:
        return await session.issue(names(*texts), names(*required), CERTIFICATE_KEY, replaces, journal)
