"""Whether a volume outlives its container. The mount tables are as Docker makes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from acme_companion.act.store.persistence import why_ephemeral

OVERLAY = "600 500 0:60 / / rw,relatime master:1 - overlay overlay rw,lowerdir=/a"
VFS = "600 500 8:1 /var/lib/docker/vfs/dir/abc / rw,relatime - ext4 /dev/sda1 rw"
PROC = "601 600 0:62 / /proc rw,nosuid - proc proc rw"
BOUND = "610 600 8:1 /opt/mailcow/data/assets/ssl /var/lib/acme rw,relatime - ext4 /dev/sda1 rw"
ABOVE = "610 600 8:1 /srv /var/lib rw,relatime - ext4 /dev/sda1 rw"
IN_MEMORY = "611 600 0:70 / /var/lib/acme rw,relatime - tmpfs tmpfs rw"
BESIDE = "612 600 8:1 /x /var/lib/acme-private rw,relatime - ext4 /dev/sda1 rw"
SPACE = r"613 600 8:1 /x /var/lib/acme\040volume rw,relatime - ext4 /dev/sda1 rw"
INSIDE = "no volume is mounted at /var/lib/acme, it lies inside the container"


@pytest.mark.parametrize(
    ("mounts", "because"),
    [
        pytest.param([OVERLAY, PROC, BOUND], "", id="a folder of the host"),
        pytest.param([VFS, PROC, BOUND], "", id="on the same device as the container's own files"),
        pytest.param([OVERLAY, PROC, ABOVE], "", id="a mount further up"),
        pytest.param([OVERLAY, PROC], INSIDE, id="nothing is mounted"),
        pytest.param([VFS, PROC], INSIDE, id="nothing is mounted, with another storage driver"),
        pytest.param([OVERLAY, PROC, BESIDE], INSIDE, id="something with a longer name beside it is not it"),
        pytest.param(
            [OVERLAY, PROC, IN_MEMORY],
            "/var/lib/acme is in memory only (tmpfs at /var/lib/acme)",
            id="in memory",
        ),
        pytest.param([OVERLAY, IN_MEMORY, BOUND], "", id="what was mounted last counts"),
        pytest.param(["", "nonsense", "a b c - d"], "", id="a table that nobody can read"),
    ],
)
def test_in_a_container(tmp_path: Path, mounts: list[str], because: str) -> None:
    """A volume is what is mounted there or above; the container's own files and memory are none."""
    mark, table = tmp_path / ".dockerenv", tmp_path / "mountinfo"
    mark.touch()
    table.write_text("\n".join(mounts))

    assert why_ephemeral(Path("/var/lib/acme"), (mark,), table) == because


def test_outside_of_containers(tmp_path: Path) -> None:
    """Without a container there is nothing that could go with it."""
    table = tmp_path / "mountinfo"
    table.write_text(OVERLAY)

    assert why_ephemeral(Path("/var/lib/acme"), (tmp_path / "none",), table) == ""


def test_spaces_and_missing_tables(tmp_path: Path) -> None:
    """Mount points are escaped there; a table that is not there says nothing."""
    mark, table = tmp_path / ".dockerenv", tmp_path / "mountinfo"
    mark.touch()
    assert why_ephemeral(Path("/var/lib/acme"), (mark,), table) == ""
    table.write_text(f"{OVERLAY}\n{SPACE}\n")

    assert why_ephemeral(Path("/var/lib/acme volume"), (mark,), table) == ""
