"""What the volume holds, as facts."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from acme_companion.act.store.reading import PairReader
from acme_companion.decide.memory import Held, HeldLineage, Memory
from acme_companion.decide.pair import Certificate, Pair
from tests.act.store_parts import HOST, KEY, NOW, OTHER_KEY, issued, pem_of, put, volume

if TYPE_CHECKING:
    from pathlib import Path

MAIL = HOST.text


@pytest.fixture
def root(tmp_path: Path) -> Path:
    volume(tmp_path / "volume")
    return tmp_path / "volume"


def test_an_empty_volume(root: Path) -> None:
    """Nothing is held, and nothing of a stranger stands in the way."""
    assert volume(root).read() == Held()


def test_everything_at_once(root: Path) -> None:
    """Lineages by directory, generations newest first, the server pair, the wish to renew; nothing else is one."""
    server, wild = issued(MAIL), issued("*.example.net")
    put(root, server)
    put(root / MAIL, server, MAIL)
    put(root / "wildcard_.example.net", wild, "*.example.net")
    for name in ("2026-01-01_00_00_00", "2026-02-01_00_00_00", "2026-03-01_00_00_00.rolled_back", "other"):
        put(root / "backups" / MAIL / name, server)
    for name in ("acme", "backups", ".hidden"):
        put(root / name, wild)
    (root / "empty").mkdir()
    (root / "link").symlink_to(root / MAIL)
    (root / "force_renew").touch()
    certificate, wildcard = server.certificate(), wild.certificate()

    assert volume(root).read() == Held(
        server=certificate,
        lineages=(
            HeldLineage(MAIL, certificate, generations=("2026-02-01_00_00_00", "2026-01-01_00_00_00")),
            HeldLineage("wildcard_.example.net", wildcard),
        ),
        force_renew=True,
        memory=Memory(issued={certificate.fingerprint: "", wildcard.fingerprint: ""}),
    )


def test_what_did_not_change_is_not_parsed_again(root: Path) -> None:
    """A cycle reads the volume twice, and a thousand certificates take their time; what changed is seen all the same."""
    put(root / MAIL, issued(MAIL), MAIL)
    pairs = PairReader()
    first, second = (pairs.certificate(root / MAIL) for _ in range(2))
    put(root / MAIL, changed := issued(MAIL), MAIL)

    assert first is second
    assert pairs.certificate(root / MAIL) == changed.certificate() != first


def test_what_is_gone_is_not_kept(root: Path) -> None:
    """A process that runs for years sees thousands of certificates come and go."""
    store = volume(root)

    def read(pair: Pair) -> Certificate | None:
        put(root / MAIL, pair, MAIL)
        return [store.read().lineages[0].certificate for _ in range(2)][-1]

    there, other = issued(MAIL), issued(MAIL)
    first, same = read(there), read(there)
    read(other)
    again = read(there)

    assert first is same
    assert again == first
    assert again is not first


def test_force_renew_is_consumed(root: Path) -> None:
    """The wish is taken away once, and taking it away twice is no error."""
    (root / "force_renew").touch()
    store = volume(root)
    with store.lock():
        store.end_force_renew()
        store.end_force_renew()
    assert store.read().force_renew is False


def test_a_lineage_of_the_admin(root: Path) -> None:
    """A directory that no ACME client made (no `acme.csr`) is held, and said not to be ours."""
    pair = issued("shop.example.org")
    put(root / "shop.example.org", pair)
    (root / "shop.example.org" / "domains").write_text("shop.example.org")
    held = volume(root).read()

    assert held.lineages == (HeldLineage("shop.example.org", pair.certificate(), ours=False),)
    assert held.memory == Memory()


ENCRYPTED = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
WHOLE = issued(MAIL)


@pytest.mark.parametrize(
    ("cert", "key", "damage"),
    [
        pytest.param(WHOLE.chain_pem, None, "key.pem: is missing", id="no key"),
        pytest.param(
            WHOLE.chain_pem, pem_of(OTHER_KEY), "key.pem: does not belong to the cert.pem", id="another key"
        ),
        pytest.param(
            WHOLE.chain_pem, b"", "key.pem: not an unencrypted PEM private key", id="a key of no bytes"
        ),
        pytest.param(WHOLE.chain_pem, ENCRYPTED, "key.pem: not an unencrypted", id="a key with a password"),
        pytest.param(b"", WHOLE.key_pem, "cert.pem: not a PEM certificate", id="a certificate of no bytes"),
        pytest.param(b"\x30\x82", WHOLE.key_pem, "cert.pem: not a PEM certificate", id="DER"),
        pytest.param(
            WHOLE.chain_pem[:300], WHOLE.key_pem, "cert.pem: not a PEM", id="a certificate that was cut"
        ),
        pytest.param(b"x" * 2_000_000, WHOLE.key_pem, "cert.pem: has 2000000 bytes", id="two megabytes"),
    ],
)
def test_damage(root: Path, cert: bytes, key: bytes | None, damage: str) -> None:
    """A damaged lineage is held with one sentence that names the file, and hides no other."""
    good = issued("imap.example.org")
    put(root / "imap.example.org", good, "imap.example.org")
    for directory in (root, root / MAIL):
        directory.mkdir(exist_ok=True)
        (directory / "cert.pem").write_bytes(cert)
        if key is not None:
            (directory / "key.pem").write_bytes(key)
    held = volume(root).read()

    assert [one.certificate for one in held.lineages] == [good.certificate(), None]
    assert held.lineages[1].damage.startswith(f"{root}/{MAIL}/{damage}")
    assert held.server is None
    assert held.server_damage.startswith(f"{root}/{damage}")
    assert "PRIVATE KEY" not in held.server_damage


@pytest.mark.parametrize(
    ("cert", "key"),
    [
        pytest.param(
            WHOLE.chain_pem.replace(b"\n", b"\r\n"), WHOLE.key_pem, id="line ends of another system"
        ),
        pytest.param(b"Certificate:\n  Data: ...\n" + WHOLE.chain_pem, WHOLE.key_pem, id="text before it"),
        pytest.param(
            WHOLE.chain_pem,
            b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
            + KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()),
            id="a block of curve parameters before the key",
        ),
    ],
)
def test_what_openssl_tolerates_is_read(root: Path, cert: bytes, key: bytes) -> None:
    """Forms that the siblings read are not damage."""
    put(root / MAIL, Pair(key, cert), MAIL)

    assert volume(root).read().lineages[0].certificate == WHOLE.certificate()


# ---- whose the server pair is --------------------------------------------------------------------------------


def test_a_pair_of_the_admin(root: Path) -> None:
    """A pair that nothing here knows belongs to the admin, whoever issued it."""
    put(root, issued(MAIL, issuer="Let's Encrypt"))

    assert volume(root).read().server_is_ours is False


def test_a_self_signed_pair_of_the_admin(root: Path) -> None:
    """Self-signed alone does not make a pair ours."""
    ours = volume(root.with_name("another volume"))
    with ours.lock():
        ours.bootstrap(HOST, NOW)
    for name in ("cert.pem", "key.pem"):
        (root / name).write_bytes((root.with_name("another volume") / name).read_bytes())

    assert volume(root).read().server_is_ours is False


def test_a_pair_that_is_remembered(root: Path) -> None:
    """What is in our memory is ours without any lineage beside it."""
    pair = issued(MAIL)
    put(root, pair)
    store = volume(root)
    with store.lock():
        store.remember(Memory(issued={pair.certificate().fingerprint: "https://ca.example/dir"}))

    assert store.read().server_is_ours


def test_the_pair_that_the_stack_ships(root: Path) -> None:
    """The example pair is nobody's: it may be replaced."""
    pair = issued(MAIL)
    put(root, pair)
    put(root.with_name("example"), pair)

    assert volume(root).read().server_is_ours


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_a_read_only_volume(root: Path, tmp_path: Path) -> None:
    """Status and plan work where nothing can be written; a lock says how to change that."""
    from tests.act.store_mounts import mounted

    put(root / MAIL, WHOLE, MAIL)
    with mounted("--bind", "-o", "ro", str(root), at=tmp_path / "read-only") as path:
        store = volume(path)
        assert [one.certificate for one in store.read().lineages] == [WHOLE.certificate()]
        with (
            pytest.raises(Exception, match=r"Read-only file system\): mount the volume writable"),
            store.lock(),
        ):
            pass


def test_a_thousand_lineages(root: Path) -> None:
    """A thousand lineages with one RSA key are read in less than the blink of an eye."""
    key = rsa.generate_private_key(65537, 4096)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for number in range(1000):
        name = f"imap.domain{number}.example"
        chain = issued(name, key=key).chain_pem  # type: ignore[arg-type]  # any private key will do
        put(root / name, Pair(pem, chain + WHOLE.chain_pem * 2), f"{name} mail.domain{number}.example")
        (root / "backups" / name / "2026-01-01_00_00_00").mkdir(parents=True)
    store = volume(root)
    begin = time.perf_counter()
    held = store.read()
    seconds = time.perf_counter() - begin

    assert len(held.lineages) == 1000
    assert not any(one.damage for one in held.lineages)
    assert seconds < 1.5  # 0.2 s on an idle machine; this one may be busy
