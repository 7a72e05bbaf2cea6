"""One CA for all cycles, with a DNS of its own beside ours; every test has its own volume, account and names."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from tests.act.acme_proxy import acme_proxy
from tests.bed.challtest import ChallengeTestServer
from tests.bed.pebble import DAY, Pebble
from tests.cycle.fakes import TlsSibling, TlsSiblings
from tests.cycle.stack import FORBIDDEN, LONG_PROFILE, PROFILE, SHORT_PROFILE, Stack

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

_numbers = itertools.count(1)
PROFILES = {
    PROFILE: {"description": "ninety days", "validityPeriod": 90 * DAY},
    LONG_PROFILE: {"description": "a year", "validityPeriod": 365 * DAY},
    SHORT_PROFILE: {"description": "six days", "validityPeriod": 160 * DAY // 24},
}


@pytest.fixture(scope="session")
def our_dns() -> Iterator[ChallengeTestServer]:
    with ChallengeTestServer() as server:
        yield server


@pytest.fixture(scope="session")
def dns_of_the_ca() -> Iterator[ChallengeTestServer]:
    with ChallengeTestServer() as server:
        yield server


@pytest.fixture(scope="session")
def ca(dns_of_the_ca: ChallengeTestServer) -> Iterator[Pebble]:
    with Pebble(
        dns_server=dns_of_the_ca.dns_address,
        retry_after=(0, 0),
        profiles=PROFILES,
        blocked=(FORBIDDEN,),
    ) as pebble:
        yield pebble


@pytest.fixture
async def stack(
    ca: Pebble, our_dns: ChallengeTestServer, dns_of_the_ca: ChallengeTestServer, tmp_path: Path
) -> AsyncIterator[Stack]:
    """An installation; whatever a test does with it, no secret may get out."""
    volume = tmp_path / "volume"
    volume.mkdir()
    async with acme_proxy(ca) as proxy:
        made = Stack(volume, f"t{next(_numbers)}.example", ca, proxy, our_dns, dns_of_the_ca)
        yield made
        await made.end_all()
        assert made.leaked() == []


@pytest.fixture
async def siblings(stack: Stack) -> AsyncIterator[TlsSiblings]:
    """Two services with the self-signed pair, as after an installation. The first one reloads first."""
    await stack.cycle(SKIP_LETS_ENCRYPT="y")
    made = TlsSiblings(tuple(TlsSibling(name, stack.volume) for name in ("nginx-mailcow", "postfix-mailcow")))
    for one in made.all:
        await one.start()
    stack.siblings = made
    yield made
    for one in made.all:
        one.stop()
