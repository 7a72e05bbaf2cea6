"""TSIG keys (RFC 8945) as admins have them: BIND's key file, or `nsupdate -y`'s short form."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

import dns.exception
import dns.name
import dns.tsig

from acme_companion.decide.names import quoted
from acme_companion.decide.settings import Secret

_COMMENTS = re.compile(r"/\*.*?\*/|(?://|#)[^\n]*", re.DOTALL)
_STATEMENT = re.compile(r'\bkey\s+"?([^\s"{;]+)"?\s*\{([^}]*)\}', re.IGNORECASE)
_CLAUSE = re.compile(r'\b(algorithm|secret)\s+"?([^\s";]+)"?\s*;', re.IGNORECASE)
_ALGORITHMS = {
    name.to_text(omit_final_dot=True).lower().removesuffix(".sig-alg.reg.int"): name
    for name in (
        dns.tsig.HMAC_MD5,
        dns.tsig.HMAC_SHA1,
        dns.tsig.HMAC_SHA224,
        dns.tsig.HMAC_SHA256,
        dns.tsig.HMAC_SHA384,
        dns.tsig.HMAC_SHA512,
    )
}
DEFAULT = "hmac-sha256"


class TsigKeyRefused(ValueError):
    """Text that is not a TSIG key; the message never holds any of a secret."""


@dataclass(frozen=True, slots=True)
class TsigKey:
    """`algorithm` in BIND's words, such as `hmac-sha256`; `secret` is base64."""

    name: str
    algorithm: str
    secret: Secret

    def for_dnspython(self) -> dns.tsig.Key:
        return dns.tsig.Key(dns.name.from_text(self.name), self.secret.reveal(), _ALGORITHMS[self.algorithm])


def parse_key(text: str) -> TsigKey:
    """The first key of a BIND key file, or `[algorithm:]name:secret`; raises `TsigKeyRefused`."""
    if found := _STATEMENT.search(_COMMENTS.sub(" ", text)):
        clauses = {tag.lower(): value for tag, value in _CLAUSE.findall(found[2])}
        return key_of(found[1], clauses.get("secret", ""), clauses.get("algorithm", DEFAULT))
    parts = text.strip().split(":")
    if len(parts) == 2:
        return key_of(parts[0], parts[1], DEFAULT)
    if len(parts) == 3:
        return key_of(parts[1], parts[2], parts[0])
    raise TsigKeyRefused('it holds no key "name" { algorithm …; secret "…"; }; as tsig-keygen prints it')


def key_of(name: str, secret: str, algorithm: str) -> TsigKey:
    """A key from its parts; raises `TsigKeyRefused`."""
    kind = algorithm.lower().removesuffix(".").removesuffix(".sig-alg.reg.int")
    if kind not in _ALGORITHMS:
        raise TsigKeyRefused(
            f"{quoted(algorithm)} is not an algorithm that is known here: {', '.join(sorted(_ALGORITHMS))}"
        )
    try:
        dns.name.from_text(name)
    except dns.exception.DNSException:
        raise TsigKeyRefused(f"{quoted(name)} is not the name of a key") from None
    try:
        if not base64.b64decode(secret, validate=True):
            raise TsigKeyRefused(f"the key {quoted(name)} has no secret")
    except binascii.Error:
        raise TsigKeyRefused(f"the secret of the key {quoted(name)} is not base64") from None
    return TsigKey(name, kind, Secret(secret))
