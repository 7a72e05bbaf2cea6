"""CAs that everybody trusts, by their directory URLs: they follow the Baseline Requirements, which a CA of one's own need not."""

from __future__ import annotations

from urllib.parse import urlsplit

_LETS_ENCRYPT = "letsencrypt.org"
_PUBLIC = (  # the domains below which their directories are
    _LETS_ENCRYPT,
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


def is_public(directory_url: str) -> bool:
    """Whether the directory is one of a CA that is known to be trusted publicly; its test directory counts too."""
    return any(_is_below(directory_url, domain) for domain in _PUBLIC)


def is_lets_encrypt(directory_url: str) -> bool:
    return _is_below(directory_url, _LETS_ENCRYPT)


def _is_below(directory_url: str, domain: str) -> bool:
    try:
        host = urlsplit(directory_url).hostname or ""
    except ValueError:
        return False
    return f".{host}".endswith(f".{domain}")
