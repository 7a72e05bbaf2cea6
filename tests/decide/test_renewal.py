"""When a certificate is due: the CA's advice, bounded on both sides, and a share of the lifetime without it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acme_companion.decide.memory import RenewalWindow
from acme_companion.decide.renewal import Due, RenewalAdvice, ask_again_after, due, window_from
from tests.builders import DAY, HOST, NOW, certificate

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def window(start: timedelta, end: timedelta, share: float = 0.5) -> RenewalWindow:
    """A window relative to the beginning of a certificate that began `NOW`."""
    return RenewalWindow(NOW + start, NOW + end, NOW + start + (end - start) * share, NOW)


def asked(start: timedelta, end: timedelta) -> str:
    return f"the CA asks for a renewal between {NOW + start:%d %b} and {NOW + end:%d %b %Y}"


TWO_THIRDS, HALF = "two thirds of its lifetime are over", "half of its lifetime is over"
LAST_TENTH = "a tenth of its lifetime is left, and the CA's advice would be later"


@pytest.mark.parametrize(
    ("life", "advice", "after", "because"),
    [
        pytest.param(90 * DAY, None, 60 * DAY, TWO_THIRDS, id="no advice: a third is left"),
        pytest.param(64 * DAY, None, 64 * DAY * 2 / 3, TWO_THIRDS, id="64 days: a third is left"),
        pytest.param(45 * DAY, None, 30 * DAY, TWO_THIRDS, id="45 days: a third is left"),
        pytest.param(10 * DAY, None, 10 * DAY * 2 / 3, TWO_THIRDS, id="ten days are not short"),
        pytest.param(160 * HOUR, None, 80 * HOUR, HALF, id="160 hours: half is left"),
        pytest.param(HOUR, None, 30 * MINUTE, HALF, id="an hour: half is left"),
        pytest.param(
            90 * DAY,
            window(50 * DAY, 52 * DAY),
            51 * DAY,
            asked(50 * DAY, 52 * DAY),
            id="the CA's advice first",
        ),
        pytest.param(
            90 * DAY,
            window(70 * DAY, 72 * DAY),
            71 * DAY,
            asked(70 * DAY, 72 * DAY),
            id="also when it is later",
        ),
        pytest.param(
            160 * HOUR,
            window(90 * HOUR, 92 * HOUR),
            91 * HOUR,
            asked(90 * HOUR, 92 * HOUR),
            id="also later for a short one",
        ),
        pytest.param(
            90 * DAY, window(80 * DAY, 84 * DAY), 81 * DAY, LAST_TENTH, id="never in the last tenth"
        ),
        pytest.param(90 * DAY, window(91 * DAY, 99 * DAY), 81 * DAY, LAST_TENTH, id="beyond the end"),
        pytest.param(
            160 * HOUR, window(150 * HOUR, 152 * HOUR), 144 * HOUR, LAST_TENTH, id="a short one as well"
        ),
        pytest.param(
            90 * DAY, window(8000 * DAY, 9000 * DAY), 81 * DAY, LAST_TENTH, id="advice for years ahead"
        ),
        pytest.param(
            90 * DAY, window(52 * DAY, 50 * DAY), 60 * DAY, TWO_THIRDS, id="ends before it starts: ignored"
        ),
        pytest.param(90 * DAY, window(50 * DAY, 50 * DAY), 60 * DAY, TWO_THIRDS, id="is empty: ignored"),
        pytest.param(90 * DAY, window(-HOUR, 50 * DAY), 60 * DAY, TWO_THIRDS, id="starts before it: ignored"),
        pytest.param(90 * DAY, window(0 * DAY, 50 * DAY), 60 * DAY, TWO_THIRDS, id="starts with it: ignored"),
        pytest.param(
            90 * DAY,
            window(-HOUR, 900 * DAY),
            60 * DAY,
            TWO_THIRDS,
            id="starts before it and ends far away: ignored, not the last tenth",
        ),
        pytest.param(
            90 * DAY,
            window(HOUR, 2 * HOUR),
            12 * HOUR,
            asked(HOUR, 2 * HOUR),
            id="now for every new one: after 12 h",
        ),
        pytest.param(
            HOUR,
            window(MINUTE, 2 * MINUTE),
            6 * MINUTE,
            asked(MINUTE, 2 * MINUTE),
            id="now for a short one: a tenth",
        ),
    ],
)
def test_due(life, advice, after, because):
    """The CA's advice first, never before 12 h (or a tenth) and never after nine tenths; a share of the life without it."""
    held = certificate(HOST, age_days=0, life_days=life / DAY)

    assert due(held, advice) == Due(NOW + after, because, advised=because.startswith("the CA"))


