"""Issuing from a real CA: everything goes well, or as badly as Pebble can make it."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from cryptography import x509

from acme_companion.decide.limits.requests import CONNECTIONS
from acme_companion.decide.names import Name
from acme_companion.decide.pair import Pair, leaf_of
from acme_companion.decide.problems import NameRefusals, Refused
from acme_companion.decide.settings import Http01
from tests.act.acme_world import CERTIFICATE_KEY, names, predecessor, session_with, some_names
from tests.bed.pebble import Pebble
from tests.bed.process import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from acme_companion.ports import Issued
    from tests.act.acme_proxy import AcmeProxy
    from tests.bed.challtest import ChallengeTestServer


@pytest.fixture
def nowhere(names_dns: ChallengeTestServer) -> Iterator[str]:
    """A name that DNS servers fail to answer for."""
    host = "nowhere.example.net"
    names_dns.set_servfail(host)
    yield host
    names_dns.clear_servfail(host)


@pytest.fixture
async def webroot(ca: Pebble, tmp_path: Path) -> AsyncIterator[Path]:
    """A folder that a web server shows where CAs look; nginx does so in the mail stack."""
    application = web.Application()
    application.router.add_static("/.well-known/acme-challenge/", tmp_path)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, LOOPBACK, ca.http_port).start()
    yield tmp_path
    await runner.cleanup()


def sans(issued: Issued) -> set[str]:
    return {name.text for name in Pair(CERTIFICATE_KEY, issued.chain_pem).certificate().names}


async def test_certificate_has_exactly_the_names_and_its_chain(ca: Pebble) -> None:
    """What is issued is for our key and our names, with every intermediate below the root."""
    wanted = names("Mail.Plain.example.org", "imap.plain.example.org")
    async with session_with(ca) as session:
        issued = await session.issue(wanted, wanted, CERTIFICATE_KEY, "")

    assert sans(issued) == {"mail.plain.example.org", "imap.plain.example.org"}
    assert issued.left_out == {}
    assert len(x509.load_pem_x509_certificates(issued.chain_pem)) == 3
    request = x509.load_pem_x509_csr(issued.csr_pem)
    assert request.subject.rfc4514_string() == "CN=mail.plain.example.org"


async def test_long_first_name_is_no_common_name(ca: Pebble) -> None:
    """A common name holds 64 characters at most, so a longer first name stands among the SANs only."""
    wanted = names(f"{'a' * 50}.{'b' * 20}.example.org")
    async with session_with(ca) as session:
        issued = await session.issue(wanted, (), CERTIFICATE_KEY, "")

    assert x509.load_pem_x509_csr(issued.csr_pem).subject.rfc4514_string() == ""


async def test_webroot_mode_leaves_nothing_behind(ca: Pebble, webroot: Path) -> None:
    """The stack's web server shows the files while they are needed; then they are gone."""
    async with session_with(ca, http01=Http01(webroot=str(webroot))) as session:
        issued = await session.issue(some_names(10, "webroot.example.org"), (), CERTIFICATE_KEY, "")

    assert len(sans(issued)) == 10
    assert list(webroot.iterdir()) == []


async def test_bad_name_is_left_out_with_one_more_order(proxy: AcmeProxy, nowhere: str) -> None:
    """One name never sinks a certificate: the order is placed again without it, and its reason kept."""
    good = some_names(4, "good.example.org")
    bad = names(nowhere)
    async with session_with(proxy) as session:
        issued = await session.issue(good + bad, good[:1], CERTIFICATE_KEY, "")

    assert sans(issued) == {name.text for name in good}
    assert set(issued.left_out) == set(bad)
    assert "(connection): let port 80 of this host be reached" in issued.left_out[bad[0]]
    assert len(proxy.asked("/order-plz")) == 2


async def test_all_bad_names_are_found_at_once(proxy: AcmeProxy, names_dns: ChallengeTestServer) -> None:
    """The CA is given the time to refuse every bad name, so that many cost one more order as well."""
    good, bad = some_names(3, "found.example.org"), some_names(3, "lost.example.org")
    for name in bad:
        names_dns.set_servfail(name.text)
    async with session_with(proxy) as session:
        issued = await session.issue(good + bad, (), CERTIFICATE_KEY, "")

    assert set(issued.left_out) == set(bad)
    assert len(proxy.asked("/order-plz")) == 2


