"""TXT records at every provider that dns-lexicon knows, in a child process for each batch of changes."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from acme_companion.act.dns.child_process import little_of, running, tail_of
from acme_companion.act.dns.masking import masked
from acme_companion.decide.acme_headers import retry_after
from acme_companion.decide.acme_problems import without_credentials
from acme_companion.decide.dns_providers import SHOWN
from acme_companion.decide.problems import NotYet, Problem, Refused

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Mapping
    from datetime import datetime

    from acme_companion.act.dns.editor import TxtRecord
    from acme_companion.act.dns.lexicon_child import Change, Work
    from acme_companion.act.dns.lexicon_faults import Fault
    from acme_companion.decide.dns_providers import Provider
    from acme_companion.decide.settings import DnsZone
    from acme_companion.ports import Clock

_CHILD = "acme_companion.act.dns.lexicon_child"
_PACKAGES = str(Path(__file__).resolve().parents[3])
OTHER_PACKAGES: tuple[str, ...] = ()
"""Directories in which the child looks for packages first."""
_MOST_AT_ONCE = 16
STARTING, CHANGING = 45.0, 15.0
"""Seconds that a batch may take, and more for each change: a slow interface answers in one, and is asked three times."""
_MOST_SAID = 300
_PASSING = {408, 425, 429}
"""Statuses that are no refusal: too slow, too early, too often."""


@dataclass(eq=False, slots=True)
class _Job:
    """One change and who waits for it."""

    record: TxtRecord
    add: bool
    done: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def change(self) -> Change:
        return {
            "add": self.add,
            "zone": self.record.zone,
            "name": self.record.name,
            "value": self.record.value,
        }

    def fail(self, problem: Problem) -> None:
        if not self.done.done():
            self.done.set_exception(problem)

    def succeed(self) -> None:
        if not self.done.done():
            self.done.set_result(None)


class LexiconEditor:
    """A `RecordEditor`. One batch at a time, as many interfaces rewrite a whole zone; what comes meanwhile is the next one."""

    def __init__(
        self, zone: DnsZone, provider: Provider, clock: Clock, environment: Mapping[str, str]
    ) -> None:
        given = {key: value.reveal() for key, value in zone.options.items()}
        self._provider, self._clock = provider, clock
        self._given = sorted(given.keys() - SHOWN - set(provider.unused))
        self._options = provider.lexicon_options(given)
        self._secrets = [value for key, value in given.items() if key not in SHOWN]
        self._secrets += [
            text for text in self._options.values() if any(one in text for one in self._secrets)
        ]
        self._environment = {
            **little_of(environment),
            "PYTHONPATH": os.pathsep.join((*OTHER_PACKAGES, _PACKAGES)),
            "PYTHONSAFEPATH": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        self._waiting: list[_Job] = []
        self._worker: asyncio.Task[None] | None = None

    async def add(self, record: TxtRecord) -> None:
        """See `RecordEditor.add`."""
        await self._hand_in(_Job(record, add=True))

    async def remove(self, record: TxtRecord) -> None:
        """See `RecordEditor.remove`."""
        await self._hand_in(_Job(record, add=False))

    async def _hand_in(self, job: _Job) -> None:
        self._waiting.append(job)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work_off())
        try:
            await job.done
        except asyncio.CancelledError:
            job.done.cancel()
            raise

    async def _work_off(self) -> None:
        while self._waiting:
            batch = [job for job in self._waiting[:_MOST_AT_ONCE] if not job.done.done()]
            del self._waiting[:_MOST_AT_ONCE]
            if batch:
                await self._carry_out(batch)

    async def _carry_out(self, batch: list[_Job]) -> None:
        limit = STARTING + CHANGING * len(batch)
        problem: Problem
        try:
            async with asyncio.timeout(limit):
                problem = await self._in_child(batch)
        except TimeoutError:
            problem = NotYet(f"{self._who} did not answer within {limit:.0f} seconds")
        except OSError as fault:
            problem = NotYet(f"the process for {self._who} cannot be used: {fault.strerror}")
        except asyncio.CancelledError:
            for job in batch:
                job.done.cancel()
            raise
        except (ValueError, LookupError, TypeError, AttributeError):
            problem = NotYet(f"the process for {self._who} answered with something that cannot be read")
        for job in batch:
            job.fail(problem)

    async def _in_child(self, batch: list[_Job]) -> Problem:
        """Work off the batch; what to tell those whose change the child did not come to."""
        command = (sys.executable, "-m", _CHILD)
        async with running(command, self._environment, errors_apart=True, feed=True) as child:
            errors = asyncio.create_task(tail_of(child.stderr))
            try:
                await self._talk(child, batch)
                said = (await errors).strip().splitlines() or ["without a word"]
            finally:
                errors.cancel()
        last = masked(said[-1], self._secrets)[:_MOST_SAID]
        return NotYet(f"the process for {self._who} ended too early: {last}")

    async def _talk(self, child: Process, batch: list[_Job]) -> None:
        assert child.stdin
        assert child.stdout
        work: Work = {
            "library": self._provider.library,
            "options": self._options,
            "secrets": self._secrets,
            "ttl": self._provider.ttl,
            "changes": [job.change for job in batch],
        }
        child.stdin.write(json.dumps(work).encode())
        child.stdin.close()
        for job in batch:
            line = await child.stdout.readline()
            if not line:
                return
            fault: Fault | None = json.loads(line)
            if fault:
                job.fail(self._problem(job, fault))
            else:
                job.succeed()

    def _problem(self, job: _Job, fault: Fault) -> Problem:
        did = "publish" if job.add else "take away"
        said = without_credentials(masked(fault["said"], self._secrets)) or "no reason given"
        text = (
            f"{self._who} did not {did} the TXT record of {job.record.name}: {said}{self._advice(job, fault)}"
        )
        status = fault["status"]
        if fault["kind"] in {"sign-in", "missing"} or (400 <= status < 500 and status not in _PASSING):
            return Refused(text)
        return NotYet(text, retry_at=self._retry_at(fault["retry_after"]))

    def _advice(self, job: _Job, fault: Fault) -> str:
        variables = " and ".join(self._given)
        match fault["kind"], fault["status"]:
            case "http", 401 | 403:
                return f": check {variables}, and what they are allowed to do"
            case "sign-in", _:
                return f": check {variables}, and that {job.record.zone} is a zone there"
            case "missing", _:
                return ": install acme-companion with its extra: acme-companion[dns]"
            case _:
                return ""

    def _retry_at(self, value: str) -> datetime | None:
        now = self._clock.now()
        seconds = retry_after(value, None, now)
        return None if seconds is None else now + timedelta(seconds=seconds)

    @property
    def _who(self) -> str:
        return f"{self._provider.title} ({self._provider.name})"
