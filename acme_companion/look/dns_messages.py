"""DNS messages (RFC 1035 section 4): a question as bytes, and what a reply says.

A pass asks ten thousand questions, and most replies hold no record, or nothing but addresses: those are read in place, which
costs a tenth of taking a whole message apart. dnspython reads everything else.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype

from acme_companion.decide.names import quoted

if TYPE_CHECKING:
    from dns.rcode import Rcode
    from dns.rdatatype import RdataType

_HEADER = struct.Struct("!6H")
_IN = 1
# RFC 6891: OPT, 1232 bytes over UDP (no fragments), no flags. It is what lets a resolver send RFC 8914 errors.
_OPT = struct.pack("!BHHIH", 0, 41, 1232, 0, 0)
# As numbers: the enumerations of dnspython make every comparison ten times as dear.
_RESPONSE, _TRUNCATED, _AUTHORITATIVE, _KNOWS = (
    int(flags) for flags in (dns.flags.QR, dns.flags.TC, dns.flags.AA, dns.flags.AA | dns.flags.RA)
)
_RECURSION, _UNCHECKED = int(dns.flags.RD), int(dns.flags.CD)
_RCODES = tuple(dns.rcode.Rcode.make(number) for number in range(16))
_ANSWERS = frozenset({dns.rcode.NOERROR, dns.rcode.NXDOMAIN})
"""The codes of replies that say something about the name: records, or that there are none."""
_PLAIN_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
"""What nearly every name looks like: nothing in it needs an escape, or is too long."""
_OWNER = b"\xc0\x0c"
"""A pointer to the name in the question: the owner of every record that no alias led to (RFC 1035 section 4.1.4)."""
_ADDRESS_SIZES = {b"\0\1": 4, b"\0\34": 16}
"""The bytes of an A and an AAAA record, by its type."""
_RECORD = struct.Struct("!2HIH")  # type, class, time to live, bytes
_DNSSEC_ERRORS = {5, 6, 7, 8, 9, 10, 11, 12, 25}
"""RFC 8914 section 4 and its registry: DNSSEC Indeterminate … NSEC Missing, Signature Expired before Valid."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: a name as text (without a final dot) and a record type."""

    name: str
    record_type: RdataType

    def section(self) -> bytes:
        """The question section; raises `dns.exception.DNSException` when the text is not a DNS name."""
        if _PLAIN_NAME.fullmatch(self.name):
            labels = self.name.encode().split(b".")
            name = b"".join(bytes([len(label)]) + label for label in (*labels, b""))
        else:
            name = dns.name.from_text(self.name).to_wire() or b""
        return name + struct.pack("!HH", self.record_type, _IN)

    def __str__(self) -> str:
        return f"{self.record_type.name} of {self.name}"


