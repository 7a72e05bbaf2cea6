"""`dns-01.conf`: credentials of DNS providers as KEY=value lines, for all zones at the top, then for one zone below its `[zone]`.

The lines are those of the env file (`export` and acme.sh's own `SAVED_` before a variable make no difference).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from acme_companion.decide.settings.env_file import MOST_BYTES, MOST_LINES, parse_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from acme_companion.decide.settings.env_file import Entry, EnvFile

_HEADER = re.compile(rb"[ \t]*\[([^\]]*)\][ \t]*(#.*)?\r?")
_SAVED = "SAVED_"


@dataclass(frozen=True, slots=True)
class Section:
    """The lines below one header. `zone` as it is written there, empty for the top of the file; `place` is `file:line`."""

    zone: str
    place: str
    lines: EnvFile

    def __repr__(self) -> str:
        return f"Section({self.zone} at {self.place})"


@dataclass(frozen=True, slots=True)
class DnsFile:
    """What the file says, its top first. `unread`: why it could not be read; `exposed`: every user of the host can read it."""

    file: str
    sections: tuple[Section, ...] = ()
    unread: str = ""
    exposed: bool = False

    @property
    def complaints(self) -> tuple[str, ...]:
        return tuple(text for section in self.sections for text in section.lines.complaints)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What stands there twice, and what a shell would read otherwise; only shells and we read this file."""
        entries = (entry for section in self.sections for entry in section.lines.entries)
        return tuple(
            text
            for entry in entries
            for text in entry.warnings
            if " contains " in text or " was set at " in text
        )


def parse_dns_file(data: bytes, file: str) -> DnsFile:
    """The file as it was read. Never raises: what is wrong becomes a complaint with its line."""
    lines = data.split(b"\n")
    if len(data) > MOST_BYTES or len(lines) > MOST_LINES:
        return DnsFile(file, (Section("", file, parse_bytes(data, file)),))
    headers = [(number, match) for number, line in enumerate(lines) if (match := _HEADER.fullmatch(line))]
    starts = [0, *(number + 1 for number, _ in headers)]
    ends = [*(number for number, _ in headers), len(lines)]
    zones = ["", *(match[1].decode(errors="replace").strip() for _, match in headers)]
    return DnsFile(
        file,
        tuple(
            # Empty lines in the place of what stands before keep the line numbers.
            Section(zone, f"{file}:{start or 1}", _without_saved(_part(lines, start, end, file)))
            for zone, start, end in zip(zones, starts, ends, strict=True)
        ),
    )


def _part(lines: list[bytes], start: int, end: int, file: str) -> EnvFile:
    return parse_bytes(b"\n" * start + b"\n".join(lines[start:end]), file)


def _without_saved(part: EnvFile) -> EnvFile:
    return replace(part, entries=tuple(_plain(part)))


def _plain(part: EnvFile) -> Iterator[Entry]:
    there = {entry.key for entry in part.entries}
    for entry in part.entries:
        bare = entry.key.removeprefix(_SAVED)
        if bare == entry.key or bare not in there:
            yield replace(entry, key=bare)
