"""Resolvers that are silent, lie, cut short or explain. All scripted: challtestsrv does none of this."""

import asyncio
import time
from collections.abc import Callable
from ipaddress import ip_address

import dns.flags
import dns.message
import dns.rcode
import pytest
from dns.rdatatype import CAA, A

from acme_companion.decide.facts import Unanswered
from acme_companion.decide.settings import HostPort
from acme_companion.look.dns_messages import Reply
from acme_companion.look.resolvers import Resolvers, system_resolvers
from tests.bed.process import LOOPBACK, free_port
from tests.look.dns_answers import ScriptedDns, cut_short, extended_error, reply, zone

GOOD = zone("a.example A 192.0.2.1")


def nobody(query: dns.message.Message) -> list[bytes]:
    return []


def said(answer: Reply | Unanswered) -> str:
    """The first record of a reply, or why there is none."""
    if isinstance(answer, Unanswered):
        return answer.why
    if answer.addresses:
        return str(ip_address(answer.addresses[0]))
    return answer.message.answer[0][0].to_text() if answer.message else answer.rcode.name


async def test_truncated_then_tcp() -> None:
    """FAULTS D16, RFC 7766: what UDP cut short is asked over TCP."""
    async with ScriptedDns(cut_short, GOOD) as scripted, Resolvers((scripted.server,), 5) as resolvers:
        assert said(await resolvers.ask("a.example", A)) == "192.0.2.1"


async def test_a_big_set_over_tcp() -> None:
    """FAULTS D09: a hundred CAA records do not fit UDP."""
    records = zone(*(f'a.example CAA 0 issue "ca{n}.example"' for n in range(100)))
    async with ScriptedDns(cut_short, records) as scripted, Resolvers((scripted.server,), 5) as resolvers:
        answer = await resolvers.ask("a.example", CAA)

    assert isinstance(answer, Reply)
    assert answer.message
    assert sum(len(rrset) for rrset in answer.message.answer) == 100


async def test_truncated_without_tcp() -> None:
    """FAULTS D01: no TCP there is its own sentence."""
    async with ScriptedDns(cut_short) as scripted, Resolvers((scripted.server,), 5) as resolvers:
        why = said(await resolvers.ask("a.example", A))

    assert why.startswith("DNS, A of a.example: a reply cut short for UDP, and no answer over TCP (")


async def test_silence_has_a_limit() -> None:
    """A resolver that never answers costs the time limit, no more, and is named."""
    async with ScriptedDns(nobody) as scripted, Resolvers((scripted.server,), 0.2) as resolvers:
        begun = time.monotonic()
        why = said(await resolvers.ask("a.example", A))

    assert why == f"DNS, A of a.example: no answer from {scripted.server} within 0.2 s"
    assert time.monotonic() - begun < 2


async def test_silence_holds_up_nobody() -> None:
    """FAULTS N21: hundreds of names whose servers keep silent do not hold up a good one behind them."""

    def tarpit(query: dns.message.Message) -> list[bytes]:
        return GOOD(query) if query.question[0].name.to_text() == "a.example." else []

    async with ScriptedDns(tarpit) as scripted, Resolvers((scripted.server,), 3) as resolvers:
        silent = [asyncio.create_task(resolvers.ask(f"t{n}.example", A)) for n in range(150)]
        begun = time.monotonic()
        assert said(await resolvers.ask("a.example", A)) == "192.0.2.1"
        waited = time.monotonic() - begun
        for task in silent:
            task.cancel()
        await asyncio.gather(*silent, return_exceptions=True)

    assert waited < 2


async def test_the_next_resolver_answers() -> None:
    """One of two is silent, or refuses: the other one's answer counts."""

    def refusing(query: dns.message.Message) -> list[bytes]:
        return [reply(query, rcode=dns.rcode.REFUSED).to_wire()]

    for first in (nobody, refusing):
        async with (
            ScriptedDns(first) as bad,
            ScriptedDns(GOOD) as good,
            Resolvers((bad.server, good.server), 5) as resolvers,
        ):
            assert said(await resolvers.ask("a.example", A)) == "192.0.2.1"


async def test_all_refuse() -> None:
    """FAULTS D01: each resolver's reason is told; nobody waits for the limit."""
    closed = HostPort(LOOPBACK, free_port())

    def refusing(query: dns.message.Message) -> list[bytes]:
        return [reply(query, rcode=dns.rcode.REFUSED).to_wire()]

    async with ScriptedDns(refusing) as bad, Resolvers((bad.server, closed), 30) as resolvers:
        why = said(await resolvers.ask("a.example", A))

    assert why == f"DNS, A of a.example: REFUSED from {bad.server}; Connection refused from {closed}"


