"""A self-signed pair: siblings need one to start before any CA was asked."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, cast

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from acme_companion.decide.pair import NotAPair, Pair

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

    from acme_companion.decide.names import Name

LIFETIME = timedelta(days=365)
"""A stopgap: long enough for an admin who repairs DNS, too short to be forgotten."""

_CLOCK_SKEW = timedelta(hours=1)
_MOST_IN_COMMON_NAME = 64  # RFC 5280 appendix A, ub-common-name


def self_signed(hostname: Name, key_pem: bytes, now: datetime) -> Pair:
    """A pair for `hostname`, signed by its own key, valid from an hour before `now` (a clock may be behind) for a year.

    Raises `NotAPair` when the key cannot be read or cannot sign.
    """
    try:
        loaded = load_pem_private_key(key_pem, password=None, unsafe_skip_rsa_key_validation=True)
        key = cast("CertificateIssuerPrivateKeyTypes", loaded)
        certificate = _builder(hostname, key, now).sign(key, SHA256())
    except (ValueError, TypeError) as problem:
        raise NotAPair(f"not an unencrypted PEM private key that can sign ({problem})") from None
    return Pair(key_pem, certificate.public_bytes(Encoding.PEM))


def _builder(hostname: Name, key: CertificateIssuerPrivateKeyTypes, now: datetime) -> x509.CertificateBuilder:
    public = key.public_key()
    subject = x509.Name(
        [x509.NameAttribute(x509.NameOID.COMMON_NAME, hostname.text)]
        if len(hostname.text) <= _MOST_IN_COMMON_NAME
        else [x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "self-signed")]
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now - _CLOCK_SKEW + LIFETIME)
    )
    for extension, critical in (
        (x509.SubjectAlternativeName([x509.DNSName(hostname.text)]), False),
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (x509.SubjectKeyIdentifier.from_public_key(public), False),
    ):
        builder = builder.add_extension(extension, critical)
    return builder
