"""What an admin asks for: a renewal now, none at all, another CA, one certificate or many."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.bed.process import wait_until
from tests.cycle.stack import steps, stopped

if TYPE_CHECKING:
    from aiohttp import web

    from tests.act.acme_proxy import Forward
    from tests.cycle.fakes import TlsSiblings
    from tests.cycle.stack import Stack


async def never(request: web.BaseRequest, forward: Forward) -> web.Response:
    """No answer at all."""
    await asyncio.get_running_loop().create_future()
    return await forward()


async def test_force_renew_is_granted_once(stack: Stack):
    """The file is gone and everything is new; the next cycle has nothing to do."""
    await stack.cycle()
    before = stack.certificate().fingerprint
    (stack.volume / "force_renew").touch()
    await stack.cycle()

    assert stack.certificate().fingerprint != before
    assert not (stack.volume / "force_renew").exists()
    assert steps(await stack.cycle()) == [("Keep", stack.host)]


async def test_stopped_over_a_forced_renewal(stack: Stack):
    """Whatever was not renewed yet is, at the next start; nothing is renewed twice."""
    stack.environment |= {"ENABLE_SSL_SNI": "y", "MAIL_DOMAINS": f"a.{stack.base},b.{stack.base}"}
    await stack.cycle()
    directories = (stack.host, f"imap.a.{stack.base}", f"imap.b.{stack.base}")
    before = {one: stack.certificate(one).fingerprint for one in directories}
    (stack.volume / "force_renew").touch()
    reached = asyncio.Event()

    async def third_never(request: web.BaseRequest, forward: Forward) -> web.Response:
        # By what is ordered, not by count: an order that Pebble stumbles over is placed again.
        if len({str(one["identifiers"]) for one in stack.orders()[asked:]}) < len(directories):
            return await forward()
        # The two before it are on the volume by then.
        assert await asyncio.to_thread(wait_until, lambda: len(changed()) == 2, 10)
        reached.set()
        return await never(request, forward)

    def changed() -> set[str]:
        return {one for one in directories if stack.certificate(one).fingerprint != before[one]}

    asked = len(stack.orders())
    stack.proxy.on("/order-plz", *[third_never] * 20)
    await stopped(stack.cycle(), reached)
    assert (len(changed()), (stack.volume / "force_renew").exists()) == (2, False)
    stack.proxy.clear()

    orders = len(stack.orders())
    await stack.cycle()
    assert (changed(), len(stack.orders()) - orders) == (set(directories), 1)
    assert {kind for kind, _ in steps(await stack.cycle())} == {"Keep"}


async def test_stopped_over_the_siblings(stack: Stack, siblings: TlsSiblings):
    """What was issued is not issued again: the next start takes the siblings through it, and that is all."""
    await stack.cycle()
    siblings.all[0].endless = {"signal HUP"}
    (stack.volume / "force_renew").touch()
    await stopped(stack.cycle(), siblings.all[0].reached)
    siblings.all[0].endless = set()

    new, orders = stack.certificate().fingerprint, len(stack.orders())
    report = await stack.cycle()
    assert steps(report) == [("Keep", stack.host), ("Deploy", "")]
    assert {one.served for one in report.deployment.endpoints} == {new}
    assert len(stack.orders()) == orders


async def test_no_acme_at_all(stack: Stack):
    """SKIP_LETS_ENCRYPT asks the CA for nothing, also when certificates end; siblings have something to start with."""
    await stack.cycle(SKIP_LETS_ENCRYPT="y")
    assert stack.certificate().self_signed
    await stack.cycle()
    mark, before = stack.mark(), stack.certificate().fingerprint
    (stack.volume / "force_renew").touch()
    for days, alarm in ((1, False), (60, False), (40, True)):
        stack.clock.let_pass(days=days)
        report = await stack.cycle(SKIP_LETS_ENCRYPT="y")
        assert (steps(report), report.failed) == ([("Skip", "")], alarm)

    assert (stack.since(mark), stack.certificate().fingerprint) == ([], before)


async def test_from_staging_to_production(stack: Stack):
    """Another directory URL has every certificate issued anew, once, with nothing said about a predecessor."""
    staging = {"DIRECTORY_URL": stack.ca.directory_url, "CA_BUNDLE": str(stack.ca.ca_bundle)}
    await stack.cycle(staging)
    before = stack.certificate()
    assert steps(await stack.cycle(staging)) == [("Keep", stack.host)]

    assert steps(await stack.cycle()) == [("Issue", stack.host)]
    assert (stack.certificate().fingerprint != before.fingerprint, stack.certificate().spki) == (
        True,
        before.spki,
    )
    assert [order.get("replaces") for order in stack.orders()] == [None]
    assert steps(await stack.cycle()) == [("Keep", stack.host)]


@pytest.mark.parametrize("begin", ["n", "y"])
async def test_between_one_certificate_and_many(stack: Stack, begin: str):
    """There and back: no wanted name is without a certificate after any cycle, and what is not needed is put away."""
    domains = f"a.{stack.base},b.{stack.base}"
    wanted = {stack.host, f"imap.a.{stack.base}", f"imap.b.{stack.base}"}
    many = {stack.host, f"imap.a.{stack.base}", f"imap.b.{stack.base}"}
    for sni in (begin, "y" if begin == "n" else "n", begin):
        for _ in range(3):
            report = await stack.cycle(ENABLE_SSL_SNI=sni, MAIL_DOMAINS=domains)
            assert not report.failed
            assert wanted <= stack.covered()
        directories = {one.directory for one in (await stack.held()).lineages}
        assert directories == (many if sni == "y" else {stack.host})
        assert {kind for kind, _ in steps(report)} == {"Keep"}
    assert stack.unfinished() == []


async def test_a_mail_domain_that_left(stack: Stack):
    """Its certificate is moved to the backups, and comes back when the domain does."""
    both, one = f"a.{stack.base},b.{stack.base}", f"a.{stack.base}"
    stack.environment["ENABLE_SSL_SNI"] = "y"
    await stack.cycle(MAIL_DOMAINS=both)
    report = await stack.cycle(MAIL_DOMAINS=one)

    assert ("Archive", f"imap.b.{stack.base}") in steps(report)
    assert stack.covered() == {stack.host, f"imap.a.{stack.base}"}
    assert len(stack.generations(f"imap.b.{stack.base}")) == 1
    await stack.cycle(MAIL_DOMAINS=both)
    assert f"imap.b.{stack.base}" in stack.covered()
    assert stack.unfinished() == []
