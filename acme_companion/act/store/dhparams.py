"""The Diffie-Hellman group in `dhparams.pem`, which siblings name in their configuration."""

from __future__ import annotations

import re

# RFC 7919 appendix A.1: a known good group is safer than one made in a hurry, and is there at once. 2048 bits,
# because only peers too old for elliptic curves still use it, and the older of them accept no more.
FFDHE2048 = b"""\
-----BEGIN DH PARAMETERS-----
MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==
-----END DH PARAMETERS-----
"""

_BLOCK = re.compile(
    rb"-----BEGIN ((?:X9\.42 )?)DH PARAMETERS-----\s[A-Za-z0-9+/=\s]{100,}-----END \1DH PARAMETERS-----"
)


def is_usable(data: bytes) -> bool:
    """Whether a file has a whole block of DH parameters; which group it is, is the admin's choice."""
    return _BLOCK.search(data) is not None
