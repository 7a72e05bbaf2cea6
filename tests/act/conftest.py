"""One CA with its DNS for all tests of issuing that need no special knob; every test asks for names of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.act.acme_proxy import acme_proxy
from tests.bed.challtest import ChallengeTestServer
from tests.bed.pebble import THREE_PROFILES, Pebble

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.act.acme_proxy import AcmeProxy


@pytest.fixture(scope="session")
def names_dns() -> Iterator[ChallengeTestServer]:
    with ChallengeTestServer() as server:
        yield server


@pytest.fixture(scope="session")
def ca(names_dns: ChallengeTestServer) -> Iterator[Pebble]:
    """A CA without moods; the name `blocked.example.net` is against its policy."""
    with Pebble(
        dns_server=names_dns.dns_address,
        chain_length=2,
        retry_after=(0, 0),
        profiles=THREE_PROFILES,
        blocked=("blocked.example.net",),
    ) as pebble:
        yield pebble


@pytest.fixture
async def proxy(ca: Pebble) -> AsyncIterator[AcmeProxy]:
    async with acme_proxy(ca) as running:
        yield running
