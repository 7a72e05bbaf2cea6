"""The two private keys below `acme/`: the ACME account's and the one shared by all certificates.

One that exists is kept whatever its type, and never overwritten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from acme_companion.act.store import files
from acme_companion.act.store.layout import ACCOUNT, ACME, KEY
from acme_companion.decide.pair import NotAPair, public_key_digest
from acme_companion.decide.settings import KeyType
from acme_companion.problems import Damaged

if TYPE_CHECKING:
    from pathlib import Path


def account_key(root: Path) -> bytes:
    """The account key, P-256 when it is made here: 200 signatures for one order of 100 names cost nothing then.

    An account that began with mailcow's container keeps its RSA key, so the way back stays open.
    """
    return _key(root, ACCOUNT, KEY, KeyType.EC256)


def certificate_key(root: Path, kind: KeyType) -> bytes:
    """The key shared by all certificates, of this kind when it is made here; raises `Damaged`."""
    return _key(root, KEY, ACCOUNT, kind)


def held_certificate_key(root: Path) -> str:
    """The digest of the shared key's public half, empty when there is none or it cannot be read."""
    try:
        data = files.read(root / ACME / KEY)
        return public_key_digest(data) if data else ""
    except (Damaged, NotAPair):
        return ""


def _key(root: Path, name: str, other_name: str, kind: KeyType) -> bytes:
    path, other = root / ACME / name, root / ACME / other_name
    data = files.read(path)
    if data is None:
        files.make_directory(path.parent)
        data = _generate(kind)
        files.write(path, data, files.PRIVATE)
    own, other_data = digest(path, data), files.read(other)
    if other_data is not None and digest(other, other_data) == own:
        raise Damaged(
            f"{path} and {other}: hold the same key, which CAs refuse (RFC 8555 section 11.1); move {ACCOUNT} away and "
            "a new account will be made"
        )
    return data


def digest(path: Path, data: bytes) -> str:
    """The digest of a key's public half; raises `Damaged` for a key that cannot be used."""
    try:
        return public_key_digest(data)
    except NotAPair as problem:
        raise Damaged(
            f"{path}: {problem}; it is not overwritten: put the right key there, or move the file away to have a new one made"
        ) from None


def _generate(kind: KeyType) -> bytes:
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
