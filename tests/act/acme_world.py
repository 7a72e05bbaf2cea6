"""What tests of ACME stand on: the real clock, a log that remembers, quick keys, and a session with a CA."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from acme_companion.act.acme.authority import Session, open_authority
from acme_companion.act.challenges.http01 import Http01Solver, responding
from acme_companion.decide.memory import Authority
from acme_companion.decide.names import Name
from acme_companion.decide.pair import certificate_of, leaf_of
from acme_companion.decide.settings import Ca, ChallengeType, Http01, Http01Mode

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from acme_companion.ports import Issued, Solver, Solving
    from tests.act.acme_proxy import AcmeProxy
    from tests.bed.pebble import Pebble

NEW = Authority()


class RealClock:
    """What the command line has as well."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class LaterClock(RealClock):
    """The real clock, ahead."""

    def __init__(self, ahead: timedelta) -> None:
        self._ahead = ahead

    def now(self) -> datetime:
        return super().now() + self._ahead


@dataclass
class StepClock:
    """A clock that stands still but for sleeping, which takes no time; remembers every sleep."""

    moment: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return self.moment

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.moment += seconds
        await asyncio.sleep(0)


@dataclass
class HeardLog:
    """Remembers warnings and worse, and everything else."""

    warnings: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)

    def debug(self, text: str, /) -> None:
        self.others.append(text)

    info = debug

    def warning(self, text: str, /) -> None:
        self.warnings.append(text)

    error = warning


def new_key() -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )


ACCOUNT_KEY, CERTIFICATE_KEY = new_key(), new_key()


def names(*texts: str) -> tuple[Name, ...]:
    return tuple(Name.parse(text) for text in texts)


def some_names(count: int, below: str = "example.org") -> tuple[Name, ...]:
    return names(*(f"n{number}.{below}" for number in range(count)))


@dataclass(frozen=True)
class OneSolver:
    """A `Solving` with the same solver for every name."""

    by: Solver
    kind: ChallengeType = ChallengeType.HTTP_01

    def solver(self, name: Name) -> tuple[ChallengeType, Solver]:
        return self.kind, self.by


@asynccontextmanager
async def session_with(
    pebble: Pebble | AcmeProxy,
    *,
    remembered: Authority = NEW,
    account_key: bytes = ACCOUNT_KEY,
    http01: Http01 | None = None,
    clock: Any = None,
    log: HeardLog | None = None,
    solving: Solving | None = None,
    **changes: Any,
) -> AsyncIterator[Session]:
    """A session with a CA whose challenges we serve ourselves unless told otherwise; `changes` are `Ca` fields."""
    clock = clock or RealClock()
    # Pebble itself can stop for good when more orders are placed at the same moment.
    ca = replace(
        Ca(pebble.directory_url, ca_bundle=str(pebble.ca_bundle), timeout=30.0, orders_at_once=1), **changes
    )
    async with AsyncExitStack() as stack:
        if solving is None:
            wanted = http01 or Http01(Http01Mode.STANDALONE, port=pebble.http_port)
            solving = OneSolver(Http01Solver(await stack.enter_async_context(responding(wanted, clock))))
        yield await stack.enter_async_context(
            open_authority(ca, clock, log or HeardLog(), remembered, account_key, solving)
        )


async def issue(proxy: Pebble | AcmeProxy, *texts: str, **settings: Any) -> Issued:
    """One certificate from a session of its own; `settings` as in `session_with`."""
    async with session_with(proxy, **settings) as session:
        return await session.issue(names(*texts or ("fault.example.org",)), (), CERTIFICATE_KEY, "")


async def predecessor(order: Callable[[], Awaitable[Issued]]) -> str:
    """The renewal id of a certificate that Pebble finds again; one in 256 it does not, see `AcmeProxy`."""
    while True:
        leaf = leaf_of((await order()).chain_pem)
        if leaf.serial_number.bit_length() != 56:
            return certificate_of(leaf).renewal_id
