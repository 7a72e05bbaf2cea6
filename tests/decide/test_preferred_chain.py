"""Which of the chains that a CA offers is the preferred one: by the name of its root, or by its fingerprint."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from acme_companion.decide.preferred_chain import is_preferred, topmost_issuer
from acme_companion.decide.settings import Ca
from acme_companion.decide.settings.certificates import preferred_chain
from acme_companion.decide.settings.read import read
from acme_companion.decide.settings.values import ValueRefused

NOW = datetime(2026, 11, 20, tzinfo=UTC)
KEYS = {
    name: ec.generate_private_key(ec.SECP256R1()) for name in ("leaf", "R1", "Root X1", "Root X2", "Old Root")
}


def certificate(subject: str, issuer: str, *, key: str = "") -> x509.Certificate:
    def named(name: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])

    return (
        x509.CertificateBuilder()
        .subject_name(named(subject))
        .issuer_name(named(issuer))
        .public_key(KEYS[subject].public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=90))
        .sign(KEYS[key or issuer], SHA256())
    )


LEAF, INTERMEDIATE = certificate("leaf", "R1"), certificate("R1", "Root X1")
ROOT, OTHER_ROOT = certificate("Root X1", "Root X1"), certificate("Root X2", "Root X2")
CROSS_SIGNED = certificate("Root X1", "Old Root")
IMPOSTOR = certificate("R1", "Root X1", key="Old Root")


def pem(*chain: x509.Certificate) -> bytes:
    return b"".join(one.public_bytes(Encoding.PEM) for one in chain)


def der(one: x509.Certificate) -> bytes:
    return one.public_bytes(Encoding.DER)


def print_of(one: x509.Certificate) -> str:
    return hashlib.sha256(der(one)).hexdigest()


CHAIN = pem(LEAF, INTERMEDIATE)
ROOTS = (b"not a certificate", der(OTHER_ROOT), der(ROOT))


@pytest.mark.parametrize(
    ("chain", "preferred", "is_it"),
    [
        pytest.param(CHAIN, "Root X1", True, id="by the common name of its root"),
        pytest.param(CHAIN, " root x1", True, id="in any case"),
        pytest.param(CHAIN, "R1", False, id="not by that of an intermediate"),
        pytest.param(pem(LEAF, INTERMEDIATE, CROSS_SIGNED), "Root X1", False, id="cross-signed, it goes on"),
        pytest.param(pem(LEAF, INTERMEDIATE, CROSS_SIGNED), "Old Root", True, id="to the older root"),
        pytest.param(pem(LEAF, INTERMEDIATE, ROOT), print_of(ROOT), True, id="a root in the chain"),
        pytest.param(CHAIN, print_of(ROOT), True, id="a root that we trust, by its fingerprint"),
        pytest.param(CHAIN, print_of(ROOT).upper(), True, id="in upper case"),
        pytest.param(CHAIN, print_of(OTHER_ROOT), False, id="another root that we trust"),
        pytest.param(CHAIN, print_of(LEAF), False, id="the leaf is no root"),
        pytest.param(
            pem(LEAF, IMPOSTOR), print_of(ROOT), False, id="the name of the root, not its signature"
        ),
        pytest.param(CHAIN, hashlib.sha256(ROOTS[0]).hexdigest(), False, id="a root that cannot be read"),
        pytest.param(b"no chain", "Root X1", False, id="no chain at all"),
    ],
)
def test_preferred(chain: bytes, preferred: str, is_it: bool) -> None:
    assert is_preferred(chain, preferred, ROOTS) is is_it


def test_what_a_chain_ends_in() -> None:
    """For a sentence, whatever was delivered."""
    assert topmost_issuer(CHAIN) == "Root X1"
    assert topmost_issuer(b"") == "a chain that cannot be read"


@pytest.mark.parametrize(
    ("text", "read"),
    [
        pytest.param("ISRG Root X1", "ISRG Root X1", id="a common name"),
        pytest.param("AB:" * 31 + "AB", "ab" * 32, id="a fingerprint as OpenSSL prints it"),
        pytest.param("ab" * 32, "ab" * 32, id="a fingerprint as sha256sum prints it"),
    ],
)
def test_setting(text: str, read: str) -> None:
    assert preferred_chain(text) == read


@pytest.mark.parametrize(
    ("text", "because"),
    [
        pytest.param(
            "AB:" * 19 + "AB", "has 40 hex digits; the SHA-256 fingerprint of a root has 64", id="SHA-1"
        ),
        pytest.param(
            "x" * 65, "is neither the common name of a root nor its SHA-256 fingerprint", id="too long"
        ),
    ],
)
def test_setting_that_is_none(text: str, because: str) -> None:
    with pytest.raises(ValueRefused, match=because):
        preferred_chain(text)


def test_only_the_first_ca_has_it() -> None:
    """A chain of one CA is none of another's."""
    settings = read(
        {
            "MAILCOW_HOSTNAME": "mail.example.org",
            "DOCKER_HOST": "none",
            "ACME_PREFERRED_CHAIN": "Root X1",
            "ACME_FALLBACK_DIRECTORY_URL": "https://other.example/directory",
        }
    )
    fallback = settings.fallback_ca
    assert isinstance(fallback, Ca)
    assert (settings.ca.preferred_chain, fallback.preferred_chain) == ("Root X1", "")
