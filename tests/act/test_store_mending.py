"""A directory whose key and chain do not belong together would keep siblings from starting: it is mended before anything else."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.act.store_parts import (
    HOST,
    KEY,
    NOW,
    OTHER_KEY,
    inside,
    issued,
    pair_in,
    pem_of,
    put,
    seen_by_siblings,
    volume,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from acme_companion.act.store.volume import Volume
    from acme_companion.decide.pair import Pair

IMAP = "imap.example.org"
GENERATION = "2026-10-01_00_00_00"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A server pair that is whole, our key, and a lineage of another name."""
    root = tmp_path / "volume"
    root.mkdir()
    server = issued(HOST.text)
    put(root / HOST.text, server, HOST.text)
    put(root, server)
    put(root / IMAP, issued(IMAP), IMAP)
    (root / "acme").mkdir()
    (root / "acme/key.pem").write_bytes(pem_of(KEY))
    (root / "acme/key.pem").chmod(0o600)
    return root


@pytest.fixture
def store(root: Path) -> Iterator[Volume]:
    one = volume(root)
    with one.lock():
        one.bootstrap(HOST, NOW)
        yield one


def another_key(directory: Path) -> None:
    (directory / "key.pem").write_bytes(pem_of(OTHER_KEY))


def another_chain(directory: Path) -> None:
    (directory / "cert.pem").write_bytes(issued(IMAP, key=OTHER_KEY).chain_pem)


def garbage(directory: Path) -> None:
    (directory / "cert.pem").write_bytes(b"-----BEGIN CERTIFICATE-----\n")


def nothing(directory: Path) -> None:
    (directory / "key.pem").write_bytes(b"")


def no_key(directory: Path) -> None:
    (directory / "key.pem").unlink()


def before(directory: Path, pair: Pair) -> Pair:
    put(directory.parent / "backups" / directory.name / GENERATION, pair, directory.name)
    return pair


DAMAGE = pytest.mark.parametrize("damage", [another_key, another_chain, garbage, nothing, no_key])


@DAMAGE
def test_a_generation_comes_back(store: Volume, root: Path, damage: Callable[[Path], None]) -> None:
    """The newest whole pair returns, the damaged files are kept beside, and siblings are looked at afterwards."""
    lineage = root / IMAP
    kept, good = before(lineage, issued(IMAP, begin=NOW - timedelta(days=50))), pair_in(lineage)
    damage(lineage)
    damaged = inside(lineage)
    [said] = store.bootstrap(HOST, NOW)

    # With the key that all certificates share nothing is lost when only the key was another one.
    source, wanted = (
        ("acme/key.pem", good)
        if damage in {another_key, nothing, no_key}
        else (f"backups/{IMAP}/{GENERATION}", kept)
    )
    assert pair_in(lineage) == wanted
    assert f"; restored from {source}; the files are kept in backups/{IMAP}/" in said
    [aside] = root.glob(f"backups/{IMAP}/*.damaged")
    assert inside(aside) == damaged
    assert store.read().memory.undeployed == (IMAP,)
    assert store.bootstrap(HOST, NOW) == ()


@DAMAGE
def test_nothing_is_left_to_restore(store: Volume, root: Path, damage: Callable[[Path], None]) -> None:
    """Then the directory leaves the siblings' sight: it is certified anew, and nobody stays down for it meanwhile."""
    lineage = root / IMAP
    (root / "acme/key.pem").write_bytes(pem_of(OTHER_KEY))
    if damage is another_key:
        (root / "acme/key.pem").unlink()
    damage(lineage)
    if damage is another_chain:
        (lineage / "cert.pem").write_bytes(issued(IMAP, key=KEY).chain_pem)
        another_key(lineage)
    [said] = [line for line in store.bootstrap(HOST, NOW) if IMAP in line]

    assert "so the directory was moved to backups/" in said
    assert sorted(seen_by_siblings(root)) == [HOST.text]
    assert [one.directory for one in store.read().lineages] == [HOST.text]


def test_the_server_lineage_comes_back_from_the_top(store: Volume, root: Path) -> None:
    """The server pair is the same certificate: nothing older is needed."""
    lineage, good = root / HOST.text, pair_in(root)
    before(lineage, issued(HOST.text, begin=NOW - timedelta(days=50)))
    garbage(lineage)
    [said] = store.bootstrap(HOST, NOW)

    assert (pair_in(lineage), pair_in(root)) == (good, good)
    assert "restored from the top of the volume" in said


def test_a_server_pair_that_was_mended_is_looked_at(store: Volume, root: Path) -> None:
    """Siblings may have started with what was there: the cycle looks at what they serve."""
    good = pair_in(root)
    another_key(root)
    store.bootstrap(HOST, NOW)

    assert pair_in(root) == good
    assert store.read().memory.undeployed == (HOST.directory,)


def test_the_pair_of_an_admin_does_not_become_ours(store: Volume, root: Path) -> None:
    """It lies at the top and is only watched: in the lineage that is mended it would be ours, and be renewed."""
    theirs = issued(HOST.text, key=OTHER_KEY, issuer="Another CA")
    put(root, theirs)
    garbage(root / HOST.text)
    store.bootstrap(HOST, NOW)

    assert pair_in(root) == theirs
    assert not store.read().server_is_ours


def test_a_directory_with_something_odd_in_it_costs_the_others_nothing(store: Volume, root: Path) -> None:
    """It cannot be kept as it is, so it stays; and nobody waits for the writer of a FIFO."""
    (root / IMAP / "acme.csr").unlink()
    os.mkfifo(root / IMAP / "acme.csr")
    garbage(root / IMAP)
    garbage(root / HOST.text)
    [said] = store.bootstrap(HOST, NOW)

    assert "restored from the top of the volume" in said


def test_who_else_is_left_alone(store: Volume, root: Path) -> None:
    """A directory of the admin's, and one that no sibling takes for a certificate."""
    theirs, half = root / "webmail.example.org", root / "half.example.org"
    for path in (theirs, half):
        put(path, issued(path.name), path.name)
        another_key(path)
    (theirs / "acme.csr").unlink()
    (half / "domains").unlink()
    found = inside(root)
    assert store.bootstrap(HOST, NOW) == ()
    assert inside(root) == found
