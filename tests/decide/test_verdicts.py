"""Verdicts: every sentence an operator can read, as a table, and the order in which they win."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest

from acme_companion.decide.facts import (
    Addresses,
    CaaLook,
    CaaRecord,
    NameFacts,
    OwnAddresses,
    Probe,
    ProbeReached,
    ProbeWrong,
    Unanswered,
)
from acme_companion.decide.memory import Authority
from acme_companion.decide.names import Name
from acme_companion.decide.settings import Checks
from acme_companion.decide.verdicts import Readiness, Verdict, judge, worth_probing

READY, NOT_READY, UNKNOWN = Readiness.READY, Readiness.NOT_READY, Readiness.UNKNOWN
HOST = Name.parse("imap.example.org")
OWN4, OWN6 = IPv4Address("1.2.3.4"), IPv6Address("2606:4700::1")
OWN = OwnAddresses(OWN4, OWN6)
NOBODY = OwnAddresses(why="public IPv4: not known (a.example answered 500)")
LE = Authority(account_uri="https://acme.example/1", caa_identities=("letsencrypt.org",))
CHECKS = Checks()
REACHED = ProbeReached("1.2.3.4")
SILENT = Unanswered("1.2.3.4 port 80: Connection refused")
OTHERS = CaaLook((CaaRecord(0, "issue", "digicert.com"),), "example.org")
SKIP = Checks(skip_ip=True)


def at(*texts: str, missing: str = "") -> Addresses:
    found = [ip_address(text) for text in texts]
    return Addresses(
        tuple(one for one in found if isinstance(one, IPv4Address)),
        tuple(one for one in found if isinstance(one, IPv6Address)),
        missing=missing,
    )


def seen(addresses: Addresses, probe: Probe | None = REACHED, caa: CaaLook = CaaLook()) -> NameFacts:  # noqa: B008  (a value)
    return NameFacts(HOST, addresses, caa, probe)


NO_CAA = "no CAA record restricts who may issue"
BACK = "the probe file came back over 1.2.3.4"


@pytest.mark.parametrize(
    ("facts", "own", "checks", "verdict"),
    [
        pytest.param(
            seen(at("1.2.3.4")), OWN, CHECKS,
            Verdict(READY, f"{NO_CAA}; A 1.2.3.4 is ours; {BACK}"),
            id="only A (D05)",
        ),
        pytest.param(
            seen(at("2606:4700::1"), ProbeReached("2606:4700::1")), OWN, CHECKS,
            Verdict(READY, f"{NO_CAA}; AAAA 2606:4700::1 is ours; the probe file came back over 2606:4700::1"),
            id="only AAAA (D05)",
        ),
        pytest.param(
            seen(at("9.9.9.9", "2606:4700::1")), OWN, CHECKS,
            Verdict(READY, f"{NO_CAA}; AAAA 2606:4700::1 is ours; {BACK}"),
            id="with AAAA a CA does not look at A",
        ),
        pytest.param(
            seen(at("1.2.3.4"), None), OWN, Checks(skip_http=True),
            Verdict(READY, f"{NO_CAA}; A 1.2.3.4 is ours; not probed over HTTP"),
            id="the probe is skipped",
        ),
        pytest.param(
            seen(at("9.9.9.9")), OWN, SKIP,
            Verdict(READY, f"{NO_CAA}; A 9.9.9.9, not compared with ours; {BACK}"),
            id="the comparison is skipped",
        ),
        pytest.param(
            seen(at("9.9.9.9")), OWN, Checks(accept_other_ipv4=True),
            Verdict(READY, f"{NO_CAA}; A 9.9.9.9, not compared with ours; {BACK}"),
            id="SNAT_TO_SOURCE accepts another IPv4 address",
        ),
        pytest.param(
            seen(at("2620:fe::fe")), OWN, Checks(accept_other_ipv6=True),
            Verdict(READY, f"{NO_CAA}; AAAA 2620:fe::fe, not compared with ours; {BACK}"),
            id="SNAT6_TO_SOURCE accepts another IPv6 address",
        ),
        pytest.param(
            seen(at("2620:fe::fe")), OWN, Checks(accept_other_ipv4=True),
            Verdict(
                NOT_READY,
                "AAAA 2620:fe::fe is not this host's public IPv6 address 2606:4700::1: change that record to 2606:4700::1 "
                "or remove it",
            ),
            id="but SNAT_TO_SOURCE accepts no IPv6 address",
        ),
        pytest.param(
            seen(at("9.9.9.9")), OWN, CHECKS,
            Verdict(NOT_READY, "A 9.9.9.9 is not this host's public IPv4 address 1.2.3.4: change that record to 1.2.3.4"),
            id="A elsewhere",
        ),
        pytest.param(
            seen(at("1.2.3.4", "2620:fe::fe")), OWN, CHECKS,
            Verdict(
                NOT_READY,
                "AAAA 2620:fe::fe is not this host's public IPv6 address 2606:4700::1: change that record to 2606:4700::1 "
                "or remove it",
            ),
            id="A here, AAAA elsewhere (D04)",
        ),
        pytest.param(
            seen(at("1.2.3.4", "9.9.9.9", "1.2.3.4")), OWN, CHECKS,
            Verdict(
                NOT_READY,
                "A 9.9.9.9 is not this host's public IPv4 address 1.2.3.4: change that record to 1.2.3.4 or remove it",
            ),
            id="one of three elsewhere (D06)",
        ),
        pytest.param(
            seen(at("2606:4700::1")), OwnAddresses(OWN4), Checks(ipv6=False),
            Verdict(
                NOT_READY,
                "AAAA 2606:4700::1: a CA connects there, but IPv6 is off in this stack (ENABLE_IPV6): remove the record, or "
                "switch IPv6 on",
            ),
            id="AAAA, but the stack has no IPv6",
        ),
        pytest.param(
            seen(at("172.22.1.2")), OWN, CHECKS,
            Verdict(
                UNKNOWN,
                "A 172.22.1.2 is not a public address, so this resolver does not see what a CA sees: have names looked up by a "
                "public or validating resolver, or set SKIP_IP_CHECK=y",
            ),
            id="split horizon (D07), even when the probe came back",
        ),
        pytest.param(
            seen(at("172.22.1.2")), OwnAddresses(IPv4Address("172.22.1.2")), CHECKS,
            Verdict(READY, f"{NO_CAA}; A 172.22.1.2 is ours; {BACK}"),
            id="a private address that the settings call ours",
        ),
        pytest.param(
            seen(at("1.2.3.4")), NOBODY, CHECKS,
            Verdict(READY, f"{NO_CAA}; A 1.2.3.4 leads to us, although our public IPv4 address is not known; {BACK}"),
            id="our address is not known, but the probe reached us",
        ),
        pytest.param(
            seen(at("1.2.3.4"), None), NOBODY, CHECKS,
            Verdict(
                UNKNOWN,
                "A 1.2.3.4 cannot be compared, because the public IPv4 address of this host is not known (public IPv4: not known "
                "(a.example answered 500)): set it in the settings, or set SKIP_IP_CHECK=y",
            ),
            id="our address is not known, and nothing was probed",
        ),
        pytest.param(
            seen(at(missing="imap.example.org does not exist in DNS (NXDOMAIN)"), None), OWN, CHECKS,
            Verdict(NOT_READY, "imap.example.org does not exist in DNS (NXDOMAIN): publish A 1.2.3.4"),
            id="no such name (D01)",
        ),
        pytest.param(
            seen(at(missing="imap.example.org has no address in DNS (neither A nor AAAA)"), None), NOBODY, SKIP,
            Verdict(
                NOT_READY,
                "imap.example.org has no address in DNS (neither A nor AAAA): publish an A record with this host's public address",
            ),
            id="no address, even if none is compared",
        ),
        pytest.param(
            seen(Addresses(Unanswered("SERVFAIL"), ()), None), OWN, CHECKS,
            Verdict(UNKNOWN, "its A records are not known: SERVFAIL"),
            id="no answer about A (D01, D08)",
        ),
        pytest.param(
            seen(Addresses((OWN4,), Unanswered("DNSSEC broken")), None), OWN, CHECKS,
            Verdict(UNKNOWN, "its AAAA records are not known: DNSSEC broken"),
            id="no answer about AAAA: a CA does not fall back",
        ),
        pytest.param(
            seen(at("1.2.3.4"), ProbeWrong("1.2.3.4", "answers 404")), OWN, CHECKS,
            Verdict(
                NOT_READY,
                "1.2.3.4 does not give our probe file below http://imap.example.org/.well-known/acme-challenge/: answers 404; let "
                "port 80 of 1.2.3.4 lead to this stack's web server, and that serve the companion's webroot",
            ),
            id="something else answers (H05, H08)",
        ),
        pytest.param(
            seen(at("1.2.3.4"), SILENT), OWN, CHECKS,
            Verdict(
                UNKNOWN,
                "our probe of http://imap.example.org/.well-known/acme-challenge/ got no answer (1.2.3.4 port 80: Connection "
                "refused): open port 80, or, if only this host cannot reach its own public address (NAT without hairpin), set "
                "SKIP_HTTP_VERIFICATION=y",
            ),
            id="nothing answers (H01)",
        ),
        pytest.param(
            NameFacts(Name.parse("*.example.org"), Addresses(), CaaLook()), OWN, CHECKS,
            Verdict(
                NOT_READY,
                "a wildcard can be validated by DNS-01 only: set ACME_DNS_CHALLENGE=y, or list the names",
            ),
            id="a wildcard without DNS-01 (N11)",
        ),
        pytest.param(
            NameFacts(Name.parse("*.example.org"), Addresses(), CaaLook()), OWN, Checks(challenge_type="dns-01"),
            Verdict(READY, NO_CAA),
            id="a wildcard with DNS-01: only CAA counts",
        ),
        pytest.param(
            seen(at("9.9.9.9"), SILENT, OTHERS), OWN, Checks(challenge_type="dns-01"),
            Verdict(
                NOT_READY,
                "CAA at example.org has 0 issue 'digicert.com', which does not allow letsencrypt.org for the account "
                'https://acme.example/1 by dns-01: publish example.org CAA 0 issue "letsencrypt.org" beside it, or remove it',
            ),
            id="with DNS-01 too",
        ),
    ],
)  # fmt: skip
def test_sentences(facts: NameFacts, own: OwnAddresses, checks: Checks, verdict: Verdict) -> None:
    """What is wrong, for which record, and what to change."""
    assert judge(facts, own, checks, LE) == verdict


@pytest.mark.parametrize(
    ("facts", "begins"),
    [
        pytest.param(
            seen(at("9.9.9.9"), ProbeWrong("x", "y"), OTHERS), "CAA at", id="CAA before addresses and probe"
        ),
        pytest.param(seen(at("9.9.9.9"), ProbeWrong("x", "y")), "A 9.9.9.9", id="addresses before the probe"),
        pytest.param(
            seen(at("9.9.9.9"), SILENT, CaaLook(Unanswered("SERVFAIL"))), "A 9.9.9.9", id="a fault before a doubt"
        ),
        pytest.param(
            seen(at("172.22.1.2"), SILENT, CaaLook(Unanswered("SERVFAIL"))), "the CAA records", id="the first doubt"
        ),
    ],
)  # fmt: skip
def test_which_one_wins(facts: NameFacts, begins: str) -> None:
    """The first fault is told; without one the first doubt."""
    assert judge(facts, OWN, CHECKS, LE).because.startswith(begins)


@pytest.mark.parametrize(
    ("addresses", "own", "checks", "worth"),
    [
        pytest.param(at("1.2.3.4"), OWN, CHECKS, True, id="ours"),
        pytest.param(at("1.2.3.4"), NOBODY, CHECKS, True, id="perhaps ours: the probe decides"),
        pytest.param(at("9.9.9.9"), OWN, CHECKS, False, id="a stranger's: nothing is sent there"),
        pytest.param(at("9.9.9.9"), OWN, SKIP, True, id="not compared"),
        pytest.param(at("10.0.0.1"), OWN, CHECKS, False, id="inside our networks: nothing is sent there"),
        pytest.param(at(), OWN, CHECKS, False, id="no address"),
        pytest.param(at("1.2.3.4"), OWN, replace(CHECKS, challenge_type="dns-01"), False, id="DNS-01"),
    ],
)  # fmt: skip
def test_worth_probing(addresses: Addresses, own: OwnAddresses, checks: Checks, worth: bool) -> None:
    """FAULTS N19: a customer's domains that point elsewhere cost no request."""
    assert worth_probing(HOST, addresses, own, checks) is worth
