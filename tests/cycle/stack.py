"""One installation of the companion: a volume, settings as an admin writes them, a way to the CA, and time."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from acme_companion.cli.wiring import open_world
from acme_companion.cycle import once
from acme_companion.decide.settings.read import read
from acme_companion.service import tell
from tests.act.store_parts import left_over, pair_in, secrets_others_can_read, seen_by_siblings
from tests.bed.doors import RememberingLog
from tests.bed.process import CHECKOUT, LOOPBACK
from tests.cycle.fakes import FixedDice, PassingClock

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Coroutine, Iterator, Mapping
    from pathlib import Path

    from acme_companion.decide.memory import Held
    from acme_companion.decide.pair import Certificate
    from acme_companion.decide.report import Report
    from acme_companion.decide.settings import Settings
    from acme_companion.ports import Siblings, World
    from tests.act.acme_proxy import AcmeProxy, Seen
    from tests.bed.challtest import ChallengeTestServer
    from tests.bed.pebble import Pebble

DB_PASSWORD, REDIS_PASSWORD = "canary-of-the-database", "canary-of-redis"
EAB_KEY = "Y2FuYXJ5LW9mLXRoZS1leHRlcm5hbC1hY2NvdW50LWF0LXRoZS1jYQ"
PROFILE, LONG_PROFILE, SHORT_PROFILE = "ninety", "year", "six"
FORBIDDEN = "forbidden.example.net"
"""A name that is against the CA's policy."""
OWN_DIRECTORIES = {"acme", "backups"}
_ACCOUNTS = re.compile(r"There are now (\d+) accounts")


