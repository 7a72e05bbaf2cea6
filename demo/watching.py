"""The world's own doors, with a watch beside each: they do what they do, and we see it and how long it takes."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from acme_companion.decide.problems import Problem

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence

    from acme_companion.decide.deployment import Action
    from acme_companion.decide.facts import Endpoint, NameFacts, OwnAddresses, ServedByEndpoint, Sibling
    from acme_companion.decide.memory import Authority
    from acme_companion.decide.names import Name
    from acme_companion.decide.settings import Ca
    from acme_companion.ports import (
        CertificateAuthority,
        Issued,
        Journal,
        ProbeFile,
        Siblings,
        Solving,
        World,
    )
    from demo.telling import Teller

LOOKING, ISSUING, RESTARTING, VERIFYING = "looking at names", "issuing", "restarting services", "verifying"


@dataclass
class Watch:
    """Seconds by what was done, and by the first name of each order."""

    seconds: dict[str, float] = field(default_factory=dict)
    orders: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timing(self, what: str) -> Iterator[None]:
        """Add the time that the block takes."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[what] = self.seconds.get(what, 0.0) + time.monotonic() - began


@dataclass(frozen=True)
class _Siblings:
    inner: Siblings
    teller: Teller
    watch: Watch

    async def list(self) -> tuple[Sibling, ...]:
        return await self.inner.list()

    async def act(self, sibling: Sibling, action: Action) -> None:
        self.teller.now(f"{sibling.name}: {action}")
        with self.watch.timing(RESTARTING):
            try:
                await self.inner.act(sibling, action)
            except Problem as problem:
                self.teller.warning(str(problem))
                raise


@dataclass(frozen=True)
class _Authority:
    inner: CertificateAuthority
    watch: Watch

    async def knowledge(self) -> Authority:
        return await self.inner.knowledge()

    async def issue(
        self,
        names: Sequence[Name],
        required: Collection[Name],
        key_pem: bytes,
        replaces: str,
        journal: Journal | None = None,
        keeps: Collection[Name] = (),
    ) -> Issued:
        began = time.monotonic()
        try:
            return await self.inner.issue(names, required, key_pem, replaces, journal, keeps)
        finally:
            self.watch.orders[names[0].text] = time.monotonic() - began


def watched(world: World, teller: Teller, watch: Watch) -> World:
    """`world`, told about and timed; nothing that it does is changed."""

    async def look_at_names(
        names: Iterable[Name], own: OwnAddresses, probe: ProbeFile | None
    ) -> Mapping[Name, NameFacts]:
        wanted = tuple(names)
        teller.now(f"looking at {len(wanted)} names: CAA, addresses, and a file of ours over HTTP")
        with watch.timing(LOOKING):
            return await world.look_at_names(wanted, own, probe)

    @asynccontextmanager
    async def authority(
        ca: Ca, known: Authority, account_key: bytes, solving: Solving
    ) -> AsyncIterator[CertificateAuthority]:
        teller.now("asking the CA: account, orders, challenges, certificates")
        with watch.timing(ISSUING):
            async with world.authority(ca, known, account_key, solving) as inner:
                yield _Authority(inner, watch)

    async def served(endpoints: Iterable[Endpoint]) -> ServedByEndpoint:
        wanted = tuple(endpoints)
        if wanted:
            teller.now(f"asking {len(wanted)} endpoints what they serve")
        with watch.timing(VERIFYING):
            return await world.served(wanted)

    return replace(
        world,
        siblings=_Siblings(world.siblings, teller, watch),
        look_at_names=look_at_names,
        authority=authority,
        served=served,
    )
