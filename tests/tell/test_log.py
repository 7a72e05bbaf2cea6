"""The log: one event, one line, whatever the text."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acme_companion.tell.log import LOGGER, one_line, start_log


@pytest.fixture(autouse=True)
def _quiet_afterwards():
    yield
    start_log(stream=io.StringIO())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "mail.example.org: renewed — gut, größer", "mail.example.org: renewed — gut, größer", id="words"
        ),
        pytest.param(
            "a\n2026-11-21 03:07:16 INFO forged", r"a\n2026-11-21 03:07:16 INFO forged", id="a newline"
        ),
        pytest.param("a\r\tb\x00c", r"a\r\tb\x00c", id="control characters"),
        pytest.param("\x1b[31mred\x1b]0;title\x07", r"\x1b[31mred\x1b]0;title\x07", id="ANSI"),
        pytest.param("\x9b2J", r"\x9b2J", id="C1 controls"),
        pytest.param("a\u2028b\u202ec", r"a\u2028b\u202ec", id="line separator, right to left"),
        pytest.param("\ud800", r"\ud800", id="half a character"),
        pytest.param("x" * 4000, "x" * 4000, id="long"),
        pytest.param("x" * 4001, "x" * 4000 + "…", id="too long"),
        pytest.param("\x00" * 4000, r"\x00" * 1000 + "…", id="too long once escaped"),
    ],
)
def test_one_line(text, expected):
    """What a name, a CA or a container says cannot forge a second line, move the cursor or fill the disk."""
    assert one_line(text) == expected


@given(st.text())
def test_one_line_of_any_text(text):
    """Printable, and one line for every reader."""
    line = one_line(text)

    assert line.isprintable()
    assert len(line.splitlines()) <= 1


def logged(*texts: str, time_zone: str = "", verbose: bool = False) -> list[str]:
    stream = io.StringIO()
    log = start_log(time_zone, verbose=verbose, stream=stream)
    for text in texts:
        log.info(text)
    log.debug("details")
    return stream.getvalue().splitlines()


def test_a_line_has_time_level_and_text():
    """`2026-11-21 03:07:16 INFO    text`; a percent sign is text."""
    (line,) = logged("100% of %s\nis done")

    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d INFO    100% of %s\\nis done", line)


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        pytest.param("", "2026-11-21 12:00:00", id="UTC unless told otherwise"),
        pytest.param("Europe/Budapest", "2026-11-21 13:00:00", id="winter in Budapest"),
        pytest.param("Asia/Kathmandu", "2026-11-21 17:45:00", id="quarters of an hour"),
    ],
)
def test_time_zone(zone, expected):
    """Times are the admin's."""
    start_log(zone, stream=io.StringIO())
    (handler,) = LOGGER.handlers
    record = LOGGER.makeRecord(LOGGER.name, 30, "", 0, "text", (), None)
    record.created = 1795262400.0

    assert handler.format(record) == f"{expected} WARNING text"


def test_details_only_when_asked_for():
    """`--verbose` adds what helps to find a fault."""
    assert len(logged("text")) == 1
    assert len(logged("text", verbose=True)) == 2


def test_starting_again_replaces():
    """After SIGHUP a line is still told once."""
    first = io.StringIO()
    start_log(stream=first)

    assert len(logged("text")) == 1
    assert first.getvalue() == ""


def test_a_terminal_without_the_letters():
    """A line that the character set cannot show is shown escaped, not lost."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    start_log(stream=stream).info("größer …")
    stream.flush()

    assert raw.getvalue().endswith(rb"gr\xf6\xdfer \u2026" + b"\n")
    start_log(stream=io.StringIO())


def test_a_closed_pipe_ends_nothing(capfd):
    """Whoever reads the log may go away: nothing is raised, nothing is printed about it."""
    stream = io.StringIO()
    log = start_log(stream=stream)
    stream.close()
    log.info("text")

    assert capfd.readouterr() == ("", "")
