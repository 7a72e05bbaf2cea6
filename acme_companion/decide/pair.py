"""A pair: private key and certificate chain as one value. They are never handled apart."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from acme_companion.decide.names import Name, NameRefused

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes


UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""What the library raises for bytes that are nearly a certificate or a key."""


class NotAPair(ValueError):
    """Bytes that are not a usable certificate or key; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """The facts of one leaf that decisions need. Times are aware UTC, digests lower-case hex.

    `fingerprint` is the SHA-256 of the DER; `spki` the SHA-256 of SubjectPublicKeyInfo, the data of a TLSA 3 1 1
    record (RFC 6698); `renewal_id` the CertID of RFC 9773 section 4.1, empty without an authority key identifier.
    """

    names: tuple[Name, ...]
    not_before: datetime
    not_after: datetime
    fingerprint: str
    spki: str
    issuer: str
    self_signed: bool
    renewal_id: str = ""


@dataclass(frozen=True, slots=True)
class Pair:
    """Key and chain (leaf first), both PEM. `key_pem` never appears in a representation."""

    key_pem: bytes = field(repr=False)
    chain_pem: bytes = field(repr=False)

    def certificate(self) -> Certificate:
        """The leaf's facts; raises `NotAPair` when the chain cannot be read or the key does not belong to it."""
        leaf = leaf_of(self.chain_pem)
        certificate = certificate_of(leaf)
        if public_key_digest(self.key_pem) != certificate.spki:
            raise NotAPair("the private key does not belong to the certificate")
        return certificate


def leaf_of(chain_pem: bytes) -> x509.Certificate:
    """The first certificate of a PEM chain; raises `NotAPair`."""
    try:
        return x509.load_pem_x509_certificates(chain_pem)[0]
    except (*UNREADABLE, IndexError):
        raise NotAPair("not a PEM certificate") from None


def certificate_of(leaf: x509.Certificate) -> Certificate:
    """The facts of a leaf. Names that this project would refuse (odd entries) are left out; raises `NotAPair`."""
    try:
        return Certificate(
            names=_names(leaf),
            not_before=leaf.not_valid_before_utc,
            not_after=leaf.not_valid_after_utc,
            fingerprint=fingerprint_of(leaf.public_bytes(Encoding.DER)),
            spki=spki_of(leaf.public_key()),
            issuer=leaf.issuer.rfc4514_string(),
            self_signed=leaf.issuer == leaf.subject,
            renewal_id=_renewal_id(leaf),
        )
    except UNREADABLE as problem:
        raise NotAPair(f"not a usable certificate ({problem})") from None


def certificate_of_der(der: bytes) -> Certificate:
    """The facts of a leaf that came over the wire; raises `NotAPair`."""
    try:
        leaf = x509.load_der_x509_certificate(der)
    except UNREADABLE as problem:
        raise NotAPair(f"not a certificate ({problem})") from None
    return certificate_of(leaf)


def fingerprint_of(der: bytes) -> str:
    """SHA-256 of a certificate's DER, lower-case hex: what two certificates are compared by."""
    return hashlib.sha256(der).hexdigest()


def spki_of(key: PublicKeyTypes) -> str:
    """SHA-256 of a public key's SubjectPublicKeyInfo, lower-case hex."""
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def public_key_digest(key_pem: bytes) -> str:
    """`spki_of` the public half of a PEM private key; raises `NotAPair`."""
    try:
        # Validating an RSA key takes 0.2 s and answers nothing here: a damaged key has another public half.
        key = load_pem_private_key(key_pem, password=None, unsafe_skip_rsa_key_validation=True)
        return spki_of(key.public_key())
    except UNREADABLE:
        # The library's own words are long, and tell developers where to read on.
        raise NotAPair("not an unencrypted PEM private key") from None


def _renewal_id(leaf: x509.Certificate) -> str:
    try:
        authority = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    except (x509.ExtensionNotFound, ValueError):
        authority = None
    if not authority:
        return ""
    # The serial's DER value bytes: one more bit than its length, so that a leading 00 keeps it positive.
    serial = leaf.serial_number.to_bytes(leaf.serial_number.bit_length() // 8 + 1, "big", signed=True)
    return ".".join(urlsafe_b64encode(part).rstrip(b"=").decode() for part in (authority, serial))


def _names(leaf: x509.Certificate) -> tuple[Name, ...]:
    try:
        extension = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, ValueError):
        return ()
    found = []
    for text in extension.value.get_values_for_type(x509.DNSName):
        try:
            found.append(Name.parse(text))
        except NameRefused:
            continue
    addresses = extension.value.get_values_for_type(x509.IPAddress)
    # A network stands in name constraints only.
    found += [Name.of_address(one) for one in addresses if isinstance(one, IPv4Address | IPv6Address)]
    return tuple(found)
