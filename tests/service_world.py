"""A world for the loop: a clock that moves when a test says so, and a fake of every door that a cycle with nothing to do passes."""

from __future__ import annotations

import asyncio
import heapq
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast

from acme_companion.decide.facts import (
    Addresses,
    CaaLook,
    MailDomains,
    NameFacts,
    OwnAddresses,
    Unanswered,
)
from acme_companion.decide.memory import Held
from acme_companion.decide.problems import NotYet
from acme_companion.service import Wishes, run
from tests.builders import HOST, NOW, naming, settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator
    from contextlib import AbstractAsyncContextManager

    from acme_companion.decide.names import Name
    from acme_companion.ports import Responder, World
    from acme_companion.service import Opened

MINUTE, HALF_HOUR = 60.0, 1800.0


@dataclass
class StillClock:
    """Stands still until `run` moves it; `set` moves the wall clock alone."""

    seconds: float = 0.0
    ahead: timedelta = timedelta(0)
    sleepers: list[tuple[float, int, asyncio.Future[None]]] = field(default_factory=list)

    def now(self) -> datetime:
        return NOW + self.ahead + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        wake = asyncio.get_running_loop().create_future()
        heapq.heappush(self.sleepers, (self.seconds + seconds, id(wake), wake))
        await wake

    async def run(self, seconds: float = 0.0) -> None:
        """Let this time pass, waking every sleeper at its moment."""
        end = self.seconds + seconds
        await settled()
        while self.sleepers and self.sleepers[0][0] <= end:
            at, _, wake = heapq.heappop(self.sleepers)
            if not wake.done():
                self.seconds = max(self.seconds, at)
                wake.set_result(None)
                await settled()
        self.seconds = end


async def settled() -> None:
    """Let every task run until it waits for the clock again."""
    for _ in range(15):
        await asyncio.sleep(0)


@dataclass
class FakeWorld:
    """Every door that a cycle with nothing to do passes, and what was seen there. `at_start` is called in every cycle."""

    clock: StillClock = field(default_factory=StillClock)
    at_start: Callable[[], None] = lambda: None
    slow: bool = False
    busy: list[Exception] = field(default_factory=list)
    wish: bool = False
    hostname: str = HOST
    cycles: list[tuple[str, float]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    failed: list[datetime] = field(default_factory=list)
    beats: list[datetime] = field(default_factory=list)
    locked: bool = False
    opened_times: int = 0
    wishes: Wishes = field(default_factory=Wishes)

    def __post_init__(self) -> None:
        self.store = self.log = self.dice = self
        self.debug = self.info = self.warning = self.error = self.said.append
        self.cycle_failed = self.failed.append

    @contextmanager
    def lock(self) -> Iterator[None]:
        if self.busy:
            raise self.busy.pop(0)
        self.locked = True
        yield
        self.locked = False

    def bootstrap(self, hostname: object, _: datetime) -> tuple[str, ...]:
        self.cycles.append((str(hostname), self.clock.seconds))
        self.at_start()
        return ()

    def read(self) -> Held:
        return Held(force_renew=self.wish)

    def remember(self, _: object) -> None: ...

    def force_renew_wanted(self) -> bool:
        return self.wish

    def end_force_renew(self) -> None:
        self.wish = False

    def between(self, low: float, _: float) -> float:
        return low

    async def mail_domains(self) -> MailDomains:
        """The slow part of a cycle, for a minute."""
        await self.clock.sleep(MINUTE)
        raise NotYet("nothing more is faked")

    async def own_addresses(self, _: object) -> OwnAddresses:
        return OwnAddresses()

    async def look_at_names(self, names: Iterable[Name], *_: object) -> dict[Name, NameFacts]:
        return {name: NameFacts(name, Addresses(), CaaLook()) for name in names}

    def responding(self) -> AbstractAsyncContextManager[Responder]:
        raise NotYet("nothing can be shown")

    async def directory(self, ca: object) -> Unanswered:
        return Unanswered("nobody is asked")

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Opened]:
        self.opened_times += 1
        yield settings(naming(self.hostname), skip_acme=not self.slow), cast("World", self)


@asynccontextmanager
async def running(world: FakeWorld) -> AsyncIterator[asyncio.Task[None]]:
    """The loop in this world; stopped and gone, with the lock, when the block is left."""
    task = asyncio.create_task(run(world.open, world.wishes, world.beats.append))
    await world.clock.run()
    try:
        yield task
    finally:
        world.wishes.ask_to_stop()
        await asyncio.wait_for(task, 5)
        assert not world.locked
