"""What is known of CAs without asking them: which is public, which directory is a test one, and which belongs to which."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

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
_LETS_ENCRYPTS_DOMAIN = "letsencrypt.org"
_PUBLIC = (  # the domains below which their directories are: these CAs follow the Baseline Requirements
    _LETS_ENCRYPTS_DOMAIN,
    "zerossl.com",
    "pki.goog",
    "buypass.com",
    "buypass.no",
    "ssl.com",
    "sectigo.com",
    "digicert.com",
    "globalsign.com",
    "actalis.com",
    "certum.pl",
    "harica.gr",
    "entrust.net",
)
_LETS_ENCRYPT_AS_ISSUER = re.compile(r"(?:\A|(?<!\\),)O=Let's Encrypt(?:,|\Z)")
_MARKS_OF_TEST_ISSUERS = (
    "(STAGING)",
    "Fake LE",
    "Pebble Intermediate",
    "GTS Y1 Test",
    "Buypass Class 2 Test",
)


@lru_cache(maxsize=16)  # asked for every name, of the one or two CAs there are
def is_public(directory_url: str) -> bool:
    """Whether the directory is one of a CA that is known to be trusted publicly; its test directory counts too."""
    return any(_is_below(directory_url, domain) for domain in _PUBLIC)


def is_lets_encrypt(directory_url: str) -> bool:
    return _is_below(directory_url, _LETS_ENCRYPTS_DOMAIN)


def _is_below(directory_url: str, domain: str) -> bool:
    try:
        host = urlsplit(directory_url).hostname or ""
    except ValueError:
        return False
    return f".{host}".endswith(f".{domain}")


def is_lets_encrypts(issuer: str) -> bool:
    """Whether an issuer (RFC 4514) is one of Let's Encrypt's that are trusted; those of its staging directory are not."""
    return bool(_LETS_ENCRYPT_AS_ISSUER.search(issuer))


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
