"""A whole look at names: real DNS, a real web server, all at the same time."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from ipaddress import IPv4Address

import dns.message
import pytest
from aiohttp import web

from acme_companion.decide.facts import (
    Addresses,
    CaaLook,
    CaaRecord,
    NameFacts,
    OwnAddresses,
    ProbeReached,
    Unanswered,
)
from acme_companion.decide.memory import Authority
from acme_companion.decide.names import Name
from acme_companion.decide.settings import ChallengeType, Checks, HostPort
from acme_companion.decide.verdicts import Readiness, Verdict, judge
from acme_companion.look.names_seen import look_at_names
from acme_companion.look.reachability import Prober
from acme_companion.ports import ProbeFile
from tests.bed.challtest import ChallengeTestServer
from tests.bed.process import LOOPBACK, free_port
from tests.look.dns_answers import ScriptedDns, zone

FILE = ProbeFile("token", "content")
OWN = OwnAddresses(IPv4Address(LOOPBACK))
HERE = Addresses((IPv4Address(LOOPBACK),))


@pytest.fixture(scope="module")
def server() -> Iterator[ChallengeTestServer]:
    with ChallengeTestServer() as running:
        yield running


@pytest.fixture
async def web_port() -> AsyncIterator[int]:
    async def answer(request: web.BaseRequest) -> web.Response:
        return web.Response(text=FILE.content)

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, LOOPBACK, port).start()
    yield port
    await runner.cleanup()


NOWHERE = "ff0e::1"
"""A global multicast address: to connect fails at once on every host, as to any IPv6 address where there is no IPv6."""


def names(*texts: str) -> list[Name]:
    return [Name.parse(text) for text in texts]


async def test_facts_of_a_name(server: ChallengeTestServer, web_port: int) -> None:
    """Addresses, CAA and probe of each name, duplicates once; a stranger's name is not probed, a wildcard has no address."""
    server.add_caa("example.org", ("issue", "ca.example"))
    server.add_a("away.example.org", "9.9.9.9")
    checks = Checks(resolvers=(HostPort(LOOPBACK, server.dns_port),), http_port=web_port)
    ours, away, wildcard = names("mail.example.org", "away.example.org", "*.example.org")

    seen = await look_at_names(checks, [ours, away, ours, wildcard], OWN, FILE)

    caa = CaaLook((CaaRecord(0, "issue", "ca.example"),), "example.org")
    not_asked = Unanswered("not asked, because a wildcard or a name validated through DNS needs no address")
    assert seen == {
        ours: NameFacts(ours, HERE, caa, ProbeReached(LOOPBACK)),
        away: NameFacts(away, Addresses((IPv4Address("9.9.9.9"),)), caa, None),
        wildcard: NameFacts(wildcard, Addresses(not_asked, not_asked), caa, None),
    }


async def test_who_is_validated_through_dns_needs_no_address(
    server: ChallengeTestServer, web_port: int
) -> None:
    """The type of challenge is each name's own: one over HTTP is probed, one through DNS is asked for CAA only."""
    checks = Checks(resolvers=(HostPort(LOOPBACK, server.dns_port),), http_port=web_port)
    over_http, through_dns = names("mail.example.net", "imap.example.net")

    seen = await look_at_names(
        checks,
        [over_http, through_dns],
        OWN,
        FILE,
        lambda name: ChallengeType.DNS_01 if name == through_dns else ChallengeType.HTTP_01,
    )

    not_asked = Unanswered("not asked, because a wildcard or a name validated through DNS needs no address")
    assert seen == {
        over_http: NameFacts(over_http, HERE, CaaLook(), ProbeReached(LOOPBACK)),
        through_dns: NameFacts(through_dns, Addresses(not_asked, not_asked), CaaLook(), None),
    }


async def test_an_address_is_probed_without_dns(web_port: int) -> None:
    """STANDARDS I-1: nobody is asked for the records of an IP address; the probe goes to it, and names it as the host."""
    checks = Checks(resolvers=(HostPort(LOOPBACK, free_port()),), http_port=web_port)
    name = Name.parse_address(LOOPBACK)

    assert await look_at_names(checks, [name], OWN, FILE) == {
        name: NameFacts(name, HERE, CaaLook(), ProbeReached(LOOPBACK))
    }