async def test_a_slow_answer_counts() -> None:
    """An answer that comes after the question was sent again is as good."""
    held: list[bytes] = []

    def late(query: dns.message.Message) -> list[bytes]:
        held.extend(GOOD(query))
        return held[:1] if len(held) > 1 else []  # the answer to the first packet, when the second one comes

    async with ScriptedDns(late) as scripted, Resolvers((scripted.server,), 5) as resolvers:
        assert said(await resolvers.ask("a.example", A)) == "192.0.2.1"


@pytest.mark.parametrize("code", [6, 7, 9])
async def test_dnssec_broken(code: int) -> None:
    """FAULTS D03: the resolver says bogus (RFC 8914), so no other resolver is believed instead."""

    def bogus(query: dns.message.Message) -> list[bytes]:
        return [extended_error(query, code, "bad \x1b[31m signature")]

    async with (
        ScriptedDns(bogus) as strict,
        ScriptedDns(GOOD) as lenient,
        Resolvers((strict.server, lenient.server), 5) as resolvers,
    ):
        why = said(await resolvers.ask("a.example", A))

    kinds = {6: "dnssec bogus", 7: "signature expired", 9: "dnskey missing"}
    assert why == (
        "DNSSEC of a.example is broken (or of a zone above it), and CAs validate it too: repair its keys, signatures or DS record: "
        f"A of a.example: {strict.server} says SERVFAIL: {kinds[code]} 'bad \\x1b[31m signature'"
    )


async def test_another_extended_error() -> None:
    """An extended error that is not about DNSSEC is told with the rcode."""
    async with (
        ScriptedDns(lambda query: [extended_error(query, 22, "")]) as scripted,
        Resolvers((scripted.server,), 5) as resolvers,
    ):
        why = said(await resolvers.ask("a.example", A))

    assert why == f"DNS, A of a.example: SERVFAIL: no reachable authority from {scripted.server}"


async def test_forged_replies_are_passed_over() -> None:
    """FAULTS D16: wrong id, wrong question, a query instead of a reply, noise: the real reply behind them counts."""

    def forging(query: dns.message.Message) -> list[bytes]:
        real = GOOD(query)[0]
        wrong_id = bytes([real[0] ^ 1]) + real[1:]
        other = dns.message.make_query("b.example", "A", id=query.id)
        wrong_question = reply(other, "b.example A 192.0.2.66").to_wire()
        return [b"", b"\0" * 5, wrong_id, wrong_question, query.to_wire(), real[:11], real]

    async with ScriptedDns(forging) as scripted, Resolvers((scripted.server,), 5) as resolvers:
        assert said(await resolvers.ask("a.example", A)) == "192.0.2.1"


@pytest.mark.parametrize(
    ("packet", "why"),
    [
        pytest.param(
            lambda query: GOOD(query)[0][:-20], "a reply that cannot be read ('DNS message is malformed.')", id="malformed"
        ),
        pytest.param(
            lambda query: dns.message.make_response(query).to_wire(),
            "a referral instead of an answer (no recursion for us?)",
            id="lame",
        ),
        pytest.param(
            lambda query: query.to_wire()[:2] + b"\x80\x05" + b"\0" * 8, "REFUSED", id="a refusal without its question"
        ),
    ],
)  # fmt: skip
async def test_useless_replies(packet: Callable[[dns.message.Message], bytes], why: str) -> None:
    """FAULTS D01, D16: a reply that is no answer is said at once, with its server."""
    async with (
        ScriptedDns(lambda query: [packet(query)]) as scripted,
        Resolvers((scripted.server,), 30) as resolvers,
    ):
        assert (
            said(await resolvers.ask("a.example", A)) == f"DNS, A of a.example: {why} from {scripted.server}"
        )


async def test_one_question_for_all_who_ask() -> None:
    """Who asks the same meanwhile, in any case, shares the answer; one who gives up takes nothing from the others."""
    async with ScriptedDns(GOOD) as scripted, Resolvers((scripted.server,), 5) as resolvers:
        impatient = asyncio.create_task(resolvers.ask("a.example", A))
        others = [asyncio.create_task(resolvers.ask(text, A)) for text in ("A.Example", "a.example.")]
        await asyncio.wait([impatient], timeout=0)
        impatient.cancel()
        answers = [said(await other) for other in others]

    assert (answers, scripted.asked) == (["192.0.2.1"] * 2, ["a.example. IN A"])


async def test_no_resolver_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither settings nor system name one: said, not raised."""
    monkeypatch.setattr("acme_companion.look.resolvers.system_resolvers", lambda: ())
    async with Resolvers((), 5) as resolvers:
        why = said(await resolvers.ask("a.example", A))

    assert why == "DNS: no resolver is configured, neither in the settings nor in /etc/resolv.conf"


def test_the_system_has_resolvers_or_none() -> None:
    """Reading /etc/resolv.conf never raises."""
    assert all(isinstance(server, HostPort) for server in system_resolvers())
