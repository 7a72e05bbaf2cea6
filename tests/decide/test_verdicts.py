"""Verdicts: every sentence an operator can read, as a table."""

from ipaddress import IPv4Address

import pytest

from acme_companion.decide.facts import (
    Addresses,
    CaaLook,
    NameFacts,
    OwnAddresses,
    ProbeImpossible,
    ProbeReached,
    ProbeWrong,
    Unanswered,
)
from acme_companion.decide.names import Name
from acme_companion.decide.settings import Checks
from acme_companion.decide.verdicts import Verdict, judge
from tests.decide.verdict_facts import (
    BACK,
    CHECKS,
    LE,
    NO_CAA,
    NOBODY,
    NOT_READY,
    OWN,
    OWN4,
    READY,
    REMEMBERED,
    SILENT,
    SKIP,
    UNKNOWN,
    at,
    seen,
)


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
            seen(at("9.9.9.9", "2606:4700::1"), ProbeReached("2606:4700::1")), OWN, CHECKS,
            Verdict(
                READY,
                f"{NO_CAA}; AAAA 2606:4700::1 is ours (A 9.9.9.9 is not, which only those without IPv6 notice: change it to "
                f"1.2.3.4); the probe file came back over 2606:4700::1",
            ),
            id="with AAAA a CA does not look at A (D04 the other way round)",
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
                READY,
                f"{NO_CAA}; A 1.2.3.4 is ours, but a CA takes any of them and may fail at 9.9.9.9: remove what does not lead to "
                f"this host; {BACK}",
            ),
            id="one of three elsewhere (D06): accepted, with a warning",
        ),
        pytest.param(
            seen(at("2620:fe::fe", "2606:4700::1")), OWN, CHECKS,
            Verdict(
                READY,
                f"{NO_CAA}; AAAA 2606:4700::1 is ours, but a CA takes any of them and may fail at 2620:fe::fe: remove what does "
                f"not lead to this host; {BACK}",
            ),
            id="one of two AAAA elsewhere (D06)",
        ),
        pytest.param(
            seen(at("9.9.9.9", "9.9.9.10")), OWN, CHECKS,
            Verdict(
                NOT_READY,
                "A 9.9.9.9 is not this host's public IPv4 address 1.2.3.4: change that record to 1.2.3.4 or remove it",
            ),
            id="none of several here (D06)",
        ),
        pytest.param(
            seen(at("1.2.3.4", "2606:4700::1")), OWN, CHECKS,
            Verdict(
                READY,
                f"{NO_CAA}; AAAA 2606:4700::1 is ours; {BACK} only, as nothing accepts connections at AAAA 2606:4700::1: CAs fall "
                "back to IPv4 too, but make IPv6 work or remove that record",
            ),
            id="IPv6 is broken, IPv4 works (D04)",
        ),
        pytest.param(
            seen(at("1.2.3.4", "2606:4700::1"), ProbeReached("2606:4700::1")), OWN, CHECKS,
            Verdict(READY, f"{NO_CAA}; AAAA 2606:4700::1 is ours; the probe file came back over 2606:4700::1"),
            id="both here",
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
                "A 172.22.1.2 is not a public address, so this resolver does not see what a CA sees (Docker's gives such an answer "
                "where imap.example.org is the hostname or alias of a container): set RESOLVERS to a public or validating "
                "resolver, or set SKIP_IP_CHECK=y",
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
                "(a.example answered 500)): set PUBLIC_IPV4, or set SKIP_IP_CHECK=y",
            ),
            id="our address is not known, and nothing was probed",
        ),
        pytest.param(
            seen(at("1.2.3.4", "2620:fe::fe")), NOBODY, CHECKS,
            Verdict(
                UNKNOWN,
                "AAAA 2620:fe::fe cannot be tried from here (no IPv6 in this container? Our probe came back over 1.2.3.4 only), and "
                "a CA connects there: set PUBLIC_IPV6 if it is this host's, else remove the record",
            ),
            id="an AAAA that nobody tried is not proved by the A",
        ),
        pytest.param(
            seen(at("9.9.9.9"), None), REMEMBERED, CHECKS,
            Verdict(
                UNKNOWN,
                "A 9.9.9.9 cannot be compared, because the public IPv4 address of this host is not known (public IPv4: nobody "
                "could tell; 1.2.3.4 was ours before): set PUBLIC_IPV4, or set SKIP_IP_CHECK=y",
            ),
            id="our address may have changed, and nobody tells: no advice to go back to the old one",
        ),
        pytest.param(
            seen(at("9.9.9.9"), ProbeReached("9.9.9.9")), REMEMBERED, CHECKS,
            Verdict(
                READY,
                f"{NO_CAA}; A 9.9.9.9 leads to us, although our public IPv4 address is not known; "
                "the probe file came back over 9.9.9.9",
            ),
            id="our address has changed, nobody tells, and the probe proves it",
        ),
        pytest.param(
            seen(at("1.2.3.4")), REMEMBERED, CHECKS,
            Verdict(READY, f"{NO_CAA}; A 1.2.3.4 is ours; {BACK}"),
            id="a remembered address that DNS has too",
        ),
        pytest.param(
            seen(at(missing="imap.example.org does not exist in DNS (NXDOMAIN)"), None), REMEMBERED, CHECKS,
            Verdict(
                NOT_READY,
                "imap.example.org does not exist in DNS (NXDOMAIN): publish an A record with this host's public address",
            ),
            id="a remembered address is not advised",
        ),
        pytest.param(
            seen(at("9.9.9.9", via=("cdn.example.net",))), OWN, CHECKS,
            Verdict(
                NOT_READY,
                "imap.example.org is a CNAME to cdn.example.net, which points to A 9.9.9.9 instead of this host's public IPv4 "
                "address 1.2.3.4: let it lead to this host, or do not ask for the name",
            ),
            id="a CNAME has no A record to change",
        ),
        pytest.param(
            seen(at("2620:fe::fe", via=("cdn.example.net", "edge.example.com"))), OWN, CHECKS,
            Verdict(
                NOT_READY,
                "imap.example.org is a CNAME to cdn.example.net (and on to edge.example.com), which points to AAAA 2620:fe::fe "
                "instead of this host's public IPv6 address 2606:4700::1: let it lead to this host, or do not ask for the name",
            ),
            id="a chain of CNAMEs",
        ),
        pytest.param(
            seen(at("1.2.3.4"), ProbeImpossible("the HTTP probe is not possible: /var/www/acme cannot be written")),
            OWN, CHECKS,
            Verdict(UNKNOWN, "the HTTP probe is not possible: /var/www/acme cannot be written"),
            id="our own fault: nothing about ports",
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
    ],
)  # fmt: skip
def test_sentences(facts: NameFacts, own: OwnAddresses, checks: Checks, verdict: Verdict) -> None:
    """What is wrong, for which record, and what to change."""
    assert judge(facts, own, checks, LE) == verdict