async def test_a_stale_aaaa_where_we_have_no_ipv6(server: ChallengeTestServer, web_port: int) -> None:
    """The probe gets through over IPv4, as ours falls back; a CA would connect to the AAAA, of which nothing is known."""
    server.add_a("stale.example.net", LOOPBACK)
    server.add_aaaa("stale.example.net", NOWHERE)
    checks = Checks(resolvers=(HostPort(LOOPBACK, server.dns_port),), http_port=web_port)
    (name,) = names("stale.example.net")

    facts = (await look_at_names(checks, [name], OWN, FILE))[name]

    assert facts.probe == ProbeReached(LOOPBACK)
    assert judge(facts, OWN, checks, Authority()) == Verdict(
        Readiness.UNKNOWN,
        f"AAAA {NOWHERE} cannot be tried from here (no IPv6 in this container? Our probe came back over {LOOPBACK} only), and a CA "
        "connects there: set PUBLIC_IPV6 if it is this host's, else remove the record",
    )


async def test_without_a_probe_file(server: ChallengeTestServer) -> None:
    """The probe is skipped, everything else is seen."""
    checks = Checks(resolvers=(HostPort(LOOPBACK, server.dns_port),))
    (name,) = names("mail.example.net")

    assert await look_at_names(checks, [name], OWN, None) == {name: NameFacts(name, HERE, CaaLook())}


async def test_many_names_are_ready_together(server: ChallengeTestServer, web_port: int) -> None:
    """Three hundred names, more than are looked at together, are all seen and all ready."""
    checks = Checks(resolvers=(HostPort(LOOPBACK, server.dns_port),), http_port=web_port)
    many = names(*(f"imap.d{n}.example.com" for n in range(300)))

    seen = await look_at_names(checks, many, OWN, FILE)

    verdicts = {judge(seen[name], OWN, checks, Authority()).readiness for name in many}
    assert (list(seen), verdicts) == (many, {Readiness.READY})


async def test_a_resolver_that_is_down() -> None:
    """FAULTS D08: nothing is known, nothing is not ready, and the limit holds for all names together."""
    checks = Checks(resolvers=(HostPort(LOOPBACK, free_port()),), timeout=0.5)
    many = names(*(f"a{n}.example.org" for n in range(50)))
    begun = time.monotonic()

    seen = await look_at_names(checks, many, OWN, FILE)

    verdicts = {judge(facts, OWN, checks, Authority()).readiness for facts in seen.values()}
    assert verdicts == {Readiness.UNKNOWN}
    assert time.monotonic() - begun < 5


async def test_one_name_never_costs_another_its_look(web_port: int) -> None:
    """FAULTS N21: names whose servers keep silent end at the limit; the others have their answers (scripted silence)."""
    records = zone(f"good.example A {LOOPBACK}")

    def answer(query: dns.message.Message) -> list[bytes]:
        return [] if "bad" in query.question[0].to_text() else records(query)

    good, bad = names("good.example", "bad.example")
    async with ScriptedDns(answer) as scripted:
        checks = Checks(resolvers=(scripted.server,), http_port=web_port, timeout=0.4)
        seen = await asyncio.wait_for(look_at_names(checks, [bad, good], OWN, FILE), 5)

    assert seen[good] == NameFacts(good, HERE, CaaLook(), ProbeReached(LOOPBACK))
    assert isinstance(seen[bad].caa.records, Unanswered)
    assert isinstance(seen[bad].addresses.ipv4, Unanswered)


async def test_a_fault_of_ours_is_a_fact_too(
    server: ChallengeTestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a library raises for one hostile answer, looking never raises (the fault is planted)."""

    async def broken(*_: object) -> None:
        raise RuntimeError("a library's \x1b surprise")

    monkeypatch.setattr(Prober, "probe", broken)
    checks = Checks(resolvers=(HostPort(LOOPBACK, server.dns_port),))
    (name,) = names("mail.example.net")

    seen = await look_at_names(checks, [name], OWN, FILE)

    assert seen[name].probe == Unanswered("the look failed: RuntimeError 'a library\\x27s \\x1b surprise'")
