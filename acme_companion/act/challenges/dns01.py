"""Publishing the TXT records of dns-01 (RFC 8555 section 8.4) and dns-account-01, and taking them away again."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from acme_companion.act.challenges.leftovers import settings_key
from acme_companion.act.challenges.visibility import Published, Visibility
from acme_companion.act.dns.editor import TxtRecord
from acme_companion.decide.dns_challenges import txt_value
from acme_companion.decide.facts import Unanswered
from acme_companion.decide.problems import NotYet, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from acme_companion.act.challenges.leftovers import Editors, Leftovers
    from acme_companion.act.dns.editor import RecordEditor
    from acme_companion.decide.facts import AuthoritativeServer
    from acme_companion.decide.names import Name
    from acme_companion.decide.settings import Challenges, DnsZone
    from acme_companion.ports import Clock, Log, Proof, TxtLooks


@dataclass
class _Place:
    """Where one proof is shown, and by whose credentials."""

    published: Published
    settings: DnsZone
    editor: RecordEditor


@dataclass
class Dns01:
    """See `ports.Solver`. `owner_of`: where the record of a proof belongs, before aliases are followed.

    Orders may share a record: it goes when the last of them is done with it. Of one record set no two values are changed at
    the same time, as many interfaces replace it whole.
    """

    owner_of: Callable[[Proof], str]
    challenges: Challenges
    editors: Editors
    looks: TxtLooks
    leftovers: Leftovers
    clock: Clock
    log: Log
    _places: dict[Proof, _Place] = field(default_factory=dict)
    _users: Counter[tuple[str, str]] = field(default_factory=Counter)
    _touched: set[TxtRecord] = field(default_factory=set)
    _published: set[TxtRecord] = field(default_factory=set)
    _names: dict[str, asyncio.Lock] = field(default_factory=dict)
    _told: set[str] = field(default_factory=set)
    _silent: dict[tuple[AuthoritativeServer, str], float] = field(default_factory=dict)

    async def present(self, proof: Proof) -> None:
        """Publish its value beside whatever stands there; raises `NotYet` or `Refused`."""
        # Before anything is awaited: whoever cleans up later has been counted.
        self._users[self._shared(proof)] += 1
        place = await self._place(proof)
        record = place.published.record
        self._places[proof] = place
        async with self._change(record):
            if record in self._published:
                return
            self._touched.add(record)
            await self.leftovers.note(record, settings_key(place.settings))
            await place.editor.add(record)
            self._published.add(record)
        self.log.debug(f"{proof.name}: published the TXT record {record.name}")

    async def wait(self, proofs: Sequence[Proof]) -> Mapping[Name, str]:
        """See `ports.Solver.wait`."""
        by_proof = {proof: self._places[proof].published for proof in proofs if proof in self._places}
        visibility = Visibility(
            self.looks, self.clock, self.log, self.challenges.timeout, self._told, self._silent
        )
        missing = await visibility.wait(tuple(dict.fromkeys(by_proof.values())))
        return {
            proof.name: missing[published] for proof, published in by_proof.items() if published in missing
        }

    async def clean_up(self, proof: Proof) -> None:
        """Remove our value and no other; a provider that refuses costs a warning, and another try with the next issuance."""
        shared = self._shared(proof)
        self._users[shared] = max(self._users[shared] - 1, 0)
        place = self._places.get(proof)
        if place is None:
            return
        record = place.published.record
        async with self._change(record):
            if self._users[shared] or record not in self._touched:
                return
            self._touched.discard(record)
            self._published.discard(record)
            await self.leftovers.remove(place.editor, record)

    def _shared(self, proof: Proof) -> tuple[str, str]:
        """What orders have in common that share a record."""
        return self.owner_of(proof), proof.key_authorization

    async def _place(self, proof: Proof) -> _Place:
        owner = self.owner_of(proof)
        target = await self.looks.target(owner)
        if isinstance(target, Unanswered):
            raise NotYet(f"{proof.name}: where {owner} leads to is not known: {target.why}")
        zone = await self.looks.zone(target)
        if isinstance(zone, Unanswered):
            raise NotYet(f"{proof.name}: the zone of {target} is not known: {zone.why}")
        settings = self._settings_for(proof.name, target if target != owner else "")
        published = Published(TxtRecord(zone.apex, target, txt_value(proof.key_authorization)), zone)
        return _Place(published, settings, self.editors.of(settings))

    def _settings_for(self, name: Name, target: str) -> DnsZone:
        """A delegated record takes the credentials that were set for the zone it leads to, if any were."""
        delegated = self.challenges.zone_above(target) if target else None
        if delegated and delegated.provider:
            return delegated
        own = self.challenges.zone_of(name)
        if own is None or not own.provider:
            raise Refused(
                f"{name}: no DNS provider is set for it: set ACME_DNS_PROVIDER, or one for its zone"
            )
        return own

    def _change(self, record: TxtRecord) -> asyncio.Lock:
        return self._names.setdefault(record.name, asyncio.Lock())
