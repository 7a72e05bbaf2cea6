"""Which of the chains that a CA offers for one certificate (RFC 8555 section 7.4.2) an admin prefers."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding

from acme_companion.decide.acme_problems import legible
from acme_companion.decide.pair import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Iterable

_FINGERPRINT = re.compile(r"[0-9a-f]{64}\Z")


def is_preferred(chain_pem: bytes, preferred: str, roots: Iterable[bytes] = ()) -> bool:
    """Whether the chain ends in the root with this common name or SHA-256 fingerprint (hex, with or without colons).

    A chain mostly lacks its root. By its fingerprint it is then looked for among `roots` (DER): the one that signed the
    topmost certificate.
    """
    try:
        certificates = x509.load_pem_x509_certificates(chain_pem)
        fingerprint = preferred.replace(":", "").replace(" ", "").lower()
        if not _FINGERPRINT.match(fingerprint):
            return _common_name(certificates[-1].issuer).casefold() == preferred.strip().casefold()
        above = (one for one in roots if hashlib.sha256(one).hexdigest() == fingerprint)
        return any(_digest(one) == fingerprint for one in certificates[1:]) or any(
            _signed(certificates[-1], one) for one in above
        )
    except UNREADABLE:
        return False  # what is wrong with it is said when it is checked


def topmost_issuer(chain_pem: bytes) -> str:
    """What a chain ends in, for a sentence."""
    try:
        issuer = x509.load_pem_x509_certificates(chain_pem)[-1].issuer
        return legible(_common_name(issuer) or issuer.rfc4514_string(), 100)
    except UNREADABLE:
        return "a chain that cannot be read"


def _common_name(name: x509.Name) -> str:
    found = name.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""


def _digest(certificate: x509.Certificate) -> str:
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()


def _signed(certificate: x509.Certificate, root_der: bytes) -> bool:
    try:
        certificate.verify_directly_issued_by(x509.load_der_x509_certificate(root_der))
    except (*UNREADABLE, InvalidSignature):
        return False
    return True
