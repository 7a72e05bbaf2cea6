"""The door to siblings that are processes instead of containers: listed and restarted as a Docker Engine would."""

from __future__ import annotations

import asyncio
import random
import socket
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from acme_companion.decide.deployment import ActionKind
from acme_companion.decide.facts import Sibling
from acme_companion.decide.problems import NotYet
from tests.bed.process import CHECKOUT, LOOPBACK, Process

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from acme_companion.decide.deployment import Action

START_LIMIT = 20.0  # seconds; half of one is usual
PAUSE = 0.02
# Below the ports that Linux gives to outgoing connections: nobody is given one of these while a service restarts.
BASES = range(10_000, 32_000, 1000)
SERVICES = {
    "nginx-mailcow": {443: "https"},
    "dovecot-mailcow": {143: "imap", 993: "imaps"},
    "postfix-mailcow": {25: "smtp", 465: "smtps"},
}
TLS_BEGINS = {"https": "tls", "smtps": "tls", "imaps": "tls"}


@dataclass(slots=True)
class Service:
    """One of the three: its ports with what is spoken there, and the process that serves them now."""

    name: str
    ports: dict[int, str]
    accepts: str = ""
    process: Process | None = None
    started_at: str = ""

    @property
    def running(self) -> bool:
        """Whether its process is there."""
        return self.process is not None and self.process.running

    def as_sibling(self) -> Sibling:
        """What a Docker Engine would tell of it."""
        endpoints = [f"{port}/{TLS_BEGINS.get(what, what)}" for port, what in self.ports.items()]
        return Sibling(
            identity=self.name,
            name=self.name,
            service=self.name,
            state="running" if self.running else "exited",
            started_at=self.started_at,
            addresses=(LOOPBACK,),
            # No real nginx, so no command of nginx to reload it by.
            labels={"acme-companion.endpoints": " ".join(endpoints), "acme-companion.action": "restart"},
        )


@dataclass
class ProcessSiblings:
    """Implements `ports.Siblings`. `services` by name; `stop_all` ends every process that was ever started."""

    volume: Path
    folder: Path
    base: int
    services: dict[str, Service] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Give out the ports: they stay over restarts, as a container's do."""
        self.services = {
            name: Service(name, {self.base + port: what for port, what in ports.items()})
            for name, ports in SERVICES.items()
        }

    async def list(self) -> tuple[Sibling, ...]:
        """All of them, running or not."""
        return tuple(service.as_sibling() for service in self.services.values())

    async def act(self, sibling: Sibling, action: Action) -> None:
        """Restart it, by its process id; raises `NotYet` for anything else, or when it does not come up."""
        if action.kind is not ActionKind.RESTART:
            raise NotYet(f"{sibling.name}: {action}: a process of this demo can be restarted, nothing else")
        service = self.services[sibling.identity]
        self._stop(service)
        await self.start(service)

    async def start(self, service: Service) -> None:
        """Start it and wait until every port answers; raises `NotYet` when it ends instead."""
        arguments = [f"{port}/{what}" for port, what in service.ports.items()]
        accepts = ["--accepts", service.accepts] if service.accepts else []
        command = [sys.executable, "-m", "demo.sibling", str(self.volume), *accepts, *arguments]
        log = self.folder / f"{service.name}.log"
        service.process = Process(command, log, folder=CHECKOUT)
        service.started_at = datetime.now(UTC).isoformat()
        end = asyncio.get_running_loop().time() + START_LIMIT
        while not listening(service.ports):
            if not service.process.running:
                raise NotYet(f"{service.name} ended at once: {service.process.tail(1) or 'it said nothing'}")
            if asyncio.get_running_loop().time() > end:
                raise NotYet(f"{service.name} does not listen after {START_LIMIT:g} s")
            await asyncio.sleep(PAUSE)

    def stop_all(self) -> None:
        """End every process, by its id."""
        for service in self.services.values():
            self._stop(service)

    def _stop(self, service: Service) -> None:
        if service.process:
            service.process.stop()
            service.process = None


def listening(ports: Sequence[int] | dict[int, str]) -> bool:
    """Whether every one of these ports takes connections."""
    try:
        for port in ports:
            socket.create_connection((LOOPBACK, port), timeout=1).close()
    except OSError:
        return False
    return True


def free_base(ports: Sequence[int]) -> int:
    """A number of thousands to which all `ports` can be added: 25 becomes 17025; raises `NotYet`."""
    for base in random.sample(BASES, len(BASES)):
        try:
            for port in ports:
                with socket.socket() as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind((LOOPBACK, base + port))
        except OSError:
            continue
        return base
    raise NotYet(f"no free ports for the services below {BASES.stop}")
