"""Names: what may stand in a certificate. `Name.parse` and `Name.parse_address` are the only doors, and refuse completely."""

from __future__ import annotations

import ipaddress
import itertools
import re
import unicodedata
from dataclasses import dataclass
from typing import Self

import idna

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")
_MOST_BYTES = 253
_MOST_LABELS = 10
"""Boulder's limit; a name beyond it is refused by Let's Encrypt after the order was counted."""
_SHOWN = 80


class NameRefused(ValueError):
    """Text that is not a name for a certificate. Its message quotes the text in a form that is safe in a log."""


def quoted(text: str) -> str:
    """`text` on one line, without control, format or quote characters, cut to a length a log line can carry."""
    escaped = {"'": "\\x27", "\\": "\\\\"}
    safe = "".join(
        escaped.get(c) or (c if c.isprintable() else c.encode("unicode_escape").decode())
        for c in text[: _SHOWN + 1]
    )
    return f"'{safe[:_SHOWN]}…'" if len(safe) > _SHOWN or len(text) > _SHOWN else f"'{safe}'"


@dataclass(frozen=True, slots=True, order=True)
class Name:
    """A fully qualified host name, a wildcard of one, or an IP address, as it stands in a certificate (RFC 5280, RFC 9525).

    `text` is lower case, A-labels only, without a final dot; an address is in its canonical form (RFC 5952), as RFC 8738
    wants it in an order.
    """

    text: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Accept a host name in any case, with U-labels or a final dot; raise `NameRefused` for anything else."""
        bare = text.strip(" ").removesuffix(".")
        wildcard, host = (True, bare[2:]) if bare.startswith("*.") else (False, bare)
        if not host:
            raise NameRefused(f"{quoted(text)} is empty")
        if "*" in host:
            raise NameRefused(f"{quoted(text)}: a * may only be the whole first label")
        ascii_host = _to_a_labels(host, text)
        _check(ascii_host, text)
        if len(ascii_host) + 2 * wildcard > _MOST_BYTES:
            raise NameRefused(f"{quoted(text)} is longer than {_MOST_BYTES} bytes")
        return cls(f"*.{ascii_host}" if wildcard else ascii_host)

    @classmethod
    def parse_address(cls, text: str) -> Self:
        """Accept an IP address, in brackets too; raise `NameRefused` for anything else, and for one with a zone."""
        bare = text.strip(" ")
        bracketed = bare.startswith("[") and bare.endswith("]")
        try:
            address = ipaddress.IPv6Address(bare[1:-1]) if bracketed else ipaddress.ip_address(bare)
        except ValueError:
            raise NameRefused(f"{quoted(text)} is not an IP address") from None
        if "%" in bare:
            raise NameRefused(f"{quoted(text)} has a zone, which means nothing to anybody else")
        return cls.of_address(address)

    @classmethod
    def of_address(cls, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> Self:
        return cls(str(address))

    @property
    def is_wildcard(self) -> bool:
        return self.text.startswith("*.")

    @property
    def is_address(self) -> bool:
        """Whether this is an IP address (identifier type `ip` of RFC 8738): no host name has a colon or ends in a number."""
        return ":" in self.text or self.text.rpartition(".")[2].isdigit()

    @property
    def address(self) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
        """The IP address that this is, None for a host name."""
        return ipaddress.ip_address(self.text) if self.is_address else None

    @property
    def host(self) -> str:
        """The name without a leading `*.`: what DNS and CAA are asked about."""
        return self.text.removeprefix("*.")

    @property
    def directory(self) -> str:
        """The directory of a lineage with this first name, below the volume; no two names have the same."""
        return self.text.replace("*.", "wildcard_.", 1).replace(":", "-")

    def covers(self, other: Name) -> bool:
        """Whether a certificate for this name serves `other` (RFC 9525: the whole first label, one label only)."""
        below = self.is_wildcard and not other.is_wildcard and self.host == other.text.partition(".")[2]
        return (below and not other.is_address) or self == other

    def under(self, prefix: str) -> Name:
        """`prefix.this`; raises `NameRefused` when that is not a name."""
        return Name.parse(f"{prefix}.{self.text}")

    def __str__(self) -> str:
        return self.text


def prefix(text: str) -> str:
    """The label (or labels) of a prefix entry such as `imap.*`, without its `.*`; raises `NameRefused`."""
    if not text.endswith(".*"):
        raise NameRefused(f"{quoted(text)} is not a prefix like imap.*")
    labels = text.removesuffix(".*").lower()
    for label in labels.split("."):
        if not _LABEL.match(label):
            raise NameRefused(f"{quoted(text)}: {quoted(label)} is not a host name label")
    return labels


def _to_a_labels(host: str, text: str) -> str:
    if any(unicodedata.category(c) in {"Cc", "Zs", "Zl", "Zp", "Cs", "Cn", "Co"} for c in host):
        raise NameRefused(f"{quoted(text)} contains a space or a control character")
    if host.isascii():
        return host.lower()
    try:
        return idna.encode(host, uts46=True, std3_rules=True).decode("ascii").removesuffix(".")
    except UnicodeError as problem:
        raise NameRefused(
            f"{quoted(text)} is not an internationalised host name: {quoted(str(problem))}"
        ) from None


def _check(host: str, text: str) -> None:
    if _is_address(host):
        raise NameRefused(f"{quoted(text)} is an IP address, not a host name")
    labels = host.split(".")
    if len(labels) < 2:
        raise NameRefused(f"{quoted(text)} has no dot: a fully qualified host name is needed")
    if len(labels) > _MOST_LABELS:
        raise NameRefused(f"{quoted(text)} has more than {_MOST_LABELS} labels")
    if labels[-1].isdigit():
        raise NameRefused(f"{quoted(text)} ends in a number: that is an address, not a host name")
    for label in labels:
        _check_label(label, text)
    for left, right in itertools.pairwise(labels):
        if left == right and left in {"autodiscover", "autoconfig", "mta-sts"}:
            # Let's Encrypt refuses these (its list of labels blocked for on-demand certificates).
            raise NameRefused(f"{quoted(text)} repeats the label {left}")


def _check_label(label: str, text: str) -> None:
    if not label:
        raise NameRefused(f"{quoted(text)} has an empty label (two dots in a row, or a leading dot)")
    if len(label) > 63:
        raise NameRefused(f"{quoted(text)} has a label of more than 63 characters")
    if not _LABEL.match(label):
        raise NameRefused(
            f"{quoted(text)}: only a-z, 0-9 and - may stand in a host name, and no label begins or ends with -"
        )
    if label[2:4] == "--":
        if not label.startswith("xn--"):
            raise NameRefused(f"{quoted(text)}: -- in the third place is reserved")
        try:
            idna.decode(label)
        except UnicodeError as problem:
            raise NameRefused(f"{quoted(text)}: {quoted(label)} is not a valid A-label ({problem})") from None


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