async def test_policy_refuses_a_name_at_the_order(proxy: AcmeProxy) -> None:
    """A name that the CA's policy forbids is refused when the order is placed, and left out likewise."""
    wanted = names("policy.example.org", "blocked.example.net")
    async with session_with(proxy) as session:
        issued = await session.issue(wanted, (), CERTIFICATE_KEY, "")

    assert sans(issued) == {"policy.example.org"}
    assert [name.text for name in issued.left_out] == ["blocked.example.net"]


async def test_required_name_refused_means_no_certificate(proxy: AcmeProxy, nowhere: str) -> None:
    """Without a name that must be there no other order is placed, and the refusal names it."""
    wanted = names(nowhere, "other.example.org")
    async with session_with(proxy) as session:
        with pytest.raises(NameRefusals) as refused:
            await session.issue(wanted, wanted[:1], CERTIFICATE_KEY, "")

    assert set(refused.value.by_name) == {wanted[0]}
    assert len(proxy.asked("/order-plz")) == 1


async def test_nothing_left_means_no_certificate(ca: Pebble, nowhere: str) -> None:
    async with session_with(ca) as session:
        with pytest.raises(NameRefusals):
            await session.issue(names(nowhere), (), CERTIFICATE_KEY, "")


async def test_account_key_is_no_certificate_key(ca: Pebble) -> None:
    """RFC 8555 section 11.1: a CA refuses it, so do not even ask."""
    async with session_with(ca, account_key=CERTIFICATE_KEY) as session:
        with pytest.raises(Refused, match="must not be the certificate's key"):
            await session.issue(names("same.example.org"), (), CERTIFICATE_KEY, "")


async def test_renewal_says_what_it_replaces(proxy: AcmeProxy) -> None:
    """RFC 9773 section 5; when the predecessor was replaced already, the same order goes without saying so."""
    wanted = names("renewed.example.org")
    async with session_with(proxy) as session:
        before = await predecessor(lambda: session.issue(wanted, (), CERTIFICATE_KEY, ""))
        proxy.requests.clear()
        await session.issue(wanted, (), CERTIFICATE_KEY, before)
        await session.issue(wanted, (), CERTIFICATE_KEY, before)

    sent = [payload.get("replaces") for payload in proxy.asked("/order-plz")]
    assert sent == [before, before, None]


@pytest.mark.parametrize("profile", [None, "default"])
async def test_profile_that_is_offered(ca: Pebble, profile: str | None) -> None:
    async with session_with(ca, profile=profile) as session:
        await session.issue(names("profile.example.org"), (), CERTIFICATE_KEY, "")


async def test_profile_that_is_not_offered(proxy: AcmeProxy) -> None:
    """The operator is told which profiles there are, and nothing is ordered."""
    async with session_with(proxy, profile="tlsclient") as session:
        with pytest.raises(Refused, match=r"does not offer the profile tlsclient; it offers: .*default"):
            await session.issue(names("profile.example.org"), (), CERTIFICATE_KEY, "")

    assert proxy.asked("/order-plz") == []


@pytest.mark.parametrize("count", [1, 10, 100])
async def test_requests_per_order(proxy: AcmeProxy, count: int) -> None:
    """Two requests a name, eight an order, and a nonce for each connection: more is waste."""
    async with session_with(proxy) as session:
        await session.knowledge()
        proxy.requests.clear()
        await session.issue(some_names(count, f"count{count}.example.org"), (), CERTIFICATE_KEY, "")

    assert len(proxy.requests) <= 2 * count + 8 + CONNECTIONS


async def test_many_lineages_side_by_side(ca: Pebble) -> None:
    """All orders are under way together; only their placing is limited."""
    async with asyncio.timeout(60), session_with(ca) as session:
        done = await asyncio.gather(
            *(
                session.issue(some_names(2, f"lineage{number}.example.org"), (), CERTIFICATE_KEY, "")
                for number in range(20)
            )
        )

    assert len({leaf_of(issued.chain_pem).serial_number for issued in done}) == 20


