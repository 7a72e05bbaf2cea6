"""What tests of DNS challenges stand on where no server is needed: looks that are told what to say, an editor that remembers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from acme_companion.act.challenges.dns01 import Dns01
from acme_companion.act.challenges.leftovers import Editors, Leftovers
from acme_companion.decide.dns_challenges import dns01_owner
from acme_companion.decide.facts import AuthoritativeServer, Unanswered, ZoneLook
from acme_companion.decide.names import Name
from acme_companion.decide.settings import Challenges, DnsZone
from acme_companion.ports import Proof
from tests.act.acme_world import HeardLog, StepClock

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from acme_companion.act.dns.editor import TxtRecord
    from acme_companion.decide.facts import TxtLook
    from acme_companion.decide.problems import Problem

ONE, TWO = AuthoritativeServer("ns1.example", "192.0.2.1"), AuthoritativeServer("ns2.example", "192.0.2.2")
SILENT = Unanswered("no answer within 4 s")


@dataclass
class FakeEditor:
    """Remembers its changes; refuses with `problem`, takes `turns` of the event loop for each."""

    records: list[TxtRecord] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    problem: Problem | None = None
    turns: int = 3
    most_of_one_name: int = 0
    most_at_once: int = 0
    _busy: list[str] = field(default_factory=list)

    async def add(self, record: TxtRecord) -> None:
        await self._change(f"add {record.name} {record.value}", record.name)
        self.records.append(record)

    async def remove(self, record: TxtRecord) -> None:
        await self._change(f"remove {record.name} {record.value}", record.name)
        if record in self.records:
            self.records.remove(record)

    async def _change(self, what: str, name: str) -> None:
        self.changes.append(what)
        self._busy.append(name)
        self.most_at_once = max(self.most_at_once, len(self._busy))
        self.most_of_one_name = max(self.most_of_one_name, self._busy.count(name))
        try:
            for _ in range(self.turns):
                await asyncio.sleep(0)
            if self.problem:
                raise self.problem
        finally:
            self._busy.remove(name)


@dataclass
class FakeLooks:
    """A `TxtLooks` whose zones are the last two labels. `lag`: seconds until a server shows what `editors` have; None: it is silent."""

    clock: StepClock
    editors: Collection[FakeEditor]
    aliases: Mapping[str, str] = field(default_factory=dict)
    servers: tuple[AuthoritativeServer, ...] = (ONE, TWO)
    lag: dict[AuthoritativeServer | None, float | None] = field(default_factory=dict)
    unanswered: Unanswered | None = None
    asked: list[AuthoritativeServer | None] = field(default_factory=list)
    _begun: float = field(init=False)

    def __post_init__(self) -> None:
        self._begun = self.clock.monotonic()

    async def target(self, owner: str) -> str | Unanswered:
        return self.unanswered or self.aliases.get(owner, owner)

    async def zone(self, owner: str) -> ZoneLook | Unanswered:
        return ZoneLook(".".join(owner.split(".")[-2:]), self.servers)

    async def txt(
        self, owners: Collection[str], server: AuthoritativeServer | None = None
    ) -> Mapping[str, TxtLook]:
        self.asked.append(server)
        lag = self.lag.get(server, 0.0)
        if lag is None:
            return dict.fromkeys(owners, SILENT)
        known = [r for editor in self.editors for r in editor.records] if self._late(lag) else []
        return {
            owner: ("foreign", *(one.value for one in known if one.name == self.aliases.get(owner, owner)))
            for owner in owners
        }

    async def latest(self, owner: str) -> TxtLook:
        return (await self.txt([owner]))[owner]

    def _late(self, lag: float) -> bool:
        return self.clock.monotonic() - self._begun >= lag


class DnsWorld:
    """One solver with all that it needs; `zones` by their text, each with an editor of its own."""

    def __init__(self, folder: Path, *zones: DnsZone, timeout: float = 60.0, **looks: object) -> None:
        self.clock, self.log = StepClock(), HeardLog()
        self.challenges = Challenges(zones or (DnsZone(provider="dns_nsupdate"),), timeout)
        self.by_zone = {_text(zone): FakeEditor() for zone in self.challenges.zones}
        self.looks = FakeLooks(self.clock, self.by_zone.values(), **looks)  # type: ignore[arg-type]  # as the test has it
        self.file = folder / ".companion" / "dns-records.json"
        self.leftovers = Leftovers(self.file, self.log)
        self.editors = Editors(lambda zone: self.by_zone[_text(zone)])
        self.solver = Dns01(
            lambda proof: dns01_owner(proof.name),
            self.challenges,
            self.editors,
            self.looks,
            self.leftovers,
            self.clock,
            self.log,
        )

    @property
    def editor(self) -> FakeEditor:
        return next(iter(self.by_zone.values()))


def proof(name: str, token: str = "token") -> Proof:
    return Proof(Name(name), token, f"{token}.thumbprint", "https://ca.example/acct/1")


def _text(zone: DnsZone) -> str:
    return zone.zone.text if zone.zone else ""
