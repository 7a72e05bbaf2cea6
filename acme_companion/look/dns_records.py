"""The addresses of a name, and the CAA records that govern it, as DNS tells them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import dns.name
import dns.rcode
from dns.rdataclass import IN
from dns.rdatatype import AAAA, CAA, CNAME, SOA, A

from acme_companion.decide.facts import Addresses, CaaLook, CaaRecord, Unanswered

if TYPE_CHECKING:
    from collections.abc import Callable

    from dns.rdata import Rdata
    from dns.rdatatype import RdataType

    from acme_companion.look.dns_messages import Reply
    from acme_companion.look.resolvers import Resolvers

T = TypeVar("T")
_Record: TypeAlias = "Rdata | bytes"
"""Of dnspython, or an address as DNS has it."""

_LONGEST_CHAIN = 16
"""Aliases followed in a row; resolvers themselves stop at 8 to 16."""


async def addresses(resolvers: Resolvers, host: str) -> Addresses:
    """All A and AAAA records of `host`, aliases followed."""
    v4, v6 = await asyncio.gather(_follow(resolvers, host, A), _follow(resolvers, host, AAAA))
    found4 = v4 if isinstance(v4, Unanswered) else v4.records
    found6 = v6 if isinstance(v6, Unanswered) else v6.records
    known = [found for found in (v4, v6) if isinstance(found, _Found)]
    missing = "" if found4 or found6 else next((found.missing for found in known), "")
    return Addresses(
        found4 if isinstance(found4, Unanswered) else _parsed(found4, IPv4Address),
        found6 if isinstance(found6, Unanswered) else _parsed(found6, IPv6Address),
        max((found.via for found in known), key=len, default=()),
        missing,
    )


async def caa(resolvers: Resolvers, host: str) -> CaaLook:
    """Climb from `host` to its top-level domain; the first CAA RRset that is not empty governs (RFC 8659 section 3)."""
    labels = host.split(".")
    for start in range(len(labels)):
        domain = ".".join(labels[start:])
        found = await _follow(resolvers, domain, CAA)
        if isinstance(found, Unanswered):
            return CaaLook(found)
        if found.records:
            return CaaLook(tuple(_caa_record(rdata) for rdata in found.records), (domain, *found.via)[-1])
    return CaaLook()


@dataclass(frozen=True, slots=True)
class _Found:
    """`via`: the aliases that led to the records, in order; `missing`: why there is none."""

    records: tuple[_Record, ...] = ()
    via: tuple[str, ...] = ()
    missing: str = ""


async def _follow(resolvers: Resolvers, name: str, record_type: RdataType) -> _Found | Unanswered:
    """The records of one type, asking again where a resolver leaves the end of a chain of aliases to us."""
    via: list[str] = []
    while True:
        asked = via[-1] if via else name
        reply = await resolvers.ask(asked, record_type)
        if isinstance(reply, Unanswered):
            return reply
        records, aliases, final = _read(reply, asked, record_type)
        via += aliases
        if records:
            return _Found(records, tuple(via))
        if len({name, *via}) <= len(via):
            return _Found((), tuple(via), f"{name} is an alias (CNAME) in a loop: {' → '.join([name, *via])}")
        if len(via) > _LONGEST_CHAIN:
            return _Found((), tuple(via), f"{name} leads over more than {_LONGEST_CHAIN} aliases (CNAME)")
        if final:
            return _Found((), tuple(via), _missing(name, via, reply))


def _read(reply: Reply, asked: str, record_type: RdataType) -> tuple[tuple[_Record, ...], list[str], bool]:
    """The records in a reply, the aliases before them, and whether "none" is the last word."""
    message = reply.message
    if message is None:
        return reply.addresses, [], True
    owner = dns.name.from_text(asked)
    aliases: list[str] = []
    for _ in range(_LONGEST_CHAIN + 1):
        if found := message.get_rrset(message.answer, owner, IN, record_type):
            return tuple(found), aliases, True
        alias = message.get_rrset(message.answer, owner, IN, CNAME)
        if not alias:
            break
        owner = alias[0].target
        aliases.append(owner.to_text(omit_final_dot=True).lower())
    # RFC 2308: an SOA beside an alias says that its target has no such record; without one the server did not look.
    told = reply.rcode == dns.rcode.NXDOMAIN or any(rrset.rdtype == SOA for rrset in message.authority)
    return (), aliases, told or not aliases


def _missing(name: str, via: list[str], reply: Reply) -> str:
    what = (
        "does not exist in DNS (NXDOMAIN)"
        if reply.rcode == dns.rcode.NXDOMAIN
        else "has no address in DNS (neither A nor AAAA)"
    )
    return f"{name} is an alias (CNAME) of {via[-1]}, which {what}" if via else f"{name} {what}"


def _parsed(records: tuple[_Record, ...], kind: Callable[[str | bytes], T]) -> tuple[T, ...]:
    return tuple(kind(record if isinstance(record, bytes) else record.to_text()) for record in records)


def _caa_record(rdata: _Record) -> CaaRecord:
    flags, tag, value = rdata.flags, rdata.tag, rdata.value  # type: ignore[union-attr]  # Rdata's subtype is known by what was asked
    return CaaRecord(
        flags, tag.decode("ascii", "backslashreplace"), value.decode("ascii", "backslashreplace")
    )
