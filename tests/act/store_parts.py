"""A volume on a real disk and real pairs to put on it."""

from __future__ import annotations

import errno
import itertools
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from acme_companion.act.store import Volume
from acme_companion.act.store.accounts import AccountKeys
from acme_companion.decide.names import Name
from acme_companion.decide.pair import Pair
from acme_companion.decide.settings import KeyType

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
HOST = Name("mail.example.org")
CSR = b"a request"
DIRECTORY_URL = "https://ca.example/directory"


class FixedClock:
    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("the store never sleeps")


@dataclass
class Lines:
    """A log that remembers."""

    lines: list[str] = field(default_factory=list)

    def debug(self, text: str, /) -> None:
        self.lines.append(text)

    info = warning = error = debug


def make_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


KEY, OTHER_KEY, CA_KEY = make_key(), make_key(), make_key()
_serials = itertools.count(1)


def pem_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def issued(
    *names: str,
    key: ec.EllipticCurvePrivateKey = KEY,
    days: int = 90,
    issuer: str = "Test CA",
    organization: str = "",
    begin: datetime = NOW,
) -> Pair:
    """A pair as a CA issues it; every one is another certificate."""
    called = [x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]
    if organization:
        called.insert(0, x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, organization))
    ca = x509.Name(called)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(ca)
        .public_key(key.public_key())
        .serial_number(next(_serials))
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=True)
        .sign(CA_KEY, SHA256())
    )
    return Pair(pem_of(key), certificate.public_bytes(Encoding.PEM))


def volume(
    root: Path,
    *,
    key_type: KeyType = KeyType.EC256,
    log: Lines | None = None,
    private: Path | None = None,
    move: bool = False,
    directory_url: str = DIRECTORY_URL,
) -> Volume:
    root.mkdir(exist_ok=True)
    return Volume(
        root,
        example=root.with_name("example"),
        key_type=key_type,
        accounts=AccountKeys(root, private, directory_url, KeyType.EC256),
        move_account_keys=move,
        clock=FixedClock(),
        log=log or Lines(),
    )


def put(directory: Path, pair: Pair, domains: str | None = None) -> None:
    """Lay a pair down as another tool would."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "cert.pem").write_bytes(pair.chain_pem)
    (directory / "key.pem").write_bytes(pair.key_pem)
    (directory / "key.pem").chmod(0o600)
    if domains is not None:
        (directory / "domains").write_text(domains)
        (directory / "acme.csr").write_bytes(CSR)


def pair_in(directory: Path) -> Pair | None:
    """The pair in a directory, None when half of it or all is missing."""
    try:
        return Pair((directory / "key.pem").read_bytes(), (directory / "cert.pem").read_bytes())
    except FileNotFoundError:
        return None


def seen_by_siblings(root: Path) -> dict[str, str]:
    """Every directory that Postfix, Dovecot and nginx take for a certificate, with its names: each pair must match."""
    found = {}
    for one in sorted(root.glob("*/")):
        if all((one / name).is_file() for name in ("domains", "cert.pem", "key.pem")):
            pair = pair_in(one)
            assert pair
            pair.certificate()
            found[one.name] = (one / "domains").read_text()
    return found


def left_over(root: Path) -> list[str]:
    """Everything that only a killed process leaves."""
    return [
        str(path.relative_to(root))
        for path in root.rglob("*")
        if path.name.endswith(".new") or path.name == "intent.json"
    ]


def secrets_others_can_read(root: Path) -> list[str]:
    return [
        str(path.relative_to(root))
        for path in every_file(root)
        if path.stat().st_mode & 0o077 and b"PRIVATE KEY" in path.read_bytes()
    ]


def inside(directory: Path) -> list[str]:
    """The names in a directory, sorted."""
    return sorted(path.name for path in directory.iterdir())


def every_file(root: Path) -> Iterable[Path]:
    return (path for path in root.rglob("*") if path.is_file())


def disk_error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


FULL, BROKEN = errno.ENOSPC, errno.EIO
