"""Generations: rolling back, archiving."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from acme_companion.decide.names import Name
from acme_companion.decide.pair import Pair
from acme_companion.decide.problems import Damaged
from tests.act.store_parts import (
    CSR,
    HOST,
    NOW,
    OTHER_KEY,
    inside,
    issued,
    left_over,
    pair_in,
    pem_of,
    put,
    secrets_others_can_read,
    seen_by_siblings,
    volume,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from acme_companion.act.store import Volume

MAIL = "mail.example.org"
IMAP = Name("imap.example.org")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "volume"


@pytest.fixture
def store(root: Path) -> Iterator[Volume]:
    one = volume(root)
    with one.lock():
        yield one


def generations(store: Volume, directory: str = MAIL) -> tuple[str, ...]:
    held = {one.directory: one for one in store.read().lineages}
    return held[directory].generations


def test_generations_are_kept_newest_first(store: Volume, root: Path) -> None:
    """Each pair that was there becomes a generation; ten are kept; names sort also within a second or a clock set back."""
    pairs = [issued(MAIL) for _ in range(13)]
    for number, pair in enumerate(pairs):
        store.switch(MAIL, pair, [HOST], CSR, server=True, now=NOW - timedelta(days=number // 5))
    kept = generations(store)

    assert sorted(kept, reverse=True) == list(kept)
    assert pairs[11:1:-1] == [pair_in(root / "backups" / MAIL / one) for one in kept]
    assert kept[0] == "2026-11-20_12_00_11"
    assert inside(root / "backups" / MAIL / kept[0]) == ["acme.csr", "cert.pem", "domains", "key.pem"]


def test_roll_back_goes_further_back_each_time(store: Volume, root: Path) -> None:
    """What was rolled back from is never chosen again: a second roll-back brings the one before."""
    pairs = [issued(MAIL) for _ in range(3)]
    for pair in pairs:
        store.switch(MAIL, pair, [HOST], CSR, server=True, now=NOW)
    back = []
    for expected in (True, True, False):
        assert store.roll_back(MAIL, server=True, now=NOW) is expected
        back.append(pair_in(root))
        assert pair_in(root) == pair_in(root / MAIL)

    assert [pairs[1], pairs[0], pairs[0]] == back
    assert seen_by_siblings(root) == {MAIL: "mail.example.org"}
    assert {one.chain_pem for one in pairs} <= {
        path.read_bytes() for path in (root / "backups" / MAIL).glob("*/cert.pem")
    }


def test_a_switch_after_a_roll_back(store: Volume, root: Path) -> None:
    """After C was rolled back to B, D comes, and rolling D back brings B, not C."""
    a, b, c, d = (issued(MAIL) for _ in range(4))
    for pair in (a, b, c):
        store.switch(MAIL, pair, [HOST], CSR, server=True, now=NOW)
    assert store.roll_back(MAIL, server=True, now=NOW)
    store.switch(MAIL, d, [HOST], CSR, server=True, now=NOW)
    assert pair_in(root) == d
    assert store.roll_back(MAIL, server=True, now=NOW)

    assert b == pair_in(root) == pair_in(root / MAIL)


def test_roll_back_of_the_first_certificate(store: Volume, root: Path) -> None:
    """The first certificate rolled back: the pair from before is on top again, and the lineage's directory is gone."""
    store.bootstrap(HOST, NOW)
    stopgap = pair_in(root)
    first = issued(MAIL)
    store.switch(MAIL, first, [HOST], CSR, server=True, now=NOW)
    assert store.roll_back(MAIL, server=True, now=NOW)

    assert stopgap == pair_in(root)
    assert seen_by_siblings(root) == {}
    assert store.read().server_is_ours
    assert store.roll_back(MAIL, server=True, now=NOW) is False
    assert first in [pair_in(path) for path in (root / "backups" / MAIL).glob("*.rolled_back")]


def test_roll_back_without_a_generation(store: Volume, root: Path) -> None:
    """The first certificate of another lineage has nothing to go back to."""
    pair = issued("imap.example.org")
    store.switch("imap.example.org", pair, [IMAP], CSR, server=False, now=NOW)

    assert store.roll_back("imap.example.org", server=False, now=NOW) is False
    assert pair == pair_in(root / "imap.example.org")


def test_roll_back_where_the_server_pair_came_from_another_lineage(store: Volume, root: Path) -> None:
    """Lineage and top of the volume each get back what they had."""
    old, other, new = issued(MAIL), issued("imap.example.org"), issued(MAIL)
    store.switch(MAIL, old, [HOST], CSR, server=False, now=NOW)
    store.switch("imap.example.org", other, [IMAP], CSR, server=True, now=NOW)
    store.switch(MAIL, new, [HOST], CSR, server=True, now=NOW)
    assert store.roll_back(MAIL, server=True, now=NOW)

    assert (old, other) == (pair_in(root / MAIL), pair_in(root))


