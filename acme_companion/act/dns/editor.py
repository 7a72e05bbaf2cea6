"""What every way to change TXT records has in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class TxtRecord:
    """One value of a TXT record set (RFC 1035 section 3.3.14); others may stand beside it.

    `zone`: the apex of the DNS zone that holds it. `name`: its owner. Both absolute: lower case, A-labels, no final dot.
    """

    zone: str
    name: str
    value: str


class RecordEditor(Protocol):
    """Changes TXT records with the credentials of one `DnsZone` of the settings. Every call ends within a limit of its own."""

    async def add(self, record: TxtRecord) -> None:
        """Publish it beside the values that are there; once is enough. Raises `NotYet`, or `Refused` when waiting will not help.

        No text of either holds a credential.
        """

    async def remove(self, record: TxtRecord) -> None:
        """Take away this value and no other; MUST work when it is not there. Raises as `add`."""
