"""The account key and the key shared by all certificates."""

from __future__ import annotations

import subprocess
from functools import partial
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from acme_companion.decide.problems import Damaged
from acme_companion.decide.settings import KeyType
from tests.act.store_parts import (
    DIRECTORY_URL,
    HOST,
    KEY,
    NOW,
    OTHER_KEY,
    Lines,
    inside,
    issued,
    pem_of,
    put,
    volume,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "volume"


@pytest.mark.parametrize(
    ("kind", "size"),
    [
        (KeyType.RSA2048, 2048),
        (KeyType.RSA3072, 3072),
        (KeyType.RSA4096, 4096),
        (KeyType.EC256, 256),
        (KeyType.EC384, 384),
    ],
)
def test_the_shared_key_is_made_once(root: Path, kind: KeyType, size: int) -> None:
    """A new key has the kind that was asked for, is private, and stays."""
    store = volume(root, key_type=kind)
    with store.lock():
        made = store.certificate_key()
        assert made == store.certificate_key()
    key = load_pem_private_key(made, None)

    assert isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
    assert key.key_size == size
    assert (root / "acme" / "key.pem").read_bytes() == made
    assert oct((root / "acme" / "key.pem").stat().st_mode) == "0o100600"


def test_the_account_key_is_another(root: Path) -> None:
    """The account has a key of its own: P-256 when it is made here."""
    store = volume(root)
    with store.lock():
        account = store.account_key(DIRECTORY_URL)
        assert account == store.account_key(DIRECTORY_URL) != store.certificate_key()

    assert isinstance(load_pem_private_key(account, None), ec.EllipticCurvePrivateKey)
    assert oct((root / "acme" / "account.pem").stat().st_mode) == "0o100600"


@pytest.mark.parametrize("form", ["-traditional", ""], ids=["PKCS#1", "PKCS#8"])
def test_keys_of_mailcow_are_kept(root: Path, form: str) -> None:
    """Mailcow's RSA 4096 keys, as openssl wrote them, stay byte for byte, whatever the settings say now."""
    store = volume(root, key_type=KeyType.EC256)
    (root / "acme").mkdir()
    for name in ("account.pem", "key.pem"):
        subprocess.run(
            ["openssl", "genrsa", *form.split(), "-out", root / "acme" / name, "2048"],
            check=True,
            capture_output=True,
        )
    with store.lock():
        assert store.account_key(DIRECTORY_URL) == (root / "acme" / "account.pem").read_bytes()
        assert store.certificate_key() == (root / "acme" / "key.pem").read_bytes()


def test_parameters_before_the_key(root: Path) -> None:
    """`openssl ecparam -genkey` writes EC parameters first (FAULTS S20): such a key is used as it is."""
    store = volume(root)
    (root / "acme").mkdir()
    path = root / "acme" / "key.pem"
    command = ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-out", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    made = path.read_bytes()
    assert made.startswith(b"-----BEGIN EC PARAMETERS-----")
    with store.lock():
        assert store.certificate_key() == made
        store.bootstrap(HOST, NOW)
        assert store.read().server is not None


ENCRYPTED = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))


@pytest.mark.parametrize(
    "data",
    [b"", pem_of(KEY)[:90], ENCRYPTED, issued("a.example").chain_pem],
    ids=["no bytes", "cut", "encrypted", "a certificate"],
)
def test_a_damaged_key_is_never_overwritten(root: Path, data: bytes) -> None:
    """A key that cannot be read may be the only copy: it stays, and one sentence says what to do."""
    store = volume(root)
    (root / "acme").mkdir()
    for name in ("account.pem", "key.pem"):
        (root / "acme" / name).write_bytes(data)
    with store.lock():
        for ask, name in (
            (partial(store.account_key, DIRECTORY_URL), "account.pem"),
            (store.certificate_key, "key.pem"),
        ):
            with pytest.raises(
                Damaged, match=rf"acme/{name}: not an unencrypted .* it is not overwritten: put the"
            ):
                ask()
            assert (root / "acme" / name).read_bytes() == data


def test_one_key_for_both_is_refused(root: Path) -> None:
    """CAs refuse a certificate for the account's own key: said before an order is spent."""
    store = volume(root)
    (root / "acme").mkdir()
    for name in ("account.pem", "key.pem"):
        (root / "acme" / name).write_bytes(pem_of(KEY))
    with store.lock():
        for ask in (partial(store.account_key, DIRECTORY_URL), store.certificate_key):
            with pytest.raises(Damaged, match=r"account\.pem.*hold the same key.* move account\.pem away"):
                ask()


def layout_before_sni(root: Path) -> None:
    root.mkdir()
    (root / "acme" / "private").mkdir(parents=True)
    (root / "acme" / "private" / "privkey.pem").write_bytes(pem_of(KEY))
    (root / "acme" / "private" / "account.key").write_bytes(pem_of(OTHER_KEY))


def test_the_layout_before_sni(root: Path) -> None:
    """Keys are taken over, the pair made with them is ours, and the old files stay in the backups."""
    layout_before_sni(root)
    pair = issued("mail.example.org")
    put(root, pair)
    log = Lines()
    store = volume(root, log=log)
    with store.lock():
        assert store.certificate_key() == pem_of(KEY)
        assert store.account_key(DIRECTORY_URL) == pem_of(OTHER_KEY)
        assert store.read().server_is_ours
    said = list(log.lines)
    with store.lock():
        assert log.lines == said

    assert not (root / "acme" / "private").exists()
    assert inside(root / "backups" / "acme" / "2026-11-20_12_00_00") == ["account.key", "privkey.pem"]
    assert oct((root / "acme" / "key.pem").stat().st_mode) == "0o100600"


def test_newer_keys_win_over_the_layout_before_sni(root: Path) -> None:
    """Where the keys of today exist, the old ones only move to the backups; a stranger's pair stays a stranger's."""
    layout_before_sni(root)
    newer = pem_of(ec.generate_private_key(ec.SECP256R1()))
    (root / "acme" / "key.pem").write_bytes(newer)
    put(root, issued("mail.example.org"))
    store = volume(root)
    with store.lock():
        assert store.certificate_key() == newer
        assert store.read().server_is_ours is False

    assert (root / "backups" / "acme" / "2026-11-20_12_00_00" / "privkey.pem").read_bytes() == pem_of(KEY)


def test_new_and_readable_keys_are_private_from_then_on(root: Path) -> None:
    """Private keys that others could read are closed at the start, and said."""
    store = volume(root)
    pair = issued("mail.example.org")
    put(root / "mail.example.org", pair, "mail.example.org")
    (root / "mail.example.org" / "key.pem").chmod(0o644)
    with store.lock():
        made = store.bootstrap(pair.certificate().names[0], NOW)

    path = root / "mail.example.org" / "key.pem"
    assert made[0] == f"{path}: had mode 0644, now only its owner can read this private key"
    assert oct(path.stat().st_mode) == "0o100600"
