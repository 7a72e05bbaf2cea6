"""From the pair on the volume to what services serve, and back when one of them does not come up."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from cryptography import x509

from acme_companion.decide.steps import DEPLOYMENT
from tests.act.scripted_ca import scripted_ca
from tests.act.scripted_certificates import Mould
from tests.cycle.stack import LONG_PROFILE, steps, stopped

if TYPE_CHECKING:
    from acme_companion.decide.memory import Failures
    from tests.cycle.fakes import TlsSiblings
    from tests.cycle.stack import Stack

HOUR = timedelta(hours=1)


async def failures(stack: Stack, key: str) -> Failures:
    return (await stack.held()).memory.lineage_failures[key]


async def until_tried_again(stack: Stack, key: str) -> timedelta:
    """Let time pass until the failure's wait is over; how long that was from the failure on."""
    failed = await failures(stack, key)
    stack.clock.ahead += failed.wait_until - stack.clock.now()
    return failed.wait_until - failed.last


async def test_new_then_renewed(stack: Stack, siblings: TlsSiblings):
    """A first certificate restarts everybody, a renewal only reloads; both are seen to be served."""
    first = await stack.cycle()
    assert (first.deployment.ok, siblings.asked) == (
        True,
        ["nginx-mailcow: restart", "postfix-mailcow: restart"],
    )
    assert {one.served for one in first.deployment.endpoints} == {stack.certificate().fingerprint}

    quiet = await stack.cycle()
    second = await stack.cycle(force=True)
    assert (quiet.deployment.ok, second.deployment.ok) == (None, True)
    assert siblings.asked[1::2] == ["nginx-mailcow: signal HUP", "postfix-mailcow: signal HUP"]
    assert (await stack.held()).memory.undeployed == ()


async def test_serials_of_32_digits(stack: Stack, siblings: TlsSiblings):
    """One action for each sibling and no alarm: mailcow's container knows serials of 18 bytes only (CONTRACT 7)."""
    mould = Mould(serial=lambda: secrets.randbits(127) | 1 << 126)
    async with scripted_ca(mould) as ca:
        another = {"DIRECTORY_URL": ca.directory_url, "CA_BUNDLE": str(ca.ca_bundle), "ACME_PROFILE": ""}
        ports = dict.fromkeys(("HTTP01_PORT", "CHECK_HTTP_PORT"), str(ca.http_port))
        first = await stack.cycle({**another, **ports})
        second = await stack.cycle({**another, **ports}, force=True)

    leaf = x509.load_pem_x509_certificate((stack.volume / "cert.pem").read_bytes())
    assert len(f"{leaf.serial_number:x}") == 32
    assert (first.failed, second.failed, first.deployment.ok, second.deployment.ok) == (
        False,
        False,
        True,
        True,
    )
    assert siblings.asked == [
        "nginx-mailcow: restart",
        "nginx-mailcow: signal HUP",
        "postfix-mailcow: restart",
        "postfix-mailcow: signal HUP",
    ]


async def test_docker_does_not_answer(stack: Stack, siblings: TlsSiblings):
    """The certificate is stored, the failure told, and siblings are taken through it when the schedule says, once."""
    siblings.unreachable = True
    report = await stack.cycle()
    assert (report.failed, stack.names()) == (True, {stack.host, stack.imap})
    assert steps(await stack.cycle()) == [("Keep", stack.host)]

    waits = []
    for _ in range(4):
        waits.append(await until_tried_again(stack, DEPLOYMENT) / HOUR)
        report = await stack.cycle()
        assert (steps(report), report.failed) == ([("Keep", stack.host), ("Deploy", "")], True)
    assert waits == [5 / 60, 0.5, 2, 12]

    siblings.unreachable = False
    await until_tried_again(stack, DEPLOYMENT)
    report = await stack.cycle()
    assert (steps(report)[1:], report.deployment.ok) == ([("Deploy", "")], True)
    assert siblings.asked == ["nginx-mailcow: restart", "postfix-mailcow: restart"]
    assert steps(await stack.cycle()) == [("Keep", stack.host)]
    assert (await stack.held()).memory.lineage_failures == {}


async def test_a_reload_that_does_not_help(stack: Stack, siblings: TlsSiblings):
    """Who still serves the old certificate after a reload is restarted, in the same cycle; the others are not."""
    await stack.cycle()
    siblings.all[1].deaf = True
    report = await stack.cycle(force=True)

    assert report.deployment.ok
    assert siblings.all[0].asked == ["restart", "signal HUP"]
    assert siblings.all[1].asked == ["restart", "signal HUP", "restart"]
    assert {one.served for one in report.deployment.endpoints} == {stack.certificate().fingerprint}


