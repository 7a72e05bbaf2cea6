"""Cycle after cycle on one volume: what is issued, kept, renewed and put away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.cycle.stack import LONG_PROFILE, left_out, steps

if TYPE_CHECKING:
    from tests.cycle.stack import Stack


async def test_issued_then_kept_then_renewed(stack: Stack):
    """The first cycle issues, the second asks the CA nothing, and after two thirds of its life it is renewed with its key."""
    first = await stack.cycle()
    old = stack.certificate()

    assert steps(first) == [("Issue", stack.host)]
    assert stack.names() == stack.names(stack.host) == {stack.host, stack.imap}
    assert stack.unfinished() == []
    assert len(stack.generations(stack.host)) == 1  # the self-signed pair

    mark = stack.mark()
    second = await stack.cycle()
    assert (steps(second), second.failed) == ([("Keep", stack.host)], False)
    # Asked once per certificate, and then not before the CA wants it: when it should be renewed (RFC 9773).
    assert [(one.method, one.path.rsplit("/", 1)[0]) for one in stack.since(mark)] == [
        ("GET", "/draft-ietf-acme-ari-03/renewalInfo")
    ]
    mark = stack.mark()
    assert steps(await stack.cycle()) == [("Keep", stack.host)]
    assert stack.since(mark) == []

    stack.clock.let_pass(days=62)
    third = await stack.cycle(ACME_PROFILE=LONG_PROFILE)
    new = stack.certificate()
    assert steps(third) == [("Issue", stack.host)]
    assert stack.orders()[-1]["replaces"] == old.renewal_id
    assert (new.fingerprint != old.fingerprint, new.spki) == (True, old.spki)
    assert len(stack.generations(stack.host)) == 2
    assert steps(await stack.cycle()) == [("Keep", stack.host)]
    assert stack.unfinished() == []


async def test_ten_generations_are_kept(stack: Stack):
    """Twelve renewals later the ten newest predecessors are there, the newest one last, and nothing else."""
    await stack.cycle()
    before = ""
    for _ in range(12):
        before = stack.certificate().fingerprint
        assert steps(await stack.cycle(force=True)) == [("Issue", stack.host)]
        stack.clock.let_pass(hours=14)  # twice a day is the most

    kept = stack.generations(stack.host)
    assert len(kept) == 10
    assert stack.certificate(f"backups/{stack.host}/{kept[-1]}").fingerprint == before
    assert stack.unfinished() == []


async def test_one_account_for_all_of_it(stack: Stack):
    """Several lineages and several cycles register one account."""
    before = stack.accounts()
    await stack.cycle(ENABLE_SSL_SNI="y", MAIL_DOMAINS=f"a.{stack.base},b.{stack.base}")
    await stack.cycle(force=True, ENABLE_SSL_SNI="y", MAIL_DOMAINS=f"a.{stack.base},b.{stack.base}")

    assert stack.accounts() == before + 1
    assert stack.covered() == {stack.host, f"imap.a.{stack.base}", f"imap.b.{stack.base}"}


async def test_a_new_name_joins_and_one_that_is_not_ready_waits_outside(stack: Stack):
    """A name that joins has the certificate issued anew once it is ready; until then nothing is asked for."""
    new = f"smtp.{stack.base}"
    await stack.cycle()
    stack.dns.add_a(new, "9.9.9.9")
    waiting = await stack.cycle(ADDITIONAL_SAN=f"imap.*,{new}")
    assert (steps(waiting), left_out(waiting)) == ([("Keep", stack.host)], {new})

    stack.dns.clear_a(new)
    await stack.cycle(ADDITIONAL_SAN=f"imap.*,{new}")
    assert stack.names() == {stack.host, stack.imap, new}
