"""What a CA's limits are spared: restart loops, wishes without end, and limits that the CA itself speaks of."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from acme_companion.decide.known_cas import LETS_ENCRYPT
from acme_companion.decide.limits.table import LIMITS
from tests.act.acme_proxy import problem
from tests.cycle.stack import SHORT_PROFILE, Stack, steps
from tests.cycle.test_wishes import never

if TYPE_CHECKING:
    from aiohttp import web

    from tests.act.acme_proxy import Forward

UNPAUSE = "https://portal.example/unpause?jwt=abc"


def holds(report) -> list[str]:
    return [step.because for step in report.plan.steps if type(step).__name__ == "Hold"]


async def cut_off_at_the_order(stack: Stack) -> None:
    """As if the power failed while the CA was asked for an order; or nothing was ordered at all."""
    reached = asyncio.Event()

    async def silent(request: web.BaseRequest, forward: Forward) -> web.Response:
        reached.set()
        return await never(request, forward)

    stack.proxy.clear()
    stack.proxy.on("/order-plz", *[silent] * 20)
    work = asyncio.create_task(stack.cycle())
    waiting = asyncio.create_task(reached.wait())
    await asyncio.wait({work, waiting}, return_when=asyncio.FIRST_COMPLETED)
    for task in (work, waiting):
        task.cancel()
    await asyncio.gather(work, waiting, return_exceptions=True)


async def test_a_restart_loop_makes_no_orders(stack: Stack):
    """T11: cut off once, the next start goes on at once; cut off again and again, it waits, longer each time."""
    accounts = stack.accounts()
    for _ in range(12):
        await cut_off_at_the_order(stack)
        stack.clock.let_pass(seconds=4)  # less than a minute in all
    assert (len(stack.proxy.asked("/order-plz")), stack.accounts() - accounts) == (2, 1)
    held = holds(await stack.cycle())
    assert held == ["the last 2 tries were cut off before they ended: what ends the container?"]

    for wait, orders in ((timedelta(minutes=1), 3), (timedelta(minutes=1), 3), (timedelta(minutes=10), 4)):
        stack.clock.ahead += wait
        await cut_off_at_the_order(stack)
        assert len(stack.proxy.asked("/order-plz")) == orders

    stack.proxy.clear()
    stack.clock.let_pass(minutes=101)
    assert not (await stack.cycle()).failed
    assert (await stack.held()).memory.ledgers[stack.proxy.directory_url].attempts == {}


async def test_two_wishes_a_day(stack: Stack):
    """O19: a third renewal within a day that nothing but a wish asks for is refused, with a sentence; tomorrow it is granted."""
    await stack.cycle()
    for _ in range(2):
        assert steps(await stack.cycle(force=True)) == [("Issue", stack.host)]
    (stack.volume / "force_renew").touch()
    third = await stack.cycle()

    assert (steps(third), third.failed) == ([("Hold", stack.host)], False)
    assert holds(third) == ["it was renewed twice within a day already, and each time costs a certificate"]
    assert not (stack.volume / "force_renew").exists()
    assert steps(await stack.cycle()) == [("Keep", stack.host)]
    stack.clock.let_pass(hours=13)
    assert steps(await stack.cycle(force=True)) == [("Issue", stack.host)]


async def test_a_limit_on_the_account(stack: Stack):
    """A04, A06: when the CA has nothing more for our account before a time, no certificate is asked for before it."""
    stack.environment |= {"ENABLE_SSL_SNI": "y", "MAIL_DOMAINS": f"a.{stack.base},b.{stack.base}"}
    text = "too many new orders (300) from this account in the last 3h0m0s, retry after later"
    stack.proxy.on("/order-plz", problem(429, "rateLimited", text, {"Retry-After": "7200"}))
    assert (await stack.cycle()).failed
    assert (
        len(stack.proxy.asked("/order-plz")) == 1
    )  # of three: one after the other, and the others hear it from us
    mark = stack.mark()
    stack.clock.let_pass(minutes=100)
    new = f"imap.c.{stack.base}"
    report = await stack.cycle(MAIL_DOMAINS=f"a.{stack.base},b.{stack.base},c.{stack.base}")

    assert ({kind for kind, _ in steps(report)}, stack.since(mark)) == ({"Hold"}, [])
    assert [text in because for because in holds(report)] == [True] * 4  # also of the one that came only now
    assert f"{new}: not issued, the CA: {text}" in "\n".join(line for _, line in stack.log.said)
    stack.proxy.clear()
    stack.clock.let_pass(minutes=40)
    assert not (await stack.cycle()).failed


async def test_a_paused_name(stack: Stack):
    """A05: it waits until somebody acts or tomorrow, says so with the page to open, and the other names go on in the same pass."""
    text = f"Your account is temporarily prevented from requesting certificates for {stack.imap}. Visit {UNPAUSE}"
    stack.proxy.on("/order-plz", problem(429, "rateLimited", text))
    report = await stack.cycle()

    assert (report.failed, stack.names()) == (False, {stack.host})
    failed = (await stack.held()).memory.name_failures[stack.imap]
    assert failed.wait_until - failed.last >= timedelta(days=1)
    assert "ACTION NEEDED" in failed.because
    assert UNPAUSE in failed.because
    assert any("ACTION NEEDED" in line and level == "warning" for level, line in stack.log.said)


async def test_a_paused_hostname(stack: Stack):
    """Without it there is no certificate: it is tried once a day."""
    text = f"Your account is temporarily prevented from requesting certificates for {stack.host}. Visit {UNPAUSE}"
    stack.proxy.on("/order-plz", *[problem(429, "rateLimited", text)] * 9)
    assert (await stack.cycle()).failed
    stack.clock.let_pass(hours=23)
    mark = stack.mark()
    [because] = holds(await stack.cycle())

    assert (stack.since(mark), "ACTION NEEDED" in because, UNPAUSE in because) == ([], True, True)


@pytest.mark.parametrize("kind", ["seconds", "past", "garbage"])
async def test_retry_after_of_an_order(stack: Stack, kind: str):
    """A04: never before the time that the CA named; what is no time is as good as none."""
    value = {"seconds": "5400", "past": "Wed, 21 Oct 2015 07:28:00 GMT", "garbage": "soon"}[kind]
    text = f"too many certificates (5) already issued for this exact set of identifiers: {stack.host}"
    stack.proxy.on("/order-plz", problem(429, "rateLimited", text, {"Retry-After": value}))
    await stack.cycle()
    failed = (await stack.held()).memory.lineage_failures[stack.host]

    least = timedelta(seconds=5400) if kind == "seconds" else timedelta(minutes=1)
    assert least <= failed.wait_until - failed.last < least * 1.2 + timedelta(minutes=1)


async def test_a_wait_beyond_the_end(stack: Stack):
    """P-9: eight days, for a certificate of six, and no second CA: asked once more at the last tenth, and that is said."""
    stack.environment["ACME_PROFILE"] = SHORT_PROFILE
    await stack.cycle()
    text = "Service busy; retry later."
    stack.proxy.on("/order-plz", *[problem(503, "serverInternal", text, {"Retry-After": "691200"})] * 2)
    report = await stack.cycle(force=True)
    ends = stack.certificate().not_after
    line = ends - timedelta(hours=16)
    [done] = report.done
    assert f"next try {line:%d %b %H:%M} UTC" in done.sentence

    orders = len(stack.orders())
    stack.clock.ahead = line - timedelta(hours=1) - stack.clock.now()
    held = await stack.cycle()
    [because] = holds(held)
    assert f"that is too late for the certificate, whose end is {ends:%d %b %H:%M} UTC" in because
    assert held.next_look is not None
    assert timedelta(0) <= held.next_look - line < timedelta(minutes=10)
    assert len(stack.orders()) == orders

    stack.proxy.clear()
    stack.clock.ahead += held.next_look - stack.clock.now()
    report = await stack.cycle()
    assert (steps(report), report.failed) == ([("Issue", stack.host)], False)
    assert (await stack.held()).memory.ledgers[stack.proxy.directory_url].closed_until is None


async def test_an_older_state_that_was_restored(stack: Stack, monkeypatch: pytest.MonkeyPatch):
    """S17: the disk wins: the newer certificate is ours, is kept and is not ordered again; what the backup counted counts on."""
    monkeypatch.setitem(LIMITS, stack.proxy.directory_url, LIMITS[LETS_ENCRYPT])
    stack.environment["ALLOW_EPHEMERAL_VOLUME"] = "y"
    await stack.cycle()
    state = stack.volume / ".companion/state.json"
    backup = state.read_bytes()
    assert not (await stack.cycle(force=True)).failed
    newer, orders = stack.certificate().fingerprint, len(stack.orders())
    state.write_bytes(backup)
    report = await stack.cycle()

    assert {kind for kind, _ in steps(report)} == {"Keep"}
    assert (stack.certificate().fingerprint, len(stack.orders())) == (newer, orders)
    memory = (await stack.held()).memory
    assert newer in memory.issued
    assert memory.ledgers[stack.proxy.directory_url].full_at


async def test_a_state_that_is_lost(stack: Stack, monkeypatch: pytest.MonkeyPatch):
    """S15: what lies on the disk is counted again, so that a lost state does not make the CA's limits new."""
    monkeypatch.setitem(LIMITS, stack.proxy.directory_url, LIMITS[LETS_ENCRYPT])
    stack.environment["ALLOW_EPHEMERAL_VOLUME"] = "y"
    await stack.cycle()
    before = (await stack.held()).memory.ledgers[stack.proxy.directory_url].full_at
    (stack.volume / ".companion/state.json").unlink()
    assert steps(await stack.cycle()) == [("Keep", stack.host)]

    after = (await stack.held()).memory.ledgers[stack.proxy.directory_url].full_at
    kinds = ("names:", "domain:")
    assert {one for one in after if one.startswith(kinds)} == {one for one in before if one.startswith(kinds)}
