"""One order (RFC 8555 section 7.4): placed, proven, finalized, fetched. Waiting holds no connection."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from acme import messages
from josepy.b64 import b64encode

from acme_companion.act.acme.answer import Declined
from acme_companion.act.acme.network import Unavailable
from acme_companion.act.acme.proof import NamesDeclined, Proofs
from acme_companion.act.acme.waiting import Patience, together
from acme_companion.decide.acme_answers import Authorization, authorization_of, order_of
from acme_companion.decide.acme_problems import ProblemDocument, refused_names
from acme_companion.problems import NotYet, Refused

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from acme_companion.act.acme.network import Network
    from acme_companion.decide.acme_answers import Directory, Order
    from acme_companion.decide.names import Name
    from acme_companion.ports import Clock, Solving

PEM_CHAIN = "application/pem-certificate-chain"
_ABOUT_REPLACES = frozenset({"alreadyReplaced", "conflict", "malformed", "unauthorized"})


class OrderDead(Exception):
    """An authorization expired or was deactivated meanwhile: a new order is needed (section 7.1.6)."""


@dataclass(frozen=True)
class Orders:
    """Everything that all orders of one session share. `timeout`: seconds until a stuck order is left.

    `placing` limits how many orders are being placed at the same moment, however many are under way.
    """

    network: Network
    directory: Directory
    solving: Solving
    clock: Clock
    thumbprint: str
    profile: str | None
    timeout: float
    placing: asyncio.Semaphore

    async def obtain(self, names: Sequence[Name], csr_der: bytes, replaces: str) -> bytes:
        """The chain for `names` as the CA delivered it.

        Raises `NamesDeclined`, `OrderDead`, `Declined`, `Refused`, `NotYet`.
        """
        async with self.placing:
            url, order = await self._place(names, replaces)
        found = await together(self._authorization(one, names) for one in order.authorizations)
        proofs = Proofs(self.network, self.solving, self.clock, self.thumbprint)
        authorizations = dict(zip(order.authorizations, found, strict=True))
        challenges = proofs.to_meet(found, names)
        async with AsyncExitStack() as undo:
            if unseen := await proofs.give(challenges, undo):
                await self._go_on_without(unseen, authorizations, proofs, names)
            order = await self._until(url, order, {"ready", "processing", "valid", "invalid"})
            if order.status not in {"ready", "processing", "valid", "invalid"}:
                await self._give_up(authorizations, proofs)
            # A lagging replica may have said "ready" too early, so all stays shown until the CA has made up its mind.
            order = await self._finalized(url, order, csr_der, names)
            if order.status == "invalid":
                # Still shown: the CA goes on checking the other names, and they shall not fail as well.
                await self._explain(order, authorizations, proofs, names)
        return await self._download(order)

    async def _place(self, names: Sequence[Name], replaces: str) -> tuple[str, Order]:
        if self.profile and self.profile not in self.directory.profiles:
            offered = ", ".join(self.directory.profiles) or "none"
            raise Refused(f"the CA does not offer the profile {self.profile}; it offers: {offered}")
        wanted = messages.NewOrder(
            identifiers=tuple(
                messages.Identifier(typ=messages.IDENTIFIER_FQDN, value=name.text) for name in names
            ),
            **({"profile": self.profile} if self.profile else {}),
        ).to_json()
        # The library knows no `replaces` (RFC 9773 section 5).
        extra = {"replaces": replaces} if replaces and self.directory.renewal_info else {}
        try:
            answer = await self.network.post(self.directory.new_order, {**wanted, **extra})
        except Declined as declined:
            problem = _by_name(declined, names)
            if isinstance(problem, NamesDeclined) or not extra or declined.kind not in _ABOUT_REPLACES:
                raise problem from None
            answer = await self.network.post(self.directory.new_order, wanted)
        except Unavailable as problem:
            # A CA that stumbles over the predecessor (an internal error, seen with Pebble) may do well without it.
            if not extra or not problem.answered or problem.pause is not None:
                raise
            answer = await self.network.post(self.directory.new_order, wanted)
        order = answer.read(order_of)
        if order.identifiers != {name.text for name in names}:
            raise Refused("the CA's order names other identifiers than were asked for; nothing was validated")
        return answer.location(), order

    async def _authorization(self, url: str, names: Collection[Name]) -> Authorization:
        found = (await self.network.fetch(url)).read(authorization_of)
        if found.name not in {name.text for name in names}:
            raise Refused(
                "the CA wants an authorization for a name that was not ordered; nothing was validated"
            )
        return found

    async def _until(self, url: str, order: Order, settled: Collection[str]) -> Order:
        """Poll the order; an unknown status, or one that a lagging replica gave, is as good as no news."""
        patience = Patience(self.clock, self.timeout)
        while order.status not in settled:
            answer = await self.network.fetch(url)
            order = answer.read(order_of)
            if order.status not in settled and not await patience.pause(answer.retry_after):
                break
        return order

    async def _go_on_without(
        self,
        unseen: Mapping[Name, str],
        authorizations: Mapping[str, Authorization],
        proofs: Proofs,
        names: Sequence[Name],
    ) -> None:
        """The order cannot be had, but the other names can: what they proved is valid for the next one."""
        texts = {name.text for name in unseen}
        others = {url: one for url, one in authorizations.items() if one.name not in texts}
        settled = await proofs.outcome(others)
        await proofs.withdraw({url: one for url, one in authorizations.items() if one.name in texts})
        raise NamesDeclined({**unseen, **_failed(settled.values(), names)})

    async def _explain(
        self,
        order: Order,
        authorizations: dict[str, Authorization],
        proofs: Proofs,
        names: Sequence[Name],
    ) -> None:
        """An invalid order tells little: its authorizations say which names failed, and why."""
        settled = await proofs.outcome(authorizations)
        by_name = _failed(settled.values(), names)
        by_name |= refused_names(order.error, names) if order.error else {}
        if by_name:
            raise NamesDeclined(by_name)
        if any(one.status in {"expired", "deactivated", "revoked"} for one in settled.values()):
            raise OrderDead
        raise Refused(f"the CA declared the order invalid: {_reason(order)}")

    async def _give_up(self, authorizations: dict[str, Authorization], proofs: Proofs) -> None:
        waiting = await proofs.abandon(authorizations)
        which = ", ".join(sorted(waiting)[:5]) or "no name in particular"
        raise NotYet(f"the CA did not finish checking within {self.timeout:g} s; still open: {which}")

    async def _finalized(self, url: str, order: Order, csr_der: bytes, names: Sequence[Name]) -> Order:
        """Section 7.4: finalize and wait; the order is then `valid` or `invalid`."""
        if order.status == "ready":
            order = await self._finalize(url, order, csr_der, names)
        order = await self._until(url, order, {"valid", "invalid"})
        if order.status not in {"valid", "invalid"}:
            raise NotYet(f"the CA has not issued the certificate of {url} within {self.timeout:g} s")
        return order

    async def _finalize(self, url: str, order: Order, csr_der: bytes, names: Sequence[Name]) -> Order:
        """Send the CSR once; a CA that says "not ready" after all (403 orderNotReady) is slow, not angry: ask again."""
        patience = Patience(self.clock, self.timeout)
        while True:
            try:
                answer = await self.network.post(order.finalize, {"csr": b64encode(csr_der).decode()})
            except Declined as declined:
                if declined.kind != "orderNotReady":
                    raise _by_name(declined, names) from None
                if not await patience.pause(declined.answer.retry_after):
                    raise NotYet(f"the order {url} was still not ready after {self.timeout:g} s") from None
                order = (await self.network.fetch(url)).read(order_of)
                if order.status in {"processing", "valid", "invalid"}:
                    return order
            else:
                if answer.retry_after:
                    await patience.pause(answer.retry_after)
                return answer.read(order_of)

    async def _download(self, order: Order) -> bytes:
        answer = await self.network.fetch(order.certificate, accept=PEM_CHAIN)
        kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind != PEM_CHAIN:
            raise NotYet(
                f"{answer.url} gave something that is not a certificate chain (Content-Type '{kind[:60]}')"
            )
        return answer.body


def _failed(
    authorizations: Iterable[Authorization], names: Sequence[Name]
) -> dict[Name, str | ProblemDocument]:
    by_text = {name.text: name for name in names}
    return {
        by_text[one.name]: one.error or f"the CA says that its authorization is {one.status}"
        for one in authorizations
        if one.status == "invalid"
    }


def _by_name(declined: Declined, names: Sequence[Name]) -> NamesDeclined | Declined:
    by_name = refused_names(declined.document, names)
    return NamesDeclined(by_name) if by_name else declined


def _reason(order: Order) -> str:
    return order.error.advice if order.error else "no reason given"
