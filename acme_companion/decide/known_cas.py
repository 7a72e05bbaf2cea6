"""What is known of public CAs without asking them: which directory is a test one, and which test one belongs to which."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from acme_companion.decide.pair import Certificate

LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
LETS_ENCRYPT_STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory"
STAGING = {LETS_ENCRYPT: LETS_ENCRYPT_STAGING}
"""By the directory whose certificates are trusted: where the same CA lets everybody try, with limits that nobody reaches."""
TEST_DIRECTORIES = frozenset(
    {
        LETS_ENCRYPT_STAGING,
        "https://dv.acme-v02.test-api.pki.goog/directory",
        "https://api.test4.buypass.no/acme/directory",
    }
)
"""Directories whose certificates nobody trusts, and that are there for trying."""
_MARKS_OF_TEST_ISSUERS = (
    "(STAGING)",
    "Fake LE",
    "Pebble Intermediate",
    "GTS Y1 Test",
    "Buypass Class 2 Test",
)


def says_that_it_is_a_test(issuer: str) -> bool:
    """Whether an issuer, as text, bears one of the marks by which test CAs are known."""
    return any(mark in issuer for mark in _MARKS_OF_TEST_ISSUERS)


def is_test_certificate(certificate: Certificate, issued_by: str) -> bool:
    """Whether nobody trusts it: self-signed, from a directory for trying (`issued_by`), or of an issuer that says so."""
    return (
        certificate.self_signed
        or issued_by in TEST_DIRECTORIES
        or (not issued_by and says_that_it_is_a_test(certificate.issuer))
    )
