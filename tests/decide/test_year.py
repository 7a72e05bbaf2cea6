"""A year of decisions: with failures every day, nothing expires and no limit of Let's Encrypt is ever exceeded."""

from __future__ import annotations

from datetime import timedelta

import pytest

from acme_companion.decide.names import Name
from tests.builders import DAY, NOW
from tests.decide.year import HOST, Year, lineages

FLAPPING = Name("imap.example.org")


NINETY, FORTY_FIVE, SIX = timedelta(days=90), timedelta(days=45), timedelta(hours=160)


@pytest.mark.parametrize(
    ("lifetimes", "advice", "time"),
    [
        pytest.param(
            (NINETY, FORTY_FIVE, SIX), True, 365 * DAY, id="a year of all three, by the CA's advice"
        ),
        pytest.param((NINETY,), True, 365 * DAY, id="a year of ninety days, by the CA's advice"),
        pytest.param((NINETY,), False, 365 * DAY, id="a year of ninety days, without advice"),
        pytest.param((FORTY_FIVE,), True, 365 * DAY, id="a year of forty-five days, by the CA's advice"),
        pytest.param((FORTY_FIVE,), False, 365 * DAY, id="a year of forty-five days, without advice"),
        pytest.param((SIX,), True, 365 * DAY, id="a year of six days, by the CA's advice"),
        pytest.param((SIX,), False, 365 * DAY, id="a year of six days, without advice"),
        pytest.param((NINETY,), True, 3 * 365 * DAY, id="three years of ninety days"),
    ],
)
def test_a_year(lifetimes, advice, time):
    """500 lineages, one order in twenty fails, and the CA is down for two days once."""
    outage = (NOW + 40 * DAY, NOW + 42 * DAY)
    year = Year(lineages(500, below_one_domain=60), lifetimes, advice, outages=(outage,))
    year.pass_(time)

    assert (year.expired, year.ca.broken) == ([], [])
    assert len(year.held) == 500
    for number in range(500):
        least = time / lifetimes[number % len(lifetimes)]
        assert least <= year.issued[number] <= 3 * least + 5


@pytest.mark.parametrize(
    "lifetime", [pytest.param(NINETY, id="ninety days"), pytest.param(SIX, id="six days")]
)
def test_a_clock_that_goes_wrong_again_and_again(lifetime):
    """Ahead by hours, days and a year, late by an hour and by decades, and right in between: nothing ends, and no limit is broken."""
    errors = (DAY / 24, DAY, 1.9 * DAY, 365 * DAY, -DAY / 24, -20000 * DAY)
    wrong = [
        (NOW + (3 + 7 * week) * DAY + after, by)
        for week, error in enumerate(errors * 4)
        for after, by in ((timedelta(0), error), (DAY / 2, timedelta(0)))
    ]
    year = Year(lineages(120, below_one_domain=60), (lifetime,), wrong=tuple(wrong))
    year.pass_(26 * 7 * DAY)

    assert (year.expired, year.ca.broken) == ([], [])
    assert len(year.held) == 120


def test_what_the_year_is_judged_by():
    """The CA of these tests does notice what is too much: 500 new orders at once."""
    year = Year(lineages(2), (DAY,))
    for _ in range(301):
        year.ca.take("new orders", 300, timedelta(hours=3), NOW)

    assert year.ca.broken == [f"{NOW}: new orders"]


@pytest.mark.parametrize("days", [90, 160 / 24])
def test_nothing_but_failures(days):
    """What never works for three years is never paused (1,152 failures), nor fails five times in an hour."""
    year = Year(lineages(4), (timedelta(days=days),), failing=1.0)
    year.pass_(3 * 365 * DAY)

    assert (year.ca.broken, year.held) == ([], {})
    assert 4 * 365 < year.ca.orders < 4 * 3 * 370


def test_a_name_that_flaps():
    """N16: wanted and not wanted in turns, minute by minute for a day: it is ordered with once, and stays in meanwhile."""
    year = Year(lineages(1), (NINETY,), failing=0.0)
    year.pass_(timedelta(minutes=2))
    for minute in range(1440):
        year.lineages[0] = (HOST, *([FLAPPING] if minute % 2 else []))
        year.pass_(timedelta(minutes=1))

    assert (year.ca.orders, year.ca.broken) == (2, [])
