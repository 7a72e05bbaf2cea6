"""TXT records as the servers of their zones have them now, and the way there: aliases, zones, servers."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import dns.name
import dns.rcode
from dns.rdataclass import IN
from dns.rdatatype import CNAME, NS, SOA, TXT

from acme_companion.decide.facts import AuthoritativeServer, Unanswered, ZoneLook
from acme_companion.decide.settings import HostPort
from acme_companion.look.dns_records import addresses
from acme_companion.look.resolvers import Resolvers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping

    from dns.rdata import Rdata
    from dns.rdatatype import RdataType

    from acme_companion.decide.facts import TxtLook
    from acme_companion.decide.settings import Checks
    from acme_companion.look.dns_messages import Reply

_MOST_ALIASES = 16
"""Aliases followed in a row; resolvers themselves stop at 8 to 16."""
_MOST_SERVERS = 16
"""Zones have two to thirteen servers; what a hostile one lists beyond is not asked."""
_NOBODYS_LABEL = "_acme-companion-nobody"
_MOST_TRIED = 3
"""Servers asked in turn, where any of them will do."""
_PATIENCE = 4.0
"""Seconds for one look at one server, in which a lost packet is sent a second time."""


@asynccontextmanager
async def open_txt_looks(checks: Checks) -> AsyncIterator[TxtLooks]:
    """A `ports.TxtLooks`; what it learns of aliases and zones is kept while the block runs."""
    async with Resolvers(checks.resolvers, checks.timeout) as resolvers:
        yield TxtLooks(checks, resolvers)


class TxtLooks:
    """See `ports.TxtLooks`."""

    def __init__(self, checks: Checks, resolvers: Resolvers) -> None:
        self._checks, self._resolvers = checks, resolvers

    async def target(self, owner: str) -> str | Unanswered:
        """Where a record of `owner` must be published: at the end of its aliases (CNAME); a loop has none.

        An alias that a wildcard makes (`*.example.org CNAME …`) delegates nothing: it ends where a record of its own begins.
        """
        end = await self._end(owner)
        return owner if end != owner and await self._is_wildcards(owner) else end

    async def _end(self, owner: str) -> str | Unanswered:
        chain = [owner]
        while len(chain) <= _MOST_ALIASES:
            alias = await self._alias(chain[-1])
            if isinstance(alias, Unanswered):
                return alias
            if not alias:
                return chain[-1]
            chain.append(alias)
            if alias in chain[:-1]:
                return Unanswered(f"{owner} is an alias (CNAME) in a loop: {' → '.join(chain)}")
        return Unanswered(f"{owner} leads over more than {_MOST_ALIASES} aliases (CNAME)")

    async def _alias(self, owner: str) -> str | Unanswered:
        """Where `owner` leads in one step, empty when it is no alias."""
        reply = await self._resolvers.ask(owner, CNAME)
        if isinstance(reply, Unanswered):
            return reply
        found = _records(reply, owner, CNAME)
        return _text(found[0].target) if found else ""  # type: ignore[attr-defined]  # Rdata's subtype is known by what was asked

    async def _is_wildcards(self, owner: str) -> bool:
        """Whether a name beside `owner` that nobody has published leads to the same place (RFC 4592)."""
        nobody = f"{_NOBODYS_LABEL}.{owner.partition('.')[2]}"
        here, there = await asyncio.gather(self._alias(owner), self._alias(nobody))
        return here == there

    async def zone(self, owner: str) -> ZoneLook | Unanswered:
        """Climb from `owner` to the first name that has an SOA record: the apex of its zone."""
        labels = owner.split(".")
        for start in range(len(labels)):
            apex = ".".join(labels[start:])
            reply = await self._resolvers.ask(apex, SOA)
            if isinstance(reply, Unanswered):
                return reply
            if _records(reply, apex, SOA):
                return await self._served(apex)
        return Unanswered(f"DNS knows no zone that {owner} is in")

    async def txt(
        self, owners: Collection[str], server: AuthoritativeServer | None = None
    ) -> Mapping[str, TxtLook]:
        """The values now, past every cache when an authoritative server is asked."""
        servers = (HostPort(server.address, self._checks.dns_port),) if server else self._checks.resolvers
        limit = _PATIENCE if server else self._checks.timeout
        async with Resolvers(servers, limit, recursion=server is None) as line:
            replies = await asyncio.gather(*(line.ask(owner, TXT) for owner in owners))
        return {
            owner: _values(reply, owner, authoritative=server is not None)
            for owner, reply in zip(owners, replies, strict=True)
        }

    async def latest(self, owner: str) -> TxtLook:
        """The values at the end of the aliases, from a server of their zone: resolvers remember what was missing a minute ago."""
        target = await self._end(owner)
        zone = target if isinstance(target, Unanswered) else await self.zone(target)
        if not isinstance(target, Unanswered) and not isinstance(zone, Unanswered):
            for server in zone.servers[:_MOST_TRIED]:
                values = (await self.txt([target], server))[target]
                if not isinstance(values, Unanswered):
                    return values
        return (await self.txt([owner]))[owner]

    async def _served(self, apex: str) -> ZoneLook | Unanswered:
        reply = await self._resolvers.ask(apex, NS)
        if isinstance(reply, Unanswered):
            return reply
        names = sorted(_text(one.target) for one in _records(reply, apex, NS))[:_MOST_SERVERS]  # type: ignore[attr-defined]  # as above
        found = await asyncio.gather(*(addresses(self._resolvers, name) for name in names))
        servers = [
            AuthoritativeServer(name, str(address))
            for name, one in zip(names, found, strict=True)
            for part in (one.ipv4, one.ipv6)
            if not isinstance(part, Unanswered)
            for address in part
        ]
        return ZoneLook(apex, tuple(servers[: 2 * _MOST_SERVERS]))


def _records(reply: Reply, owner: str, record_type: RdataType) -> tuple[Rdata, ...]:
    """The records of this very name: not those at the end of an alias."""
    if reply.message is None:
        return ()
    return tuple(
        reply.message.get_rrset(reply.message.answer, dns.name.from_text(owner), IN, record_type) or ()
    )


def _values(reply: Reply | Unanswered, owner: str, *, authoritative: bool) -> TxtLook:
    if isinstance(reply, Unanswered):
        return reply
    if authoritative and not reply.authoritative:
        return Unanswered(
            "it does not hold the zone: the answer has no authority (AA), as one from a cache in between"
        )
    if authoritative:
        records = _records(reply, owner, TXT)
    else:
        message = reply.message
        records = tuple(
            rdata for rrset in (message.answer if message else ()) if rrset.rdtype == TXT for rdata in rrset
        )
    return tuple(b"".join(one.strings).decode("utf-8", "replace") for one in records)  # type: ignore[attr-defined]  # as above


def _text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower()
