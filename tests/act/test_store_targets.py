"""A switch that the disk would refuse is refused before a certificate is spent on it."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from acme_companion.decide.problems import Damaged
from tests.act.store_faults import MOST_CALLS, faulty
from tests.act.store_parts import BROKEN, CSR, HOST, NOW, disk_error, issued, left_over, put, volume

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from acme_companion.act.store import Volume

MAIL = HOST.text


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "volume"


@pytest.fixture
def store(root: Path) -> Iterator[Volume]:
    one = volume(root)
    with one.lock():
        yield one


def switch(store: Volume, *, server: bool) -> None:
    store.switch(MAIL, issued(MAIL), [HOST], CSR, server=server, now=NOW)


def everything(root: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(root)): path.read_bytes() if path.is_file() else None
        for path in root.rglob("*")
        if "backups" not in path.parts
    }


@pytest.mark.parametrize("server", [True, False], ids=["the server's", "an own lineage"])
@pytest.mark.parametrize("held", ["nothing", "a lineage", "generations", "an admin's pair"])
def test_what_can_be_switched(store: Volume, root: Path, held: str, *, server: bool) -> None:
    """Where a switch works, nothing is said, nothing is changed, and a switch still works."""
    match held:
        case "a lineage":
            switch(store, server=server)
        case "generations":
            for _ in range(3):
                switch(store, server=server)
        case "an admin's pair":
            put(root, issued(MAIL))
            put(root / MAIL, issued(MAIL))
    before = everything(root)
    store.check_targets(MAIL, server=server)

    assert everything(root) == before
    assert left_over(root) == []
    switch(store, server=server)


OBSTACLES = (
    "a link in the place of the chain",
    "a directory in the place of the key",
    "a FIFO in the place of domains",
    "a chain with two names",
    "a chain of two mebibytes",
    "a directory in the place of a fresh file",
    "a file in the place of the lineage",
    "a link in the place of the lineage",
    "a file in the place of the backups",
    "a file in the place of its backups",
)


def obstruct(root: Path, obstacle: str) -> None:
    target = root / MAIL
    what, _, where = obstacle.partition(" in the place of ")
    place = {
        "the chain": target / "cert.pem",
        "the key": target / "key.pem",
        "domains": target / "domains",
        "a fresh file": target / ".key.pem.new",
        "the lineage": target,
        "the backups": root / "backups",
        "its backups": root / "backups" / MAIL,
    }.get(where, target / "cert.pem")
    if "backups" in where:
        put(target, issued(MAIL))
    place.parent.mkdir(exist_ok=True)
    match what:
        case "a link":
            place.symlink_to("elsewhere")
        case "a directory":
            place.mkdir()
        case "a file":
            place.touch()
        case "a FIFO":
            os.mkfifo(place)
        case "a chain with two names":
            place.write_bytes(b"x")
            (root / "x").hardlink_to(place)
        case _:
            place.write_bytes(b"x" * (2 << 20))


@pytest.mark.parametrize("obstacle", OBSTACLES)
def test_what_cannot_be_switched(store: Volume, root: Path, obstacle: str) -> None:
    """What the switch would be refused for is refused before it, in as clear words."""
    obstruct(root, obstacle)
    with pytest.raises(Damaged, match=str(root)) as before:
        store.check_targets(MAIL, server=False)
    with pytest.raises(Damaged) as then:
        switch(store, server=False)

    assert str(before.value).partition(":")[0] == str(then.value).partition(":")[0]


def test_the_server_pair_counts_only_where_it_is_switched(store: Volume, root: Path) -> None:
    """An obstacle at the top stops the server's certificate and no other one."""
    (root / "cert.pem").symlink_to("elsewhere")
    store.check_targets(MAIL, server=False)
    with pytest.raises(Damaged, match=r"volume/cert\.pem: is a symbolic link"):
        store.check_targets(MAIL, server=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make a file immutable")
@pytest.mark.parametrize("flag", ["i", "a"])
@pytest.mark.parametrize("what", ["cert.pem", "."])
def test_what_is_immutable(store: Volume, root: Path, what: str, flag: str) -> None:
    """A file or directory that nobody may change is found by trying."""
    put(root / MAIL, issued(MAIL))
    path = root / MAIL / what
    if subprocess.run(["chattr", f"+{flag}", path], capture_output=True, check=False).returncode:
        pytest.skip("this file system knows no such flag")
    try:
        with pytest.raises(Damaged, match=r"immutable|Operation not permitted"):
            store.check_targets(MAIL, server=False)
    finally:
        subprocess.run(["chattr", f"-{flag}", path], check=True)
        for one in root.rglob("*.new"):
            one.unlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_a_file_that_is_mounted_on_its_own(store: Volume, root: Path) -> None:
    """A single file that is mounted into the volume can never be replaced: said with what to mount instead."""
    put(root, issued(MAIL))
    (root / "elsewhere").write_bytes(b"x")
    subprocess.run(["mount", "--bind", root / "elsewhere", root / "cert.pem"], check=True)
    try:
        with pytest.raises(Damaged, match=r"cert\.pem: is mounted on its own.*mount the whole volume"):
            store.check_targets(MAIL, server=True)
    finally:
        subprocess.run(["umount", root / "cert.pem"], check=True)


def test_a_disk_that_breaks(store: Volume, root: Path) -> None:
    """Every system call of the check may fail: it is `Damaged` or did not matter, and the next check is whole again."""
    switch(store, server=True)

    def strike(_: str) -> None:
        raise disk_error(BROKEN)

    for at in range(MOST_CALLS):
        with faulty(at, strike) as made, suppress(Damaged):
            store.check_targets(MAIL, server=True)
        if len(made) <= at:
            break
        store.check_targets(MAIL, server=True)
        assert left_over(root) == []
    assert 10 < at < MOST_CALLS - 1
