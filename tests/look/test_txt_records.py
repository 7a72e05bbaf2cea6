"""TXT records as a real BIND and its secondary have them; a scripted server only for lies and silence."""

from __future__ import annotations

import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from dns.flags import AA, RD
from dns.rcode import REFUSED

from acme_companion.decide.facts import AuthoritativeServer, Unanswered, ZoneLook
from acme_companion.decide.settings import Checks, HostPort
from acme_companion.look.txt_records import TxtLooks, open_txt_looks
from tests.bed.bind import Bind, Zone
from tests.bed.process import LOOPBACK
from tests.look.dns_answers import ScriptedDns, cut_short, reply, zone

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

SERVERS = {"ns1": LOOPBACK, "ns2": "::1"}
ONE, TWO = AuthoritativeServer("ns1.looks.example", LOOPBACK), AuthoritativeServer("ns2.looks.example", "::1")
PARENT = Zone(
    "looks.example",
    SERVERS,
    (
        "_acme-challenge.one CNAME two",
        "two CNAME deep.part",
        "* CNAME host",
        "*.host CNAME elsewhere.example.",
        "_acme-challenge.host CNAME _acme-challenge.own.else.example.",
        "loop CNAME pool",
        "pool CNAME loop",
        "alias CNAME _acme-challenge.nowhere.else.example.",
        "host A 192.0.2.1",
        "long TXT " + " ".join(f'"{letter * 200}"' for letter in "abc"),
        *(f'many TXT "{number:04}{"x" * 90}"' for number in range(40)),
    ),
)
CHILD = Zone("part.looks.example", {"ns1": LOOPBACK}, ('deep TXT "of the child"',))


@pytest.fixture(scope="module")
def primary() -> Iterator[Bind]:
    with Bind(PARENT, CHILD, Zone("else.example")) as running:
        yield running


@pytest.fixture(scope="module")
def secondary(primary: Bind) -> Iterator[Bind]:
    with Bind(PARENT, address="::1", port=primary.port, primary=LOOPBACK) as running:
        yield running


@asynccontextmanager
async def looking(resolver: HostPort, dns_port: int = 53, limit: float = 5.0) -> AsyncIterator[TxtLooks]:
    async with open_txt_looks(Checks(resolvers=(resolver,), dns_port=dns_port, timeout=limit)) as looks:
        yield looks


@pytest.fixture
async def looks(primary: Bind, secondary: Bind) -> AsyncIterator[TxtLooks]:
    async with looking(HostPort(LOOPBACK, primary.port), primary.port) as made:
        yield made


@pytest.mark.parametrize(
    ("owner", "target"),
    [
        pytest.param("_acme-challenge.ns1.looks.example", "_acme-challenge.ns1.looks.example", id="no alias"),
        pytest.param("_acme-challenge.looks.example", "_acme-challenge.looks.example", id="a wildcard's alias is no delegation"),
        pytest.param("_acme-challenge.host.looks.example", "_acme-challenge.own.else.example", id="beside a wildcard's alias"),
        pytest.param("_acme-challenge.one.looks.example", "deep.part.looks.example", id="two aliases, into another zone"),
        pytest.param("alias.looks.example", "_acme-challenge.nowhere.else.example", id="to what is not there yet"),
        pytest.param("loop.looks.example",
                     Unanswered("loop.looks.example is an alias (CNAME) in a loop: loop.looks.example → pool.looks.example → "
                                "loop.looks.example"), id="a loop"),
    ],
)  # fmt: skip
async def test_aliases_are_followed_to_their_end(looks, owner, target):
    """A CNAME of `_acme-challenge` delegates it (FAULTS D14)."""
    assert await looks.target(owner) == target


