"""What cannot be had here: days that pass, a fixed chance, and containers; the TLS that these siblings speak is real."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from acme_companion.decide.deployment import Action, ActionKind
from acme_companion.decide.facts import Sibling
from acme_companion.decide.problems import NotYet
from demo.sibling import context_of, fingerprint
from tests.bed.process import LOOPBACK

if TYPE_CHECKING:
    from pathlib import Path

NAP = 0.02  # seconds that a sleep really takes


@dataclass
class PassingClock:
    """The machine's time, ahead by what the test lets pass and by what was slept: a sleep is short, and counts in full."""

    ahead: timedelta = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead.total_seconds()

    async def sleep(self, seconds: float) -> None:
        self.ahead += timedelta(seconds=seconds)
        await asyncio.sleep(min(seconds, NAP))

    def let_pass(self, **time_: float) -> None:
        self.ahead += timedelta(**time_)


class FixedDice:
    """Always falls on the middle."""

    def between(self, low: float, high: float) -> float:
        return (low + high) / 2


@dataclass
class TlsSibling:
    """A service that reads the volume when it starts or reloads, as a container would. `asked`: what was done to it.

    `deaf`: it says yes to a reload, and goes on with what it has. `refuses`: fingerprints of server certificates with
    which it does not start. `endless`: actions that never end; `reached` is set when one of them begins. `health`: what
    Docker says of its health check, and says from its first action on. `hidden`: in no network that we share. `name`: of the
    container, where its service has several; each of them needs its own `address`.
    """

    service: str
    volume: Path
    name: str = ""
    address: str = LOOPBACK
    deaf: bool = False
    refuses: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    endless: set[str] = field(default_factory=set)
    health: tuple[str, str] = ("", "")
    hidden: bool = False
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0
    _server: asyncio.Server | None = None

    def __post_init__(self) -> None:
        self.name = self.name or self.service

    async def start(self) -> None:
        self.stop()
        if fingerprint(self.volume / "cert.pem") in self.refuses:
            return
        context = context_of(self.volume)
        self._server = await asyncio.start_server(self._visit, self.address, self.port, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        if self._server:
            self._server.close()
            self._server = None

    async def act(self, action: Action) -> None:
        self.asked.append(str(action))
        if str(action) in self.endless:
            self.reached.set()
            await asyncio.get_running_loop().create_future()
        if not (self.deaf and action.kind is ActionKind.SIGNAL):
            await self.start()

    def as_sibling(self) -> Sibling:
        return Sibling(
            identity=self.name,
            name=self.name,
            service=self.service,
            state="running" if self._server else "exited",
            health=self.health[bool(self.asked)],
            addresses=() if self.hidden else (self.address,),
            labels={
                "acme-companion.endpoints": f"{self.port}/tls",
                "acme-companion.renewed": "signal:HUP",
                "acme-companion.changed": "restart",
            },
        )

    async def _visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read(1)
        except OSError:
            pass  # whoever it was has seen the certificate
        finally:
            writer.transport.abort()


@dataclass
class TlsSiblings:
    """Implements `ports.Siblings` for them. `unreachable`: as if no Docker answered."""

    all: tuple[TlsSibling, ...]
    unreachable: bool = False

    @property
    def asked(self) -> list[str]:
        return [f"{one.name}: {what}" for one in self.all for what in one.asked]

    async def list(self) -> tuple[Sibling, ...]:
        if self.unreachable:
            raise NotYet("Docker at unix:///nowhere does not answer")
        return tuple(one.as_sibling() for one in self.all)

    async def act(self, sibling: Sibling, action: Action) -> None:
        await next(one for one in self.all if one.name == sibling.identity).act(action)
