"""What services serve: the certificate that each endpoint presents for a name. A look that fails is `Unanswered`."""

from __future__ import annotations

import asyncio
import ssl
from collections import defaultdict
from typing import TYPE_CHECKING

from acme_companion.decide.facts import ServedCertificate, Unanswered
from acme_companion.decide.pair import fingerprint_of
from acme_companion.look.starttls import NoStartTls, agree

if TYPE_CHECKING:
    from collections.abc import Iterable

    from acme_companion.decide.facts import Endpoint, Served, ServedByEndpoint

_LIMIT = 20.0
"""Seconds for one look: Postfix's postscreen alone makes a client wait 6 s for its greeting."""
_CONNECT_LIMIT = 5.0
_FAREWELL_LIMIT = 1.0
_AT_ONCE = 64
_AT_ONCE_PER_HOST = 16
"""Below the 50 connections of one client that Postfix takes by default (smtpd_client_connection_count_limit)."""
_LONGEST_LINE = 8192
_TIMED_OUT = Unanswered("timed out")
_FAREWELL = {"smtp": b"QUIT\r\n", "imap": b"x LOGOUT\r\n", "pop3": b"QUIT\r\n", "sieve": b"LOGOUT\r\n"}


async def served(endpoints: Iterable[Endpoint], limit: float = _LIMIT) -> ServedByEndpoint:
    """Ask every endpoint, many at once, each for at most `limit` seconds; the answer has all of them. Never raises."""
    context = _context()
    all_slots = asyncio.Semaphore(_AT_ONCE)
    host_slots: defaultdict[str, asyncio.Semaphore] = defaultdict(
        lambda: asyncio.Semaphore(_AT_ONCE_PER_HOST)
    )

    silent: set[tuple[str, int]] = set()

    async def ask(endpoint: Endpoint) -> tuple[Endpoint, Served]:
        port = endpoint.host, endpoint.port
        async with host_slots[endpoint.host], all_slots:
            if port in silent:  # a service that hangs would cost its limit for every name of a large stack
                return endpoint, _TIMED_OUT
            look = await look_at(endpoint, context, limit)
            if look == _TIMED_OUT:
                silent.add(port)
            return endpoint, look

    return dict(await asyncio.gather(*(ask(endpoint) for endpoint in dict.fromkeys(endpoints))))


async def look_at(endpoint: Endpoint, context: ssl.SSLContext, limit: float = _LIMIT) -> Served:
    """The certificate that `endpoint` presents for its SNI name, or the reason why none was seen."""
    try:
        async with asyncio.timeout(limit):
            return await _certificate(endpoint, context)
    except (OSError, ValueError, NoStartTls) as problem:
        return Unanswered(_reason(problem))


def _reason(problem: Exception) -> str:
    match problem:
        case NoStartTls():
            return str(problem)
        case TimeoutError():
            return _TIMED_OUT.why
        case ConnectionRefusedError():
            return "connection refused"
        case ssl.SSLError():
            return f"TLS failed: {(problem.reason or 'no reason given').lower().replace('_', ' ')}"
        case ConnectionError():
            return "it closed the connection"
        case _:
            return f"cannot be reached: {getattr(problem, 'strerror', None) or problem}"


def _context() -> ssl.SSLContext:
    # Whose certificate it is gets compared, byte by byte: a self-signed or expired one is an answer too.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


async def _certificate(endpoint: Endpoint, context: ssl.SSLContext) -> Served:
    direct = endpoint.protocol == "tls"
    async with asyncio.timeout(_CONNECT_LIMIT):
        reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port, limit=_LONGEST_LINE)
    try:
        if not direct:
            await agree(endpoint.protocol, reader, writer)
        await writer.start_tls(context, server_hostname=endpoint.sni or None)
        der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        await _say_goodbye(writer, endpoint.protocol)
    finally:
        writer.transport.abort()
    return ServedCertificate(fingerprint_of(der), der) if der else Unanswered("no certificate presented")


async def _say_goodbye(writer: asyncio.StreamWriter, protocol: str) -> None:
    """End the session as the protocol wants it, so that no log of the service calls it a broken one."""
    try:
        async with asyncio.timeout(_FAREWELL_LIMIT):
            writer.write(_FAREWELL.get(protocol, b""))
            writer.close()
            await writer.wait_closed()
    except (OSError, TimeoutError):
        pass  # what was asked is known already
