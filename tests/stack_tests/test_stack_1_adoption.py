"""In the place of `acme-mailcow`: first start, what its container left, and the way back to it.

mailcow's own images cannot be had here: its services are Debian's, its gateway is a stand-in (tests/stack/siblings/dockerapi.py),
and what its container issued was issued with its own ACME client, acme-tiny, from the same CA (siblings/predecessor.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.bed.mailcow_stack import HOST, READERS, SERVICE, alarms

if TYPE_CHECKING:
    from tests.bed.mailcow_stack import MailcowStack

pytestmark = pytest.mark.docker

NAMES = [HOST, "autoconfig.one.example", "autodiscover.one.example"]
KEYS = ("acme/account.pem", "acme/key.pem", "key.pem", f"{HOST}/key.pem")


def test_first_start(mailcow: MailcowStack, neighbours: dict[str, str]) -> None:
    """The pair that everybody has goes at once; then a certificate comes, and each reader is told once, through dockerapi."""
    log = mailcow.logs(SERVICE)

    assert "the example pair, whose private key is on every installation" in log
    assert "issued, no certificate yet" in log
    assert mailcow.directories() == {HOST: HOST}
    assert mailcow.actions() == dict.fromkeys(READERS, 1)
    assert mailcow.served_for() == {mailcow.on_disk()} == {mailcow.on_disk(HOST)}
    assert alarms(log) == []
    assert mailcow.exec(SERVICE, "acme-companion", "health") == "alive\n"


def test_adoption(mailcow: MailcowStack) -> None:
    """What mailcow's container issued stays, byte for byte: no order, no account, no new key, and nobody is restarted."""
    mailcow.empty_volume()
    mailcow.domains("one.example")
    (mailcow.ssl / "dhparams.pem").write_bytes(
        (mailcow.data / "assets/ssl-example/dhparams.pem").read_bytes()
    )
    mailcow.predecessor(*NAMES)
    mailcow.predecessor(*NAMES)  # a renewal, so that there are backups
    for reader in READERS:
        mailcow.restart(reader)
    before, orders, accounts, actions = (
        mailcow.tree(),
        mailcow.orders(),
        mailcow.accounts(),
        mailcow.actions(),
    )
    mailcow.compose("up", "--detach", "--no-build", "--no-deps", SERVICE)
    log = mailcow.wait_for_cycles(1)

    assert f"{HOST} +2 names: kept" in log
    assert (mailcow.orders(), mailcow.accounts(), mailcow.actions()) == (orders, accounts, actions)
    assert mailcow.tree() == before
    assert mailcow.served_for() == {mailcow.on_disk()}
    assert alarms(log) == []


def test_renewal_of_what_was_adopted(mailcow: MailcowStack) -> None:
    """After a restart a custom CA's certificate is still ours to renew: for the same key, from the same account, with one action each.

    nginx reloads. The serial numbers of this CA have another length than Let's Encrypt's: nobody compares them.
    """
    before = {name: (mailcow.ssl / name).read_bytes() for name in KEYS}
    accounts, actions, nginx = mailcow.accounts(), mailcow.actions(), mailcow.started_at("nginx-mailcow")
    old = mailcow.on_disk()
    mailcow.stop(SERVICE)  # else it hears of the wish before the restart
    (mailcow.ssl / "force_renew").touch()
    log = mailcow.cycle()

    assert f"{HOST} +2 names: renewed" in log
    assert {name: (mailcow.ssl / name).read_bytes() for name in KEYS} == before
    assert mailcow.accounts() == accounts
    assert mailcow.actions() == {service: count + 1 for service, count in actions.items()}
    assert mailcow.started_at("nginx-mailcow") == nginx
    assert mailcow.on_disk() != old
    assert mailcow.served_for() == {mailcow.on_disk()}
    assert not (mailcow.ssl / "force_renew").exists()
    assert alarms(log) == []


def test_there_and_back(mailcow: MailcowStack) -> None:
    """The other container goes on with key, account and layout as we leave them, and we with what it issued meanwhile."""
    mailcow.stop(SERVICE)
    ours, key, accounts = mailcow.on_disk(), mailcow.key(), mailcow.accounts()
    mailcow.predecessor(*NAMES)
    theirs, orders = mailcow.on_disk(), mailcow.orders()
    assert (theirs != ours, mailcow.key()) == (True, key)
    for reader in READERS:
        mailcow.restart(reader)
    log = mailcow.cycle()

    assert f"{HOST} +2 names: kept" in log
    assert (mailcow.on_disk(), mailcow.on_disk(HOST), mailcow.orders()) == (theirs, theirs, orders)
    assert mailcow.accounts() == accounts
    assert mailcow.served_for() == {theirs}
