"""A CA's own wait is obeyed to the letter, unless the certificate would end over it in silence."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from acme_companion.decide.emergency import obeyed_until
from acme_companion.decide.facts import MailDomains
from acme_companion.decide.failing import next_try
from acme_companion.decide.ledger import Attempt, Ledger
from acme_companion.decide.limits import Planned
from acme_companion.decide.limits.counting import issued
from acme_companion.decide.memory import Failures, Held, Memory
from acme_companion.decide.plan import make_plan
from acme_companion.decide.settings import Ca
from acme_companion.decide.steps import Hold, Issue, Lineage
from acme_companion.decide.wanted import wanted_certificates
from tests.builders import (
    CA_URL,
    DAY,
    HOST,
    NOW,
    certificate,
    domains,
    held,
    lineage,
    names,
    settings,
    verdicts,
)

HOUR = timedelta(hours=1)
SIX_DAYS = timedelta(hours=160)
PRINT = certificate(HOST).fingerprint
SECOND = Ca("https://second.example/directory")


@pytest.mark.parametrize(
    ("asked", "until", "lifetime", "obeyed"),
    [
        # Hours before and after the end of the certificate.
        pytest.param(-80, -20, SIX_DAYS, -20, id="it is over while there is time"),
        pytest.param(-80, -8, SIX_DAYS, -8, id="a twentieth of its life is left then: that is enough"),
        pytest.param(-80, -7, SIX_DAYS, -16, id="hardly any time is left then: once more at the last tenth"),
        pytest.param(-80, 112, SIX_DAYS, -16, id="eight days"),
        pytest.param(-16, 176, SIX_DAYS, -8, id="said again there: once more after a twentieth of its life"),
        pytest.param(-10, 176, SIX_DAYS, -2, id="said within the last tenth"),
        pytest.param(-10, -1, SIX_DAYS, -2, id="never later than the CA itself says"),
        pytest.param(-2, -1, SIX_DAYS, -1, id="and never sooner after the last time than the schedule"),
        pytest.param(1, 193, None, 25, id="it has ended: once a day"),
        pytest.param(1, 5, None, 5, id="it has ended, and the CA asked for hours"),
        pytest.param(-240, -48, 90 * DAY, -216, id="ninety days: at the last tenth as well"),
        pytest.param(-100, 92, 90 * DAY, -76, id="and then once a day"),
        pytest.param(-300, -110, 90 * DAY, -110, id="more than a twentieth of ninety days is left: obeyed"),
    ],
)
def test_how_long_it_is_obeyed(asked, until, lifetime, obeyed):
    """P-9: the time that the CA named, or the emergency line and the slowest pace of the schedule."""
    at = {hours: NOW + hours * HOUR for hours in (asked, until, obeyed)}

    assert obeyed_until(at[until], at[asked], NOW, lifetime) == at[obeyed]
    assert obeyed_until(at[until], at[asked], None, None) == at[until], "nothing can end"


def test_it_is_no_hammer():
    """A CA that asks for eight days each time is asked twice more before the end of six days, and then once a day."""
    begin, asked = NOW, NOW + SIX_DAYS / 2
    ends, times = begin + SIX_DAYS, []
    while asked < ends + 5 * DAY:
        asked = obeyed_until(asked + 8 * DAY, asked, ends, SIX_DAYS if asked < ends else None)
        times.append((asked - ends) / HOUR)

    assert times[:4] == [-16, -8, 0, 24]
    assert all(later - sooner >= 8 for sooner, later in pairwise(times))


def waiting(left: timedelta, until: timedelta, *, asked: timedelta = -DAY, life: float = 160 / 24) -> Held:
    """A certificate that ends after `left`; its lineage and everybody must wait until then, the CA said a while ago."""
    has = lineage(HOST, age_days=life - left / DAY, life_days=life)
    failed = Failures(2, NOW + asked, NOW + until, "busy", asked_by_ca=True, temporary=True, ca=CA_URL)
    closed = Ledger(closed_until=NOW + until, closed_because="busy", closed_at=NOW + asked)
    memory = Memory(issued={PRINT: CA_URL}, lineage_failures={HOST: failed}, ledgers={CA_URL: closed})
    return held(has, memory=memory)


def only_closed(has: Held) -> Held:
    return replace(has, memory=replace(has.memory, lineage_failures={}))


def step(has: Held, given=None):
    given = given or settings()
    wanted = wanted_certificates(given.naming, domains())
    [found] = make_plan(given, MailDomains(), wanted, verdicts(HOST), has, NOW).steps
    return found


TOO_LATE = "and that is too late for the certificate, whose end is"


@pytest.mark.parametrize("of", [lambda has: has, only_closed], ids=["this certificate's wait", "everybody's"])
@pytest.mark.parametrize(
    ("has", "until"),
    [
        pytest.param(waiting(30 * HOUR, 7 * DAY), 14 * HOUR, id="until the last tenth, not until the end"),
        pytest.param(waiting(30 * HOUR, 20 * HOUR), 20 * HOUR, id="a wait that leaves time is obeyed"),
        pytest.param(waiting(15 * HOUR, 7 * DAY, asked=-DAY), None, id="the last tenth: asked once more"),
        pytest.param(waiting(15 * HOUR, 7 * DAY, asked=-HOUR), 7 * HOUR, id="just asked: not before a while"),
        pytest.param(waiting(-HOUR, 7 * DAY, asked=-HOUR), 23 * HOUR, id="it has ended: once a day"),
    ],
)
def test_a_plan(has, until, of):
    """The plan says until when it waits, and says so when it does not wait as long as the CA asked for."""
    found = step(of(has))

    if until is None:
        assert isinstance(found, Issue)
        assert TOO_LATE in found.because
        return
    assert isinstance(found, Hold)
    assert found.until == NOW + until
    assert (TOO_LATE in found.because) is (until != 20 * HOUR)


def test_one_asks_for_all():
    """Whoever comes to its last tenth does not ask again at once when another certificate's order has just been refused."""
    memory = waiting(15 * HOUR, 7 * DAY).memory
    asked = replace(memory.ledgers[CA_URL], closed_at=NOW - HOUR)
    has = replace(only_closed(waiting(15 * HOUR, 7 * DAY)), memory=replace(memory, ledgers={CA_URL: asked}))

    found = step(has)

    assert (type(found), found.until) == (Hold, NOW + 7 * HOUR)


