"""What a CA says in headers is read whatever it is, and nothing of it makes us wait for ever."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acme_companion.decide.acme_headers import ClockFault, clock_fault, links, retry_after

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
HOUR = "Fri, 20 Nov 2026 13:00:00 GMT"
EIGHT_DAYS = 691_200.0


@pytest.mark.parametrize(
    ("value", "date", "seconds"),
    [
        pytest.param("120", None, 120.0, id="seconds"),
        pytest.param(" 0 ", None, 0.0, id="at once"),
        pytest.param(HOUR, None, 3600.0, id="a date, by our clock"),
        pytest.param(HOUR, "Fri, 20 Nov 2026 12:59:50 GMT", 10.0, id="a date, by the CA's own clock"),
        pytest.param(HOUR, "yesterday", 3600.0, id="a date, the CA's own clock garbled"),
        pytest.param("Fri, 20 Nov 2026 13:00:00 -0000", None, 3600.0, id="a date without a zone is UTC"),
        pytest.param("Thu, 01 Jan 1970 00:00:00 GMT", None, 0.0, id="a past date"),
        pytest.param("Fri, 31 Dec 9999 23:59:59 GMT", None, EIGHT_DAYS, id="a date far away"),
        pytest.param("99999999999999999999", None, EIGHT_DAYS, id="ages"),
        pytest.param("9" * 5000, None, None, id="a number without end"),
        pytest.param("-5", None, None, id="negative"),
        pytest.param("1.5", None, None, id="a fraction"),
        pytest.param("\u0661", None, None, id="digits of another script"),
        pytest.param("soon", None, None, id="garbage"),
        pytest.param("", None, None, id="empty"),
        pytest.param(None, None, None, id="absent"),
    ],
)
def test_retry_after(value: str | None, date: str | None, seconds: float | None) -> None:
    assert retry_after(value, date, NOW) == seconds


AHEAD = "this host's clock is ahead: it says 2026-11-20 12:00 UTC, and ca"


@pytest.mark.parametrize(
    ("date", "fault"),
    [
        pytest.param("Fri, 20 Nov 2026 12:04:00 GMT", None, id="late by minutes: nobody minds"),
        pytest.param("Fri, 20 Nov 2026 11:56:00 GMT", None, id="ahead by minutes"),
        pytest.param(
            "Fri, 20 Nov 2026 10:00:00 GMT",
            ClockFault(f"{AHEAD} 2026-11-20 10:00 UTC: set it right (NTP)", hopeless=False),
            id="ahead by hours",
        ),
        pytest.param(
            "Thu, 20 Nov 2025 12:00:00 GMT",
            ClockFault(f"{AHEAD} 2025-11-20 12:00 UTC: set it right (NTP)", hopeless=True),
            id="T01: a year ahead",
        ),
        pytest.param(
            HOUR,
            ClockFault(
                "this host's clock is late: it says 2026-11-20 12:00 UTC, and ca 2026-11-20 13:00 UTC: set it right (NTP)",
                hopeless=False,
            ),
            id="late by an hour",
        ),
        pytest.param("yesterday", None, id="garbled"),
        pytest.param(None, None, id="absent"),
    ],
)
def test_our_clock_and_the_cas(date: str | None, fault: ClockFault | None) -> None:
    """T01: a clock that is wrong is told by what the CA's own says."""
    assert clock_fault(date, NOW, "ca") == fault


@given(st.text(max_size=60), st.none() | st.text(max_size=60))
def test_retry_after_never_fails(value: str, date: str | None) -> None:
    """Whatever a header holds, the wait is sane."""
    seconds = retry_after(value, date, NOW)
    assert seconds is None or 0 <= seconds <= EIGHT_DAYS
    assert isinstance(clock_fault(date, NOW, "ca"), ClockFault | None)


@pytest.mark.parametrize(
    ("values", "found"),
    [
        pytest.param(['<https://ca/1>;rel="alternate"'], ("https://ca/1",), id="one"),
        pytest.param(
            [
                '<https://ca/dir>;rel="index"',
                '<https://ca/1>; rel="alternate"',
                "<https://ca/2>; REL=Alternate",
            ],
            ("https://ca/1", "https://ca/2"),
            id="a header for each",
        ),
        pytest.param(
            ['<https://ca/dir>; rel="index", <https://ca/1,2>; title="a, b"; rel="up alternate"'],
            ("https://ca/1,2",),
            id="one header for all",
        ),
        pytest.param(['<https://ca/1>;rel="alternatives"', "alternate", "<", ""], (), id="none"),
    ],
)
def test_links(values: list[str], found: tuple[str, ...]) -> None:
    """However a CA writes its links (RFC 8288)."""
    assert links(values, "alternate") == found
