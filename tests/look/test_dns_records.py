"""Addresses and CAA records, from pebble-challtestsrv where it can show the case."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

import dns.rcode
import pytest
from dns.rdatatype import A

from acme_companion.decide.facts import Addresses, CaaLook, CaaRecord, Unanswered
from acme_companion.decide.settings import HostPort
from acme_companion.look.dns_records import addresses, caa
from acme_companion.look.resolvers import Resolvers
from tests.bed.challtest import ChallengeTestServer
from tests.bed.process import LOOPBACK
from tests.look.dns_answers import ScriptedDns, zone

ONE, TWO = IPv4Address("192.0.2.1"), IPv4Address("192.0.2.2")
SIX = IPv6Address("2001:db8::1")


@pytest.fixture(scope="module")
def server() -> Iterator[ChallengeTestServer]:
    with ChallengeTestServer(default_ipv4="") as running:
        yield running


def resolvers(server: ChallengeTestServer, limit: float = 5.0) -> Resolvers:
    return Resolvers((HostPort(LOOPBACK, server.dns_port),), limit)


async def test_all_addresses(server: ChallengeTestServer) -> None:
    """Every A and AAAA record counts."""
    server.add_a("all.example", str(ONE), str(TWO))
    server.add_aaaa("all.example", str(SIX))
    async with resolvers(server) as dns:
        found = await addresses(dns, "all.example")

    assert isinstance(found.ipv4, tuple)
    assert (sorted(found.ipv4), found.ipv6, found.via, found.missing) == ([ONE, TWO], (SIX,), (), "")


async def test_an_alias_is_followed(server: ChallengeTestServer) -> None:
    """A CNAME's target has the addresses; the chain is told."""
    server.add_a("target.example", str(ONE))
    server.set_cname("alias.example", "target.example")
    async with resolvers(server) as dns:
        found = await addresses(dns, "alias.example")

    assert found == Addresses((ONE,), (), ("target.example",))


async def test_no_address(server: ChallengeTestServer) -> None:
    """NODATA for both families is said once, as a sentence."""
    async with resolvers(server) as dns:
        found = await addresses(dns, "none.example")

    assert found == Addresses(missing="none.example has no address in DNS (neither A nor AAAA)")


async def test_a_resolver_that_fails(server: ChallengeTestServer) -> None:
    """SERVFAIL says nothing about the name; rcode and server are told."""
    server.set_servfail("broken.example")
    async with resolvers(server) as dns:
        found = await addresses(dns, "broken.example")

    why = "DNS, {} of broken.example: SERVFAIL from " + server.dns_address
    assert found == Addresses(Unanswered(why.format("A")), Unanswered(why.format("AAAA")))


async def test_caa_climbs_to_the_first_set(server: ChallengeTestServer) -> None:
    """RFC 8659 section 3: the nearest ancestor that has any governs alone."""
    server.add_caa("climb.example", ("issue", "one.example"), ("iodef", "mailto:a@b.example"))
    server.add_caa("a.b.climb.example", ("issue", ";"))
    async with resolvers(server) as dns:
        far = await caa(dns, "x.b.climb.example")
        near = await caa(dns, "x.a.b.climb.example")
        itself = await caa(dns, "climb.example")

    records = (CaaRecord(0, "issue", "one.example"), CaaRecord(0, "iodef", "mailto:a@b.example"))
    assert isinstance(far.records, tuple)
    assert (set(far.records), far.found_at) == (set(records), "climb.example")
    assert near == CaaLook((CaaRecord(0, "issue", ";"),), "a.b.climb.example")
    assert itself == far


async def test_caa_at_the_top_level_domain(server: ChallengeTestServer) -> None:
    """The climb ends below the root, and includes the top-level domain."""
    server.add_caa("brand", ("issue", "one.example"))
    async with resolvers(server) as dns:
        found = await caa(dns, "mail.brand")
        nothing = await caa(dns, "mail.nobrand")

    assert (found, nothing) == (CaaLook((CaaRecord(0, "issue", "one.example"),), "brand"), CaaLook())


