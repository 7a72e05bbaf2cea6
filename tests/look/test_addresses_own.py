"""Our own public addresses, told by real services on loopback, over one family each."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from ipaddress import IPv4Address, IPv6Address

import pytest
from aiohttp import web

from acme_companion.decide.facts import OwnAddresses
from acme_companion.decide.settings import Checks, HostPort
from acme_companion.look.own_addresses import own_addresses
from tests.bed.challtest import ChallengeTestServer
from tests.bed.process import LOOPBACK, free_port

FOUR, SIX = IPv4Address("1.2.3.4"), IPv6Address("2606:4700::1")
NOBODY = OwnAddresses()


@asynccontextmanager
async def service(ipv4: str | None, ipv6: str | None = None, *, status: int = 200) -> AsyncIterator[str]:
    """A service on both families under the name `who.example`; None: it never answers over that family."""

    def answering(text: str | None) -> web.Server:
        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            if text is None:
                await asyncio.Event().wait()
            return web.Response(text=text, status=status)

        return web.Server(answer)

    port = free_port()
    async with AsyncExitStack() as stack:
        for host, text in ((LOOPBACK, ipv4), ("::1", ipv6)):
            runner = web.ServerRunner(answering(text), shutdown_timeout=0.1)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, host, port).start()
        yield f"http://who.example:{port}/"


@pytest.fixture(scope="module")
def resolver() -> Iterator[HostPort]:
    with ChallengeTestServer(default_ipv4=LOOPBACK, default_ipv6="::1") as dns:
        yield HostPort(LOOPBACK, dns.dns_port)


def checks(resolver: HostPort, *services: str, timeout: float = 5.0) -> Checks:
    return Checks(public_ip_services=services, resolvers=(resolver,), timeout=timeout)


async def test_each_family_is_asked_over_itself(resolver: HostPort) -> None:
    """The same service tells both, because each connection is of one family."""
    async with service("1.2.3.4\n", "2606:4700::1") as one, service("1.2.3.4", "2606:4700::1\n") as two:
        assert await own_addresses(checks(resolver, one, two), NOBODY) == OwnAddresses(FOUR, SIX)


async def test_two_that_agree_are_enough(resolver: HostPort) -> None:
    """A third service that never answers costs nothing."""
    both = ("1.2.3.4", "2606:4700::1")
    async with service(*both) as one, service(*both) as two, service(None) as silent:
        asking = own_addresses(checks(resolver, silent, one, two, timeout=30), NOBODY)
        assert await asyncio.wait_for(asking, 5) == OwnAddresses(FOUR, SIX)


async def test_nobody_answers(resolver: HostPort) -> None:
    """Remembered addresses are used, and the reasons told; a URL's password is not."""
    closed = free_port()
    async with (
        service("10.0.0.1", "::1") as private,
        service("x", status=500) as broken,
        service(None) as silent,
    ):
        secret = f"http://user:hush@{LOOPBACK}:{closed}/"
        asked = checks(resolver, private, broken, silent, secret, "no url", timeout=0.5)
        found = await own_addresses(asked, OwnAddresses(FOUR))

    assert (found.ipv4, found.ipv6, found.remembered) == (FOUR, None, (FOUR,))
    for part in (
        "public IPv4: nobody could tell (",
        "who.example answered 10.0.0.1, which is not a public address",
        "who.example answered 500",
        "did not answer in time",
        "Connection refused",
        "an entry is not a URL",
        "1.2.3.4 was ours before",
        "public IPv6: not known (",
        "127.0.0.1 is an address of the other family",
    ):
        assert part in found.why
    assert "hush" not in found.why


async def test_fixed_addresses_win(resolver: HostPort) -> None:
    """What the settings say is not asked; IPv6 that is off is not asked either."""
    asked = Checks(
        public_ipv4=FOUR, ipv6=False, public_ip_services=("http://x.example/",), resolvers=(resolver,)
    )
    assert await own_addresses(asked, NOBODY) == OwnAddresses(
        FOUR, None, "public IPv6: not asked, IPv6 is off in this stack"
    )
    assert await own_addresses(Checks(public_ipv4=FOUR, public_ipv6=SIX), NOBODY) == OwnAddresses(FOUR, SIX)


async def test_a_service_that_talks_too_much(resolver: HostPort) -> None:
    """A long answer is cut and refused."""
    async with service("1" * 1_000_000, "1" * 257) as one:
        found = await own_addresses(checks(resolver, one), NOBODY)
    assert found == OwnAddresses(
        None,
        None,
        "public IPv4: not known (who.example answered more than 256 bytes); "
        "public IPv6: not known (who.example answered more than 256 bytes)",
    )
