"""The companion's memory on the volume."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acme_companion.decide.memory import Memory
from acme_companion.decide.memory_json import MOST_BYTES
from acme_companion.decide.problems import Damaged
from tests.act.store_parts import CSR, HOST, NOW, Lines, issued, put, volume

if TYPE_CHECKING:
    from pathlib import Path

MEMORY = Memory(issued={"ab": "https://ca.example/dir"}, undeployed=("mail.example.org",), last_success=NOW)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    volume(tmp_path / "volume")
    (tmp_path / "volume" / ".companion").mkdir()
    return tmp_path / "volume"


def test_what_is_remembered_is_read(root: Path) -> None:
    """Another process reads what this one remembered; the file is private."""
    store = volume(root)
    with store.lock():
        store.remember(MEMORY)

    assert volume(root).read().memory == MEMORY
    assert oct((root / ".companion" / "state.json").stat().st_mode & 0o777) == "0o600"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.binary(max_size=200))
def test_any_bytes(root: Path, data: bytes) -> None:
    """Any damaged state is moved aside, unchanged, on the next write; until then nothing is remembered, with a warning."""
    log = Lines()
    store, state = volume(root, log=log), root / ".companion" / "state.json"
    state.write_bytes(data)
    assert store.read().memory == Memory()
    assert state.read_bytes() == data
    with store.lock():
        store.remember(MEMORY)

    assert store.read().memory == MEMORY
    assert (root / ".companion" / "state.json.corrupt-2026-11-20_12_00_00").read_bytes() == data
    assert ["is damaged" in line for line in log.lines] == [True, True]


def test_a_state_of_a_gigabyte(root: Path) -> None:
    """A file of any size is not read into memory."""
    state = root / ".companion" / "state.json"
    state.touch()
    os.truncate(state, 1 << 30)
    store = volume(root)
    with store.lock():
        assert store.read().memory == Memory()
        store.remember(MEMORY)
    assert state.stat().st_size < MOST_BYTES
    assert store.read().memory == MEMORY


def test_a_newer_schema_is_never_rewritten(root: Path) -> None:
    """After a downgrade the newer version's state is neither read nor replaced; both versions are named."""
    newer = b'{"schema": 7, "checksum": "", "memory": {"mood": 1}}'
    (root / ".companion" / "state.json").write_bytes(newer)
    store = volume(root)
    with store.lock():
        for act in (store.read, lambda: store.remember(MEMORY)):
            with pytest.raises(
                Damaged, match="it has schema 7, this version knows schemas up to 1; run that"
            ):
                act()

    assert (root / ".companion" / "state.json").read_bytes() == newer


@pytest.mark.parametrize("kind", ["directory", "link", "fifo"])
def test_a_state_that_is_no_file(root: Path, kind: str) -> None:
    """Anything but a regular file is refused by name, not followed and not waited for."""
    state = root / ".companion" / "state.json"
    match kind:
        case "directory":
            state.mkdir()
        case "link":
            state.symlink_to(root / "nowhere")
        case "fifo":
            os.mkfifo(state)
    store = volume(root)
    with pytest.raises(Damaged, match=r"state\.json: is a"), store.lock():
        store.remember(MEMORY)


def test_a_lost_state_costs_no_certificate(root: Path) -> None:
    """Without any memory, what an ACME client made is ours again: also when mailcow's container made it."""
    pair = issued(HOST.text)
    put(root / HOST.text, pair, HOST.text)
    put(root, pair)
    held = volume(root).read()

    assert held.server_is_ours
    assert held.memory == Memory(issued={pair.certificate().fingerprint: ""})


def test_where_a_certificate_came_from_is_not_forgotten(root: Path) -> None:
    """Adopting changes nothing about a certificate that is known already."""
    store = volume(root)
    pair = issued(HOST.text)
    known = Memory(issued={pair.certificate().fingerprint: "https://ca.example/dir"})
    with store.lock():
        store.switch(HOST.directory, pair, [HOST], CSR, server=True, now=NOW)
        store.remember(known)

    assert store.read().memory == known


def test_a_whole_file_is_not_read_again_to_be_replaced(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading takes long with many lineages: what this process read or wrote is known to be whole."""
    store = volume(root)
    with store.lock():
        store.remember(MEMORY)
        with monkeypatch.context() as patch:
            patch.setattr("acme_companion.act.store.state.from_json", None)
            for number in range(3):
                store.remember(Memory(undeployed=(str(number),)))
        assert store.read().memory == Memory(undeployed=("2",))


@pytest.mark.parametrize("how", ["replaced", "rewritten", "restored with its old time"])
def test_a_file_that_changed_meanwhile_is_read_again(root: Path, how: str) -> None:
    """Another program's newer state is not overwritten, however it got there."""
    newer = b'{"schema": 7, "checksum": "", "memory": {"mood": 1}}'
    store, state = volume(root), root / ".companion" / "state.json"
    with store.lock():
        store.remember(MEMORY)
        before = state.stat()
        match how:
            case "replaced":
                (root / "fresh").write_bytes(newer)
                (root / "fresh").rename(state)
            case "rewritten":
                state.write_bytes(newer)
            case _:
                state.write_bytes(newer.ljust(before.st_size))
                os.utime(state, ns=(before.st_atime_ns, before.st_mtime_ns))
        with pytest.raises(Damaged, match="was written by a newer version"):
            store.remember(MEMORY)
    assert state.read_bytes().strip() == newer


def test_damaged_files_do_not_pile_up(root: Path) -> None:
    """Three of them are kept, and the newest always, also when the clock was set back."""
    own = root / ".companion"
    for year in (2023, 2024, 2025, 2027, 2028):
        (own / f"state.json.corrupt-{year}-01-01_00_00_00").touch()
    (own / "state.json").write_bytes(b"damaged")
    store = volume(root)
    with store.lock():
        store.remember(MEMORY)

    assert sorted(path.name for path in own.glob("state.json.*")) == [
        "state.json.corrupt-2026-11-20_12_00_00",
        "state.json.corrupt-2027-01-01_00_00_00",
        "state.json.corrupt-2028-01-01_00_00_00",
    ]
