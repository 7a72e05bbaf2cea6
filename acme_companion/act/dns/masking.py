"""Keeps credentials out of texts that others wrote: errors and answers of DNS providers often repeat what was sent."""

from __future__ import annotations

import base64
import json
from itertools import permutations
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_LEAST = 4
"""Shorter values are words and numbers; in a text they are more likely something else."""
_MOST_PAIRED = 6
_MASK = "(secret)"


def masked(text: str, secrets: Collection[str]) -> str:
    """`text` without any of `secrets`, however HTTP may have written them down."""
    for form in sorted(set(_forms([one for one in secrets if len(one) >= _LEAST])), key=len, reverse=True):
        text = text.replace(form, _MASK)
    return text


def _forms(secrets: list[str]) -> Iterator[str]:
    for secret in secrets:
        for text in (secret, secret.strip()):
            yield from (text, quote(text), quote(text, safe=""), quote_plus(text), json.dumps(text)[1:-1])
            yield from (repr(text)[1:-1], *_encoded(text))
    # HTTP's basic authentication (RFC 7617) sends two of them as one.
    for user, password in permutations(secrets[:_MOST_PAIRED], 2):
        yield from _encoded(f"{user}:{password}")


def _encoded(text: str) -> Iterator[str]:
    data = text.encode("utf-8", errors="surrogateescape")
    for encoded in (base64.b64encode(data), base64.urlsafe_b64encode(data)):
        yield encoded.decode()
        yield encoded.decode().rstrip("=")