lifetimes = st.floats(1 / 24, 398)
moments = st.datetimes(datetime(1971, 1, 1), datetime(9990, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - made aware by hypothesis
advices = st.builds(RenewalAdvice, moments, moments, st.timedeltas(MINUTE, DAY))
near = st.builds(
    lambda start, length: RenewalAdvice(NOW + start * DAY, NOW + (start + length) * DAY, HOUR),
    st.floats(-500, 500),
    st.floats(-5, 500),
)


@given(lifetimes, advices | near | st.none(), st.floats(0, 1))
def test_due_is_always_in_time(life_days, advice, share):
    """Whatever the CA says and however long the life (an hour … 398 days): after its beginning, before its last tenth."""
    held = certificate(HOST, age_days=0, life_days=life_days)
    chosen = window_from(None, advice, NOW, share) if advice else None

    at = due(held, chosen).at

    life = held.not_after - held.not_before
    assert held.not_before + min(12 * HOUR, life / 10) <= at <= held.not_after - life / 10


@given(near, st.floats(0, 1), st.floats(0, 1))
def test_the_moment_is_chosen_once(advice, first, second):
    """RFC 9773 section 4.2: a client that rolls the dice at every look might put a renewal off for ever."""
    before = window_from(None, advice, NOW, first)
    later = window_from(before, advice, NOW + DAY, second)

    assert later.chosen == before.chosen == advice.start + (advice.end - advice.start) * first
    assert later.ask_again == NOW + DAY + HOUR


def test_a_window_that_moves_is_chosen_in_again():
    """A revocation moves the window: the old moment would be too late."""
    before = window_from(None, RenewalAdvice(NOW + 50 * DAY, NOW + 52 * DAY, HOUR), NOW, 0.5)
    moved = RenewalAdvice(NOW - HOUR, NOW, HOUR, "https://ca.example/incident")

    assert window_from(before, moved, NOW, 0.5) == RenewalWindow(
        NOW - HOUR, NOW, NOW - HOUR / 2, NOW + HOUR, "https://ca.example/incident"
    )


@pytest.mark.parametrize(
    ("value", "date", "expected"),
    [
        pytest.param("21600", None, 6 * HOUR, id="seconds"),
        pytest.param(" 3600 ", None, HOUR, id="blanks around them"),
        pytest.param("Sat, 21 Nov 2026 14:00:00 GMT", None, 2 * HOUR, id="a date"),
        pytest.param(
            "Sat, 21 Nov 2026 14:00:00 GMT",
            "Sat, 21 Nov 2026 13:00:00 GMT",
            HOUR,
            id="a date by the CA's clock, which may differ from ours",
        ),
        pytest.param("1", None, MINUTE, id="too soon: a minute"),
        pytest.param("0", None, MINUTE, id="at once: a minute"),
        pytest.param("Sat, 21 Nov 2020 14:00:00 GMT", None, MINUTE, id="a date in the past: a minute"),
        pytest.param("31536000", None, 12 * HOUR, id="a year: twice a day"),
        pytest.param("9" * 400, None, 6 * HOUR, id="a number without end: as if absent"),
        pytest.param("Fri, 31 Dec 9999 23:59:59 GMT", None, 12 * HOUR, id="the end of time: twice a day"),
        pytest.param(None, None, 6 * HOUR, id="absent: six hours (RFC 9773 section 4.3.3)"),
        pytest.param("", None, 6 * HOUR, id="empty"),
        pytest.param("soon", None, 6 * HOUR, id="garbage"),
        pytest.param("-5", None, 6 * HOUR, id="negative"),
        pytest.param("²", None, 6 * HOUR, id="a digit that is no number"),
        pytest.param("1e9", None, 6 * HOUR, id="an exponent"),
    ],
)
def test_ask_again_after(value, date, expected):
    """`Retry-After` in both of its forms, clamped to a minute … half a day."""
    assert ask_again_after(value, date, NOW) == expected


@given(st.text(), st.text() | st.none())
def test_any_header(value, date):
    """A header is never an error, and never makes us ask more than once a minute or less than daily."""
    assert MINUTE <= ask_again_after(value, date, NOW) <= DAY
