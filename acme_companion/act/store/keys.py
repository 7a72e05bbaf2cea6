"""Private keys: the one shared by all certificates, and what all keys have in common.

One that exists is kept whatever its type, and never overwritten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from acme_companion.act.store import files, generations
from acme_companion.act.store.layout import ACME, KEY
from acme_companion.decide.pair import NotAPair, public_key_digest
from acme_companion.decide.problems import Damaged
from acme_companion.decide.settings import KeyType

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime
    from pathlib import Path

    from acme_companion.ports import Log

COMPROMISED = ".compromised"
"""A key that somebody else may have lies beside the generations under this suffix, and is never brought back."""


def certificate_key(
    root: Path,
    kind: KeyType,
    account_keys: Iterable[Path],
    avoid: Collection[str],
    now: datetime,
    log: Log,
) -> bytes:
    """The key shared by all certificates, of this kind when it is made here; raises `Damaged`.

    One whose digest is in `avoid` is set aside below `backups/acme/`, and another one is made.
    """
    path = root / ACME / KEY
    data = files.read(path)
    kept = ""
    if data is not None and digest(path, data) in avoid:
        kept = generations.keep(root, ACME, {KEY: data}, now, COMPROMISED)
        data = None
    if data is None:
        files.make_directory(path.parent)
        data = generate(kind)
        files.write(path, data, files.PRIVATE)
    if kept:
        log.warning(
            f"{path}: somebody else may have this key, so another one was made, and the old one is kept in {kept}; "
            f"TLSA 3 1 1 records for it are untrue as soon as services have the new one: publish {digest(path, data)}"
        )
    for account in account_keys:
        refuse_same(path, data, account, account)
    return data


def refuse_same(path: Path, data: bytes, other: Path, account: Path) -> None:
    """Raise `Damaged` when `other` holds the key `data` of `path` as well (RFC 8555 section 11.1), or that one cannot be used."""
    own = digest(path, data)
    try:
        same = public_key_digest(files.read(other) or b"") == own
    except (NotAPair, Damaged):
        return  # whoever needs it says so
    if same:
        raise Damaged(
            f"{path} and {other}: hold the same key, which CAs refuse (RFC 8555 section 11.1); move {account.name} away and "
            "a new account will be made"
        )


def held_certificate_key(root: Path) -> str:
    """The digest of the shared key's public half, empty when there is none or it cannot be read."""
    try:
        data = files.read(root / ACME / KEY)
        return public_key_digest(data) if data else ""
    except (Damaged, NotAPair):
        return ""


def digest(path: Path, data: bytes) -> str:
    """The digest of a key's public half; raises `Damaged` for a key that cannot be used."""
    try:
        return public_key_digest(data)
    except NotAPair as problem:
        raise Damaged(
            f"{path}: {problem}; it is not overwritten: put the right key there, or move the file away to have a new one made"
        ) from None


def generate(kind: KeyType) -> bytes:
    """A new private key as PEM (PKCS#8)."""
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    match kind:
        case KeyType.RSA2048:
            key = rsa.generate_private_key(65537, 2048)
        case KeyType.RSA3072:
            key = rsa.generate_private_key(65537, 3072)
        case KeyType.RSA4096:
            key = rsa.generate_private_key(65537, 4096)
        case KeyType.EC256:
            key = ec.generate_private_key(ec.SECP256R1())
        case KeyType.EC384:
            key = ec.generate_private_key(ec.SECP384R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
