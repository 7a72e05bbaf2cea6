"""One order under way (RFC 8555 section 7.4): proven, finalized, fetched, and written down before each step that must not be done twice."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from josepy.b64 import b64encode

from acme_companion.act.acme.answer import Declined
from acme_companion.act.acme.proof import NamesDeclined, Proofs
from acme_companion.act.acme.waiting import Patience, together
from acme_companion.decide.acme_answers import Authorization, authorization_of, identifier_of, order_of
from acme_companion.decide.acme_problems import ProblemDocument, refused_names
from acme_companion.decide.problems import Damaged, NotYet, Refused

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence

    from acme_companion.act.acme.network import Network
    from acme_companion.decide.acme_answers import Order
    from acme_companion.decide.names import Name
    from acme_companion.decide.open_orders import OpenOrder
    from acme_companion.ports import Clock, Journal, Solving

PROVEN = frozenset({"ready", "processing", "valid"})
_DEAD = frozenset({"expired", "deactivated", "revoked"})


class OrderDead(Exception):
    """An authorization expired or was deactivated meanwhile: a new order is needed (section 7.1.6)."""


class Written:
    """What is written down of one order; without a journal nothing is."""

    def __init__(self, order: OpenOrder, journal: Journal | None) -> None:
        self.order = order
        self._journal = journal

    async def note(self) -> None:
        """Write it down, durably; raises `Damaged`. A slow disk keeps no other order waiting."""
        if self._journal:
            await asyncio.to_thread(self._journal.note, self.order)

    @asynccontextmanager
    async def noting(self, **changes: Any) -> AsyncIterator[None]:
        """Write these changes down beside what the block does; they are written at its end, however it ends.

        A disk that says no stops nothing: what was written before is enough to go on with the order.
        """
        self.order = replace(self.order, **changes)
        task = asyncio.create_task(self.note())
        try:
            yield
        finally:
            # Never later: what is forgotten next must not come back.
            with suppress(Damaged):
                await task

    def forget(self) -> None:
        """It is over: nobody is to go on with it. Raises `Damaged`."""
        if self._journal:
            self._journal.forget()


@dataclass
class UnderWay:
    """`order`: as the CA last said. `timeout`: seconds until it is left for the next cycle. `authorizations`: by URL.

    `resumed`: another run placed it, perhaps long ago.
    """

    network: Network
    solving: Solving
    clock: Clock
    thumbprint: str
    timeout: float
    names: Sequence[Name]
    csr_der: bytes
    order: Order
    written: Written
    resumed: bool = False
    authorizations: dict[str, Authorization] = field(default_factory=dict)

    @property
    def _url(self) -> str:
        return self.written.order.url

    async def finish(self) -> str:
        """The URL of the certificate. Raises `NamesDeclined`, `OrderDead`, `Declined`, `Refused`, `NotYet`, `Damaged`."""
        async with AsyncExitStack() as undo:
            if self.order.status not in PROVEN:
                await self._prove(undo)
            # A lagging replica may have said "ready" too early, so all stays shown until the CA has made up its mind.
            if self.order.status == "ready":
                async with self.written.noting(finalizing=True):
                    await self._finalize()
            await self._until({"valid", "invalid"})
            if self.order.status == "invalid":
                # Still shown: the CA goes on checking the other names, and they shall not fail as well.
                await self._explain()
        if self.order.status != "valid":
            raise NotYet(f"the CA has not issued the certificate of {self._url} within {self.timeout:g} s")
        return self.order.certificate

    @property
    def _proofs(self) -> Proofs:
        return Proofs(self.network, self.solving, self.clock, self.thumbprint)

    async def _prove(self, undo: AsyncExitStack) -> None:
        await self._look_at_authorizations()
        if self.order.status != "invalid":
            challenges = self._proofs.to_meet(self.authorizations.values(), self.names)
            proven = len(challenges) < len(self.names)
            if unseen := await self._proofs.give(challenges, undo, proven=proven):
                await self._go_on_without(unseen)
        await self._until({*PROVEN, "invalid"})
        if self.order.status not in {*PROVEN, "invalid"}:
            await self._give_up()

    async def _look_at_authorizations(self) -> None:
        """Raises `OrderDead` when one of them can never become valid any more."""
        urls, ordered = self.order.authorizations, {identifier_of(name) for name in self.names}
        self.authorizations = dict(
            zip(urls, await together(self._authorization(one, ordered) for one in urls), strict=True)
        )
        if self.order.status != "invalid" and any(map(self._is_dead, self.authorizations.values())):
            raise OrderDead

    def _is_dead(self, one: Authorization) -> bool:
        if one.status in _DEAD:
            return True
        # Of an order that is new the CA knows better than our clock.
        return (
            self.resumed
            and one.status == "pending"
            and one.expires is not None
            and one.expires <= self.clock.now()
        )

    async def _authorization(self, url: str, ordered: Collection[str]) -> Authorization:
        found = (await self.network.fetch(url)).read(authorization_of)
        if found.name not in ordered:
            raise Refused(
                "the CA wants an authorization for a name that was not ordered; nothing was validated"
            )
        return found

    async def _until(self, settled: Collection[str]) -> None:
        """Poll the order; an unknown status, or one that a lagging replica gave, is as good as no news."""
        patience = Patience(self.clock, self.timeout)
        while self.order.status not in settled:
            answer = await self.network.fetch(self._url)
            self.order = answer.read(order_of)
            if self.order.status not in settled and not await patience.pause(answer.retry_after):
                break

    async def _go_on_without(self, unseen: Mapping[Name, str]) -> None:
        """The order cannot be had, but the other names can: what they proved is valid for the next one."""
        hidden = {identifier_of(name) for name in unseen}
        answered = {url: one for url, one in self.authorizations.items() if one.name not in hidden}
        settled = await self._proofs.outcome(answered)
        await self._proofs.withdraw(
            {url: one for url, one in self.authorizations.items() if one.name in hidden}
        )
        raise NamesDeclined({**unseen, **failed(settled.values(), self.names)})

    async def _explain(self) -> None:
        """An invalid order tells little: its authorizations say which names failed, and why."""
        if not self.authorizations:
            await self._look_at_authorizations()
        settled = await self._proofs.outcome(self.authorizations)
        by_name = failed(settled.values(), self.names)
        by_name |= refused_names(self.order.error, self.names) if self.order.error else {}
        if by_name:
            raise NamesDeclined(by_name)
        if any(one.status in _DEAD for one in settled.values()):
            raise OrderDead
        reason = self.order.error.advice if self.order.error else "no reason given"
        raise Refused(f"the CA declared the order invalid: {reason}")

    async def _give_up(self) -> None:
        waiting = await self._proofs.abandon(self.authorizations)
        self.written.forget()
        which = ", ".join(sorted(waiting)[:5]) or "no name in particular"
        raise NotYet(f"the CA did not finish checking within {self.timeout:g} s; still open: {which}")

    async def _finalize(self) -> None:
        """Send the CSR once; a CA that says "not ready" after all (403 orderNotReady) is slow, not angry: ask again."""
        patience = Patience(self.clock, self.timeout)
        csr = {"csr": b64encode(self.csr_der).decode()}
        while True:
            try:
                answer = await self.network.post(self.order.finalize, csr)
            except Declined as declined:
                if declined.kind != "orderNotReady":
                    raise by_name(declined, self.names) from None
                if not await patience.pause(declined.answer.retry_after):
                    raise NotYet(
                        f"the order {self._url} was still not ready after {self.timeout:g} s"
                    ) from None
                self.order = (await self.network.fetch(self._url)).read(order_of)
                if self.order.status in {"processing", "valid", "invalid"}:
                    return
            else:
                if answer.retry_after:
                    await patience.pause(answer.retry_after)
                self.order = answer.read(order_of)
                return


def failed(authorizations: Iterable[Authorization], names: Sequence[Name]) -> dict[Name, ProblemDocument]:
    """The names whose authorization is invalid, each with what the CA said of it; one that says nothing failed as well."""
    by_text = {identifier_of(name): name for name in names}
    return {
        by_text[one.name]: one.error
        or ProblemDocument("", f"the CA says that its authorization is {one.status}")
        for one in authorizations
        if one.status == "invalid"
    }


def by_name(declined: Declined, names: Sequence[Name]) -> NamesDeclined | Declined:
    """The same problem, by the names that the CA singled out, if it did."""
    found = refused_names(declined.document, names)
    return NamesDeclined(found) if found else declined