def test_roll_back_passes_over_damaged_generations(store: Volume, root: Path) -> None:
    """A generation that somebody damaged is not brought back; the one before it is."""
    pairs = [issued(MAIL) for _ in range(3)]
    for pair in pairs:
        store.switch(MAIL, pair, [HOST], CSR, server=True, now=NOW)
    (root / "backups" / MAIL / generations(store)[0] / "cert.pem").write_bytes(b"garbage")
    assert store.roll_back(MAIL, server=True, now=NOW)

    assert pairs[0] == pair_in(root)


def test_a_backup_of_mailcow_without_domains(store: Volume, root: Path) -> None:
    """A generation without `domains` gets them from its certificate, the directory's name first."""
    old = issued("imap.example.org", MAIL)
    put(root / "backups" / MAIL / "2026-08-01_10_00_00", old)
    store.switch(MAIL, issued(MAIL), [HOST], CSR, server=False, now=NOW)
    assert store.roll_back(MAIL, server=False, now=NOW)

    assert seen_by_siblings(root) == {MAIL: "mail.example.org imap.example.org"}


def test_a_damaged_pair_is_kept_but_is_no_generation(store: Volume, root: Path) -> None:
    """A pair that did not match is kept for people, never brought back."""
    put(root / MAIL, Pair(pem_of(OTHER_KEY), issued(MAIL).chain_pem), MAIL)
    store.switch(MAIL, issued(MAIL), [HOST], CSR, server=False, now=NOW)

    assert generations(store) == ()
    assert inside(root / "backups" / MAIL) == ["2026-11-20_12_00_00.damaged"]
    assert store.roll_back(MAIL, server=False, now=NOW) is False


def test_a_changed_key(store: Volume, root: Path) -> None:
    """A new key comes with its certificate and goes back with it; no key is ever readable by others."""
    old, new = issued(MAIL), issued(MAIL, key=OTHER_KEY)
    store.switch(MAIL, old, [HOST], CSR, server=True, now=NOW)
    store.switch(MAIL, new, [HOST], CSR, server=True, now=NOW)
    assert new == pair_in(root) == pair_in(root / MAIL)
    assert store.roll_back(MAIL, server=True, now=NOW)

    assert old == pair_in(root) == pair_in(root / MAIL)
    assert secrets_others_can_read(root) == []
    assert left_over(root) == []


def test_archive(store: Volume, root: Path) -> None:
    """An orphan vanishes from the siblings' view as a whole and lies below `backups/`; a second time changes nothing."""
    pair = issued("imap.example.org")
    store.switch("imap.example.org", pair, [IMAP], CSR, server=False, now=NOW)
    store.archive("imap.example.org", NOW)
    store.archive("imap.example.org", NOW)

    assert seen_by_siblings(root) == {}
    assert not (root / "imap.example.org").exists()
    assert pair == pair_in(root / "backups" / "imap.example.org" / "2026-11-20_12_00_00")


def test_an_archived_lineage_is_brought_back(store: Volume, root: Path) -> None:
    """Its newest pair is the lineage again, whole, as it was; the older ones stay where they are."""
    first, second = issued(IMAP.text), issued(IMAP.text)
    for pair in (first, second):
        store.switch(IMAP.directory, pair, [IMAP], CSR, server=False, now=NOW)
    before = inside(root / IMAP.directory)
    store.archive(IMAP.directory, NOW + timedelta(days=1))
    (archived,) = store.read().archived
    assert (archived.directory, archived.certificate) == (IMAP.directory, second.certificate())

    store.bring_back(IMAP.directory)

    assert (inside(root / IMAP.directory), pair_in(root / IMAP.directory)) == (before, second)
    assert (store.read().archived, len(generations(store, IMAP.directory))) == ((), 1)
    assert left_over(root) == []


def test_nothing_is_brought_back_over_a_lineage(store: Volume, root: Path) -> None:
    """Neither is what was never there."""
    for _ in range(2):
        store.switch(IMAP.directory, issued(IMAP.text), [IMAP], CSR, server=False, now=NOW)
    before = pair_in(root / IMAP.directory)

    for directory in (IMAP.directory, "gone.example.org"):
        with pytest.raises(Damaged, match="cannot be brought back"):
            store.bring_back(directory)
    assert pair_in(root / IMAP.directory) == before


def test_damaged_backups_are_no_archived_lineages(store: Volume, root: Path) -> None:
    """A pair that does not match is as good as none, and so is one that no ACME client made."""
    for directory in ("torn.example.org", "foreign.example.org"):
        store.switch(directory, issued(directory), [Name(directory)], CSR, server=False, now=NOW)
        store.archive(directory, NOW)
    (torn,) = (root / "backups/torn.example.org").iterdir()
    (torn / "key.pem").write_bytes(pem_of(OTHER_KEY))
    (foreign,) = (root / "backups/foreign.example.org").iterdir()
    (foreign / "acme.csr").unlink()

    assert store.read().archived == ()


def test_an_archived_lineage_whose_place_is_taken(store: Volume, root: Path) -> None:
    """An admin emptied the directory: it could not be brought back in any cycle, so it is certified anew."""
    for _ in range(2):
        store.switch(IMAP.directory, issued(IMAP.text), [IMAP], CSR, server=False, now=NOW)
    for path in (root / IMAP.directory).iterdir():
        path.unlink()

    assert store.read().archived == ()