def query(identity: int, section: bytes, *, recursion: bool = True, checked: bool = True) -> bytes:
    """The message that asks a recursive resolver (RD set), or an authoritative server without `recursion`.

    Unless `checked`, a validating resolver answers with data whose signatures do not hold as well (CD, RFC 4035 section 3.2.2).
    """
    flags = (_RECURSION if recursion else 0) | (0 if checked else _UNCHECKED)
    return _HEADER.pack(identity, flags, 1, 0, 0, 1) + section + _OPT


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply to our question. `message` is None when it holds no record, or only the `addresses` that were asked for, as bytes.

    `truncated`: ask again over TCP. `fault`: why a reply without an error code is no answer all the same. `authoritative`: the
    server holds the zone (AA).
    """

    rcode: Rcode
    message: dns.message.Message | None = None
    truncated: bool = False
    fault: str = ""
    authoritative: bool = False
    addresses: tuple[bytes, ...] = ()

    @property
    def failure(self) -> str:
        """Why this is no answer, empty when it is one (records, or an authoritative none)."""
        if self.fault or self.rcode in _ANSWERS:
            return self.fault
        extended = "; ".join(_extended_errors(self.message))
        return f"{self.rcode.name}: {extended}" if extended else self.rcode.name

    @property
    def dnssec_broken(self) -> bool:
        """Whether the resolver says that the signatures do not hold (RFC 8914): a CA must refuse then as well."""
        return self.rcode == dns.rcode.SERVFAIL and any(
            option.code in _DNSSEC_ERRORS for option in _options(self.message)
        )


def read_reply(wire: bytes, section: bytes) -> Reply | None:
    """What a packet says about the question in `section`; None when it is not a reply to it."""
    if len(wire) < _HEADER.size:
        return None
    _, flags, questions, answers, authorities, _ = _HEADER.unpack_from(wire)
    end = _HEADER.size + len(section)
    repeated = wire[_HEADER.size : end].lower() == section.lower()
    rcode = _RCODES[flags & 0xF]
    negative = rcode in _ANSWERS
    # Some servers leave the question out of a refusal; everything else must repeat it.
    if not flags & _RESPONSE or not (repeated or (questions == 0 and not negative)):
        return None
    if flags & _TRUNCATED:
        return Reply(rcode, truncated=True)
    authoritative = bool(flags & _AUTHORITATIVE)
    if negative and not answers:
        known = flags & _KNOWS or rcode == dns.rcode.NXDOMAIN
        lame = not known and not (authorities and _is_soa(wire, end))
        fault = "a referral instead of an answer (no recursion for us?)" if lame else ""
        return Reply(rcode, fault=fault, authoritative=authoritative)
    if rcode == dns.rcode.NOERROR and (found := _addresses(wire, end, section, answers)):
        return Reply(rcode, authoritative=authoritative, addresses=found)
    return _whole(wire, rcode, authoritative=authoritative)


def _whole(wire: bytes, rcode: Rcode, *, authoritative: bool) -> Reply:
    try:
        message = dns.message.from_wire(wire)
    except (dns.exception.DNSException, ValueError, struct.error) as problem:
        return Reply(rcode, fault=f"a reply that cannot be read ({quoted(str(problem))})")
    return Reply(message.rcode(), message, authoritative=authoritative)


def _addresses(wire: bytes, offset: int, section: bytes, count: int) -> tuple[bytes, ...]:
    """The addresses in an answer that holds nothing else; empty for any other, which dnspython must read."""
    size = _ADDRESS_SIZES.get(section[-4:-2])
    if size is None:
        return ()
    found = []
    for _ in range(count):
        # The owner is a pointer to the question, or stands there once more, where a server does not compress.
        owner = _OWNER if wire.startswith(_OWNER, offset) else section[:-4]
        start = offset + len(owner)
        if not wire.startswith(owner + section[-4:], offset):
            return ()
        offset = start + _RECORD.size + size
        if len(wire) < offset or _RECORD.unpack_from(wire, start)[3] != size:
            return ()
        found.append(wire[offset - size : offset])
    return tuple(dict.fromkeys(found))


def _is_soa(wire: bytes, offset: int) -> bool:
    """Whether the record at `offset` is an SOA: the mark of "there is none" (RFC 2308 section 2)."""
    while offset < len(wire) and 0 < wire[offset] < 0xC0:
        offset += wire[offset] + 1
    if offset >= len(wire):
        return False
    offset += 2 if wire[offset] else 1
    return wire[offset : offset + 2] == dns.rdatatype.SOA.to_bytes(2, "big")


def _options(message: dns.message.Message | None) -> list[dns.edns.EDEOption]:
    options = message.options if message else ()
    return [option for option in options if isinstance(option, dns.edns.EDEOption)]


def _extended_errors(message: dns.message.Message | None) -> list[str]:
    found = []
    for option in _options(message):
        try:
            known = dns.edns.EDECode(option.code).name.replace("_", " ").lower()
        except ValueError:
            known = f"extended error {option.code}"
        found.append(f"{known} {quoted(option.text)}" if option.text else known)
    return found
