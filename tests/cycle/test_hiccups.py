"""The world around us fails for a while: nothing is lost, nothing is issued, nothing is put away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from acme_companion.decide.verdicts import Readiness
from tests.bed.process import free_port
from tests.cycle.stack import DB_PASSWORD, left_out, steps

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cycle.stack import Stack

    Hiccup = Callable[[Stack], dict[str, str]]

ELSEWHERE = "9.9.9.9"
NOWHERE_TO_BE_READ = {
    "DBNAME": "mailcow",
    "DBUSER": "mailcow",
    "DBPASS": DB_PASSWORD,
    "DBSOCKET": "/nowhere/mysqld.sock",
}


def a_servfail(stack: Stack) -> dict[str, str]:
    stack.dns.set_servfail(stack.imap)
    return {}


def a_servfail_of_the_hostname(stack: Stack) -> dict[str, str]:
    stack.dns.set_servfail(stack.host)
    return {}


def another_address(stack: Stack) -> dict[str, str]:
    stack.dns.add_a(stack.imap, ELSEWHERE)
    return {}


def nobody_for_the_hostname(stack: Stack) -> dict[str, str]:
    stack.dns.add_a(stack.host, ELSEWHERE)
    return {}


def no_resolver(stack: Stack) -> dict[str, str]:
    return {"RESOLVERS": f"127.0.0.1:{free_port()}", "CHECK_TIMEOUT": "0.5"}


def no_probe(stack: Stack) -> dict[str, str]:
    return {"CHECK_HTTP_PORT": str(free_port())}


def no_database(stack: Stack) -> dict[str, str]:
    return {**NOWHERE_TO_BE_READ, "MAIL_DOMAINS": ""}


def no_mail_domain_at_all(stack: Stack) -> dict[str, str]:
    return {"MAIL_DOMAINS": ""}


HICCUPS = [
    pytest.param(a_servfail, id="a certified name has SERVFAIL"),
    pytest.param(a_servfail_of_the_hostname, id="the hostname has SERVFAIL"),
    pytest.param(another_address, id="a certified name points elsewhere"),
    pytest.param(nobody_for_the_hostname, id="the hostname points elsewhere"),
    pytest.param(no_resolver, id="no resolver answers"),
    pytest.param(no_probe, id="the probe gets no answer"),
    pytest.param(no_database, id="the database is down"),
    pytest.param(no_mail_domain_at_all, id="the list of mail domains is empty"),
]


@pytest.mark.parametrize("sni", ["n", "y"])
@pytest.mark.parametrize("hiccup", HICCUPS)
async def test_a_hiccup_changes_nothing(stack: Stack, hiccup: Hiccup, sni: str):
    """While a look has no answer, or a bad one for a moment, everything stays and the CA is asked for nothing."""
    stack.environment["ENABLE_SSL_SNI"] = sni
    await stack.cycle()
    assert stack.covered() == {stack.host, stack.imap}
    before = sorted(one.fingerprint for one in map(stack.certificate, ("", stack.host)))
    mark = len(stack.orders())

    for _ in range(2):
        report = await stack.cycle(hiccup(stack))
        assert (report.failed, {kind for kind, _ in steps(report)}) == (False, {"Keep"})
        stack.clock.let_pass(days=2)

    assert len(stack.orders()) == mark
    assert sorted(one.fingerprint for one in map(stack.certificate, ("", stack.host))) == before
    assert stack.covered() == {stack.host, stack.imap}
    assert stack.unfinished() == []


@pytest.mark.parametrize("hiccup", HICCUPS[:6])
async def test_a_first_cycle_waits_for_the_world(stack: Stack, hiccup: Hiccup):
    """Without a certificate only names that are ready are asked for, and nothing without the hostname."""
    report = await stack.cycle(hiccup(stack))

    if report.verdicts and all(v.readiness is not Readiness.READY for v in report.verdicts.values()):
        assert steps(report) == [("Hold", stack.host)]
    asked = [one["value"] for order in stack.orders() for one in order["identifiers"]]
    assert stack.imap not in asked or stack.host in asked
    assert all(
        report.verdicts[name].readiness is Readiness.READY for name in report.verdicts if name.text in asked
    )
    assert stack.certificate().self_signed is (stack.host not in asked)
    assert stack.unfinished() == []


async def test_three_days_not_ready_and_a_renewal_due(stack: Stack):
    """Only then a name leaves; one that failed since yesterday goes through the renewal, and so does the hostname."""
    late = f"late.{stack.base}"
    stack.environment["ADDITIONAL_SAN"] = f"imap.*,{late}"
    await stack.cycle()
    stack.clock.let_pass(days=57)
    another_address(stack)
    assert steps(await stack.cycle()) == [("Keep", stack.host)]
    stack.clock.let_pass(days=2)
    stack.dns.add_a(late, ELSEWHERE)
    nobody_for_the_hostname(stack)
    assert steps(await stack.cycle()) == [("Keep", stack.host)]
    assert stack.names() == {stack.host, stack.imap, late}

    stack.clock.let_pass(days=2)
    report = await stack.cycle()
    assert (steps(report), left_out(report)) == ([("Issue", stack.host)], {stack.imap})
    assert stack.names() == {stack.host, late}  # the CA sees them where they should be


async def test_the_hostname_never_leaves(stack: Stack):
    """However long it points elsewhere, a certificate without the hostname is not asked for."""
    await stack.cycle()
    nobody_for_the_hostname(stack)
    stack.ca_dns.set_servfail(stack.host)
    for days in (1, 80):
        stack.clock.let_pass(days=days)
        report = await stack.cycle()

    assert (steps(report), report.failed) == ([("Issue", stack.host)], True)
    assert all(stack.host in [one["value"] for one in order["identifiers"]] for order in stack.orders())
    assert stack.names() == {stack.host, stack.imap}
