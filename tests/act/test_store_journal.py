"""Open orders are written down whole, survive what a disk does to them, and go in the same step as the pair arrives."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from acme_companion.act.store.journal import MOST_BYTES, MOST_CORRUPT
from acme_companion.decide.open_orders import SCHEMA, OpenOrder
from acme_companion.decide.problems import Damaged
from tests.act.store_faults import MOST_CALLS, die, dies, disk_in_memory, faulty
from tests.act.store_parts import (
    BROKEN,
    CSR,
    FULL,
    HOST,
    NOW,
    Lines,
    disk_error,
    inside,
    issued,
    left_over,
    pair_in,
    volume,
)

if TYPE_CHECKING:
    from pathlib import Path

MAIL = HOST.text
LONG = f"{'a' * 63}.{'b' * 63}.{'c' * 63}.{'d' * 57}.org"
ORDER = OpenOrder(
    url="https://ca.example/order/1",
    directory_url="https://ca.example/directory",
    account_uri="https://ca.example/account/1",
    identifiers=(MAIL, "imap.example.org"),
    key_digest="0123abcd",
    placed=NOW - timedelta(hours=1),
    expires=NOW + timedelta(days=6),
    profile="tlsserver",
    replaces="aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE",
    refused={"smtp.example.org": "the CA says no"},
    finalizing=True,
    directory=MAIL,
)
CERTIFICATE = "https://ca.example/certificate/1"


def note(root: Path, *orders: OpenOrder) -> None:
    store = volume(root)
    with store.lock():
        for order in orders:
            store.note_order(order)


def file_of(root: Path) -> Path:
    [path] = (root / ".companion" / "orders").glob("*.json")
    return path


def test_written_down_and_read(tmp_path: Path) -> None:
    """Everything comes back, for everyone's eyes never; what is written next takes its place."""
    long = replace(ORDER, directory=LONG, identifiers=(LONG,), expires=None)
    note(tmp_path, ORDER, long)
    assert volume(tmp_path).read().orders == {MAIL: ORDER, LONG: long}

    delivered = replace(ORDER, certificate=CERTIFICATE)
    note(tmp_path, delivered)
    assert volume(tmp_path).read().orders == {MAIL: delivered, LONG: long}
    folder = tmp_path / ".companion" / "orders"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_forgotten(tmp_path: Path) -> None:
    """Also when there is nothing to forget."""
    note(tmp_path, ORDER)
    store = volume(tmp_path)
    with store.lock():
        store.forget_order(MAIL)
        store.forget_order("other.example.org")
    assert store.read().orders == {}
    assert inside(tmp_path / ".companion" / "orders") == []


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\0" * 4096, id="zeroes"),
        pytest.param(b'{"schema": 1, "order": {', id="cut"),
        pytest.param(b"x" * (MOST_BYTES + 1), id="huge"),
    ],
)
def test_damaged(tmp_path: Path, data: bytes) -> None:
    """S15: it counts as none, is moved aside by the next holder of the lock, and another one is written in its place."""
    note(tmp_path, ORDER)
    path = file_of(tmp_path)
    path.write_bytes(data)
    assert volume(tmp_path).read().orders == {}
    log = Lines()
    store = volume(tmp_path, log=log)
    with store.lock():
        assert store.read().orders == {}
        store.note_order(ORDER)
    assert store.read().orders == {MAIL: ORDER}
    assert any("it was moved to" in line for line in log.lines)
    assert [one for one in inside(path.parent) if ".corrupt-" in one] == [
        f"{path.name}.corrupt-2026-11-20_12_00_00"
    ]


def test_changed(tmp_path: Path) -> None:
    """A checksum tells what somebody edited, or what was copied from another lineage."""
    note(tmp_path, ORDER)
    path = file_of(tmp_path)
    plain = json.loads(path.read_bytes())
    plain["order"]["url"] = "https://evil.example/"
    path.write_text(json.dumps(plain))
    assert volume(tmp_path).read().orders == {}
    note(tmp_path, ORDER)
    path.rename(path.with_name("imap.example.org-0123456789abcdef.json"))
    assert volume(tmp_path).read().orders == {}


