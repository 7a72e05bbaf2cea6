"""Values of settings about the certificates that a CA is asked for."""

from __future__ import annotations

import re

from acme_companion.decide.names import quoted
from acme_companion.decide.settings.values import ValueRefused

_PROFILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MOST_OF_A_NAME = 64
"""Characters that a common name may have (RFC 5280 appendix A)."""
_SHA256_HEX = 64


def profile(text: str) -> str:
    """The name of a certificate profile; raises `ValueRefused`."""
    if not _PROFILE.fullmatch(text):
        raise ValueRefused(f"{quoted(text)} is not the name of a certificate profile, such as shortlived")
    return text


def preferred_chain(text: str) -> str:
    """A root's common name, or its SHA-256 fingerprint as 64 hex digits in lower case; raises `ValueRefused`."""
    hexadecimal = re.sub(r"[:\s]", "", text)
    if re.fullmatch(r"[0-9A-Fa-f]{64}", hexadecimal):
        return hexadecimal.lower()
    if ":" in text and re.fullmatch(r"[0-9A-Fa-f]+", hexadecimal):
        raise ValueRefused(
            f"{quoted(text)} has {len(hexadecimal)} hex digits; the SHA-256 fingerprint of a root has {_SHA256_HEX}"
        )
    if len(text) > _MOST_OF_A_NAME or not text.isprintable():
        raise ValueRefused(f"{quoted(text)} is neither the common name of a root nor its SHA-256 fingerprint")
    return text
