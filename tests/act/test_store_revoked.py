"""What an admin has revoked is never brought back, and a key that somebody else may have is used no more."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from acme_companion.decide.forgetting import MOST_REVOKED, without_the_past
from acme_companion.decide.memory import Held, Memory
from acme_companion.decide.pair import public_key_digest
from tests.act.store_parts import (
    HOST,
    KEY,
    NOW,
    OTHER_KEY,
    Lines,
    issued,
    pair_in,
    pem_of,
    put,
    secrets_others_can_read,
    volume,
)

if TYPE_CHECKING:
    from pathlib import Path

    from acme_companion.decide.pair import Pair

IMAP = "imap.example.org"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "volume" / "acme").mkdir(parents=True)
    return tmp_path / "volume"


# ---- keys --------------------------------------------------------------------------------------------------


def test_compromised_key_is_set_aside(root: Path) -> None:
    """It gets no other certificate, is kept where nothing is brought back from, and what follows for TLSA records is said."""
    (root / "acme/key.pem").write_bytes(pem_of(KEY))
    pair = issued(HOST.text)
    put(root / HOST.text, pair, HOST.text)
    log = Lines()
    store = volume(root, log=log)
    with store.lock():
        made = store.certificate_key([pair.certificate().spki])
        assert made == store.certificate_key([pair.certificate().spki]) != pem_of(KEY)
        assert store.certificate_key() == made
        assert store.roll_back(HOST.text, server=False, now=NOW) is False

    kept = root / "backups/acme/2026-11-20_12_00_00.compromised"
    assert (kept / "key.pem").read_bytes() == pem_of(KEY)
    assert secrets_others_can_read(root) == []
    assert log.lines == [
        f"{root}/acme/key.pem: somebody else may have this key, so another one was made, and the old one is kept in "
        "backups/acme/2026-11-20_12_00_00.compromised; TLSA 3 1 1 records for it are untrue as soon as services have the new "
        f"one: publish {public_key_digest(made)}"
    ]


def test_other_keys_are_not_set_aside(root: Path) -> None:
    (root / "acme/key.pem").write_bytes(pem_of(OTHER_KEY))
    store = volume(root)
    with store.lock():
        assert store.certificate_key(["0" * 64]) == pem_of(OTHER_KEY)


# ---- certificates ------------------------------------------------------------------------------------------


def aged(*names: str, days: int) -> Pair:
    return issued(*names, begin=NOW - timedelta(days=days))


@pytest.mark.parametrize("how", ["revoked", "compromised"])
@pytest.mark.parametrize("where", ["the server's pair", "a lineage"])
def test_it_does_not_come_back(root: Path, where: str, how: str) -> None:
    """The newest generation is what was revoked: the one before it is better."""
    directory = HOST.text if where == "the server's pair" else IMAP
    older, bad = aged(directory, days=60), issued(directory, key=OTHER_KEY)
    for pair, moment in ((older, "2026-09-21"), (bad, "2026-10-21")):
        put(root / "backups" / directory / f"{moment}_00_00_00", pair, directory)
    put(root / directory, issued(directory), directory)
    damaged = (root, root / HOST.text) if where == "the server's pair" else (root / IMAP,)
    put(root, issued(HOST.text))
    for path in damaged:
        (path / "key.pem").write_bytes(b"damaged")
    (root / "acme/key.pem").write_bytes(pem_of(KEY))
    for path in damaged:
        (path / "cert.pem").write_bytes(issued(directory, key=OTHER_KEY).chain_pem)
    found = bad.certificate()
    out = Memory(revoked=(found.fingerprint,)) if how == "revoked" else Memory(compromised=(found.spki,))
    store = volume(root)
    with store.lock():
        store.remember(out)
        store.bootstrap(HOST, NOW)

    assert {pair_in(path) for path in damaged} == {older}


def test_revocations_are_remembered_when_the_certificate_is_gone(root: Path) -> None:
    """It lies below `backups/` for years; only the oldest are forgotten, so that the memory does not grow for ever."""
    revoked = tuple(f"certificate {number}" for number in range(MOST_REVOKED + 1))
    assert without_the_past(Held(None, memory=Memory(revoked=revoked)), NOW).revoked == revoked[1:]