def test_damaged_files_do_not_pile_up(tmp_path: Path) -> None:
    for number in range(MOST_CORRUPT + 2):
        order = replace(ORDER, directory=f"m{number}.example.org")
        note(tmp_path, order)
        file_of(tmp_path).write_bytes(b"{")
        note(tmp_path)
    assert len(inside(tmp_path / ".companion" / "orders")) == MOST_CORRUPT


def test_newer(tmp_path: Path) -> None:
    """S16: what a newer version wrote is never touched: it may mean more than we understand."""
    note(tmp_path, ORDER)
    path = file_of(tmp_path)
    newer = path.read_bytes().replace(b'"schema": 1', b'"schema": 99')
    path.write_bytes(newer)
    said = f"it has schema 99, this version knows schemas up to {SCHEMA}; run that version again"
    with pytest.raises(Damaged, match=said):
        volume(tmp_path).read()
    with pytest.raises(Damaged, match=said), volume(tmp_path).lock():
        pass
    assert path.read_bytes() == newer


def test_what_is_over_is_swept(tmp_path: Path) -> None:
    """Nobody will ever go on with it; a half-written one goes as well."""
    expired = replace(ORDER, directory="old.example.org", expires=NOW)
    delivered = replace(expired, directory="delivered.example.org", certificate=CERTIFICATE)
    note(tmp_path, ORDER, expired, delivered)
    (tmp_path / ".companion" / "orders" / ".half.json.new").write_bytes(b"{")
    with volume(tmp_path).lock():
        pass
    assert set(volume(tmp_path).read().orders) == {MAIL, "delivered.example.org"}
    assert len(inside(tmp_path / ".companion" / "orders")) == 2


@pytest.mark.parametrize("number", [FULL, BROKEN])
def test_disk_that_says_no(tmp_path: Path, number: int) -> None:
    """At every system call: what was written before is still there, and whole, and the caller hears of it."""
    note(tmp_path, ORDER)
    delivered = replace(ORDER, certificate=CERTIFICATE)
    for at in range(MOST_CALLS):
        store = volume(tmp_path)
        with store.lock():
            failed = False

            def strike(_: str) -> None:
                raise disk_error(number)

            try:
                with faulty(at, strike) as made:
                    store.note_order(delivered)
            except Damaged:
                failed = True
        found = store.read().orders[MAIL]
        assert found == ORDER or found == delivered  # noqa: PLR1714 - they cannot be hashed
        if not failed:
            assert len(made) <= at
            return
    raise AssertionError("it never ended")


def killed(root: Path, at: int) -> None:
    store = volume(root)
    with store.lock(), faulty(at, die):
        store.switch(MAIL, NEW, [HOST], CSR, server=True, now=NOW)


OLD, NEW = issued(MAIL), issued(MAIL)


def test_killed_over_a_switch() -> None:
    """At every system call: the order is known until its pair is in place, and never after the next start."""
    with disk_in_memory() as disk:
        for at in range(MOST_CALLS):
            root = disk / str(at)
            store = volume(root)
            with store.lock():
                store.switch(MAIL, OLD, [HOST], CSR, server=True, now=NOW)
                store.note_order(ORDER)
            died = dies(partial(killed, root, at))
            after = volume(root)
            with after.lock():
                known = after.read().orders
            assert known == ({} if pair_in(root / MAIL) == NEW else {MAIL: ORDER}), f"killed at call {at}"
            assert left_over(root) == []
            if not died:
                return
    raise AssertionError("it never ended")


def test_switch_to_what_is_there(tmp_path: Path) -> None:
    """A pair that is in place already needs its order no more either."""
    store = volume(tmp_path)
    with store.lock():
        store.switch(MAIL, NEW, [HOST], CSR, server=True, now=NOW)
        store.note_order(ORDER)
        store.switch(MAIL, NEW, [HOST], CSR, server=True, now=NOW)
    assert store.read().orders == {}
