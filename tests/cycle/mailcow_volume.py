"""A volume as mailcow's own container left it, file by file."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from acme_companion.decide.pair import Pair
from tests.act.store_parts import issued, put

if TYPE_CHECKING:
    from pathlib import Path


@cache
def rsa_4096(_which: str) -> tuple[rsa.RSAPrivateKey, bytes]:
    """A key and its PEM (PKCS #1); made once, as it takes a second."""
    key = rsa.generate_private_key(65537, 4096)
    return key, key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def pair_of(*names: str, days_left: float, issuer: str = "R13") -> Pair:
    """A certificate of ninety days from some CA, for the shared key."""
    key, pem = rsa_4096("shared")
    begin = datetime.now(UTC) - timedelta(days=90 - days_left)
    made = issued(*names, key=key, begin=begin, issuer=issuer)  # type: ignore[arg-type]
    return Pair(pem, made.chain_pem)


def with_sni(volume: Path, *lineages: str, days_left: float) -> None:
    """The layout since SNI: keys below `acme/`, one directory per certificate, the first one's pair on top as well."""
    (volume / "acme").mkdir()
    for name in ("account", "key"):
        path = volume / "acme" / f"{name}.pem"
        path.write_bytes(rsa_4096("account" if name == "account" else "shared")[1])
        path.chmod(0o600)
    for number, text in enumerate(lineages):
        pair = pair_of(*text.split(), days_left=days_left)
        put(volume / text.split()[0], pair, domains=text)
        if number == 0:
            put(volume, pair)
    (volume / "backups").mkdir()
    (volume / "acme" / "acme.csr").write_bytes(b"a request")


def before_sni(volume: Path, *names: str, days_left: float) -> None:
    """The older layout: `acme/private/`, and one pair on top."""
    private = volume / "acme" / "private"
    private.mkdir(parents=True)
    for name, which in (("account.key", "account"), ("privkey.pem", "shared")):
        (private / name).write_bytes(rsa_4096(which)[1])
    put(volume, pair_of(*names, days_left=days_left))