async def test_a_failing_step_ends_the_climb(server: ChallengeTestServer) -> None:
    """FAULTS D10: a CA that cannot read a step refuses; what lies above it does not count."""
    server.set_servfail("fail.example")
    server.add_caa("example", ("issue", "one.example"))
    async with resolvers(server) as dns:
        found = await caa(dns, "a.fail.example")
    server.clear_caa("example")

    assert found == CaaLook(Unanswered(f"DNS, CAA of fail.example: SERVFAIL from {server.dns_address}"))


async def test_a_parent_is_asked_once(server: ChallengeTestServer) -> None:
    """Names of one domain share the question about it, also while it is under way."""
    async with resolvers(server) as dns:
        for prefix in ("a", "b", "c"):
            await caa(dns, f"{prefix}.shared.example")

    asked = [entry["question"] for entry in map(lower_keys, server.dns_history("shared.example"))]
    assert len(asked) == 1


def lower_keys(entry: dict[str, object]) -> dict[str, object]:
    return {key.lower(): value for key, value in entry.items()}


async def test_a_chain_that_is_left_to_us() -> None:
    """A resolver that answers each CNAME alone (challtestsrv follows the first itself): we go on asking."""
    records = zone("a.example CNAME b.example.", "b.example CNAME c.example.", "c.example A 192.0.2.1")
    async with ScriptedDns(records) as scripted, Resolvers((scripted.server,), 5) as dns:
        found = await addresses(dns, "a.example")

    assert found == Addresses((ONE,), (), ("b.example", "c.example"))


async def test_a_loop_of_aliases() -> None:
    """FAULTS D02: reported, and left (challtestsrv makes none)."""
    records = zone("a.example CNAME b.example.", "b.example CNAME a.example.")
    async with ScriptedDns(records) as scripted, Resolvers((scripted.server,), 5) as dns:
        found = await addresses(dns, "a.example")

    assert found.missing == "a.example is an alias (CNAME) in a loop: a.example → b.example → a.example"


async def test_a_chain_that_is_too_long() -> None:
    """FAULTS D02: twenty aliases are not followed to their end (challtestsrv chains none)."""
    links = [f"a{n}.example CNAME a{n + 1}.example." for n in range(20)]
    async with (
        ScriptedDns(zone(*links, "a20.example A 192.0.2.1")) as scripted,
        Resolvers((scripted.server,), 5) as dns,
    ):
        found = await addresses(dns, "a0.example")

    assert (found.ipv4, found.missing) == ((), "a0.example leads over more than 16 aliases (CNAME)")


async def test_an_alias_of_nothing() -> None:
    """FAULTS D02: a CNAME whose target does not exist (challtestsrv knows no NXDOMAIN)."""
    records = zone("a.example CNAME gone.example.", missing=dns.rcode.NXDOMAIN)
    async with ScriptedDns(records) as scripted, Resolvers((scripted.server,), 5) as asked:
        found = await addresses(asked, "a.example")
        never = await addresses(asked, "never.example")

    assert (
        found.missing
        == "a.example is an alias (CNAME) of gone.example, which does not exist in DNS (NXDOMAIN)"
    )
    assert never.missing == "never.example does not exist in DNS (NXDOMAIN)"


async def test_caa_of_an_alias() -> None:
    """RFC 8659 section 3: a CNAME at a step is followed, its target's parents are not climbed."""
    records = zone(
        "a.example CNAME x.y.other.",
        'x.y.other CAA 128 issue "one.example"',
        "b.example CNAME z.y.other.",
        'y.other CAA 0 issue "two.example"',
    )
    async with ScriptedDns(records) as scripted, Resolvers((scripted.server,), 5) as dns:
        found = await caa(dns, "a.example")
        nothing = await caa(dns, "b.example")

    assert (found, nothing) == (CaaLook((CaaRecord(128, "issue", "one.example"),), "x.y.other"), CaaLook())


async def test_text_that_is_no_name() -> None:
    """A label of 64 characters cannot be asked; that is said at once."""
    async with Resolvers((HostPort(LOOPBACK, 9),), 5) as dns:
        answer = await dns.ask("a" * 64 + ".example", A)

    assert isinstance(answer, Unanswered)
    assert answer.why.startswith("DNS cannot be asked for A of aaaa")
