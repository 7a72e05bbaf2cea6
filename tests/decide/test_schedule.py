"""When to look again, and how long to wait after failures."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acme_companion.decide.memory import Failures, Memory, RenewalWindow
from acme_companion.decide.plan import make_plan
from acme_companion.decide.report import Done, Report
from acme_companion.decide.schedule import RETRY_AFTER, next_look, one_more
from acme_companion.decide.steps import Archive, Deploy, Hold, Issue, Keep, LeftOut, Lineage, Plan, Skip
from acme_companion.decide.wanted import wanted_certificates
from tests.builders import DAY, HOST, NOW, domains, failures, held, names, naming, settings, verdicts

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
LINEAGE = Lineage(names(HOST), server=True)
OUT = (LeftOut(names("imap.example.org")[0], "points elsewhere"),)


def report(*steps) -> Report:
    return Report(NOW, NOW, Plan(steps))


def keep(after: timedelta, left_out=()) -> Keep:
    return Keep(LINEAGE, "valid", NOW + after, left_out)


def waiting(after: timedelta) -> Memory:
    return Memory(lineage_failures={HOST: Failures(1, NOW, NOW + after, "the CA is down")})


def unready(age: timedelta) -> Memory:
    return Memory(not_ready_since={one.name.text: NOW - age for one in OUT})


def advised(ask_again: timedelta) -> Memory:
    return Memory(windows={"leaf": RenewalWindow(NOW, NOW, NOW, NOW + ask_again)})


@pytest.mark.parametrize(
    ("steps", "memory", "after"),
    [
        pytest.param((), Memory(), DAY, id="nothing to do: a day"),
        pytest.param((Skip("off"),), Memory(), DAY, id="switched off: a day"),
        pytest.param((Issue(LINEAGE, "new"),), Memory(), DAY, id="just issued: a day"),
        pytest.param(
            (Archive("old", "gone"), Deploy(("a",), "again")), Memory(), DAY, id="housekeeping: a day"
        ),
        pytest.param((keep(40 * DAY),), Memory(), DAY, id="due in weeks: a day"),
        pytest.param((keep(3 * HOUR),), Memory(), 3 * HOUR, id="due in three hours: then"),
        pytest.param((keep(-HOUR),), Memory(), MINUTE, id="overdue: not before a minute"),
        pytest.param((keep(40 * DAY, OUT),), Memory(), HOUR, id="a name was left out: every hour"),
        pytest.param((Issue(LINEAGE, "new", left_out=OUT),), Memory(), HOUR, id="also after an issue"),
        pytest.param(
            (Hold(LINEAGE, "not ready"),), Memory(), 30 * MINUTE, id="no server certificate: half an hour"
        ),
        pytest.param(
            (Hold(LINEAGE, "LE_STAGING", served_until=NOW + 40 * DAY),),
            Memory(),
            DAY,
            id="one that is served: a day",
        ),
        pytest.param((keep(40 * DAY, OUT),), unready(2 * DAY), 6 * HOUR, id="after a day, four times a day"),
        pytest.param((keep(40 * DAY, OUT),), unready(8 * DAY), DAY, id="after a week, once a day"),
        pytest.param(
            (Hold(LINEAGE, "failed", NOW + 2 * HOUR),), Memory(), 2 * HOUR, id="held until then: then"
        ),
        pytest.param((keep(40 * DAY), keep(2 * HOUR)), Memory(), 2 * HOUR, id="the first of several"),
        pytest.param(
            (Issue(LINEAGE, "new"),), waiting(5 * MINUTE), 5 * MINUTE, id="failed just now: its next try"
        ),
        pytest.param((), waiting(-5 * MINUTE), DAY, id="a waiting time that is over counts no more"),
        pytest.param(
            (keep(40 * DAY),), advised(8 * HOUR), 8 * HOUR, id="the CA wants to be asked again: then"
        ),
        pytest.param((keep(40 * DAY),), advised(MINUTE), 6 * HOUR, id="but four times a day at most"),
        pytest.param((keep(40 * DAY),), advised(-DAY), 6 * HOUR, id="advice that did not come: six hours"),
    ],
)
def test_next_look(steps, memory, after):
    """Within a day, sooner for what fails, waits or becomes due; the jitter adds up to a tenth and takes nothing off."""
    looks = [next_look(report(*steps), memory, NOW, share) - NOW for share in (0, 0.5, 1)]

    assert looks == [after, after * 1.05, after * 1.1]


@given(st.timedeltas(-400 * DAY, 400 * DAY), st.timedeltas(-400 * DAY, 400 * DAY), st.floats(0, 1))
def test_next_look_is_bounded(renewal, retry, share):
    """No state of the world lets the loop spin or sleep for long."""
    steps = (keep(renewal), Hold(LINEAGE, "failed", NOW + retry))

    assert MINUTE <= next_look(report(*steps), waiting(retry), NOW, share) - NOW <= DAY * 1.1


@pytest.mark.parametrize(
    ("count", "after"),
    [
        pytest.param(0, MINUTE, id="first"),
        pytest.param(1, 10 * MINUTE, id="second"),
        pytest.param(2, 100 * MINUTE, id="third"),
        pytest.param(3, DAY, id="fourth"),
        pytest.param(1000, DAY, id="thousandth"),
    ],
)
def test_one_more(count, after):
    """Each failure in a row waits longer, up to a day (R-3)."""
    before = Failures(count, NOW - DAY, NOW, "old") if count else None

    assert one_more(before, NOW, "no") == Failures(count + 1, NOW, NOW + after, "no")


@pytest.mark.parametrize(
    ("retry_at", "after"),
    [
        pytest.param(NOW + 3 * DAY, 3 * DAY, id="later than our own waiting time"),
        pytest.param(NOW + MINUTE / 2, MINUTE, id="earlier: our own waiting time holds"),
    ],
)
def test_the_other_side_may_ask_for_time(retry_at, after):
    """A time that the CA named is never undercut, and it is remembered who named it."""
    assert one_more(None, NOW, "busy", retry_at) == Failures(1, NOW, NOW + after, "busy", asked_by_ca=True)


def test_at_least():
    """A deployment that was rolled back costs a certificate each time: it waits longer from the beginning."""
    assert one_more(None, NOW, "down", at_least=13 * HOUR).wait_until == NOW + 13 * HOUR


@pytest.mark.parametrize(
    ("lifetime", "waits"),
    [
        pytest.param(None, [MINUTE, 10 * MINUTE, 100 * MINUTE, DAY], id="nothing valid"),
        pytest.param(90 * DAY, [MINUTE, 10 * MINUTE, 100 * MINUTE, DAY], id="ninety days"),
        pytest.param(45 * DAY, [MINUTE, 10 * MINUTE, 100 * MINUTE, DAY], id="forty-five days"),
        pytest.param(160 * HOUR, [MINUTE, 10 * MINUTE, 100 * MINUTE, 8 * HOUR], id="six days"),
        pytest.param(HOUR, [MINUTE, 3 * MINUTE, 3 * MINUTE, 3 * MINUTE], id="an hour, of a test CA"),
        pytest.param(MINUTE, [MINUTE, MINUTE, MINUTE, MINUTE], id="a minute"),
    ],
)
def test_short_lifetimes_are_tried_more_often(lifetime, waits):
    """T09: as long as a short certificate is valid, a twentieth of its life is the longest wait."""
    found = [
        one_more(failures(count=count) if count else None, NOW, "no", lifetime=lifetime).wait_until - NOW
        for count in range(4)
    ]

    assert found == waits


@given(
    st.integers(0, 2000),
    st.timedeltas(timedelta(0), 400 * DAY),
    st.floats(0, 1),
    st.none() | st.timedeltas(-DAY, 8 * DAY),
)
def test_jitter(count, passed, share, asked):
    """R-3: never sooner than without it, later by a tenth and a minute or so, never in the first minute of a day."""
    now = NOW + passed
    retry_at = None if asked is None else now + asked
    exact = max(now + RETRY_AFTER[min(count, 3)], retry_at or now)
    made = one_more(failures(count=count), now, "no", retry_at, share=share)

    assert exact <= made.wait_until <= exact + (exact - now) * 0.1 + 12 * MINUTE
    assert (made.wait_until.hour, made.wait_until.minute) != (0, 0)


def test_sums_of_the_schedule():
    """What a name that always fails costs: three validations in an hour (of five), four on the first day, then one a day."""
    at, moments = NOW, []
    before = None
    for _ in range(1000):
        moments.append(at)
        before = one_more(before, at, "no")
        at = before.wait_until

    assert sum(one < NOW + HOUR for one in moments) == 3
    assert [sum(n * DAY <= one - NOW < (n + 1) * DAY for one in moments) for n in range(4)] == [4, 1, 1, 1]


def orders_placed(starts: list[datetime]) -> int:
    """How many orders a companion places that starts at these moments, keeps its memory, and finds a CA that says no."""
    memory, placed = Memory(), 0
    wanted = wanted_certificates(naming(), domains())
    for now in starts:
        plan = make_plan(settings(), domains(), wanted, verdicts(HOST), held(memory=memory), now)
        for step in plan.issues:
            placed += 1
            before = memory.lineage_failures.get(step.lineage.directory)
            memory = Memory(
                lineage_failures={step.lineage.directory: one_more(before, now, "the CA says no")}
            )
    return placed


def test_a_restart_loop_places_no_extra_orders():
    """Restarting every ten seconds for a day costs as many orders as running through it, and few."""
    assert orders_placed([NOW + timedelta(seconds=10 * n) for n in range(8640)]) == 4


def test_a_year_of_failures():
    """A name that fails for a year stays below the 1,152 failed validations after which Let's Encrypt pauses it."""
    assert orders_placed([NOW + HOUR * n for n in range(24 * 365)]) == 368