def test_the_second_ca_comes_first():
    """Near its end the other CA is asked, and the first one is left alone as it wished."""
    found = step(waiting(15 * HOUR, 7 * DAY), settings(fallback_ca=SECOND))

    assert (type(found), found.fallback) == (Issue, True)


def test_a_first_certificate_waits():
    """Nothing can end where there is nothing: then the CA's word is obeyed whatever it is."""
    memory = waiting(DAY, 7 * DAY).memory

    assert step(held(memory=replace(memory, issued={}))).until == NOW + 7 * DAY


@pytest.mark.parametrize(
    ("ends", "asked_by_ca", "expected"),
    [
        pytest.param(NOW + 30 * HOUR, True, NOW + 14 * HOUR, id="too late: at the last tenth"),
        pytest.param(NOW + 30 * HOUR, False, NOW + 8 * DAY, id="no wait of the CA's own"),
        pytest.param(None, True, NOW + 8 * DAY, id="no certificate"),
    ],
)
def test_the_next_try_is_told(ends, asked_by_ca, expected):
    """After the failure: it is when the loop wakes up, and what its line says."""
    due = Issue(Lineage(names(HOST), server=True), "due", lifetime=SIX_DAYS if ends else None, ends=ends)
    failed = Failures(2, NOW, NOW + 8 * DAY, "busy", asked_by_ca=asked_by_ca)

    assert next_try(settings(), due, failed) == expected


@pytest.mark.parametrize(
    ("begun", "open_"),
    [
        pytest.param(NOW, True, id="placed after it said so"),
        pytest.param(NOW - 2 * HOUR, False, id="placed before: it was under way"),
    ],
)
def test_a_ca_that_issues_is_open(begun, open_):
    """The others need not wait until the time that it named before."""
    order = Planned(Lineage(names(HOST), server=True))
    ledger = Ledger(
        attempts={HOST: Attempt(begun, "digest", 1)},
        closed_until=NOW + DAY,
        closed_because="busy",
        closed_at=NOW - HOUR,
    )

    assert (issued(None, ledger, order, order.lineage.names, NOW).closed_until is None) is open_
