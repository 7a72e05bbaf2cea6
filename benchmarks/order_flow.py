"""One certificate in process, from its order to its checked chain: the companion's flow beside the bound's.

Both serve their challenges in this process, over as many connections, after they signed in and before anything is stored.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple, Self

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from acme_companion.act.acme.authority import open_authority
from acme_companion.act.challenges.http01 import Http01Solver, responding
from acme_companion.act.challenges.solving import SolverByName
from acme_companion.decide.memory import Authority
from acme_companion.decide.names import Name
from acme_companion.decide.settings import Ca, ChallengeType, Http01, Http01Mode
from benchmarks import bound
from benchmarks.challenge_server import ChallengeServer
from benchmarks.connections import Connections

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from acme_companion.ports import Responder, Solving
    from benchmarks.stage import Stage

ORDERS_AT_ONCE = 2
SETTLE = 0.05  # seconds between two flows, for what the last one left to close


class Took(NamedTuple):
    """Seconds, and seconds of this process's CPU: the client's and the challenge server's."""

    seconds: float
    cpu_seconds: float

    @classmethod
    def now(cls) -> Self:
        """A moment to count from."""
        return cls(time.perf_counter(), time.process_time())

    def since(self) -> Self:
        """What passed since this moment."""
        return type(self)(*(end - begin for begin, end in zip(self, self.now(), strict=True)))


class Clock:
    """The passing of time."""

    def now(self) -> datetime:
        """The wall clock."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never run backwards."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


class Silence:
    """A log that nobody reads."""

    def debug(self, text: str, /) -> None:
        """Say nothing."""

    info = warning = error = debug


class OrderFlows:
    """The two flows at one CA, each with its account; every call takes `orders`, a list of names each, side by side."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._accounts = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._remembered = Authority()
        self._account = ""

    async def bound(self, orders: Sequence[Sequence[str]], connections: int = bound.CONNECTIONS) -> Took:
        """What the bound took; its account is registered with the first call."""
        stage = self._stage
        pool = Connections(stage.directory_url, stage.ca_bundle, connections)
        async with ChallengeServer(stage.http_port) as challenges, pool:
            client = bound.Bound(
                pool, bound.Key(self._accounts[0]), challenges, asyncio.Semaphore(ORDERS_AT_ONCE)
            )
            await client.open(stage.directory_url, self._account)
            self._account = client.account
            started = Took.now()
            await asyncio.gather(*(bound.certificate(client, names, self._key) for names in orders))
            took = started.since()
        await asyncio.sleep(SETTLE)
        return took

    async def companion(self, orders: Sequence[Sequence[str]]) -> Took:
        """What the companion took; its account is registered with the first call."""
        stage, clock = self._stage, Clock()
        ca = Ca(
            stage.directory_url, ca_bundle=str(stage.ca_bundle), orders_at_once=ORDERS_AT_ONCE, timeout=120
        )
        account_key, certificate_key = _pem(self._accounts[1]), _pem(self._key)
        parsed = [tuple(Name.parse(name) for name in names) for names in orders]
        async with (
            responding(Http01(Http01Mode.STANDALONE, port=stage.http_port), clock) as responder,
            open_authority(
                ca, clock, Silence(), self._remembered, account_key, _over_http(responder, parsed)
            ) as session,
        ):
            self._remembered = await session.knowledge()
            started = Took.now()
            await asyncio.gather(*(session.issue(names, (), certificate_key, "") for names in parsed))
            took = started.since()
        await asyncio.sleep(SETTLE)
        return took


def _over_http(responder: Responder, orders: Iterable[Iterable[Name]]) -> Solving:
    solver = Http01Solver(responder)
    return SolverByName({name: (ChallengeType.HTTP_01, solver) for names in orders for name in names})


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
