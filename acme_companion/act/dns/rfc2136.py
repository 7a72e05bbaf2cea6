"""Changing TXT records by dynamic updates (RFC 2136), signed with TSIG (RFC 8945): BIND, Knot, PowerDNS, Windows."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Final

import dns.asyncquery
import dns.exception
import dns.name
import dns.rcode
import dns.tsig
import dns.update
from dns.rdatatype import TXT

from acme_companion.act.dns.tsig_key import DEFAULT, TsigKey, TsigKeyRefused, key_of, parse_key
from acme_companion.decide.names import quoted
from acme_companion.decide.problems import NotYet, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from acme_companion.act.dns.editor import TxtRecord
    from acme_companion.decide.problems import Problem
    from acme_companion.decide.settings import Secret
    from acme_companion.ports import Clock

TIME_LIMIT: Final = 15.0  # seconds for one update
TRIES: Final = 2
PAUSE: Final = 1.0  # seconds between two tries
AT_ONCE: Final = 8  # servers accept few TCP connections from one client
LONGEST_KEY: Final = 64 * 1024
TTL: Final = 60


class Rfc2136:
    """A `RecordEditor` for a server that takes updates.

    `options` (acme.sh's): NSUPDATE_SERVER (name or address), NSUPDATE_SERVER_PORT, NSUPDATE_KEY (a key file of BIND's, or what
    is in it) or NSUPDATE_KEY_NAME, NSUPDATE_KEY_VALUE and NSUPDATE_KEY_TYPE, NSUPDATE_ZONE, NSUPDATE_TTL. Without a key
    updates are not signed.
    """

    def __init__(self, options: Mapping[str, Secret], clock: Clock) -> None:
        """Read the options; raises `Refused` for a number that is none."""
        self._options, self._clock = options, clock
        self._host = self._option("NSUPDATE_SERVER") or "localhost"
        self._port = self._number("NSUPDATE_SERVER_PORT", 53, 65535)
        self._ttl = self._number("NSUPDATE_TTL", TTL, 2**31 - 1)
        self._seats = asyncio.Semaphore(AT_ONCE)

    async def add(self, record: TxtRecord) -> None:
        """See `RecordEditor.add`. A value that is there stays there once (RFC 2136 section 3.4.2.2)."""
        await self._change(
            record, lambda update, owner: update.add(owner, self._ttl, TXT, f'"{record.value}"')
        )

    async def remove(self, record: TxtRecord) -> None:
        """See `RecordEditor.remove`: this very value (RFC 2136 section 2.5.4)."""
        await self._change(record, lambda update, owner: update.delete(owner, TXT, f'"{record.value}"'))

    async def _change(
        self, record: TxtRecord, how: Callable[[dns.update.UpdateMessage, dns.name.Name], None]
    ) -> None:
        zone = (self._option("NSUPDATE_ZONE") or record.zone).strip(".").lower()
        if not f".{record.name}".endswith(f".{zone}"):
            raise Refused(
                f"{record.name} is not in the zone {zone} that NSUPDATE_ZONE names: correct or remove it"
            )
        key = await asyncio.to_thread(self._key)
        async with self._seats:
            for left in reversed(range(TRIES)):
                update = dns.update.UpdateMessage(zone)
                if key:
                    update.use_tsig(key.for_dnspython())
                how(update, dns.name.from_text(record.name))
                try:
                    await self._send(update, zone, key)
                    break
                except NotYet:
                    if not left:
                        raise
                await self._clock.sleep(PAUSE)

    async def _send(self, update: dns.update.UpdateMessage, zone: str, key: TsigKey | None) -> None:
        who = f"the DNS server {self._host} port {self._port}"
        try:
            async with asyncio.timeout(TIME_LIMIT):
                answer = await dns.asyncquery.tcp(update, await self._address(), port=self._port)
        except TimeoutError:
            raise NotYet(f"{who} did not answer an update of {zone} within {TIME_LIMIT:g} s") from None
        except (OSError, EOFError) as problem:
            text = getattr(problem, "strerror", None) or str(problem) or "it hung up"
            raise NotYet(f"{who} cannot be reached for an update of {zone}: {text}") from None
        except dns.exception.DNSException as problem:
            raise _by_signature(who, problem, key) from None
        if fault := _by_rcode(who, zone, answer.rcode(), key):
            raise fault

    async def _address(self) -> str:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(
                self._host, self._port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
            )
        except UnicodeError:  # an empty label, or one that is too long
            raise Refused(
                f"NSUPDATE_SERVER: {quoted(self._host)} is neither a host name nor an address"
            ) from None
        return str(found[0][4][0])

    def _key(self) -> TsigKey | None:
        """Read anew for each update, so that a new key file counts at once; raises `Refused`."""
        given, name = self._option("NSUPDATE_KEY"), self._option("NSUPDATE_KEY_NAME")
        try:
            if name or self._option("NSUPDATE_KEY_VALUE"):
                kind = self._option("NSUPDATE_KEY_TYPE") or DEFAULT
                return key_of(name, self._option("NSUPDATE_KEY_VALUE"), kind)
            return parse_key(_read(given)) if given else None
        except TsigKeyRefused as problem:
            what = "NSUPDATE_KEY_NAME, NSUPDATE_KEY_VALUE" if name else "NSUPDATE_KEY"
            raise Refused(f"{what}: {problem}") from None

    def _number(self, option: str, default: int, most: int) -> int:
        text = self._option(option) or str(default)
        if not text.isascii() or not text.isdigit() or not 0 < int(text) <= most:
            raise Refused(f"{option} is not a number from 1 to {most}")
        return int(text)

    def _option(self, name: str) -> str:
        value = self._options.get(name)
        return value.reveal().strip() if value else ""


def _read(given: str) -> str:
    """What is in the key file, or the text itself when it cannot be a path."""
    if "{" in given or "\n" in given or not given.startswith(("/", ".")):
        return given
    try:
        with Path(given).open("rb") as file:
            return file.read(LONGEST_KEY).decode("utf-8", "replace")
    except OSError as problem:
        raise Refused(
            f"NSUPDATE_KEY: {given} cannot be read ({problem.strerror or problem}): mount the key file into this container"
        ) from None


def _by_signature(who: str, problem: dns.exception.DNSException, key: TsigKey | None) -> Problem:
    name = f"the TSIG key {key.name}" if key else "no key"
    match problem:
        case dns.tsig.PeerBadKey():
            return Refused(
                f"{who} does not know {name} (BADKEY): add that key there, or correct its name and algorithm here"
            )
        case dns.tsig.PeerBadSignature() | dns.tsig.BadSignature():
            return Refused(
                f"{who} has another secret for {name} (BADSIG): let both sides have the same key file"
            )
        case dns.tsig.PeerBadTime() | dns.tsig.BadTime():
            return NotYet(
                f"the clocks of this host and of {who} differ too much for TSIG (BADTIME, 5 minutes): set them right (NTP)"
            )
        case _:
            return NotYet(
                f"{who} answered an update with something that cannot be read ({type(problem).__name__})"
            )


def _by_rcode(who: str, zone: str, rcode: dns.rcode.Rcode, key: TsigKey | None) -> Problem | None:
    whom = f"the TSIG key {key.name}" if key else "updates without a TSIG key (set NSUPDATE_KEY)"
    match rcode:
        case dns.rcode.NOERROR:
            return None
        case dns.rcode.REFUSED:
            return Refused(
                f"{who} refuses {whom} to change {zone} (REFUSED): allow it there (allow-update, update-policy)"
            )
        case dns.rcode.NOTAUTH:
            return Refused(
                f"{who} is not the primary of {zone} (NOTAUTH): set NSUPDATE_SERVER to its primary, or NSUPDATE_ZONE to the zone's name"
            )
        case dns.rcode.NOTZONE:
            return Refused(
                f"{who} says that the record is not in the zone {zone} (NOTZONE): set NSUPDATE_ZONE right"
            )
        case dns.rcode.NOTIMP:
            return Refused(f"{who} does not take dynamic updates (NOTIMP): see its documentation on RFC 2136")
        case _:
            return NotYet(f"{who} failed to change {zone} ({dns.rcode.to_text(rcode)}): see its log")
