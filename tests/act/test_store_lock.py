"""One companion at a time."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from acme_companion.decide.problems import Busy, Damaged
from tests.act.store_parts import volume

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOLDER = """
import sys
from pathlib import Path
from tests.act.store_parts import volume
with volume(Path(sys.argv[1])).lock():
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "volume"


@pytest.fixture
def holder(root: Path) -> Iterator[subprocess.Popen[str]]:
    """Another companion, a real process, that holds the volume."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout
        assert child.stdout.readline() == "held\n"
        yield child
        child.kill()


def test_the_second_is_told_who_holds_it(root: Path, holder: subprocess.Popen[str]) -> None:
    """The second companion is turned away at once, and reads which process on which host has the volume."""
    expected = rf"\.companion/lock: held by process {holder.pid} on {os.uname().nodename}; only one"
    with pytest.raises(Busy, match=expected), volume(root).lock():
        pass


def test_reading_needs_no_lock(root: Path, holder: subprocess.Popen[str]) -> None:
    """Status and plan work beside a running companion."""
    assert volume(root).read().lineages == ()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_the_lock_goes_with_its_process(root: Path, holder: subprocess.Popen[str], how: int) -> None:
    """A killed companion leaves nothing behind that would have to be removed."""
    holder.send_signal(how)
    holder.wait(10)
    with volume(root).lock():
        assert (root / ".companion" / "lock").read_text().startswith(f"process {os.getpid()} on ")


@pytest.mark.parametrize("replaced", [False, True], ids=["deleted", "replaced"])
def test_a_lock_file_that_is_deleted(root: Path, holder: subprocess.Popen[str], *, replaced: bool) -> None:
    """Who deletes the lock file of a running companion opens no door."""
    (root / ".companion" / "lock").unlink()
    if replaced:
        (root / ".companion" / "lock").write_text("process \x1b[31m1 on nowhere")
    with pytest.raises(Busy, match="held by") as refused, volume(root).lock():
        pass

    assert str(refused.value).isprintable()


def test_one_process_cannot_hold_it_twice(root: Path) -> None:
    """A second lock in the same process is refused as well, and the first one goes on."""
    first, second = volume(root), volume(root)
    with first.lock():
        with pytest.raises(Busy), second.lock():
            pass
        first.write_probe()
    with second.lock():
        second.write_probe()


def test_a_file_system_without_locks(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody can lock, nobody writes; the kernel's answer is faked, since every file system here has locks."""

    def refused(descriptor: int, operation: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", refused)
    with (
        pytest.raises(Damaged, match=r"knows no locks .* put the volume on a local file system"),
        volume(root).lock(),
    ):
        pass


def test_a_volume_that_is_not_mounted(tmp_path: Path) -> None:
    """A missing volume is named; it is not made, since certificates in it would be lost with the container."""
    store = volume(tmp_path / "volume")
    (tmp_path / "volume").rmdir()
    with (
        pytest.raises(Damaged, match="volume: is not a directory: mount the shared volume there"),
        store.lock(),
    ):
        pass
    with pytest.raises(Damaged, match="mount the shared volume there"):
        store.read()
