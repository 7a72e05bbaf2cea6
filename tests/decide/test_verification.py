"""What must be served after a switch, and what the answers mean."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from acme_companion.decide.deployment import (
    EndpointResult,
    Expected,
    Verification,
    expected,
    judge,
    stale_ports,
)
from acme_companion.decide.facts import Endpoint, Served, ServedCertificate, Sibling, Unanswered
from acme_companion.decide.names import Name
from acme_companion.decide.pair import Certificate
from acme_companion.decide.report import DeploymentReport, Report, lines
from acme_companion.decide.steps import Plan

WHEN = datetime(2026, 11, 21, tzinfo=UTC)
HOSTNAME = Name("mail.example.org")
SHA = {kind: kind[0] * 64 for kind in ("server", "domain", "wild", "old")}


def certificate(kind: str, *names: str) -> Certificate:
    """A certificate whose fingerprint tells its kind."""
    return Certificate(tuple(map(Name, names)), WHEN, WHEN, SHA[kind], "", "", self_signed=False)


SERVER = certificate("server", "mail.example.org", "webmail.example.org")
DOMAIN = certificate("domain", "imap.example.com", "smtp.example.com")
WILD = certificate("wild", "*.example.net")
NGINX = Sibling("n", "nginx-1", "nginx-mailcow", addresses=("172.22.1.9", "fd00::9"))
POSTFIX = Sibling("p", "postfix-1", "postfix-mailcow", addresses=("172.22.1.5",))


def at(sibling: Sibling, port: int, protocol: str, sni: str, address: int = 0) -> Endpoint:
    """An endpoint of a sibling."""
    return Endpoint(sibling.service, sibling.addresses[address], port, protocol, sni)


def test_expected() -> None:
    """The server pair at every address by the hostname; each lineage by a name of its own, a wildcard by a made-up one."""
    found = expected([NGINX, POSTFIX], HOSTNAME, SERVER, [SERVER, DOMAIN, WILD], https_port=8443)

    assert found == (
        Expected(
            NGINX,
            {
                at(NGINX, 8443, "tls", "imap.example.com"): SHA["domain"],
                at(NGINX, 8443, "tls", "acme-companion-check.example.net"): SHA["wild"],
                at(NGINX, 8443, "tls", "mail.example.org"): SHA["server"],
                at(NGINX, 8443, "tls", "mail.example.org", 1): SHA["server"],
            },
        ),
        Expected(
            POSTFIX,
            {
                at(POSTFIX, port, protocol, sni): SHA[kind]
                for port, protocol in ((25, "smtp"), (465, "tls"), (587, "smtp"))
                for sni, kind in (
                    ("webmail.example.org", "server"),
                    ("imap.example.com", "domain"),
                    ("acme-companion-check.example.net", "wild"),
                    ("mail.example.org", "server"),
                )
            },
        ),
    )


@pytest.mark.parametrize(
    ("sibling", "snis"),
    [
        pytest.param(
            replace(POSTFIX, service="web", labels={"acme-companion.endpoints": "443/tls"}),
            {"imap.example.com", "mail.example.org"},
            id="a labelled service is asked like ours",
        ),
        pytest.param(
            replace(
                POSTFIX,
                service="web",
                labels={"acme-companion.endpoints": "443/tls", "acme-companion.sni": "no"},
            ),
            {"mail.example.org"},
            id="a service without SNI serves the server pair only",
        ),
        pytest.param(replace(POSTFIX, state="exited"), set(), id="what does not run is not asked"),
        pytest.param(replace(POSTFIX, service="mysql"), set(), id="a stranger is not asked"),
        pytest.param(
            replace(POSTFIX, service="web", labels={"acme-companion.action": "restart"}),
            set(),
            id="a service of which no endpoint is known cannot be asked",
        ),
    ],
)
def test_who_is_asked_for_what(sibling: Sibling, snis: set[str]) -> None:
    """Labels say where a service serves, and whether it tells names apart."""
    found = expected([sibling], HOSTNAME, SERVER, [DOMAIN])

    assert {endpoint.sni for one in found for endpoint in one.by_endpoint} == snis


def test_only_lineages() -> None:
    """When the server pair did not change it need not be looked at."""
    (found,) = expected([NGINX], HOSTNAME, None, [DOMAIN])

    assert found.by_endpoint == {at(NGINX, 443, "tls", "imap.example.com"): SHA["domain"]}
    assert expected([NGINX], HOSTNAME, None, [SERVER]) == ()


@pytest.mark.parametrize(
    ("also_the_servers", "snis"),
    [
        pytest.param(("imap.example.com",), {"smtp.example.com"}, id="one that only it has"),
        pytest.param(
            ("imap.example.com", "smtp.example.com"), set(), id="none, when the server has them all"
        ),
    ],
)
def test_a_name_that_two_certificates_have(also_the_servers: tuple[str, ...], snis: set[str]) -> None:
    """After SNI is switched on or off two certificates have a name until the next renewal; services may take either."""
    server = certificate("server", HOSTNAME.text, *also_the_servers)
    [found] = expected([POSTFIX], HOSTNAME, server, [DOMAIN])

    assert {endpoint.sni for endpoint in found.by_endpoint} == {HOSTNAME.text, *snis}

    # Nor is the server's own one asked for by them, when only that one is new.
    assert expected([POSTFIX], HOSTNAME, None, [server], others=[DOMAIN]) == ()


NEW = ServedCertificate(SHA["server"], b"")
OLD = ServedCertificate(SHA["old"], b"")
REFUSED = Unanswered("connection refused")
PORTS = tuple(
    at(POSTFIX, port, protocol, HOSTNAME.text)
    for port, protocol in ((25, "smtp"), (465, "tls"), (587, "smtp"))
)
RESULTS = tuple(EndpointResult(endpoint, SHA["server"], SHA["server"]) for endpoint in PORTS)
STALE = EndpointResult(PORTS[0], SHA["server"], SHA["old"])


@pytest.mark.parametrize(
    ("looks", "verification", "finished"),
    [
        pytest.param((NEW, NEW, NEW), Verification(RESULTS), True, id="all serve it"),
        pytest.param(
            (OLD, NEW, NEW), Verification((STALE, *RESULTS[1:])), False, id="one serves another certificate"
        ),
        pytest.param(
            (REFUSED, NEW, Unanswered("timed out")),
            Verification(
                (RESULTS[1],),
                ("postfix-1: not verified: 25/smtp (connection refused); 587/smtp (timed out)",),
            ),
            True,
            id="a port closed by choice is said, and no failure",
        ),
        pytest.param(
            (REFUSED, REFUSED, None),
            Verification(
                unseen=(
                    "postfix-1 serves nothing that can be verified: 25/smtp, 465/tls (connection refused);"
                    " 587/smtp (not looked at)",
                )
            ),
            False,
            id="nothing answers: nothing is known",
        ),
    ],
)
def test_judge(looks: tuple[Served | None, ...], verification: Verification, *, finished: bool) -> None:
    """Another certificate is a failure, no answer is none, but at least one endpoint of a sibling must answer."""
    served = {endpoint: look for endpoint, look in zip(PORTS, looks, strict=True) if look is not None}

    found = judge([Expected(POSTFIX, dict.fromkeys(PORTS, SHA["server"]))], served)

    assert found == verification
    assert found.finished is finished


def test_no_shared_network() -> None:
    """A sibling that we share no network with is not silently taken for verified, and no restart would change it."""
    lonely = replace(POSTFIX, addresses=())

    found = judge(expected([lonely], HOSTNAME, SERVER, [DOMAIN]), {})

    assert found.unanswered == (
        "postfix-1 has no address in a network that we share: what it serves cannot be verified",
    )
    assert found.finished


def test_sentences() -> None:
    """Place, name, both certificates, and what usually is the cause."""
    assert str(STALE) == (
        "postfix-mailcow 172.22.1.5:25/smtp for mail.example.org serves another certificate"
        " (oooooooooooooooo…, not ssssssssssssssss…); Postfix keeps certificates in a map that is built when it"
        " starts"
    )
    assert STALE.as_data() == {
        "service": "postfix-mailcow",
        "host": "172.22.1.5",
        "port": 25,
        "protocol": "smtp",
        "sni": "mail.example.org",
        "ok": False,
        "served": SHA["old"],
        "expected": SHA["server"],
    }
    v6 = EndpointResult(at(NGINX, 443, "tls", "mail.example.org", 1), "a", "a")
    assert str(v6) == "nginx-mailcow [fd00::9]:443/tls for mail.example.org serves the certificate it should"


def test_hundreds_of_names_at_one_port() -> None:
    """One sentence for each port that serves something else: a stack of hundreds of names must not bury the log."""
    stale = [
        EndpointResult(at(POSTFIX, port, "smtp", f"n{number}.example.org"), SHA["server"], SHA["old"])
        for port in (25, 587)
        for number in range(300)
    ]
    good = EndpointResult(at(POSTFIX, 465, "tls", "n0.example.org"), SHA["server"], SHA["server"])

    assert stale_ports([good, *stale]) == (
        f"{stale[0]}; the same for 299 other names",
        f"{stale[300]}; the same for 299 other names",
    )
    assert len(lines_of(stale)) == 3


def lines_of(results: list[EndpointResult]) -> list[str]:
    deployment = DeploymentReport(ok=False, endpoints=tuple(results))
    return [line for _, line in lines(Report(WHEN, WHEN, Plan(()), deployment=deployment))]
