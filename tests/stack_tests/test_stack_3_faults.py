"""Parts of the stack fail: what is certified stays, what is broken is mended, and nobody waits for ever."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.bed.mailcow_stack import HOST, LIMIT, SERVICE, alarms
from tests.bed.process import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bed.mailcow_stack import MailcowStack

pytestmark = pytest.mark.docker

SNI = {"ENABLE_SSL_SNI": "y"}
ONE = "autoconfig.one.example"


def another_key() -> bytes:
    """Of the same kind: OpenSSL takes a pair of two kinds, and then serves nothing."""
    return rsa.generate_private_key(65537, 2048).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )


@contextmanager
def without_answer(mailcow: MailcowStack, way: str, names: tuple[str, ...]) -> Iterator[None]:
    """The name server has a fault, or the resolver itself says nothing, or that there is no such name."""
    dns, control = mailcow.dns(), ("unbound-mailcow", "unbound-control")
    web = mailcow.address("nginx-mailcow")
    for name in names:
        if way == "servfail":
            dns.set_servfail(name)
        else:
            mailcow.exec(*control, "local_zone", f"{name}.", way)
    try:
        asked = ("dig", "+tries=1", "+time=1", "@127.0.0.1", *names)
        assert web not in mailcow.exec("unbound-mailcow", *asked, check=False)
        yield
    finally:
        for name in names:
            if way == "servfail":
                dns.clear_servfail(name)
            else:
                mailcow.exec(*control, "local_zone_remove", f"{name}.")


@pytest.mark.parametrize(
    ("names", "ways"),
    [
        pytest.param((HOST,), ("servfail", "deny", "always_nxdomain"), id="of the hostname"),
        pytest.param(
            (ONE, "autodiscover.one.example"), ("servfail", "always_nxdomain"), id="of a mail domain"
        ),
    ],
)
def test_a_lookup_that_fails(mailcow: MailcowStack, names: tuple[str, ...], ways: tuple[str, ...]) -> None:
    """In whatever way it fails: both certificates stay, the CA is asked for nothing, nobody is restarted."""
    mailcow.begin("one.example", **SNI)

    def seen() -> tuple[object, ...]:
        pairs = mailcow.directories(), mailcow.on_disk(), mailcow.on_disk(ONE)
        return (*pairs, mailcow.orders(), mailcow.actions())

    before = seen()
    for way in ways:
        with without_answer(mailcow, way, names):
            log = mailcow.look_again()

        assert log.count(": kept, valid until") == 2, log
        assert (way, seen()) == (way, before)


def test_a_stack_that_is_late(mailcow: MailcowStack) -> None:
    """Database and resolver are waited for side by side, each said once; Redis is one warning, and one line when it is back."""
    mailcow.begin("one.example", **SNI)
    orders, before = mailcow.orders(), mailcow.logs(SERVICE)
    parts = ("mysql-mailcow", "redis-mailcow", "unbound-mailcow")
    mailcow.stop(*parts)
    mailcow.restart(SERVICE)

    def said() -> str:
        return mailcow.logs(SERVICE)[len(before) :]

    waiting = ("waiting for the database, at most 30 s: ", "waiting for the resolver, at most 30 s: ")
    assert wait_until(lambda: all(line in said() for line in waiting), LIMIT, pause=0.2), said()
    mailcow.start(*parts)
    mailcow.wait_for_cycles(before.count("next look ") + 1)
    assert wait_until(lambda: "takes our lines again" in said(), LIMIT, pause=0.5), said()
    log = said()

    assert [log.count(line) for line in waiting] == [1, 1]
    assert log.count(": kept, valid until") == 2
    assert [line.partition("Redis at redis:6379: ")[1] != "" for line in alarms(log)].count(True) == 1
    assert mailcow.orders() == orders
    client = 'redis-cli --no-auth-warning -a "$REDISPASS" LINDEX ACME_LOG 0'
    newest = json.loads(mailcow.exec("redis-mailcow", "sh", "-c", client))
    assert newest["message"].startswith(f"{HOST} - ")


@pytest.mark.parametrize("broken", ["", ONE], ids=["the server pair", "the pair of a mail domain"])
def test_nginx_down_over_a_broken_pair(mailcow: MailcowStack, broken: str) -> None:
    """Without nginx no name can be certified: the pair is mended first, from what we have, and nginx comes up by itself."""
    mailcow.begin("one.example", **SNI)
    good, orders = (mailcow.on_disk(broken), mailcow.key(broken)), mailcow.orders()
    mailcow.stop(SERVICE)
    (mailcow.ssl / broken / "key.pem").write_bytes(another_key())
    mailcow.restart("nginx-mailcow")
    assert wait_until(
        lambda: mailcow.unwell("nginx-mailcow") == {"nginx-mailcow": "restarting"}, LIMIT, pause=0.3
    )
    log = mailcow.cycle(**SNI)

    assert "key.pem: does not belong to the cert.pem beside it" in log
    assert (mailcow.on_disk(broken), mailcow.key(broken), mailcow.orders()) == (*good, orders)
    assert mailcow.served_for() == {mailcow.on_disk()}
    assert mailcow.on_disk(ONE) in mailcow.served_for(ONE)


def test_neighbours(mailcow: MailcowStack, neighbours: dict[str, str]) -> None:
    """Projects that are called alike, and services that have a part of a name: in all that time none of these was touched."""
    assert all(mailcow.actions().values())
    seen = "{{.Name}} {{.State.StartedAt}} {{.RestartCount}} {{.ExecIDs}}"
    shown = mailcow.docker("inspect", "--format", seen, *neighbours).splitlines()
    assert shown == [f"/{name} {start} 0 []" for name, start in neighbours.items()]
