"""Waiting until TXT records are where a CA will look for them: at every authoritative server of their zones."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from acme_companion.decide.facts import Unanswered
from acme_companion.decide.propagation import ServerLook, propagation

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from acme_companion.act.dns.editor import TxtRecord
    from acme_companion.decide.facts import AuthoritativeServer, TxtLook, ZoneLook
    from acme_companion.ports import Clock, Log, TxtLooks

FIRST: Final = 0.2  # seconds between the first two looks
GROWTH: Final = 1.5
LONGEST: Final = 5.0
ANY_ZONE: Final = ""


@dataclass(frozen=True, slots=True)
class Published:
    """A record, and the servers that shall show it."""

    record: TxtRecord
    zone: ZoneLook


@dataclass
class Visibility:
    """One wait for some records.

    All waits of a session share `told`, the sentences that were logged already, and `silent_since`, when servers last began
    not to answer, for `ANY_ZONE` or for one: one that is away is waited for once, not with each order.
    """

    looks: TxtLooks
    clock: Clock
    log: Log
    timeout: float
    told: set[str]
    silent_since: dict[tuple[AuthoritativeServer, str], float]
    _shown: dict[Published, dict[AuthoritativeServer, TxtLook]] = field(default_factory=dict)

    async def wait(self, records: Collection[Published]) -> dict[Published, str]:
        """Return when all can be seen, or after `timeout` seconds: then those that cannot, each with a sentence."""
        end = self.clock.monotonic() + self.timeout
        missing = dict.fromkeys(records, "")
        pause = FIRST
        while True:
            missing = await self._still_missing(missing)
            left = end - self.clock.monotonic()
            if not missing or left <= 0:
                break
            for one, why in missing.items():
                self._tell_once(
                    f"{one.zone.apex}: waiting up to {self.timeout:g} s for its name servers",
                    f"{one.record.name}: {why}",
                )
            await self.clock.sleep(min(pause, left))
            pause = min(pause * GROWTH, LONGEST)
        return {one: self._too_late(one, why) for one, why in missing.items() if self._matters(one)}

    async def _still_missing(self, records: Iterable[Published]) -> dict[Published, str]:
        await self._look(records)
        missing = {}
        nobody = []
        for one in records:
            found = propagation(self._looks_at(one), one.record.value)
            for sentence in found.passed_over if found.seen else ():
                self._tell_once(f"{one.zone.apex}: not waited for: {sentence}", warning=True)
            if not found.seen:
                missing[one] = found.because
            if found.nobody:
                nobody.append(one)
        for one in await self._seen_by_resolvers(nobody):
            del missing[one]
        return missing

    async def _look(self, records: Iterable[Published]) -> None:
        """Ask every server for everything that it did not show yet, all at the same time."""
        to_ask: dict[AuthoritativeServer, set[str]] = {}
        for one in records:
            known = self._shown.setdefault(one, {})
            for server in one.zone.servers:
                values = known.get(server, ())
                if isinstance(values, Unanswered) or one.record.value not in values:
                    to_ask.setdefault(server, set()).add(one.record.name)
        begun = self.clock.monotonic()
        answers = await asyncio.gather(*(self.looks.txt(names, server) for server, names in to_ask.items()))
        for server, answer in zip(to_ask, answers, strict=True):
            self._note(server, ANY_ZONE, begun, answer.values())
            for one in records:
                if server in one.zone.servers and one.record.name in answer:
                    self._shown[one][server] = answer[one.record.name]
                    # A server may have lost one of its zones (a lame delegation) and answer for the others.
                    self._note(server, one.zone.apex, begun, [answer[one.record.name]])

    def _note(
        self, server: AuthoritativeServer, zone: str, begun: float, values: Collection[TxtLook]
    ) -> None:
        if all(isinstance(one, Unanswered) for one in values):
            self.silent_since.setdefault((server, zone), begun)
        else:
            self.silent_since.pop((server, zone), None)

    def _looks_at(self, one: Published) -> list[ServerLook]:
        now = self.clock.monotonic()
        return [
            ServerLook(
                server,
                values,
                now - min(self.silent_since.get((server, zone), now) for zone in (ANY_ZONE, one.zone.apex)),
            )
            for server, values in self._shown[one].items()
        ]

    async def _seen_by_resolvers(self, records: Collection[Published]) -> list[Published]:
        if not records:
            return []
        for one in records:
            self._tell_once(
                f"{one.zone.apex}: none of its name servers answers from here, so the resolvers are asked instead, "
                "which may remember for a while that there was nothing: let this container reach port 53 of name servers",
                warning=True,
            )
        answers = await self.looks.txt({one.record.name for one in records})
        seen = []
        for one in records:
            values = answers[one.record.name]
            if not isinstance(values, Unanswered) and one.record.value in values:
                seen.append(one)
        return seen

    def _matters(self, one: Published) -> bool:
        """Where we can see nobody, the CA may well see: it is asked after the whole wait, as there is no better knowledge."""
        if not propagation(self._looks_at(one), one.record.value).nobody:
            return True
        self._tell_once(
            f"{one.record.name}: nobody could tell whether it is published; the CA is asked now", warning=True
        )
        return False

    def _too_late(self, one: Published, why: str) -> str:
        return (
            f"the TXT record {one.record.name} is not on all name servers of {one.zone.apex} after {self.timeout:g} s: {why}: "
            "see why that server is late (zone transfer, the provider's status), or set ACME_DNS_TIMEOUT higher"
        )

    def _tell_once(self, key: str, more: str = "", *, warning: bool = False) -> None:
        if key in self.told:
            return
        self.told.add(key)
        text = f"{key} ({more})" if more else key
        (self.log.warning if warning else self.log.info)(text)
