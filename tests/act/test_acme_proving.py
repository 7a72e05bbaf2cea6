"""Names are proven by whatever solver is set for them: shown side by side, waited for once, answered, taken away again."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from acme_companion.act.challenges.http01 import Http01Solver, responding
from acme_companion.act.challenges.solving import SolverByName
from acme_companion.decide.pair import Pair
from acme_companion.decide.problems import NameRefusals, NotYet
from acme_companion.decide.settings import ChallengeType, Http01, Http01Mode
from tests.act.acme_proxy import as_is, changed
from tests.act.acme_world import CERTIFICATE_KEY, OneSolver, RealClock, issue, names, session_with

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from acme_companion.decide.names import Name
    from acme_companion.ports import Issued, Proof, Solver
    from tests.act.acme_proxy import AcmeProxy
    from tests.bed.challtest import ChallengeTestServer
    from tests.bed.pebble import Pebble

HTTP, DNS = ChallengeType.HTTP_01, ChallengeType.DNS_01
CHALLENGE = "/chalZ"
HIDDEN, BROKEN = "hidden", "broken"


@dataclass
class TestDns:
    """A solver with a DNS server that tests talk to over HTTP. `said`: what was asked of it, in order.

    A name that begins with `hidden` does not become visible; one that begins with `broken` cannot be shown at all.
    """

    __test__ = False

    server: ChallengeTestServer
    said: list[str] = field(default_factory=list)
    entered: asyncio.Event = field(default_factory=asyncio.Event)
    endless: bool = False

    async def present(self, proof: Proof) -> None:
        self.said.append(f"present {proof.name}")
        if proof.name.text.startswith(BROKEN):
            raise NotYet("the interface of the DNS provider does not answer")
        digest = hashlib.sha256(proof.key_authorization.encode()).digest()
        value = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        self.server.set_txt(f"_acme-challenge.{proof.name.host}.", value)

    async def wait(self, proofs: Sequence[Proof]) -> Mapping[Name, str]:
        self.said.append(f"wait {len(proofs)}")
        if self.endless:
            self.entered.set()
            await asyncio.Event().wait()
        hidden = [proof.name for proof in proofs if proof.name.text.startswith(HIDDEN)]
        return dict.fromkeys(hidden, "the record is not visible at ns1.example.org")

    async def clean_up(self, proof: Proof) -> None:
        self.said.append(f"clean up {proof.name}")
        self.server.clear_txt(f"_acme-challenge.{proof.name.host}.")

    def times(self, what: str) -> int:
        return sum(one.startswith(what) for one in self.said)


@pytest.fixture
def dns(names_dns: ChallengeTestServer) -> TestDns:
    return TestDns(names_dns)


def leaf_names(issued: Issued) -> set[str]:
    pair = Pair(CERTIFICATE_KEY, issued.chain_pem)
    return {name.text for name in pair.certificate().names}


async def test_a_wildcard_and_its_base(ca: Pebble, dns: TestDns) -> None:
    """Two values side by side below one name; each is shown once, waited for together, and taken away."""
    issued = await issue(ca, "wild.example.org", "*.wild.example.org", solving=OneSolver(dns, DNS))

    assert leaf_names(issued) == {"wild.example.org", "*.wild.example.org"}
    assert sorted(dns.said) == [
        "clean up *.wild.example.org",
        "clean up wild.example.org",
        "present *.wild.example.org",
        "present wild.example.org",
        "wait 2",
    ]
    assert dns.said[2] == "wait 2"


async def test_over_http_and_dns_in_one_certificate(ca: Pebble, dns: TestDns) -> None:
    """Every name by the challenge that is set for it; each solver has its own only."""
    web, wild = names("web.mixed.example.org", "*.mixed.example.org")
    async with responding(Http01(Http01Mode.STANDALONE, port=ca.http_port), RealClock()) as responder:
        by_name: dict[Name, tuple[ChallengeType, Solver]] = {
            web: (HTTP, Http01Solver(responder)),
            wild: (DNS, dns),
        }
        issued = await issue(ca, web.text, wild.text, solving=SolverByName(by_name))

    assert leaf_names(issued) == {web.text, wild.text}
    assert dns.said == [f"present {wild}", "wait 1", f"clean up {wild}"]


@pytest.mark.parametrize(
    ("first", "why"),
    [
        pytest.param(HIDDEN, "the record is not visible at ns1.example.org", id="never visible"),
        pytest.param(BROKEN, "the interface of the DNS provider does not answer", id="cannot be shown"),
    ],
)
async def test_name_that_cannot_be_shown(proxy: AcmeProxy, dns: TestDns, first: str, why: str) -> None:
    """It is left out without a failed validation; the others are proven, and are ordered in the same pass."""
    bad, good = f"{first}.left.example.org", f"good{first}.left.example.org"
    issued = await issue(proxy, good, bad, solving=OneSolver(dns, DNS))

    assert leaf_names(issued) == {good}
    assert dict(issued.left_out) == {names(bad)[0]: why}
    assert dict(issued.documents) == {}
    assert (
        len(proxy.asked(CHALLENGE)) <= 2
    )  # the good name's, in both orders unless the CA reuses what was proven
    assert {"status": "deactivated"} in proxy.asked("/authZ")
    assert dns.times("clean up") == 3


async def test_required_name_that_never_becomes_visible(proxy: AcmeProxy, dns: TestDns) -> None:
    """Without it the certificate is not wanted: one clear sentence, and nothing stays behind."""
    hidden = names("hidden.required.example.org")
    with pytest.raises(NameRefusals, match=r"hidden\.required\.example\.org: the record is not visible"):
        async with session_with(proxy, solving=OneSolver(dns, DNS)) as session:
            await session.issue((*hidden, *names("good.required.example.org")), hidden, CERTIFICATE_KEY, "")

    assert len(proxy.asked("/order-plz")) == 1
    assert dns.times("clean up") == 2


async def test_nothing_can_be_shown(proxy: AcmeProxy, dns: TestDns) -> None:
    """Then nothing was learnt about a name: it is the solver's own fault, the names do not wait for it, the CA hears nothing."""
    with pytest.raises(NotYet, match="the interface of the DNS provider does not answer"):
        await issue(proxy, "broken1.all.example.org", "broken2.all.example.org", solving=OneSolver(dns, DNS))

    assert (proxy.asked(CHALLENGE), dns.times("wait")) == ([], 0)
    assert dns.times("clean up") == 2


