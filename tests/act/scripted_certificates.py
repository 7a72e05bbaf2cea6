"""Certificates that a CA may deliver: right ones, and wrong ones of every kind."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from collections.abc import Callable

DAY = timedelta(days=1)
SERVER = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
CLIENT = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
ROOT_KEY, ABOVE_KEY, STRANGE_KEY = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))


@dataclass(frozen=True)
class Mould:
    """How the next certificates are cast; the defaults are what was ordered, with the chain as it should be.

    `names` and `key` change those of the CSR; `start`, `end`: days from now; `delivered` changes the chain as PEM.
    `serial` makes serial numbers.
    """

    names: Callable[[list[str]], list[str]] = list
    key: Any = None
    start: float = -1 / 24
    end: float = 90
    ca: bool = False
    usage: x509.ExtendedKeyUsage = SERVER
    signer: Any = ABOVE_KEY
    issuer: str = "scripted intermediate"
    delivered: Callable[[list[bytes]], list[bytes]] = list
    serial: Callable[[], int] = x509.random_serial_number


def signed(
    subject: str,
    key: Any,
    issuer: str,
    signer: ec.EllipticCurvePrivateKey,
    *extensions: x509.ExtensionType,
    start: float = -1,
    end: float = 3650,
    serial: Callable[[], int] = x509.random_serial_number,
) -> x509.Certificate:
    """A certificate for a private or public `key`; `start` and `end` in days from now."""
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key() if hasattr(key, "public_key") else key)
        .serial_number(serial())
        .not_valid_before(now + start * DAY)
        .not_valid_after(now + end * DAY)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(signer, hashes.SHA256())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)] if text else [])


INTERMEDIATE = signed(
    "scripted intermediate",
    ABOVE_KEY,
    "scripted root",
    ROOT_KEY,
    x509.BasicConstraints(ca=True, path_length=0),
)
ROOT = signed(
    "scripted root", ROOT_KEY, "scripted root", ROOT_KEY, x509.BasicConstraints(ca=True, path_length=1)
)
UNRELATED = signed(
    "scripted intermediate",
    STRANGE_KEY,
    "strange root",
    STRANGE_KEY,
    x509.BasicConstraints(ca=True, path_length=0),
)


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def cast(request: x509.CertificateSigningRequest, mould: Mould) -> bytes:
    """The chain for a CSR, as `mould` wants it."""
    names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(
        x509.DNSName
    )
    entries = [x509.DNSName(name) for name in mould.names(names)]
    leaf = signed(
        "",
        mould.key or request.public_key(),
        mould.issuer,
        mould.signer,
        *([x509.SubjectAlternativeName(entries)] if entries else []),
        x509.BasicConstraints(ca=mould.ca, path_length=None),
        mould.usage,
        start=mould.start,
        end=mould.end,
        serial=mould.serial,
    )
    return b"".join(mould.delivered([pem(leaf), pem(INTERMEDIATE)]))
