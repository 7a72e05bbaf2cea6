"""TXT records changed by a command of the admin's: `<command> add|remove <name> <value>`."""

from __future__ import annotations

import asyncio
import shlex
from typing import TYPE_CHECKING

from acme_companion.act.dns.child_process import little_of, running, tail_of
from acme_companion.act.dns.masking import masked
from acme_companion.decide.dns_providers import SHOWN
from acme_companion.decide.names import quoted
from acme_companion.decide.problems import NotYet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from acme_companion.act.dns.editor import TxtRecord
    from acme_companion.decide.settings import DnsZone
    from acme_companion.ports import Log

COMMAND = "ACME_DNS_EXEC"
TIME_LIMIT = 120.0
"""Seconds: some interfaces publish a whole zone before they answer."""
_MOST_SAID = 500


class CommandEditor:
    """A `RecordEditor`. No shell reads the command; what stands in the zone's section besides is its environment.

    An exit code other than 0 is a `NotYet` with its last line; everything that it writes is one line of the log.
    """

    def __init__(
        self, zone: DnsZone, log: Log, environment: Mapping[str, str], time_limit: float = TIME_LIMIT
    ) -> None:
        given = {key: value.reveal() for key, value in zone.options.items()}
        self._command = shlex.split(given[COMMAND])
        own = {key: value for key, value in given.items() if key != COMMAND}
        self._secrets = [value for key, value in own.items() if key not in SHOWN]
        self._environment = {**little_of(environment), **own}
        self._log, self._limit = log, time_limit

    async def add(self, record: TxtRecord) -> None:
        """See `RecordEditor.add`."""
        await self._run("add", record)

    async def remove(self, record: TxtRecord) -> None:
        """See `RecordEditor.remove`."""
        await self._run("remove", record)

    async def _run(self, what: str, record: TxtRecord) -> None:
        command = (*self._command, what, record.name, record.value)
        shown = f"{self._command[0]} {what} {record.name}"
        try:
            async with (
                asyncio.timeout(self._limit),
                running(command, self._environment, errors_apart=False, feed=False) as process,
            ):
                said = masked(await tail_of(process.stdout), self._secrets)
                code = await process.wait()
        except TimeoutError:
            raise NotYet(
                f"{COMMAND}: {shown}: did not end within {self._limit:g} seconds, and was killed"
            ) from None
        except OSError as problem:
            raise NotYet(f"{COMMAND}: {shown}: cannot be run: {problem.strerror}") from None
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        if lines:
            self._log.info(f"{shown}: {' / '.join(lines)[-_MOST_SAID:]}")
        if code:
            reason = quoted(lines[-1][:_MOST_SAID]) if lines else "without a word"
            raise NotYet(f"{COMMAND}: {shown}: failed with exit code {code}: {reason}")