async def test_nothing_else_needs_a_proof(proxy: AcmeProxy, dns: TestDns) -> None:
    """One new name that cannot be shown does not keep a certificate from the names that are proven already."""
    bad, good = "broken.beside.example.org", "proven.beside.example.org"

    def proven(authorization: dict[str, object]) -> None:
        if authorization["identifier"] == {"type": "dns", "value": good}:
            authorization["status"] = "valid"

    proxy.on("/authZ", changed(proven), changed(proven))
    issued = await issue(proxy, good, bad, solving=OneSolver(dns, DNS))

    assert (leaf_names(issued), [name.text for name in issued.left_out]) == ({good}, [bad])


async def test_stopped_while_it_waits(proxy: AcmeProxy, dns: TestDns) -> None:
    """Whoever is stopped takes away what was shown."""
    dns.endless = True
    task = asyncio.create_task(issue(proxy, "stopped.example.org", solving=OneSolver(dns, DNS)))
    async with asyncio.timeout(30):
        await dns.entered.wait()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task

    assert dns.said == ["present stopped.example.org", "wait 1", "clean up stopped.example.org"]
    assert proxy.asked(CHALLENGE) == []


async def test_type_that_the_ca_does_not_offer(proxy: AcmeProxy, dns: TestDns) -> None:
    """The name is left out before anything is shown, and what is offered gets named."""

    def only_http(authorization: dict[str, list[dict[str, object]]]) -> None:
        kept = [one for one in authorization["challenges"] if one["type"] == "http-01"]
        authorization["challenges"] = kept

    proxy.on("/authZ", changed(only_http), *[as_is] * 9)
    issued = await issue(
        proxy, "one.offers.example.org", "two.offers.example.org", solving=OneSolver(dns, DNS)
    )

    assert list(issued.left_out.values()) == ["the CA offers no dns-01 challenge for it, only http-01"]
    assert dns.times("present") == 1
