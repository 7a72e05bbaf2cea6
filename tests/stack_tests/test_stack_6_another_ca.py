"""With another real CA, Caddy's: its serial numbers have 32 digits, and it tries every address of a name, which Pebble does not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from acme_companion.decide.pair import leaf_of
from tests.bed.mailcow_stack import HOST, SERVICE, alarms

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bed.mailcow_stack import MailcowStack

pytestmark = pytest.mark.docker

CADDY = {"DIRECTORY_URL": "https://caddy/acme/local/directory", "CA_BUNDLE": "/pebble/caddy.pem"}
NAMES = {HOST, "autoconfig.one.example", "autodiscover.one.example"}
STRANGER = "2620:fe::fe"  # only an answer of DNS: nothing is sent there


@pytest.fixture(scope="module")
def another_ca(mailcow: MailcowStack) -> Iterator[dict[str, str]]:
    """The settings for it; afterwards the certificate is Pebble's again."""
    mailcow.wait_healthy("caddy")
    mailcow.begin("one.example")
    yield CADDY
    mailcow.cycle()


def certified(mailcow: MailcowStack) -> set[str]:
    return set(mailcow.directories()[HOST].split())


def verdicts(mailcow: MailcowStack) -> dict[str, tuple[str, str]]:
    """What `check` says of each name."""
    found = json.loads(mailcow.exec(SERVICE, "acme-companion", "check", "--json", check=False))
    return {name: (one["readiness"], one["because"]) for name, one in found["names"].items()}


def test_serials_of_32_digits(mailcow: MailcowStack, another_ca: dict[str, str]) -> None:
    """One action for each reader and no alarm, and none at the next start: mailcow's container knows serials of 18 bytes only."""
    key, actions, theirs = mailcow.key(), mailcow.actions(), mailcow.on_disk()
    log = mailcow.cycle(**another_ca)

    assert mailcow.on_disk() != theirs, log
    # They are random, so the first digits may be zeros.
    assert 96 < leaf_of((mailcow.ssl / "cert.pem").read_bytes()).serial_number.bit_length() <= 128
    after = {service: count + 1 for service, count in actions.items()}
    assert (mailcow.actions(), mailcow.key(), certified(mailcow)) == (after, key, NAMES)
    assert mailcow.served_for() == {mailcow.on_disk()}

    again = mailcow.cycle(**another_ca)
    assert f"{HOST} +2 names: kept" in again
    assert (mailcow.actions(), alarms(log + again)) == (after, [])


def test_broken_ipv6(mailcow: MailcowStack, another_ca: dict[str, str]) -> None:
    """Where nothing listens on our IPv6 address the IPv4 one counts, as for a CA; one of several A records suffices.

    A stranger's AAAA does not: a CA may well reach somebody there. `check` says all of it.
    """
    ours, nobody, nobody6 = address(mailcow), address(mailcow, 230), address6(mailcow, 230)
    several, silent, elsewhere = (f"{one}.example.org" for one in ("several", "silent6", "elsewhere6"))
    dns = mailcow.dns()
    dns.add_a(several, nobody, ours)
    dns.add_aaaa(silent, nobody6)
    dns.add_aaaa(elsewhere, STRANGER)
    try:
        names = f"{several},{silent},{elsewhere}"
        log = mailcow.cycle(**another_ca, ADDITIONAL_SAN=names, PUBLIC_IPV6=nobody6)
        said = verdicts(mailcow)
    finally:
        dns.clear_a(several)
        dns.clear_aaaa(silent)
        dns.clear_aaaa(elsewhere)

    assert certified(mailcow) == {*NAMES, several, silent}, log
    assert mailcow.served_for(several) == mailcow.served_for(silent) == {mailcow.on_disk()}
    assert {name: verdict[0] for name, verdict in said.items() if verdict[0] != "ready"} == {
        elsewhere: "not ready"
    }
    assert f"AAAA {STRANGER} is not this host's public IPv6 address {nobody6}" in said[elsewhere][1]
    assert f"A {ours} is ours, but a CA takes any of them and may fail at {nobody}" in said[several][1]
    assert f"over {ours} only, as nothing accepts connections at AAAA {nobody6}" in said[silent][1]
    assert any(elsewhere in line for line in log.splitlines()), log


def test_broken_ipv4(mailcow: MailcowStack, another_ca: dict[str, str]) -> None:
    """With a working IPv6 address a name is certified, whatever its A records are; `check` says who notices."""
    ours6, nobody = address6(mailcow), address(mailcow, 230)
    silent, dns = "silent4.example.org", mailcow.dns()
    dns.add_aaaa(silent, ours6)
    dns.add_a(silent, nobody)
    try:
        log = mailcow.cycle(**another_ca, ADDITIONAL_SAN=silent, PUBLIC_IPV6=ours6)
        said = verdicts(mailcow)
    finally:
        dns.clear_a(silent)
        dns.clear_aaaa(silent)

    assert silent in certified(mailcow), log
    assert said[silent][0] == "ready"
    assert f"AAAA {ours6} is ours (A {nobody} is not, which only those without IPv6 notice" in said[silent][1]
    assert alarms(log) == []


def address(mailcow: MailcowStack, host: int = 251) -> str:
    """The web server's address, or another one of the stack's network that nobody has."""
    return f"{mailcow.address('nginx-mailcow').rpartition('.')[0]}.{host}"


def address6(mailcow: MailcowStack, host: int = 251) -> str:
    networks = mailcow.inspect("nginx-mailcow")["NetworkSettings"]["Networks"].values()
    [found] = [network["GlobalIPv6Address"] for network in networks]
    return f"{found.rpartition(':')[0]}:{host}"
