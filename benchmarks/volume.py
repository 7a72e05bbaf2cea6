"""A shared volume as mailcow's own container leaves it: the companion takes such lineages over as they are.

Every certificate is signed by a throw-away CA, is for the one shared key, and has most of its life before it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LIFE = timedelta(days=90)
AGE = timedelta(days=10)


class Volume:
    """Writes lineages below `root`; the first one that is added is the server's as well."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._authority = ec.generate_private_key(ec.SECP256R1())
        self._key = rsa.generate_private_key(65537, 4096)
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Throw-away CA")])
        self._key_pem = self._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
        self._root_pem = _pem(self._certificate(["ca.invalid"], self._authority.public_key()))
        (root / "acme").mkdir()
        (root / "acme/key.pem").write_bytes(self._key_pem)
        (root / "acme/key.pem").chmod(0o600)

    def add(self, names: Sequence[str]) -> None:
        """One lineage, called after its first name."""
        chain = _pem(self._certificate(names, self._key.public_key())) + self._root_pem
        directory = self._root / names[0]
        directory.mkdir()
        places = [directory] if (self._root / "cert.pem").exists() else [directory, self._root]
        for place in places:
            (place / "cert.pem").write_bytes(chain)
            (place / "key.pem").write_bytes(self._key_pem)
            (place / "key.pem").chmod(0o600)
        (directory / "domains").write_text(" ".join(names))
        (directory / "acme.csr").write_bytes(b"made elsewhere\n")

    def _certificate(
        self, names: Sequence[str], key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey
    ) -> x509.Certificate:
        begins = datetime.now(UTC) - AGE
        alternatives = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])]))
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(begins + LIFE)
            .add_extension(alternatives, critical=False)
            .sign(self._authority, hashes.SHA256())
        )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