@pytest.mark.parametrize(
    ("knobs", "count", "rounds"),
    [
        pytest.param({"nonce_reject": 15}, 10, 20, id="15 % of nonces rejected: 20 of 20 issuances"),
        pytest.param({"nonce_reject": 90}, 2, 1, id="90 % of nonces rejected"),
        pytest.param({"sleep": 2}, 10, 1, id="validation takes its time"),
        pytest.param({"authz_reuse": 50}, 5, 3, id="half of the authorizations reused"),
        pytest.param({"authz_reuse": 100}, 5, 3, id="all authorizations reused"),
        pytest.param({"retry_after": (1, 1)}, 2, 2, id="Retry-After in seconds or as a date"),
        pytest.param({"strict": True}, 2, 1, id="strict"),
    ],
)
async def test_moods_of_a_ca(
    names_dns: ChallengeTestServer, knobs: dict[str, int], count: int, rounds: int
) -> None:
    """Whatever mood the CA is in, every certificate comes."""
    settings = {"retry_after": (0, 0), **knobs}
    with Pebble(dns_server=names_dns.dns_address, **settings) as moody:  # type: ignore[arg-type]
        async with session_with(moody) as session:
            for _ in range(rounds):
                issued = await session.issue(some_names(count), (), CERTIFICATE_KEY, "")
                assert len(sans(issued)) == count


@pytest.mark.parametrize("zone", ["Europe/Budapest", "America/New_York", "Asia/Kathmandu"])
async def test_time_zone_does_not_matter(
    names_dns: ChallengeTestServer, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An HTTP-date in Retry-After is understood east and west of Greenwich: one pause, no storm of polls."""
    monkeypatch.setitem(os.environ, "TZ", zone)
    time.tzset()
    try:
        with Pebble(dns_server=names_dns.dns_address, retry_after=(1, 1)) as moody:
            async with asyncio.timeout(15), session_with(moody) as session:
                await session.issue(names("zone.example.org"), (), CERTIFICATE_KEY, "")
    finally:
        monkeypatch.undo()
        time.tzset()


async def test_wildcard_has_no_http01(ca: Pebble) -> None:
    """A wildcard needs a DNS challenge: it is left out with that reason, the rest is issued."""
    wanted = names("*.wild.example.org", "mail.example.org")
    async with session_with(ca) as session:
        issued = await session.issue(wanted, wanted[1:], CERTIFICATE_KEY, "")

    assert sans(issued) == {"mail.example.org"}
    assert issued.left_out[wanted[0]].startswith("the CA offers no http-01 challenge for it, only dns")


async def test_cancelled_issue_leaves_no_files(names_dns: ChallengeTestServer, tmp_path: Path) -> None:
    """SIGTERM in the middle of a validation: the challenge files go all the same."""
    with Pebble(dns_server=names_dns.dns_address, sleep=15) as slow:
        async with session_with(slow, http01=Http01(webroot=str(tmp_path))) as session:
            task = asyncio.create_task(session.issue(some_names(5), (), CERTIFICATE_KEY, ""))
            async with asyncio.timeout(10):
                while len(list(tmp_path.iterdir())) < 5:
                    await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert list(tmp_path.iterdir()) == []


async def test_addresses_and_names_in_one_certificate(proxy: AcmeProxy) -> None:
    """RFC 8738: an address is ordered and certified as what it is, and is nobody's common name."""
    ordered = (Name.parse_address(LOOPBACK), *names("beside.example.org"))
    async with session_with(proxy) as session:
        issued = await session.issue(ordered, (), CERTIFICATE_KEY, "")

    [order] = proxy.asked("/order-plz")
    assert order["identifiers"] == [
        {"type": "ip", "value": LOOPBACK},
        {"type": "dns", "value": "beside.example.org"},
    ]
    request = x509.load_pem_x509_csr(issued.csr_pem)
    assert list(request.subject) == []
    assert set(Pair(CERTIFICATE_KEY, issued.chain_pem).certificate().names) == set(ordered)
