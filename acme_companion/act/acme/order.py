"""Orders of one session (RFC 8555 section 7.4): placed, or gone on with, until their certificates are here. Waiting holds no connection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from acme import messages

from acme_companion.act.acme.answer import Declined
from acme_companion.act.acme.network import Unavailable
from acme_companion.act.acme.proof import NamesDeclined
from acme_companion.act.acme.under_way import OrderDead, UnderWay, Written, by_name
from acme_companion.decide.acme_answers import Order, identifier_of, order_of
from acme_companion.decide.open_orders import OpenOrder, Resume
from acme_companion.decide.problems import Refused

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence

    from acme_companion.act.acme.delivery import Delivery
    from acme_companion.act.acme.network import Network
    from acme_companion.decide.acme_answers import Directory
    from acme_companion.decide.names import Name
    from acme_companion.decide.open_orders import Place, Wish
    from acme_companion.ports import Clock, Journal, Log, Solving

VALIDATED_WITHIN: Final = 5.0
"""Seconds from placing an order until an answered challenge shows that it was: some CAs call it pending meanwhile."""
_ABOUT_REPLACES = frozenset({"alreadyReplaced", "conflict", "malformed", "unauthorized"})


class _Gone(Exception):
    """An order that was written down cannot be had any more; the message says why."""


@dataclass(frozen=True)
class Orders:
    """Everything that all orders of one session share. `timeout`: seconds until a stuck order is left.

    `placing` limits how many orders are being placed at the same moment.
    """

    network: Network
    directory: Directory
    solving: Solving
    clock: Clock
    log: Log
    thumbprint: str
    profile: str | None
    timeout: float
    delivery: Delivery
    placing: asyncio.Semaphore

    async def obtain(
        self,
        wish: Wish,
        csr_der: bytes,
        replaces: str,
        journal: Journal | None,
        move: Place | Resume,
    ) -> bytes:
        """The chain for what is wished as the CA delivered it; an order that cannot be resumed any more is placed anew.

        Raises `NamesDeclined`, `OrderDead`, `Declined`, `Refused`, `NotYet`, `Damaged`; after the first two and `Refused`
        the order is over, and forgotten.
        """
        if isinstance(move, Resume):
            known = move.order
            try:
                return await self._resumed(known, wish.names, csr_der, journal)
            except _Gone as gone:
                self.log.info(f"{wish.names[0]}: the order of {known.placed:%d %b %H:%M} UTC is over, {gone}")
                Written(known, journal).forget()
        return await self._anew(wish, csr_der, replaces, journal)

    async def _anew(self, wish: Wish, csr_der: bytes, replaces: str, journal: Journal | None) -> bytes:
        with self.network.warming(len(wish.names)):
            async with self.placing:
                url, order, replaced = await self._place(wish.names, replaces)
            written = Written(
                OpenOrder(
                    url=url,
                    directory_url=wish.directory_url,
                    account_uri=wish.account_uri,
                    identifiers=tuple(name.text for name in wish.names),
                    key_digest=wish.key_digest,
                    placed=self.clock.now(),
                    expires=order.expires,
                    profile=wish.profile,
                    replaces=replaced,
                ),
                journal,
            )
            await written.note()
            return await self._through(self._course(wish.names, csr_der, order, written))

    async def _resumed(
        self, known: OpenOrder, names: Sequence[Name], csr_der: bytes, journal: Journal | None
    ) -> bytes:
        """Go on with it by its status at the CA; raises `_Gone` as well."""
        written = Written(known, journal)
        if known.certificate:
            try:
                return await self.delivery.fetch(known.certificate)
            except Declined as declined:
                raise self._gone(declined) from None
        order = await self._looked_up(known, names)
        waited = (self.clock.now() - known.placed).total_seconds()
        if order.status == "pending" and 0 <= waited < VALIDATED_WITHIN:
            # Whether our answers arrived shows only now, and none may be sent twice (section 7.5.1).
            await self.clock.sleep(VALIDATED_WITHIN - waited)
            order = await self._looked_up(known, names)
        if order.status == "invalid":
            # Whoever was stopped took its files away, or did not answer: a name that failed over it is not to blame.
            raise _Gone("a validation failed while nobody was there for it, or it ran out")
        return await self._through(self._course(names, csr_der, order, written, resumed=True))

    async def _looked_up(self, known: OpenOrder, names: Sequence[Name]) -> Order:
        try:
            order = (await self.network.fetch(known.url)).read(order_of)
        except Declined as declined:
            raise self._gone(declined) from None
        if order.identifiers != {identifier_of(name) for name in names}:
            raise _Gone("it now is for other names")
        return order

    def _gone(self, declined: Declined) -> _Gone | Declined:
        """The CA does not have it any more, unless it only cannot answer now, or has lost our account as well."""
        if declined.kind == "accountDoesNotExist" or not self._is_final(declined):
            return declined
        return _Gone(declined.document.sentence)

    def _is_final(self, declined: Declined) -> bool:
        return isinstance(declined.as_problem(self.clock.now()), Refused)

    def _course(
        self,
        names: Sequence[Name],
        csr_der: bytes,
        order: Order,
        written: Written,
        *,
        resumed: bool = False,
    ) -> UnderWay:
        return UnderWay(
            network=self.network,
            solving=self.solving,
            clock=self.clock,
            thumbprint=self.thumbprint,
            timeout=self.timeout,
            names=names,
            csr_der=csr_der,
            order=order,
            written=written,
            resumed=resumed,
        )

    async def _through(self, course: UnderWay) -> bytes:
        """To its end; an order that is over is forgotten, and what may still come of it is not."""
        try:
            url = await course.finish()
        except (NamesDeclined, OrderDead, Refused):
            course.written.forget()
            raise
        except Declined as declined:
            if self._is_final(declined):
                course.written.forget()
            raise
        async with course.written.noting(certificate=url):
            return await self.delivery.fetch(url)

    async def _place(self, names: Sequence[Name], replaces: str) -> tuple[str, Order, str]:
        """The order, its URL, and the predecessor that it was placed with."""
        if self.profile and self.profile not in self.directory.profiles:
            offered = ", ".join(self.directory.profiles) or "none"
            raise Refused(f"the CA does not offer the profile {self.profile}; it offers: {offered}")
        wanted = messages.NewOrder(
            identifiers=tuple(_identifier(name) for name in names),
            **({"profile": self.profile} if self.profile else {}),
        ).to_json()
        # The library knows no `replaces` (RFC 9773 section 5).
        extra = {"replaces": replaces} if replaces and self.directory.renewal_info else {}
        try:
            answer = await self.network.post(self.directory.new_order, {**wanted, **extra})
        except Declined as declined:
            problem = by_name(declined, names)
            if isinstance(problem, NamesDeclined) or not extra or declined.kind not in _ABOUT_REPLACES:
                raise problem from None
            extra = {}
            answer = await self.network.post(self.directory.new_order, wanted)
        except Unavailable as problem:
            # A CA that stumbles over the predecessor (an internal error, seen with Pebble) may do well without it.
            if not extra or not problem.answered or problem.pause is not None:
                raise
            extra = {}
            answer = await self.network.post(self.directory.new_order, wanted)
        order = answer.read(order_of)
        if order.identifiers != {identifier_of(name) for name in names}:
            raise Refused("the CA's order names other identifiers than were asked for; nothing was validated")
        return answer.location(), order, extra.get("replaces", "")


def _identifier(name: Name) -> messages.Identifier:
    kind = messages.IDENTIFIER_IP if name.is_address else messages.IDENTIFIER_FQDN
    return messages.Identifier(typ=kind, value=name.text)
