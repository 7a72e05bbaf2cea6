"""Facts on a terminal: aligned, folded, and harmless."""

from __future__ import annotations

import json

import pytest

from acme_companion.cli.tables import as_json, table

HEADINGS = ("NAME", "WHY")


@pytest.mark.parametrize(
    ("rows", "width", "expected"),
    [
        pytest.param([], 80, "", id="no rows, no headings"),
        pytest.param(
            [("a.example.org", "ready"), ("b.example", "")],
            80,
            "NAME           WHY\na.example.org  ready\nb.example",
            id="columns as wide as their longest cell",
        ),
        pytest.param(
            [("a.example.org", "its A record is not this host's address")],
            45,
            "NAME           WHY\na.example.org  its A record is not this\n               host's address",
            id="the last column is folded",
        ),
        pytest.param(
            [("a.example.org", "one two three four five")],
            3,
            "NAME           WHY\na.example.org  one two three\n               four five",
            id="a narrow terminal still gets a few words per line",
        ),
        pytest.param(
            [("a." * 20 + "example.org", "ready, one two"), ("mail.example.org", "ready")],
            40,
            f"NAME              WHY\n{'a.' * 20}example.org\n{' ' * 18}ready, one two\nmail.example.org  ready",
            id="a long name has a line of its own, and costs the others no room",
        ),
        pytest.param(
            [("a", "https://example.org/" + "x" * 40)],
            30,
            "NAME  WHY\na     https://example.org/" + "x" * 40,
            id="a long word stays whole, so that it can be copied",
        ),
        pytest.param(
            [("a\x1b[2J", "first\nsecond\u202e")],
            80,
            "NAME      WHY\na\\x1b[2J  first second\\u202e",
            id="nothing in a cell moves the cursor or begins a line",
        ),
        pytest.param(
            [("a", "x" * 3000)], 80, "NAME  WHY\na     " + "x" * 2000 + "…", id="a cell without end is cut"
        ),
    ],
)
def test_table(rows, width, expected):
    """What people read."""
    assert table(HEADINGS, rows, width) == expected


def test_a_pipe_gets_whole_lines(capsys):
    """Where no terminal is, a row is a line."""
    assert table(HEADINGS, [("a", "word " * 100)]).count("\n") == 1


def test_json_for_any_terminal():
    """The value comes back whole, and the text is ASCII whatever it holds."""
    data = {"why": "größer \x1b \x9b \u202e \ud800", "list": [1, None, True]}

    assert json.loads(as_json(data)) == data
    assert as_json(data).isascii()
