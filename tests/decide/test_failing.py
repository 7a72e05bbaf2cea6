"""What follows from a failure: how long to wait, and whether somebody else is asked meanwhile."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from acme_companion.decide.acme_problems import ProblemDocument, Rejection
from acme_companion.decide.alarm import Alarm
from acme_companion.decide.failing import failures_after, fallback_at_once
from acme_companion.decide.limits.remembering import after_failure, after_issue, before_orders, goes_on
from acme_companion.decide.memory import Failures, Memory
from acme_companion.decide.open_orders import OpenOrder
from acme_companion.decide.problems import Damaged, NameRefusals, NotOrdered, NotShown, NotYet, Refused
from acme_companion.decide.renewal import ask_after_failure
from acme_companion.decide.settings import Ca
from acme_companion.decide.steps import Issue, Lineage
from tests.builders import CA_URL, DAY, HOST, NOW, names, settings

MINUTE = timedelta(minutes=1)
STEP = Issue(Lineage(names(HOST), server=True), "due")
PAUSED = ProblemDocument("rateLimited", f"Paused for {HOST}. Visit https://ca.example/unpause?jwt=x")
LIMITED = Rejection("https://ca.example/order", 429, ProblemDocument("rateLimited", "too many new orders"))
BEFORE = Failures(1, NOW - DAY, NOW - DAY, "no")
SECOND = Ca("https://second.example/directory")


@pytest.mark.parametrize(
    ("problem", "spent", "wait", "temporary"),
    [
        pytest.param(NotYet("down"), False, 10 * MINUTE, True, id="down"),
        pytest.param(NotYet("busy", retry_at=NOW + 5 * DAY), False, 5 * DAY, True, id="a time was named"),
        pytest.param(NotShown("no interface"), False, 10 * MINUTE, False, id="down, but not the CA"),
        pytest.param(Refused("no"), False, 10 * MINUTE, False, id="refused"),
        pytest.param(Damaged("disk full"), False, 10 * MINUTE, False, id="a fault of our disk"),
        pytest.param(
            NotOrdered("another one", b""),
            True,
            36 * 60 * MINUTE + MINUTE,
            False,
            id="it cost one, and not at midnight",
        ),
        pytest.param(
            NotYet("paused", rejection=Rejection("url", 429, PAUSED)), False, DAY, True, id="paused: a day"
        ),
    ],
)
def test_how_long(problem, spent, wait, temporary):
    """By what it was: the table, the CA's own time, what it cost, and whether a person must act (A05)."""
    found = failures_after(settings(), STEP, BEFORE, problem, str(problem), NOW, spent=spent, share=0)

    assert (found.count, found.wait_until - NOW, found.temporary, found.ca) == (2, wait, temporary, CA_URL)
    assert found.because.startswith("ACTION NEEDED: ") is (str(problem) == "paused")


@pytest.mark.parametrize(
    ("step", "count", "temporary", "expected"),
    [
        pytest.param(STEP, 2, True, True, id="no certificate at all"),
        pytest.param(STEP, 1, True, False, id="once"),
        pytest.param(STEP, 5, False, False, id="refused"),
        pytest.param(replace(STEP, lifetime=90 * DAY, alarm=Alarm.LOW), 5, True, False, id="time is left"),
        pytest.param(
            replace(STEP, lifetime=90 * DAY, alarm=Alarm.URGENT), 5, True, True, id="little time is left"
        ),
        pytest.param(replace(STEP, fallback=True), 5, True, False, id="it was the second CA"),
    ],
)
def test_who_is_next(step, count, temporary, expected):
    """The second CA does not have to wait for the first one's next try."""
    known = Failures(count, NOW, NOW + DAY, "no", temporary=temporary)

    assert fallback_at_once(settings(fallback_ca=SECOND), step, known) is expected
    assert fallback_at_once(settings(), step, known) is False


@pytest.mark.parametrize(
    ("problem", "attempts", "closed"),
    [
        pytest.param(Refused("no"), {}, False, id="refused: nothing is under way"),
        pytest.param(NameRefusals("no", {names(HOST)[0]: "no"}), {}, False, id="a name"),
        pytest.param(NotOrdered("another one", b""), {}, False, id="something else came"),
        pytest.param(NotYet("no answer"), {HOST}, False, id="no answer: it may be under way"),
        pytest.param(
            NotYet("busy", rejection=LIMITED, retry_at=NOW + DAY), {}, True, id="limited, until then"
        ),
        pytest.param(NotYet("busy", rejection=LIMITED), {}, False, id="limited, and no time was named"),
        pytest.param(
            NotYet("down", rejection=replace(LIMITED, status=503), retry_at=NOW + DAY),
            {HOST},
            True,
            id="down, until then",
        ),
    ],
)
def test_the_ledger_after(problem, attempts, closed):
    """A04, A06: what may still be under way is remembered, and what the CA says of itself is heard."""
    begun = before_orders(settings(), Memory(), [STEP], {}, NOW)
    ledger = after_failure(settings(), begun, STEP, problem, NOW).ledgers[CA_URL]

    assert (set(ledger.attempts), ledger.closed_until is not None) == (set(attempts), closed)
    assert after_issue(settings(), begun, STEP, names(HOST), NOW).ledgers[CA_URL].attempts == {}


def test_an_order_that_is_open_is_not_counted_again():
    """Going on with what was written down places none."""
    order = OpenOrder("url", CA_URL, "account", (HOST,), "key", NOW, refused={"imap.example.org": "no"})

    assert goes_on(order, CA_URL, names(HOST), NOW)
    assert goes_on(order, CA_URL, names(f"{HOST} imap.example.org"), NOW)
    assert not goes_on(order, CA_URL, names(f"{HOST} a.example.org"), NOW)
    assert not goes_on(order, SECOND.directory_url, names(HOST), NOW)
    assert not goes_on(None, CA_URL, names(HOST), NOW)
    assert not goes_on(order, CA_URL, names(HOST), NOW + 7 * DAY), "its time is over: another one is placed"
    assert before_orders(settings(), Memory(), [STEP], {HOST: order}, NOW) == Memory()


def test_questions_without_an_answer():
    """RFC 9773 section 4.3.3: a quarter of an hour, doubled up to six hours, a little later by chance."""
    waits, failures = [], None
    for _ in range(7):
        failures = ask_after_failure(failures, NOW, "down", 0)
        waits.append((failures.wait_until - NOW) / MINUTE)

    assert waits == [15, 30, 60, 120, 240, 360, 360]
    assert ask_after_failure(None, NOW, "down", 1).wait_until - NOW == 16.5 * MINUTE
