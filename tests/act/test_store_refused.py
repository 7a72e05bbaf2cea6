"""A30: a certificate that was not ordered is kept aside for people to look at, and never more than a few."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from acme_companion.act.store.refused import MOST_BYTES, MOST_KEPT, set_aside
from acme_companion.decide.problems import Damaged
from tests.act.store_parts import NOW

if TYPE_CHECKING:
    from pathlib import Path


def test_kept_private_and_cut(tmp_path: Path) -> None:
    path = set_aside(tmp_path / "refused", "mail.example.org", b"x" * 1_000_000, NOW)

    kept = tmp_path / "refused" / "2026-11-20_12_00_00_mail.example.org.pem"
    assert path == str(kept)
    assert kept.read_bytes() == b"x" * MOST_BYTES
    assert (kept.stat().st_mode & 0o777, kept.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_the_newest_stay(tmp_path: Path) -> None:
    """What a crash left half written goes with the oldest."""
    (tmp_path / ".2026-11-20_11_00_00_mail.example.org.pem.new").write_bytes(b"half")
    for minute in range(MOST_KEPT + 5):
        set_aside(tmp_path, "mail.example.org", b"chain", NOW + timedelta(minutes=minute))

    left = sorted(path.name for path in tmp_path.iterdir())
    assert len(left) == MOST_KEPT
    assert left[0] == "2026-11-20_12_05_00_mail.example.org.pem"


@pytest.mark.parametrize("directory", ["../x", "a/b", "", ".companion", "a\0b"])
def test_nowhere_else(tmp_path: Path, directory: str) -> None:
    with pytest.raises(Damaged):
        set_aside(tmp_path, directory, b"chain", NOW)
