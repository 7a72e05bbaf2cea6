"""Recoveries and first starts that are killed themselves, and what a power failure may lose."""

from __future__ import annotations

import os
import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.act.store_faults import MOST_CALLS, die, dies, disk_in_memory, faulty
from tests.act.store_parts import (
    CSR,
    HOST,
    NOW,
    OTHER_KEY,
    issued,
    left_over,
    pair_in,
    secrets_others_can_read,
    volume,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

MAIL = HOST.text
OLD, NEW = issued(MAIL), issued(MAIL, key=OTHER_KEY)


@pytest.fixture
def disk() -> Iterator[Path]:
    with disk_in_memory() as path:
        yield path


def switch(root: Path, at: int = MOST_CALLS) -> None:
    store = volume(root)
    with store.lock(), faulty(at, die):
        store.switch(MAIL, NEW, [HOST], CSR, server=True, now=NOW)


def before_the_switch(root: Path) -> Path:
    store = volume(root)
    with store.lock():
        store.switch(MAIL, OLD, [HOST], CSR, server=True, now=NOW)
    return root


def half_changed(root: Path, original: Path) -> bool:
    """Whether what a kill left is an intent and a lineage that has the new pair already, the top of the volume not."""
    return (
        (root / ".companion" / "intent.json").exists()
        and pair_in(root / MAIL) == NEW
        and pair_in(root) == pair_in(original)
    )


def test_killed_while_it_recovers(disk: Path) -> None:
    """The recovery itself may be killed anywhere, too."""
    original, pending, root = before_the_switch(disk / "original"), disk / "pending", disk / "volume"
    for at in range(MOST_CALLS):
        shutil.copytree(original, pending)
        assert dies(partial(switch, pending, at))
        if half_changed(pending, original):
            break
        shutil.rmtree(pending)
    for at in range(MOST_CALLS):
        shutil.copytree(pending, root)
        died = dies(partial(recover, root, at))
        assert secrets_others_can_read(root) == []
        with volume(root).lock():
            assert pair_in(root) == pair_in(root / MAIL) == NEW
            assert left_over(root) == []
        shutil.rmtree(root)
        if not died:
            return
    pytest.fail("the recovery never ends")


def recover(root: Path, at: int) -> None:
    with faulty(at, die), volume(root).lock():
        pass


def test_a_first_start_that_is_killed(disk: Path) -> None:
    """The first start may be killed anywhere: the next one ends with a whole pair that is ours."""
    for at in range(MOST_CALLS):
        root = disk / f"volume {at}"
        died = dies(partial(start, root, at))
        assert secrets_others_can_read(root) == []
        store = volume(root)
        with store.lock():
            assert left_over(root) == []
            store.bootstrap(HOST, NOW)
            held = store.read()
            assert (held.server_damage, held.server_is_ours) == ("", True)
            assert held.server is not None
            assert (root / "dhparams.pem").is_file()
            assert left_over(root) == []
        if not died:
            return
    pytest.fail("the first start never ends")


def start(root: Path, at: int) -> None:
    store = volume(root)
    with faulty(at, die), store.lock():
        store.bootstrap(HOST, NOW)


def test_nothing_is_renamed_before_it_is_synced(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a power failure a name leads to whole content: its file, and what an intent needs, were synced before."""
    root = before_the_switch(disk / "volume")
    synced: set[str] = set()
    renamed: list[str] = []
    fsync, rename = os.fsync, os.rename

    def recorded_fsync(descriptor: int) -> None:
        synced.add(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        fsync(descriptor)

    def recorded_rename(source: Path, target: Path) -> None:
        below = list(source.iterdir()) if source.is_dir() else []
        assert {str(source), *map(str, below)} <= synced
        if target.name == "intent.json":
            fresh = [path for path in root.rglob("*.new") if path != source]
            assert {str(path) for one in fresh for path in (one, one.parent)} <= synced
        rename(source, target)
        renamed.append(target.name)
        synced.discard(str(target.parent))

    monkeypatch.setattr(os, "fsync", recorded_fsync)
    monkeypatch.setattr(os, "rename", recorded_rename)
    switch(root)

    assert renamed[1:] == ["intent.json", "key.pem", "cert.pem", "key.pem", "cert.pem"]
    assert {str(root), str(root / MAIL), str(root / ".companion"), str(root / "backups" / MAIL)} <= synced