@pytest.mark.parametrize(
    ("owner", "found"),
    [
        pytest.param("_acme-challenge.host.looks.example", ZoneLook("looks.example", (ONE, TWO)), id="below a host"),
        pytest.param("looks.example", ZoneLook("looks.example", (ONE, TWO)), id="the apex itself"),
        pytest.param("deep.part.looks.example",
                     ZoneLook("part.looks.example", (AuthoritativeServer("ns1.part.looks.example", LOOPBACK),)), id="a zone below"),
        pytest.param("x.two.looks.example", ZoneLook("looks.example", (ONE, TWO)),
                     id="below an alias, whose target's zone is another"),
        pytest.param("a.b.unknown.test", Unanswered("DNS knows no zone that a.b.unknown.test is in"), id="no zone at all"),
    ],
)  # fmt: skip
async def test_the_zone_is_found_by_its_soa(looks, owner, found):
    """The first name upwards with an SOA of its own, and every address of its servers, IPv4 and IPv6."""
    assert await looks.zone(owner) == found


async def test_each_server_is_asked_for_itself(looks, primary, secondary):
    """A secondary that is late says so, whatever the primary has."""
    owner = "_acme-challenge.lag.looks.example"
    primary.add("looks.example", f"{owner}.", "TXT", '"new"')
    assert [await looks.txt([owner], server) for server in (ONE, TWO)] == [{owner: ("new",)}, {owner: ()}]
    assert await looks.latest(owner) == ("new",)
    assert await looks.txt([owner]) == {owner: ("new",)}


async def test_long_values_and_long_answers(looks):
    """Strings of one record are one value; what UDP cuts off comes over TCP."""
    found = await looks.txt(["long.looks.example", "many.looks.example"], ONE)
    assert found["long.looks.example"] == ("a" * 200 + "b" * 200 + "c" * 200,)
    assert len(found["many.looks.example"]) == 40


async def test_latest_follows_aliases(looks):
    """What a CA would find at the end of them."""
    assert await looks.latest("_acme-challenge.one.looks.example") == ("of the child",)


async def test_an_answer_without_authority_is_no_witness():
    """A cache in between, or a server that does not have the zone, says nothing about the zone's own servers."""
    packets = zone('a.example TXT "old"')
    async with ScriptedDns(packets) as dns, looking(dns.server, dns.server.port) as looks:
        found = (await looks.txt(["a.example"], AuthoritativeServer("ns.example", LOOPBACK)))["a.example"]
        assert found == Unanswered(
            "it does not hold the zone: the answer has no authority (AA), as one from a cache in between"
        )
        assert await looks.txt(["a.example"]) == {"a.example": ("old",)}


async def test_authoritative_servers_are_asked_without_recursion():
    """So that a server that is a resolver as well answers from its zone."""
    flags = []

    def answer(query):
        flags.append(bool(query.flags & RD))
        answered = reply(query, 'a.example TXT "v"')
        answered.flags |= AA
        return [answered.to_wire()]

    server = AuthoritativeServer("ns.example", LOOPBACK)
    async with ScriptedDns(answer) as dns, looking(dns.server, dns.server.port) as looks:
        assert await looks.txt(["a.example"], server) == {"a.example": ("v",)}
        await looks.txt(["a.example"])
    assert flags == [False, True]


async def test_a_server_that_refuses_or_cuts_short_is_no_answer():
    """REFUSED is what servers say that were never told of the zone."""
    server = AuthoritativeServer("ns.example", LOOPBACK)

    def refuse(query):
        return [reply(query, rcode=REFUSED).to_wire()]

    for packets in (refuse, cut_short):
        async with ScriptedDns(packets) as dns, looking(dns.server, dns.server.port) as looks:
            assert isinstance((await looks.txt(["a.example"], server))["a.example"], Unanswered)


async def test_a_resolver_that_fails_is_told():
    """Nothing raises; the sentence names who was asked."""
    with socket.socket(type=socket.SOCK_DGRAM) as silent:
        silent.bind((LOOPBACK, 0))
        resolver = HostPort(LOOPBACK, silent.getsockname()[1])
        async with looking(resolver, limit=0.2) as looks:
            for found in (
                await looks.target("a.example"),
                await looks.zone("a.example"),
                await looks.latest("a.example"),
            ):
                assert isinstance(found, Unanswered)
                assert str(resolver) in found.why
