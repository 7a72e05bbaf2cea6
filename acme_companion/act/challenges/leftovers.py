"""Which TXT records of ours may still be published: known before they are made, so that a crash leaves none for ever."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from acme_companion.act.dns.editor import TxtRecord
from acme_companion.act.store import files
from acme_companion.decide.problems import Damaged, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from acme_companion.act.dns.editor import RecordEditor
    from acme_companion.decide.settings import Challenges, DnsZone, Secret
    from acme_companion.ports import Log

MOST: Final = 1000
"""Records that are remembered: a volume that was damaged must not keep us removing."""
SWEEPING: Final = 30.0
"""Seconds for removing what an earlier process left over."""


class Editors:
    """The editors of the zones of the settings, made on first need: one for all zones with the same provider and credentials.

    Many interfaces replace a whole zone or record set, so two editors would undo each other's changes. `make` may raise `Problem`.
    """

    def __init__(self, make: Callable[[DnsZone], RecordEditor]) -> None:
        self._make = make
        self._made: dict[tuple[str, frozenset[tuple[str, Secret]]], RecordEditor] = {}

    def of(self, zone: DnsZone) -> RecordEditor:
        account = zone.provider, frozenset(zone.options.items())
        if account not in self._made:
            self._made[account] = self._make(zone)
        return self._made[account]


def settings_key(zone: DnsZone) -> str:
    """How a zone of the settings is called in the file: empty for the one for all names."""
    return zone.zone.text if zone.zone else ""


class Leftovers:
    """A file with the records that were published and not yet removed, each with the `settings_key` of whose credentials it took.

    It only ever serves tidiness: a disk that refuses costs a warning, never a certificate.
    """

    def __init__(self, path: Path, log: Log) -> None:
        self._path, self._log = path, log
        self.records: dict[TxtRecord, str] = {}
        self._written: dict[TxtRecord, str] = {}
        self._writing = asyncio.Lock()

    def load(self) -> None:
        """Read what a predecessor left; what cannot be read is as good as nothing."""
        try:
            content = files.read(self._path)
            found = json.loads(content) if content else []
            self._written = {
                TxtRecord(str(one["zone"]), str(one["name"]), str(one["value"])): str(one["settings"])
                for one in found[:MOST]
            }
        except (Damaged, ValueError, TypeError, KeyError, RecursionError) as problem:
            self._log.warning(f"which TXT records are left over cannot be read: {self._path}: {problem}")
        self.records = dict(self._written)

    async def note(self, record: TxtRecord, key: str) -> None:
        """Remember it durably; many at once are written in one go."""
        self.records[record] = key
        async with self._writing:
            if record not in self._written:
                await asyncio.to_thread(self._write)

    async def remove(self, editor: RecordEditor, record: TxtRecord) -> None:
        """Remove it, and forget it then: a provider that refuses costs a warning, and another try after the next issuance.

        That it is gone is written down with the next one or at the end: removing it once more does no harm.
        """
        try:
            await editor.remove(record)
        except Problem as problem:
            self._stays(record, problem)
        else:
            self.records.pop(record, None)

    def _stays(self, record: TxtRecord, problem: Problem) -> None:
        self._log.warning(
            f"the TXT record {record.name} could not be removed, which is tried again after the next issuance: {problem}"
        )

    async def sweep(self, challenges: Challenges, editors: Editors) -> None:
        """Remove everything that is still known; for when no order is under way."""
        by_key = {settings_key(zone): zone for zone in challenges.zones if zone.provider}
        by_name: dict[str, list[TxtRecord]] = {}
        for record, key in list(self.records.items()):
            if key in by_key:
                by_name.setdefault(record.name, []).append(record)
            else:
                self._log.warning(
                    f"the TXT record {record.name} was left over, and no provider is set for its zone any more: remove it"
                )
                self.records.pop(record)
        try:
            async with asyncio.timeout(SWEEPING):
                await asyncio.gather(*(self._sweep_one(one, by_key, editors) for one in by_name.values()))
        except TimeoutError:
            self._log.warning(
                f"{len(self.records)} TXT records of ours are left over, which is tried again after the next issuance: "
                f"removing them took more than {SWEEPING:g} s"
            )
        await self.close()

    async def _sweep_one(
        self, records: list[TxtRecord], by_key: Mapping[str, DnsZone], editors: Editors
    ) -> None:
        """Records of one name, one after the other, as many interfaces replace a record set whole."""
        for record in records:
            try:
                editor = editors.of(by_key[self.records[record]])
            except Problem as problem:
                self._stays(record, problem)
            else:
                await self.remove(editor, record)

    async def close(self) -> None:
        async with self._writing:
            if self.records != self._written:
                await asyncio.to_thread(self._write)

    def _write(self) -> None:
        records = dict(list(self.records.items())[:MOST])
        lines = [{**asdict(record), "settings": zone} for record, zone in records.items()]
        try:
            if lines:
                with suppress(Damaged):  # it is there, or writing says what is wrong
                    files.make_directory(self._path.parent, files.PRIVATE_DIRECTORY)
                files.write(self._path, json.dumps(lines, indent=1).encode(), files.PRIVATE)
            else:
                files.remove(self._path)
        except Damaged as problem:
            self._log.warning(f"TXT records that a crash would leave over cannot be noted: {problem}")
        self._written = records
