"""The volume on real disks that are full, and beside siblings that read while it is written."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

from acme_companion.act.issuers.self_signed import self_signed
from acme_companion.decide.problems import Damaged
from tests.act.store_mounts import mounted
from tests.act.store_parts import (
    CSR,
    HOST,
    NOW,
    issued,
    left_over,
    pair_in,
    put,
    secrets_others_can_read,
    seen_by_siblings,
    volume,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
MAIL = HOST.text


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    with mounted("-t", "tmpfs", "-o", "size=256k", "tmpfs", at=tmp_path / "tiny") as path:
        yield path


def test_the_probe_leaves_nothing(tmp_path: Path) -> None:
    """A volume that takes data shows it, and has no byte more afterwards."""
    store = volume(tmp_path / "volume")
    with store.lock():
        before = sorted((tmp_path / "volume").rglob("*"))
        store.write_probe()
        assert sorted((tmp_path / "volume").rglob("*")) == before


@as_root
def test_the_probe_finds_a_full_disk(tiny: Path) -> None:
    """Less room than a switch may need: said before a certificate is spent, with what is free; nothing is left behind."""
    store = volume(tiny)
    with store.lock():
        store.write_probe()
        (tiny / "ballast").write_bytes(b"x" * 200 * 1024)
        with pytest.raises(
            Damaged,
            match=r"No space left on device\); \d+ bytes and \d+ inodes are free: make room on the volume",
        ):
            store.write_probe()
        assert left_over(tiny) == []
        (tiny / "ballast").unlink()
        store.write_probe()


@as_root
def test_every_amount_of_room(tiny: Path) -> None:
    """However little room is left, a switch is whole or did not happen; with room again, it happens."""
    store = volume(tiny)
    with store.lock():
        pairs = [issued(MAIL)]
        store.switch(MAIL, pairs[0], [HOST], CSR, server=True, now=NOW)
        for free in range(0, 80, 4):
            room = os.statvfs(tiny)
            (tiny / "ballast").write_bytes(b"x" * max(0, room.f_bavail * room.f_frsize - free * 1024))
            pairs.append(issued(MAIL))
            for _ in range(2):
                try:
                    store.switch(MAIL, pairs[-1], [HOST], CSR, server=True, now=NOW)
                except Damaged as problem:
                    said = str(problem)
                    found = pair_in(tiny)
                    assert found == pair_in(tiny / MAIL) == pairs[-2], said
                assert seen_by_siblings(tiny) == {MAIL: MAIL}
                assert left_over(tiny) == []
                (tiny / "ballast").unlink(missing_ok=True)
            assert pair_in(tiny) == pair_in(tiny / MAIL) == pairs[-1]
    assert secrets_others_can_read(tiny) == []


@as_root
def test_no_inodes(tmp_path: Path) -> None:
    """A volume without inodes for a new file says so."""
    with mounted("-t", "tmpfs", "-o", "nr_inodes=12", "tmpfs", at=tmp_path / "few") as path:
        store = volume(path)
        with store.lock():
            while os.statvfs(path).f_ffree:
                (path / f"ballast {os.statvfs(path).f_ffree}").touch()
            with pytest.raises(Damaged, match=r"No space left on device\); \d+ bytes and 0 inodes are free"):
                store.switch(MAIL, issued(MAIL), [HOST], CSR, server=False, now=NOW)
            assert left_over(path) == []


@as_root
def test_backups_on_another_file_system(tmp_path: Path) -> None:
    """A mount below the volume makes a move impossible: it is named."""
    root = tmp_path / "volume"
    store = volume(root)
    put(root / MAIL, issued(MAIL), MAIL)
    with mounted("-t", "tmpfs", "tmpfs", at=root / "backups"), store.lock():
        with pytest.raises(Damaged, match="the whole volume must be one file system: mount nothing below it"):
            store.archive(MAIL, NOW)
        assert seen_by_siblings(root) == {MAIL: MAIL}


def test_siblings_read_while_it_is_switched(tmp_path: Path) -> None:
    """Siblings that start at any moment see whole pairs only, as long as the key is kept."""
    root = tmp_path / "volume"
    store = volume(root)
    looks, done = [0], threading.Event()
    problems: list[BaseException] = []

    def sibling() -> None:
        while not done.is_set():
            try:
                seen_by_siblings(root)
                pair = pair_in(root)
                assert pair
                pair.certificate()
            except BaseException as problem:
                problems.append(problem)
                return
            looks[0] += 1

    with store.lock():
        store.bootstrap(HOST, NOW)
        key = (root / "key.pem").read_bytes()
        for _ in range(
            2
        ):  # a lineage that has generations: the roll-back of a first certificate takes its directory away
            store.switch(MAIL, self_signed(HOST, key, NOW), [HOST], CSR, server=True, now=NOW)
        reader = threading.Thread(target=sibling)
        reader.start()
        try:
            while looks[0] < 300 and not problems:
                store.switch(MAIL, self_signed(HOST, key, NOW), [HOST], CSR, server=True, now=NOW)
                store.roll_back(MAIL, server=True, now=NOW)
        finally:
            done.set()
            reader.join()
    assert problems == []
