"""Whether what a CA delivered is what was ordered: checked before it is believed (RFC 8555 sections 7.4.2 and 9.1)."""

from __future__ import annotations

import itertools
import re
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from acme_companion.decide.acme_problems import legible
from acme_companion.decide.known_cas import says_that_it_is_a_test
from acme_companion.decide.pair import UNREADABLE, spki_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime

    from acme_companion.decide.names import Name

MOST_BYTES = 128 * 1024
MOST_CERTIFICATES = 10
SKEW = timedelta(minutes=10)
"""How far a CA's clock may be ahead of ours."""

_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----[^-]*-----END \1-----")


class ChainRefused(ValueError):
    """A chain that is not what was ordered; the message is one sentence without the certificate's names before it."""


def check(
    chain_pem: bytes, names: Collection[Name], spki: str, now: datetime, *, trusted: bool = False
) -> bytes:
    """Give the chain as plain PEM, leaf first; raise `ChainRefused` unless it is exactly what was ordered.

    `spki` is the digest of our public key (see `pair.spki_of`). `trusted`: everybody trusts what this CA issues, so a
    certificate that says that it is for trying is not what was ordered.
    """
    certificates = _certificates(chain_pem)
    leaf = certificates[0]
    # The library parses late: each part of a certificate may turn out to be unreadable when it is asked for.
    with _readable("its extensions"):
        _check_names(leaf, names)
        _check_purpose(leaf)
    with _readable("its issuer"):
        issuer = leaf.issuer.rfc4514_string()
        if trusted and says_that_it_is_a_test(issuer):
            raise ChainRefused(f"nobody trusts its issuer, {legible(issuer, 100)}, which is for trying")
    with _readable("its public key"):
        if spki_of(leaf.public_key()) != spki:
            raise ChainRefused("it is for another key than ours")
    with _readable("its chain"):
        for number, certificate in enumerate(certificates):
            what = "it" if number == 0 else f"certificate {number + 1} of its chain"
            _check_validity(certificate, what, now)
        _check_order(certificates)
        return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)


def begins_in(chain_pem: bytes, now: datetime) -> timedelta:
    """How long it takes until the leaf of a chain that was checked is valid: no longer than `SKEW`, and mostly not at all."""
    begin = x509.load_pem_x509_certificates(chain_pem)[0].not_valid_before_utc
    return max(begin - now, timedelta(0))


@contextmanager
def _readable(what: str) -> Iterator[None]:
    try:
        yield
    except ChainRefused:
        raise
    except UNREADABLE as problem:
        raise ChainRefused(f"{what} cannot be read ({legible(str(problem), 100)})") from None


def _certificates(chain_pem: bytes) -> list[x509.Certificate]:
    if len(chain_pem) > MOST_BYTES:
        raise ChainRefused(f"its chain is larger than {MOST_BYTES} bytes")
    kinds = _BLOCK.findall(chain_pem)
    for kind in kinds:
        if kind != b"CERTIFICATE":
            raise ChainRefused(f"its chain holds a {kind.decode()} block")
    if _BLOCK.sub(b"", chain_pem).strip():
        raise ChainRefused("its chain holds something else than certificates")
    if not 1 <= len(kinds) <= MOST_CERTIFICATES:
        raise ChainRefused(f"its chain has {len(kinds)} certificates")
    with _readable("its chain"):
        return x509.load_pem_x509_certificates(chain_pem)


def _check_names(leaf: x509.Certificate, names: Collection[Name]) -> None:
    try:
        entries = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        raise ChainRefused("it has no subjectAltName") from None
    has = {_told(entry) for entry in entries}
    wanted = {name.text for name in names}
    if missing := wanted - has:
        raise ChainRefused(f"it lacks {_listed(missing)}")
    if extra := has - wanted:
        raise ChainRefused(f"it also names {_listed(extra)}, which was not ordered")


def _told(entry: x509.GeneralName) -> str:
    """A name or an IP address as it is ordered; of anything else the kind."""
    match entry:
        case x509.DNSName():
            return entry.value.lower()
        case x509.IPAddress():
            return str(entry.value)
        case _:
            return f"{type(entry).__name__} entry"


def _check_purpose(leaf: x509.Certificate) -> None:
    try:
        if leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            raise ChainRefused("it is a CA certificate")
    except x509.ExtensionNotFound:
        pass
    try:
        usages = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    if ExtendedKeyUsageOID.SERVER_AUTH not in usages:
        raise ChainRefused("it is not for TLS servers (no serverAuth in its extended key usage)")


def _check_validity(certificate: x509.Certificate, what: str, now: datetime) -> None:
    if certificate.not_valid_after_utc <= now:
        raise ChainRefused(
            f"{what} expired at {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC: is this host's clock right?"
        )
    if certificate.not_valid_before_utc > now + SKEW:
        raise ChainRefused(
            f"{what} is not valid before {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC: is this host's clock right?"
        )


def _check_order(certificates: list[x509.Certificate]) -> None:
    if len(certificates) == 1:
        raise ChainRefused("its chain is missing: no intermediate certificate was delivered")
    for number, (below, above) in enumerate(itertools.pairwise(certificates), 1):
        try:
            below.verify_directly_issued_by(above)
        except (*UNREADABLE, InvalidSignature):
            raise ChainRefused(
                f"its chain is broken: certificate {number} is not signed by certificate {number + 1}"
            ) from None


def _listed(texts: Collection[str]) -> str:
    shown = sorted(texts)[:5]
    more = f" and {len(texts) - len(shown)} more" if len(texts) > len(shown) else ""
    return ", ".join(legible(text, 80) for text in shown) + more
