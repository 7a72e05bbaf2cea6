"""The certificate signing request (RFC 8555 section 7.4, RFC 8738 section 4) and the key that it is signed with."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from acme_companion.decide.problems import Damaged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from acme_companion.decide.names import Name

LONGEST_COMMON_NAME: Final = 63  # RFC 5280 allows 64; Let's Encrypt leaves it out from 64 on


@lru_cache(maxsize=1)
def certificate_key(key_pem: bytes) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
    """The PEM of a certificate's key, loaded; all certificates share one, so it is loaded once. Raises `Damaged`."""
    try:
        # Validating RSA 4096 takes 0.2 s, and a damaged key cannot sign a CSR that the CA accepts.
        key = load_pem_private_key(key_pem, password=None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError):
        raise Damaged("the certificate key is not an unencrypted PEM private key") from None
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise Damaged("the certificate key is neither RSA nor EC, which is what CAs accept")
    return key


def signing_request(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, names: Sequence[Name]
) -> x509.CertificateSigningRequest:
    """A CSR for exactly these names; the first is the common name as well when it is a host name and short enough."""
    first = names[0]
    common = len(first.text) <= LONGEST_COMMON_NAME and not first.is_address
    subject = [x509.NameAttribute(x509.NameOID.COMMON_NAME, first.text)] if common else []
    return (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name(subject))
        .add_extension(x509.SubjectAlternativeName([_entry(name) for name in names]), critical=False)
        .sign(key, hashes.SHA256())
    )


def _entry(name: Name) -> x509.GeneralName:
    address = name.address
    return x509.IPAddress(address) if address else x509.DNSName(name.text)
