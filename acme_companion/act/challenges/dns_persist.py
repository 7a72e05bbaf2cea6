"""Looking whether the lasting record of dns-persist-01 is there: its admin publishes it once, and nobody else ever changes it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from acme_companion.decide.dns_challenges import persist_fault, persist_owner
from acme_companion.decide.facts import Unanswered

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from acme_companion.decide.names import Name
    from acme_companion.ports import Clock, Proof, TxtLooks


@dataclass(frozen=True)
class DnsPersist01:
    """See `ports.Solver` (draft-ietf-acme-dns-persist)."""

    looks: TxtLooks
    clock: Clock

    async def present(self, proof: Proof) -> None:
        """Nothing: the record is the admin's."""

    async def wait(self, proofs: Sequence[Proof]) -> Mapping[Name, str]:
        """Look once; a name without a record that the CA would accept is told which one is wanted."""
        found = await asyncio.gather(*(self._fault(proof) for proof in proofs))
        return {proof.name: fault for proof, fault in zip(proofs, found, strict=True) if fault}

    async def clean_up(self, proof: Proof) -> None:
        """Nothing: the record stays."""

    async def _fault(self, proof: Proof) -> str:
        values = await self.looks.latest(persist_owner(proof.name))
        if isinstance(values, Unanswered):
            return f"whether {persist_owner(proof.name)} holds the record of dns-persist-01 is not known: {values.why}"
        return persist_fault(proof.name, values, proof.issuers, proof.account_uri, self.clock.now())
