"""DNS-01 against a real BIND with TSIG, through mailcow's settings and its `dns-01.conf`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.bed.mailcow_stack import HOST, SERVICE, alarms

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bed.mailcow_stack import MailcowStack

pytestmark = pytest.mark.docker

SECRET = "c2VjcmV0IG9mIHRoZSB0ZXN0IHN0YWNrJ3Mgem9uZXM="
NAMES = f"{HOST} autoconfig.one.example autodiscover.one.example"


@pytest.fixture
def credentials(mailcow: MailcowStack) -> Iterator[str]:
    """What an admin writes into `dns-01.conf`, under acme.sh's names."""
    file = mailcow.data / "conf/acme/dns-01.conf"
    server = f"NSUPDATE_SERVER={mailcow.address('bind')}\nNSUPDATE_KEY_NAME=acme-key\n"
    file.write_text(f"{server}NSUPDATE_KEY_TYPE=hmac-sha256\nNSUPDATE_KEY_VALUE={SECRET}\n")
    file.chmod(0o600)
    yield file.read_text()
    file.unlink()


def left_in(mailcow: MailcowStack, zone: str) -> str:
    """The challenge records that BIND still has."""
    return mailcow.exec("bind", "dig", "+short", "@127.0.0.1", f"_acme-challenge.{zone}", "TXT").strip()


def challenges_over_http(mailcow: MailcowStack) -> int:
    return mailcow.logs("nginx-mailcow").count("/.well-known/acme-challenge/")


def test_a_wildcard(mailcow: MailcowStack, credentials: str) -> None:
    """One zone by DNS, the other names over HTTP, all in one certificate; key and key type stay, and so does no record of ours."""
    mailcow.begin("one.example")
    key = mailcow.key()
    log = mailcow.cycle(ADDITIONAL_SAN="*.dynamic.example", ACME_DNS_ZONES="dynamic.example:dns_nsupdate")

    # Postfix finds the names below a domain by a leading dot.
    wildcard = {"*.dynamic.example", ".dynamic.example"}
    assert set(mailcow.directories()[HOST].split()) == {*NAMES.split(), *wildcard}
    assert mailcow.key() == key
    assert mailcow.served_for("anything.dynamic.example") == mailcow.served_for() == {mailcow.on_disk()}
    assert left_in(mailcow, "dynamic.example") == ""
    assert alarms(log) == []
    assert SECRET not in mailcow.logs(SERVICE)


def test_everything_by_dns(mailcow: MailcowStack, credentials: str) -> None:
    """Mailcow's own switch: all names through DNS, nothing over HTTP, with the same key and so its type.

    A wildcard takes the names below its domain out, and those of a domain that only begins like it stay.
    """
    mailcow.begin("one.example")
    key, old, asked = mailcow.key(), mailcow.on_disk(), challenges_over_http(mailcow)
    zones = ("example.org", "one.example", "example.com", "example.co")
    for zone in zones:
        mailcow.exec("unbound-mailcow", "unbound-control", "forward_add", f"{zone}.", mailcow.address("bind"))
    try:
        by_dns = {"ACME_DNS_CHALLENGE": "y", "ACME_DNS_PROVIDER": "dns_nsupdate"}
        names = "webmail.example.org,*.example.com,imap.example.com,mail.example.co"
        log = mailcow.cycle(**by_dns, ADDITIONAL_SAN=names)
    finally:
        for zone in zones:
            mailcow.exec("unbound-mailcow", "unbound-control", "forward_remove", f"{zone}.")

    assert mailcow.on_disk() != old, log
    assert (mailcow.key(), challenges_over_http(mailcow)) == (key, asked)
    wanted = {"webmail.example.org", "*.example.com", "mail.example.co"}
    found = set(mailcow.directories()[HOST].split())
    # The test before may have left its own.
    assert found - {"*.dynamic.example", ".dynamic.example"} == {*NAMES.split(), *wanted, ".example.com"}
    assert mailcow.served_for("webmail.example.org") == {mailcow.on_disk()}
    assert mailcow.served_for("mail.example.co") == mailcow.served_for("a.example.com") == {mailcow.on_disk()}
    assert [left_in(mailcow, zone) for zone in (HOST, "webmail.example.org", "mail.example.co")] == [""] * 3
    assert alarms(log) == []
    assert SECRET not in mailcow.logs(SERVICE)
