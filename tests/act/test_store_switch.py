"""Switching pairs: what lies on the volume afterwards, and what is refused."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from acme_companion.decide.names import Name
from acme_companion.decide.pair import Pair
from acme_companion.decide.problems import Damaged
from tests.act.store_parts import (
    CSR,
    DIRECTORY_URL,
    HOST,
    KEY,
    NOW,
    OTHER_KEY,
    Lines,
    inside,
    issued,
    left_over,
    pair_in,
    pem_of,
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


def test_first_switch_of_the_server(store: Volume, root: Path) -> None:
    """The lineage's directory and the top of the volume hold the pair, in the layout that siblings read."""
    pair = issued(MAIL, "imap.example.org")
    store.switch(MAIL, pair, [HOST, IMAP], CSR, server=True, now=NOW)

    assert seen_by_siblings(root) == {MAIL: "mail.example.org imap.example.org"}
    assert pair == pair_in(root / MAIL) == pair_in(root)
    assert (root / MAIL / "acme.csr").read_bytes() == CSR
    assert inside(root / MAIL) == ["acme.csr", "cert.pem", "domains", "key.pem"]


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077], ids="umask {:03o}".format)
def test_modes(root: Path, umask: int) -> None:
    """Keys are 0600, what siblings read 0644, directories 0755 and ours 0700, whatever the umask is."""
    before = os.umask(umask)
    try:
        store = volume(root)
        with store.lock():
            store.switch(MAIL, issued(MAIL), [HOST], CSR, server=True, now=NOW)
            store.switch(MAIL, issued(MAIL), [HOST], CSR, server=True, now=NOW)
            store.account_key(DIRECTORY_URL)
    finally:
        os.umask(before)
    expected = {"key.pem": 0o600, "account.pem": 0o600, "lock": 0o600, ".companion": 0o700}
    for path in root.rglob("*"):
        default = 0o755 if path.is_dir() else 0o644
        assert oct(expected.get(path.name, default)) == oct(path.stat().st_mode & 0o7777), path


def test_wildcard(store: Volume, root: Path) -> None:
    """A wildcard's directory has no star, its `domains` has; Postfix looks it up with a leading dot instead."""
    name = Name("*.example.org")
    store.switch(name.directory, issued(name.text), [name], CSR, server=False, now=NOW)

    assert seen_by_siblings(root) == {"wildcard_.example.org": "*.example.org .example.org"}
    assert pair_in(root) is None


def test_a_kept_key_is_not_touched(store: Volume, root: Path) -> None:
    """Where the key stays over a renewal, its file stays: no reader can see half a pair."""
    store.switch(MAIL, issued(MAIL), [HOST], CSR, server=True, now=NOW)
    before = [(path / "key.pem").stat() for path in (root, root / MAIL)]
    store.switch(MAIL, issued(MAIL), [HOST], CSR, server=True, now=NOW)

    assert [one.st_ino for one in before] == [(one / "key.pem").stat().st_ino for one in (root, root / MAIL)]


def test_the_same_pair_again_changes_nothing(store: Volume) -> None:
    """A switch that is repeated makes no generation."""
    pair = issued(MAIL)
    store.switch(MAIL, pair, [HOST], CSR, server=True, now=NOW)
    store.switch(MAIL, pair, [HOST], CSR, server=True, now=NOW)

    assert generations(store) == ()


def test_a_pair_that_does_not_match_is_never_installed(store: Volume, root: Path) -> None:
    """Key and chain of different pairs are refused before anything is written."""
    wrong = Pair(pem_of(OTHER_KEY), issued(MAIL).chain_pem)
    with pytest.raises(Damaged, match="was not installed: the private key does not belong"):
        store.switch(MAIL, wrong, [HOST], CSR, server=True, now=NOW)

    assert pair_in(root) is None


