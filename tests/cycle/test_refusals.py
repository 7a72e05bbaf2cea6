"""Names that look right to us, and that the CA refuses all the same: its DNS says something else than ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.cycle.stack import FORBIDDEN, left_out, steps, stopped

if TYPE_CHECKING:
    from tests.cycle.fakes import TlsSiblings
    from tests.cycle.stack import Stack


def servfail(stack: Stack, name: str) -> None:
    stack.ca_dns.set_servfail(name)


def identifiers(stack: Stack) -> list[set[str]]:
    return [{one["value"] for one in order["identifiers"]} for order in stack.orders()]


async def test_a_refused_name_waits_alone(stack: Stack):
    """The order is placed again without it in the same pass; after its wait it is tried again, and the others stay as they are."""
    servfail(stack, stack.imap)
    report = await stack.cycle()
    assert (report.failed, left_out(report), stack.names()) == (False, {stack.imap}, {stack.host})
    assert identifiers(stack) == [{stack.host, stack.imap}, {stack.host}]
    assert list((await stack.held()).memory.name_failures) == [stack.imap]

    quiet = await stack.cycle()
    assert (steps(quiet), left_out(quiet), len(stack.orders())) == ([("Keep", stack.host)], {stack.imap}, 2)
    assert "the CA refused it: " in str(quiet.plan)

    stack.clock.let_pass(minutes=6)
    stack.ca_dns.clear_servfail(stack.imap)
    await stack.cycle()
    assert stack.names() == {stack.host, stack.imap}
    assert dict((await stack.held()).memory.name_failures) == {}


async def test_a_name_against_the_policy(stack: Stack):
    """It is refused before anything is validated, and the certificate is issued without it in the same pass."""
    stack.environment["ADDITIONAL_SAN"] = f"imap.*,{FORBIDDEN}"
    report = await stack.cycle()

    assert (report.failed, left_out(report)) == (False, {FORBIDDEN})
    assert stack.names() == {stack.host, stack.imap}
    assert steps(await stack.cycle()) == [("Keep", stack.host)]


async def test_trying_a_refused_name_again_costs_no_certificate(stack: Stack):
    """While the CA goes on refusing it, what is there is not issued again without it, and nobody is restarted."""
    servfail(stack, stack.imap)
    await stack.cycle()
    before, orders = stack.certificate().fingerprint, len(stack.orders())
    waits = []
    for _ in range(5):
        known = (await stack.held()).memory.name_failures[stack.imap]
        waits.append(round((known.wait_until - known.last).total_seconds() / 60))
        stack.clock.ahead += known.wait_until - stack.clock.now()
        report = await stack.cycle()
        assert (steps(report), report.failed, report.deployment.ok) == ([("Issue", stack.host)], False, None)

    assert waits == [2, 11, 106, 1512, 1512]  # a minute, ten, a hundred, a day, with jitter
    assert len(stack.orders()) == orders + 5
    assert stack.certificate().fingerprint == before
    assert (await stack.held()).memory.lineage_failures == {}


async def test_the_wait_of_a_name_outlives_a_stop(stack: Stack, siblings: TlsSiblings):
    """Stopped over the siblings, the next start does not ask the CA for a refused name before its time."""
    servfail(stack, stack.imap)
    siblings.all[0].endless = {"restart"}
    await stopped(stack.cycle(), siblings.all[0].reached)
    siblings.all[0].endless, orders = set(), len(stack.orders())

    report = await stack.cycle()
    assert (steps(report), report.failed) == ([("Keep", stack.host), ("Deploy", "")], False)
    assert (left_out(report), len(stack.orders())) == ({stack.imap}, orders)


async def test_one_of_two_new_names_is_refused(stack: Stack):
    """The other one joins in the same pass."""
    good, bad = f"good.{stack.base}", f"bad.{stack.base}"
    await stack.cycle()
    servfail(stack, bad)
    report = await stack.cycle(ADDITIONAL_SAN=f"imap.*,{good},{bad}")

    assert (report.failed, left_out(report)) == (False, {bad})
    assert stack.names() == {stack.host, stack.imap, good}
    assert list((await stack.held()).memory.name_failures) == [bad]


async def test_a_due_renewal_goes_on_without_a_refused_name(stack: Stack):
    """Near the end of a certificate one name of its own must not sink it either."""
    await stack.cycle()
    servfail(stack, stack.imap)
    stack.clock.let_pass(days=62)
    report = await stack.cycle()

    assert (report.failed, left_out(report), stack.names()) == (False, {stack.imap}, {stack.host})


async def test_a_refused_hostname(stack: Stack):
    """The certificate that is there stays, the cycle fails, and the next try waits, longer each time."""
    await stack.cycle()
    before = stack.certificate().fingerprint
    servfail(stack, stack.host)
    waits = []
    for _ in range(3):
        report = await stack.cycle(force=True)
        assert (report.failed, stack.certificate().fingerprint) == (True, before)
        failed = (await stack.held()).memory.lineage_failures[stack.host]
        waits.append(round((failed.wait_until - failed.last).total_seconds() / 60))
    assert waits == [2, 11, 106]  # a minute, ten, a hundred, with jitter

    mark = len(stack.orders())
    assert steps(await stack.cycle()) == [("Hold", stack.host)]
    assert len(stack.orders()) == mark
    stack.ca_dns.clear_servfail(stack.host)
    stack.clock.let_pass(hours=3)
    assert not (await stack.cycle()).failed
    assert stack.certificate().fingerprint != before  # the wish was not forgotten over the waiting


async def test_every_name_of_a_domain_is_refused(stack: Stack):
    """Its certificate waits; the others of the same pass are issued and deployed."""
    stack.environment |= {"ENABLE_SSL_SNI": "y", "MAIL_DOMAINS": f"a.{stack.base},b.{stack.base}"}
    servfail(stack, f"imap.a.{stack.base}")
    report = await stack.cycle()

    assert report.failed
    assert stack.covered() == {stack.host, f"imap.b.{stack.base}"}
    assert stack.unfinished() == []
