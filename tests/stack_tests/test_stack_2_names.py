"""Names come and go in mailcow's database and settings; the certificates follow, and nothing else moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.bed.mailcow_stack import HOST, alarms

if TYPE_CHECKING:
    from tests.bed.mailcow_stack import MailcowStack

pytestmark = pytest.mark.docker

SNI = {"ENABLE_SSL_SNI": "y"}
ONE, TWO, THREE = (f"autoconfig.{number}.example" for number in ("one", "two", "three"))


def one_more(actions: dict[str, int]) -> dict[str, int]:
    return {service: count + 1 for service, count in actions.items()}


def test_sni_on(mailcow: MailcowStack) -> None:
    """Another domain's certificate of its own: served by its names, one restart each, no alarm, and the server's stays."""
    mailcow.begin("one.example")
    server, actions = mailcow.on_disk(), mailcow.actions()
    log = mailcow.cycle(**SNI)

    assert mailcow.directories()[ONE] == f"{ONE} autodiscover.one.example"
    assert mailcow.actions() == one_more(actions)
    # Until its renewal the server's certificate has these names as well, and Dovecot takes that one for them.
    assert mailcow.served_for(ONE) <= {mailcow.on_disk(ONE), server}
    assert mailcow.served_for() == {server}
    assert alarms(log) == []

    assert alarms(mailcow.renew()) == []
    assert mailcow.directories() == {HOST: HOST, ONE: f"{ONE} autodiscover.one.example"}
    assert mailcow.served_for(ONE) == {mailcow.on_disk(ONE)}
    assert mailcow.served_for() == {mailcow.on_disk()} != {server}


def test_a_domain_that_is_added(mailcow: MailcowStack) -> None:
    """A row in mailcow's database is a certificate more, with `mta-sts.` where there is a policy; hostile rows are told."""
    mailcow.begin("one.example", **SNI)
    before, actions = mailcow.on_disk(ONE), mailcow.actions()
    mailcow.sql(
        "INSERT INTO domain (domain, backupmx) VALUES ('two.example', 0), ('backup.example', 1), ('../evil', 0)"
    )
    mailcow.sql("INSERT INTO mta_sts (domain) VALUES ('two.example')")
    log = mailcow.cycle(**SNI)

    assert mailcow.directories()[TWO] == f"{TWO} autodiscover.two.example mta-sts.two.example"
    assert set(mailcow.directories()) == {HOST, ONE, TWO}
    assert mailcow.served_for("mta-sts.two.example") == {mailcow.on_disk(TWO)}
    assert (mailcow.on_disk(ONE), mailcow.actions()) == (before, one_more(actions))
    [warning] = alarms(log)
    assert "table domain: '../evil'" in warning
    mailcow.sql("DELETE FROM domain WHERE domain='../evil'")


def test_domains_that_leave(mailcow: MailcowStack) -> None:
    """One is deactivated, one is removed: their certificates go out of the readers' sight, below `backups/`; the others stay."""
    mailcow.begin("one.example", "two.example", "three.example", **SNI)
    kept, server, actions = mailcow.on_disk(ONE), mailcow.on_disk(), mailcow.actions()
    leave = {directory: mailcow.tree()[f"{directory}/cert.pem"] for directory in (TWO, THREE)}
    mailcow.sql(
        "UPDATE domain SET active=0 WHERE domain='two.example'; DELETE FROM domain WHERE domain='three.example'"
    )
    log = mailcow.cycle(**SNI)

    assert [f"{directory}: archived" in log for directory in leave] == [True, True]
    assert set(mailcow.directories()) == {HOST, ONE}
    archived = {directory: max((mailcow.ssl / "backups" / directory).iterdir()) for directory in leave}
    assert {directory: (path / "cert.pem").read_bytes() for directory, path in archived.items()} == leave
    assert (mailcow.on_disk(ONE), mailcow.on_disk()) == (kept, server)
    assert mailcow.actions() == one_more(actions)
    assert mailcow.served_for(TWO) == {server}
    assert alarms(log) == []


def test_a_name_of_a_domain_among_the_additional_ones(mailcow: MailcowStack) -> None:
    """Over four cycles and more with SNI nothing comes and goes: mailcow's container took turns with the two certificates."""
    settings = {**SNI, "ADDITIONAL_SAN": "autodiscover.one.example"}
    mailcow.begin("one.example", **settings)
    before, orders, actions = mailcow.tree(), mailcow.orders(), mailcow.actions()
    logs = [mailcow.cycle(**settings) for _ in range(3)]

    assert (mailcow.orders(), mailcow.actions()) == (orders, actions)
    assert mailcow.tree() == before
    assert [alarms(log) for log in logs] == [[]] * 3


def test_sni_off(mailcow: MailcowStack) -> None:
    """All names in one certificate again, and the other one goes out of sight."""
    mailcow.begin("one.example", **SNI)
    log = mailcow.cycle()
    # The other certificate stays until this one has its names.
    log += mailcow.cycle()

    assert mailcow.directories() == {HOST: f"{HOST} {ONE} autodiscover.one.example"}
    assert mailcow.served_for(ONE) == mailcow.served_for() == {mailcow.on_disk()}
    assert alarms(log) == []