@dataclass
class Stack:
    """Names are below `base`, which no other test has. `said`: everything that any command let out.

    `dns` is what we are answered, `ca_dns` what the CA is.
    """

    volume: Path
    base: str
    ca: Pebble
    proxy: AcmeProxy
    dns: ChallengeTestServer
    ca_dns: ChallengeTestServer
    clock: PassingClock = field(default_factory=PassingClock)
    log: RememberingLog = field(default_factory=RememberingLog)
    siblings: Siblings | None = None
    environment: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    _begun: list[Process] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.environment = {
            "PATH": os.environ["PATH"],
            "MAILCOW_HOSTNAME": self.host,
            "MAIL_DOMAINS": f"{self.base}",
            "AUTODISCOVER_SAN": "n",
            "ADDITIONAL_SAN": "imap.*",
            "DIRECTORY_URL": self.proxy.directory_url,
            "CA_BUNDLE": str(self.proxy.ca_bundle),
            "ACME_PROFILE": PROFILE,
            "ORDERS_AT_ONCE": "1",  # Pebble itself can stop for good when more are placed at the same moment
            "ACME_KEY_TYPE": "ec256",
            "ACME_ACCOUNT_KEY_TYPE": "ec256",
            "HTTP01_MODE": "standalone",
            "HTTP01_PORT": str(self.ca.http_port),
            "CHECK_HTTP_PORT": str(self.ca.http_port),
            "CHECK_TIMEOUT": "5",
            "RESOLVERS": self.dns.dns_address,
            "PUBLIC_IPV4": LOOPBACK,
            "ENABLE_IPV6": "n",
            "DOCKER_HOST": "none",
            "VERIFY_TIMEOUT": "10",
            "VOLUME": str(self.volume),
            "EXAMPLE_VOLUME": str(self.volume.with_name("example")),
        }

    @property
    def private(self) -> Path:
        """Where a private volume would be."""
        return self.volume.with_name("private")

    @property
    def host(self) -> str:
        return f"mail.{self.base}"

    @property
    def imap(self) -> str:
        return f"imap.{self.base}"

    async def cycle(self, more: Mapping[str, str] = {}, *, force: bool = False, **changes: str) -> Report:
        """One cycle in this process; `more` and `changes` are settings for this one only."""
        settings = self.settings({**self.environment, **more, **changes})
        async with open_world(settings, self.log) as opened:
            world: World = replace(opened, clock=self.clock, dice=FixedDice())
            if self.siblings:
                world = replace(world, siblings=self.siblings)
            with world.store.lock():
                report = await once(settings, world, force=force)
            tell(report, world)
        return report

    def settings(self, environment: Mapping[str, str]) -> Settings:
        return read(environment)

    async def held(self) -> Held:
        async with open_world(read(self.environment), self.log) as world:
            return world.store.read()

    async def begin(self, *arguments: str, **changes: str) -> Process:
        """The companion as a process."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "acme_companion", *arguments),
            env={**self.environment, **changes},
            cwd=CHECKOUT,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        self._begun.append(process)
        return process

    async def end(self, process: Process) -> tuple[int, str]:
        """Wait for its end: exit code and output."""
        async with asyncio.timeout(60):
            output = (await process.communicate())[0].decode()
        self.said.append(output)
        assert process.returncode is not None
        assert "Traceback" not in output, output
        return process.returncode, output

    async def end_all(self) -> None:
        """End what a test that failed left running."""
        for process in self._begun:
            if process.returncode is None:
                process.kill()
                await process.communicate()

    async def command(self, *arguments: str, **changes: str) -> tuple[int, str]:
        return await self.end(await self.begin(*arguments, **changes))

    def certificate(self, directory: str = "") -> Certificate:
        """The pair that siblings read there (the server pair without a directory); it must match."""
        pair = pair_in(self.volume / directory)
        assert pair, f"no pair in {directory or 'the volume'}"
        return pair.certificate()

    def names(self, directory: str = "") -> set[str]:
        return {name.text for name in self.certificate(directory).names}

    def covered(self) -> set[str]:
        """Every name for which siblings have a certificate."""
        return {name for directory in seen_by_siblings(self.volume) for name in self.names(directory)}

    def generations(self, directory: str) -> list[str]:
        above = self.volume / "backups" / directory
        return sorted(one.name for one in above.iterdir()) if above.exists() else []

    def broken(self) -> list[str]:
        """Whatever must never be seen on the volume, also of a process that was killed."""
        faults = [f"others can read {path}" for path in secrets_others_can_read(self.volume)]
        if (self.volume / "cert.pem").exists() and (self.volume / "key.pem").exists():
            self.certificate()
        seen = seen_by_siblings(self.volume)
        return [
            *faults,
            *(f"{one} has no acme.csr" for one in seen if not (self.volume / one / "acme.csr").is_file()),
        ]

    def unfinished(self) -> list[str]:
        """What a whole run must not leave."""
        directories = {p.name for p in self.volume.iterdir() if p.is_dir() and not p.name.startswith(".")}
        torn = directories - OWN_DIRECTORIES - set(seen_by_siblings(self.volume))
        return [*self.broken(), *left_over(self.volume), *(f"{one} is not whole" for one in torn)]

    def accounts(self) -> int:
        """How many accounts the CA has, of whomever."""
        return int(([0, *_ACCOUNTS.findall(self.ca.log)])[-1])

    def orders(self) -> list[Any]:
        """The payload of every order that was asked for."""
        return self.proxy.asked("/order-plz")

    def mark(self) -> int:
        return len(self.proxy.requests)

    def since(self, mark: int) -> list[Seen]:
        return self.proxy.requests[mark:]

    def leaked(self) -> list[str]:
        """Lines of private keys, and passwords, that were let out, or written down where nobody expects them."""
        state = self.volume / ".companion/state.json"
        written = [state.read_text()] if state.is_file() else []
        text = "\n".join([*self.said, *written, *(line for _, line in self.log.said)])
        return [secret for secret in self._secrets() if secret in text]

    def _secrets(self) -> Iterator[str]:
        yield from (DB_PASSWORD, REDIS_PASSWORD, EAB_KEY)
        for path in (*self.volume.rglob("*.pem"), *self.private.rglob("*.pem")):
            content = path.read_text() if path.is_file() else ""
            if "PRIVATE KEY" in content:
                yield from (line for line in content.splitlines() if len(line) > 20 and "-----" not in line)


async def stopped(work: Coroutine[Any, Any, object], when: asyncio.Event) -> None:
    """Do it until then, and stop as on SIGTERM."""
    task = asyncio.create_task(work)
    async with asyncio.timeout(20):
        await when.wait()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def steps(report: Report) -> list[tuple[str, str]]:
    """Each step's kind, and the directory that it is about."""
    return [
        (
            type(step).__name__,
            getattr(step, "directory", "") or getattr(getattr(step, "lineage", None), "directory", ""),
        )
        for step in report.plan.steps
    ]


def left_out(report: Report) -> set[str]:
    """Names that were left out, by the plan or by the CA."""
    planned = {one.name.text for step in report.plan.steps for one in getattr(step, "left_out", ())}
    return planned | {one.name.text for done in report.done for one in done.left_out}
