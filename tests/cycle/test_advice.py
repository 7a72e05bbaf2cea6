"""What the CA advises about renewals: asked in time, followed with reason, and never without end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tests.act.acme_proxy import changed, problem
from tests.cycle.stack import steps

if TYPE_CHECKING:
    from tests.cycle.stack import Stack

ADVICE = "/draft-ietf-acme-ari-03/renewalInfo"
PAGE = "https://ca.example/why?incident=7"


def questions(stack: Stack, mark: int) -> int:
    return sum(one.path.startswith(ADVICE) for one in stack.since(mark))


def window(begin: timedelta, end: timedelta, **more: str):
    """Advise a renewal so long after now, whatever the clock of the test shows."""
    now = datetime.now(UTC)
    edges = {"start": (now + begin).isoformat(), "end": (now + end).isoformat()}
    return changed(lambda value: value.update(suggestedWindow=edges, **more))


async def test_a_ca_that_gives_no_advice(stack: Stack):
    """RFC 9773 section 4.3.3: asked again ever more seldom, up to six hours; the lifetime says when, meanwhile."""
    await stack.cycle()
    stack.proxy.on(ADVICE, *[problem(400, "malformed")] * 50)
    asked = []
    for minutes in (0, 1, 20, 1, 40, 1, 70, 300):
        stack.clock.let_pass(minutes=minutes)
        mark = stack.mark()
        report = await stack.cycle()
        asked.append(questions(stack, mark))
        assert steps(report) == [("Keep", stack.host)]

    assert asked == [1, 0, 1, 0, 1, 0, 1, 1]
    assert report.next_look
    assert report.next_look - report.ended < timedelta(hours=7)


async def test_the_chosen_moment_stays(stack: Stack):
    """A-4: chosen once in a window, and kept over restarts; chosen anew when the window moves."""
    await stack.cycle()
    first, later = (
        window(timedelta(days=50), timedelta(days=52)),
        window(timedelta(days=20), timedelta(days=22)),
    )
    stack.proxy.on(ADVICE, first, first, later)
    chosen = []
    for _ in range(3):
        await stack.cycle()
        [known] = (await stack.held()).memory.windows.values()
        chosen.append(known.chosen)
        stack.clock.let_pass(days=1)

    assert chosen[0] == chosen[1]
    assert timedelta(days=29) < chosen[1] - chosen[2] < timedelta(days=31)


async def test_the_reason_is_told(stack: Stack):
    """A-8: the CA's page about it is in the log, in the reason, and in status."""
    await stack.cycle()
    stack.clock.let_pass(days=1)
    stack.proxy.on(ADVICE, *[window(timedelta(hours=20), timedelta(hours=30), explanationURL=PAGE)] * 9)
    [step] = (await stack.cycle()).plan.steps
    assert any(PAGE in line for _, line in stack.log.said)
    _, shown = await stack.command("status")

    assert f"('{PAGE}')" in shown
    stack.clock.let_pass(hours=12)
    [step] = (await stack.cycle()).plan.steps
    assert PAGE in step.because


async def test_advice_without_end(stack: Stack):
    """A43: a CA that wants every certificate renewed at once gets two renewals a day, and the admin a sentence."""
    await stack.cycle()
    stack.clock.let_pass(days=1)
    stack.proxy.on(ADVICE, *[window(timedelta(minutes=1), timedelta(minutes=2))] * 99)
    orders, said = len(stack.orders()), set()
    for _ in range(24):
        stack.clock.let_pass(hours=1)
        said |= {step.because for step in (await stack.cycle()).plan.steps}

    assert 2 <= len(stack.orders()) - orders <= 4
    assert "it was renewed twice within a day already, and each time costs a certificate" in said