async def test_a_sibling_that_never_serves_it(stack: Stack, siblings: TlsSiblings):
    """Siblings are restarted as often as the schedule says, however often there is a cycle."""
    await stack.cycle()
    stubborn = siblings.all[1]
    other = stubborn.volume.with_name("other")
    other.mkdir()
    for name in ("cert.pem", "key.pem"):
        (other / name).write_bytes((stubborn.volume / name).read_bytes())
    stubborn.volume = other
    report = await stack.cycle(force=True)
    assert (report.failed, report.deployment.rolled_back) == (True, False)
    assert not stack.certificate().self_signed

    asked, waits = len(siblings.asked), []
    for _ in range(3):
        for _ in range(3):
            assert steps(await stack.cycle()) == [("Keep", stack.host)]
        assert len(siblings.asked) == asked
        waits.append(await until_tried_again(stack, DEPLOYMENT) / HOUR)
        await stack.cycle()
        asked = len(siblings.asked)
    assert waits == [5 / 60, 0.5, 2]


async def test_a_sibling_that_crashes(stack: Stack, siblings: TlsSiblings):
    """The old pair returns, is served by everybody, and the next try waits, longer each time, although it is due."""
    await stack.cycle()
    old = stack.certificate().fingerprint
    crashing = siblings.all[1]
    crashing.deaf = True  # the reload is not enough, the restart is too much
    stack.clock.let_pass(days=62)
    waits = []
    for _ in range(3):
        orders = len(stack.orders())
        siblings.all[1].refuses = _Everything(but=old)
        report = await stack.cycle(ACME_PROFILE=LONG_PROFILE)
        assert (len(stack.orders()) > orders, report.failed, report.deployment.rolled_back) == (
            True,
            True,
            True,
        )
        assert stack.certificate().fingerprint == stack.certificate(stack.host).fingerprint == old
        assert {one.served for one in report.deployment.endpoints} == {old}
        assert [one.state for one in await siblings.list()] == ["running", "running"]

        orders = len(stack.orders())
        stack.clock.let_pass(hours=11)
        assert steps(await stack.cycle()) == [("Hold", stack.host)]
        assert len(stack.orders()) == orders
        waits.append(await until_tried_again(stack, stack.host) / HOUR)
    assert waits == [12, 36, 36]

    crashing.refuses = set()
    report = await stack.cycle(ACME_PROFILE=LONG_PROFILE)
    assert (report.failed, stack.certificate().fingerprint == old) == (False, False)
    assert (await stack.held()).memory.lineage_failures == {}
    assert stack.unfinished() == []


class _Everything(set[str]):
    """Every fingerprint but one."""

    def __init__(self, but: str) -> None:
        super().__init__()
        self._but = but

    def __contains__(self, one: object) -> bool:
        return one != self._but


async def test_stopped_over_bringing_siblings_back(stack: Stack, siblings: TlsSiblings):
    """The next start orders nothing before its wait is over, and takes everybody to the old pair."""
    await stack.cycle()
    old = stack.certificate().fingerprint
    first, crashing = siblings.all
    crashing.deaf, crashing.refuses = True, _Everything(but=old)
    stack.clock.let_pass(days=62)
    first.endless = {"restart"}
    await stopped(stack.cycle(), first.reached)
    first.endless, orders = set(), len(stack.orders())

    report = await stack.cycle()
    assert steps(report) == [("Hold", stack.host), ("Deploy", "")]
    assert {one.served for one in report.deployment.endpoints} == {old}
    assert (stack.certificate().fingerprint, len(stack.orders())) == (old, orders)


async def test_the_first_certificate_crashes_a_sibling(stack: Stack, siblings: TlsSiblings):
    """Back to the self-signed pair that everybody started with."""
    self_signed = stack.certificate().fingerprint
    siblings.all[0].refuses = _Everything(but=self_signed)
    report = await stack.cycle()

    assert (report.deployment.rolled_back, stack.certificate().fingerprint) == (True, self_signed)
    assert {one.served for one in report.deployment.endpoints} == {self_signed}
    assert stack.unfinished() == []


async def test_sni_certificates_are_served_by_their_names(stack: Stack, siblings: TlsSiblings):
    """Each lineage is asked for by a name of its own."""
    domains = f"a.{stack.base},b.{stack.base}"
    report = await stack.cycle(ENABLE_SSL_SNI="y", MAIL_DOMAINS=domains)

    served = {one.endpoint.sni: one.served for one in report.deployment.endpoints if one.ok}
    assert report.deployment.ok
    assert served[f"imap.a.{stack.base}"] == stack.certificate(f"imap.a.{stack.base}").fingerprint
    assert len(set(served.values())) == 3