def test_force_renew_does_not_undercut_the_ca():
    """A wish shortens our own waiting time, never one that the CA asked for."""
    wanted = wanted_certificates(naming(), domains())

    def forced(asked):
        memory = Memory(lineage_failures={HOST: failures(asked=asked)})
        return make_plan(
            settings(), domains(), wanted, verdicts(HOST), held(memory=memory), NOW, force=True
        ).steps

    assert [type(step) for asked in (False, True) for step in forced(asked)] == [Issue, Hold]


def test_a_short_certificate_is_not_slept_through():
    """A CA that issues for a day: the look after the issue comes before its end."""
    done = Done(Issue(LINEAGE, "new"), ok=True, sentence="issued", next_renewal=NOW + 12 * HOUR)

    assert next_look(replace(report(), done=(done,)), Memory(), NOW, 0) == NOW + 12 * HOUR


def test_a_database_that_was_not_there_is_asked_soon():
    """The mail domains are missing from the certificates until it answers."""
    assert next_look(replace(report(), incomplete=True), Memory(), NOW, 0) == NOW + 5 * MINUTE


@pytest.mark.parametrize(
    ("memory", "wait"),
    [
        pytest.param(Memory(), timedelta(hours=1), id="new: hourly"),
        pytest.param(Memory(unknown_since={HOST: NOW - timedelta(hours=23)}), timedelta(hours=1), id="not a day yet"),
        pytest.param(Memory(unknown_since={HOST: NOW - 2 * DAY}), timedelta(hours=6), id="for days: every six hours"),
        pytest.param(Memory(unknown_since={HOST: NOW - 8 * DAY}), DAY, id="for a week: daily"),
        pytest.param(
            Memory(unknown_since={HOST: NOW}, not_ready_since={HOST: NOW - 8 * DAY}), DAY,
            id="long not ready, and now nobody can tell: daily",
        ),
    ],
)  # fmt: skip
def test_a_name_of_which_nobody_can_tell(memory, wait):
    """It is looked at less and less often, as one that is not ready."""
    left_out = (LeftOut(names(HOST)[0], "no answer"),)
    keep = Keep(Lineage(names("a.tld")), "valid", NOW + 60 * DAY, left_out)

    assert next_look(Report(NOW, NOW, Plan((keep,))), memory, NOW, 0) - NOW == wait
