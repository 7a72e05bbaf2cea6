"""Odd things on the volume stop nobody but those whom they concern."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from acme_companion.decide.memory import Memory
from acme_companion.decide.problems import Damaged
from tests.act.store_parts import CSR, HOST, KEY, NOW, Lines, issued, pem_of, put, volume
from tests.bed.process import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path

    from acme_companion.act.store.volume import Volume

MAIL = HOST.text
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files to others")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "volume").mkdir()
    return tmp_path / "volume"


@pytest.fixture
def log() -> Lines:
    return Lines()


@pytest.fixture
def store(root: Path, log: Lines) -> Volume:
    return volume(root, log=log)


def mode(path: Path) -> str:
    return f"{path.stat().st_mode & 0o777:04o}"


# ---- private keys --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "where", ["", "webmail.example.org"], ids=["at the top", "in a directory of its own"]
)
@pytest.mark.parametrize(("given", "warnings"), [("0640", 0), ("0660", 0), ("0644", 1), ("0604", 1)])
def test_the_mode_of_an_admins_key(
    store: Volume, root: Path, log: Lines, where: str, given: str, warnings: int
) -> None:
    """Siblings that read it by its group go on; everybody's right to read it is warned of, once, and stays."""
    put(root / where, issued(MAIL))
    (root / where / "key.pem").chmod(int(given, 8))
    with store.lock():
        store.bootstrap(HOST, NOW)
        store.bootstrap(HOST, NOW)

    assert mode(root / where / "key.pem") == given
    told = [line for line in log.lines if f"{where}/key.pem: has mode {given}, so whoever sees" in line]
    assert len(told) == warnings


@pytest.mark.parametrize("how", ["remembered", "made by a client", "the shared key"])
def test_the_mode_of_our_key(store: Volume, root: Path, how: str) -> None:
    """Ours are closed to others, by whatever they are known."""
    pair = issued(MAIL)
    put(root / MAIL, pair, MAIL if how == "made by a client" else None)
    put(root, pair)
    (root / "acme").mkdir()
    (root / "acme" / "key.pem").write_bytes(pem_of(KEY) if how == "the shared key" else b"")
    paths = [root / "key.pem", root / MAIL / "key.pem", root / "acme" / "key.pem"]
    for path in paths:
        path.chmod(0o640)
    with store.lock():
        if how == "remembered":
            store.remember(Memory(issued={pair.certificate().fingerprint: ""}))
        made = store.bootstrap(HOST, NOW)

    ours = paths if how != "made by a client" else paths[1:]
    assert [mode(path) for path in ours] == ["0600"] * len(ours)
    assert f"{paths[1]}: had mode 0640, now only its owner can read this private key" in made


@as_root
def test_a_key_of_another_user(root: Path) -> None:
    """Without the right to change its mode (compose drops FOWNER) it is a warning, not the end of the cycle."""
    pair = issued(MAIL)
    put(root, pair)
    put(root / MAIL, pair, MAIL)
    (root / "acme" / "private").mkdir(parents=True)
    (root / "acme" / "private" / "privkey.pem").write_bytes(pem_of(KEY))
    for path in (root / MAIL / "key.pem", root / "acme" / "private" / "privkey.pem"):
        path.chmod(0o640)
        os.chown(path, 1000, 1000)
    program = f"import tests.act.test_store_odd as t; t.bootstrapped({str(root)!r})"
    caps = ["setpriv", "--bounding-set=-all,+dac_override", "--inh-caps=-all"]
    said = subprocess.run(
        [*caps, sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=True
    ).stdout

    for name in (f"{MAIL}/key.pem", "acme/private/privkey.pem"):
        assert (
            f"{root}/{name}: cannot be made private (Operation not permitted); this process has uid 0" in said
        )
    assert "belongs to uid 1000 with mode 0640: correct the owner or the mode; others can read" in said


def bootstrapped(path: str) -> None:
    log = Lines()
    root = type(CHECKOUT)(path)
    store = volume(root, log=log)
    with store.lock():
        store.bootstrap(HOST, NOW)
    print("\n".join(log.lines))


def test_a_directory_that_is_closed_to_us(tmp_path: Path) -> None:
    """A `lost+found` of the file system's own stops nothing."""
    root = tmp_path / "volume"
    for path in (tmp_path, *tmp_path.parents[:2]):
        path.chmod(0o755)
    (root / "lost+found").mkdir(parents=True)
    (root / "lost+found").chmod(0o000)
    root.chmod(0o777)
    program = (
        "import os, tests.act.test_store_odd as t; os.setgid(65534); os.setuid(65534); "
        f"t.bootstrapped({str(root)!r})"
    )
    subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=True)

    assert (root / "cert.pem").exists()


# ---- backups -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", [MAIL, ""], ids=["of one lineage", "of all"])
def test_a_file_in_the_place_of_backups(store: Volume, root: Path, where: str) -> None:
    """It counts as no generations; only who would have to keep something there is stopped, and the others go on."""
    put(root / MAIL, issued(MAIL), MAIL)
    path = root / "backups" / where if where else root / "backups"
    path.parent.mkdir(exist_ok=True)
    path.touch()
    with store.lock():
        assert [one.generations for one in store.read().lineages] == [()]
        for act in (
            lambda: store.check_targets(MAIL, server=False),
            lambda: store.switch(MAIL, issued(MAIL), [HOST], CSR, server=False, now=NOW),
        ):
            with pytest.raises(Damaged, match="is not a directory, and one is needed there: move it away"):
                act()
        store.switch("imap.example.org", issued(MAIL), [HOST], CSR, server=False, now=NOW)


def test_an_odd_generation_is_no_reason_to_stay_without_a_pair(store: Volume, root: Path) -> None:
    """A server pair is restored from what can be read."""
    good = issued(MAIL)
    put(root / "backups" / MAIL / "2026-01-01_00_00_00", good, MAIL)
    (root / "backups" / MAIL / "2026-01-02_00_00_00" / "key.pem").mkdir(parents=True)
    (root / MAIL).mkdir()
    (root / MAIL / "cert.pem").symlink_to("elsewhere")
    with store.lock():
        store.bootstrap(HOST, NOW)

    assert (root / "cert.pem").read_bytes() == good.chain_pem


# ---- force_renew ---------------------------------------------------------------------------------------------


def test_a_wish_that_is_an_empty_directory(store: Volume, root: Path) -> None:
    """What Docker makes of a mounted file that is missing is a wish like any other."""
    (root / "force_renew").mkdir()
    with store.lock():
        assert store.read().force_renew
        store.end_force_renew()
        assert not store.read().force_renew
    assert not (root / "force_renew").exists()


def test_a_wish_that_cannot_be_taken_away(store: Volume, root: Path) -> None:
    """It is refused clearly and heard once; when it was taken away, the next one is heard again."""
    path = root / "force_renew"
    (path / "x").mkdir(parents=True)
    with store.lock():
        assert store.force_renew_wanted()
        with pytest.raises(
            Damaged, match=r"force_renew: cannot be removed \(Directory not empty\): .* move it away"
        ):
            store.end_force_renew()
        assert (store.force_renew_wanted(), store.read().force_renew) == (False, False)
        (path / "x").rmdir()
        path.rmdir()
        assert not store.force_renew_wanted()
        path.touch()
        assert (store.force_renew_wanted(), store.read().force_renew) == (True, True)