@pytest.mark.parametrize(
    "directory",
    ["", ".", "..", "../x", "a/b", "acme", "backups", "cert.pem", ".companion", "force_renew", "a\0b"],
)
def test_reserved_directories(store: Volume, directory: str) -> None:
    """A lineage cannot take the place of anything else on the volume, or lie outside it."""
    with pytest.raises(Damaged, match="cannot be the directory of a certificate"):
        store.switch(directory, issued(MAIL), [HOST], CSR, server=False, now=NOW)
    with pytest.raises(Damaged, match="cannot be the directory of a certificate"):
        store.archive(directory, NOW)


# ---- odd files, interrupted changes --------------------------------------------------------------------------


def make_odd(path: Path, kind: str) -> None:
    path.unlink(missing_ok=True)
    other = path.parent.parent / "elsewhere"
    other.write_bytes(b"precious")
    match kind:
        case "a symbolic link":
            path.symlink_to(other)
        case "a hard link":
            path.hardlink_to(other)
        case "a directory":
            path.mkdir()
        case "a FIFO":
            os.mkfifo(path)


@pytest.mark.parametrize("kind", ["a symbolic link", "a hard link", "a directory", "a FIFO"])
def test_only_regular_files_are_replaced(store: Volume, root: Path, kind: str) -> None:
    """A target that is anything but a plain file is refused by name, not followed and not replaced."""
    old = issued(MAIL)
    store.switch(MAIL, old, [HOST], CSR, server=True, now=NOW)
    make_odd(root / "cert.pem", kind)
    with pytest.raises(Damaged, match=rf"/cert\.pem: is {kind}.*, and only a regular file .* move it away"):
        store.switch(MAIL, issued(MAIL), [HOST], CSR, server=True, now=NOW)

    assert (root.parent / "elsewhere").read_bytes() == b"precious"
    assert old == pair_in(root / MAIL)
    assert left_over(root) == []


def test_a_lineage_directory_that_is_a_link_is_refused(store: Volume, root: Path, tmp_path: Path) -> None:
    """A link in the place of a lineage's directory leads out of the volume: nothing is written through it."""
    (tmp_path / "elsewhere").mkdir()
    (root / MAIL).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Damaged, match="is not a directory"):
        store.switch(MAIL, issued(MAIL), [HOST], CSR, server=False, now=NOW)

    assert inside(tmp_path / "elsewhere") == []


def test_a_change_that_met_a_disk_error_is_finished_by_the_next(
    store: Volume, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After EIO in the middle of the renames, the next step of the same process ends the change first."""
    rename = os.rename

    def broken(source: Path, target: Path) -> None:
        if target == root / "cert.pem":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        rename(source, target)

    new = issued(MAIL)
    store.switch(MAIL, issued(MAIL), [HOST], CSR, server=True, now=NOW)
    monkeypatch.setattr(os, "rename", broken)
    with pytest.raises(Damaged, match=r"cert\.pem: cannot be replaced"):
        store.switch(MAIL, new, [HOST], CSR, server=True, now=NOW)
    monkeypatch.undo()
    assert pair_in(root) != pair_in(root / MAIL)
    store.archive("gone.example.org", NOW)

    assert new == pair_in(root) == pair_in(root / MAIL)


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'{"intent": {"renames": [["../x", ""]]}}'])
def test_an_intent_that_is_not_ours(root: Path, content: bytes) -> None:
    """An unreadable intent is moved aside with a warning; the volume works on."""
    log = Lines()
    store = volume(root, log=log)
    with store.lock():
        pass
    (root / ".companion" / "intent.json").write_bytes(content)
    with store.lock():
        store.switch(MAIL, issued(MAIL), [HOST], CSR, server=True, now=NOW)

    assert (root / ".companion" / "intent.json.damaged").read_bytes() == content
    assert any("is not readable" in line for line in log.lines)


def test_writing_needs_the_lock(root: Path) -> None:
    """Who forgets the lock made a programming error."""
    with pytest.raises(RuntimeError, match="without its lock"):
        volume(root).switch(MAIL, issued(MAIL, key=KEY), [HOST], CSR, server=True, now=NOW)
