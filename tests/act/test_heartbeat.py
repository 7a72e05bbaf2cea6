"""The sign of life: written whole, read with suspicion."""

from __future__ import annotations

import os

import pytest

from acme_companion.act.heartbeat import NAME, Heartbeat
from tests.builders import DAY, NOW


def test_a_beat_is_read_back(tmp_path):
    """The last time that was vouched for, and no other file beside it."""
    (tmp_path / ".companion").mkdir()
    heart = Heartbeat(str(tmp_path))
    heart.beat(NOW)
    heart.beat(NOW + DAY)

    assert heart.alive_until() == NOW + DAY
    assert os.listdir(tmp_path / ".companion") == ["heartbeat"]  # noqa: PTH208 - names only


def test_no_place_to_write(tmp_path):
    """A disk that says no ends nothing: the loop merely looks stuck."""
    heart = Heartbeat(str(tmp_path / "nowhere"))
    heart.beat(NOW)

    assert heart.alive_until() is None


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\xff\xfe", id="no text"),
        pytest.param(b"soon", id="no time"),
        pytest.param(b"2026-11-21T12:00:00", id="no time zone"),
        pytest.param(b"2026-11-21T12:00:00+00:00" * 1000, id="too much"),
    ],
)
def test_what_is_no_heartbeat(tmp_path, content):
    """A damaged file says that nobody vouches for the loop."""
    (tmp_path / NAME).parent.mkdir()
    (tmp_path / NAME).write_bytes(content)

    assert Heartbeat(str(tmp_path)).alive_until() is None
