"""Clients as people have them: they trust the CA, and insist that the certificate has the name they asked for."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

from acme_companion.decide.facts import Endpoint, ServedCertificate
from acme_companion.decide.pair import fingerprint_of
from acme_companion.look.served import served
from acme_companion.look.starttls import NoStartTls, agree
from tests.bed.process import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from demo.siblings import Service

LIMIT = 10.0  # seconds for one visit
AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Visit:
    """What one client saw: the leaf's fingerprint (empty: none seen), and why it would not go on (empty: it would)."""

    fingerprint: str
    complaint: str


Visits = dict[Endpoint, Visit]


def endpoints_of(services: Iterable[Service], names: Iterable[str]) -> tuple[Endpoint, ...]:
    """Every port of every service, for every name."""
    tls = {"https": "tls", "smtps": "tls", "imaps": "tls"}
    ports = [
        (service.name, port, tls.get(what, what))
        for service in services
        for port, what in service.ports.items()
    ]
    return tuple(
        Endpoint(service, LOOPBACK, port, protocol, name)
        for name in names
        for service, port, protocol in ports
    )


def trusting(root_pem: bytes) -> ssl.SSLContext:
    """What a client of this CA has: its root, and the will to check chain, dates and name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=root_pem.decode("ascii"))
    return context


async def visit_all(endpoints: Sequence[Endpoint], trust: ssl.SSLContext) -> Visits:
    """Visit every endpoint, several at once; where a client turns away, what is served there is looked at all the same."""
    seats = asyncio.Semaphore(AT_ONCE)

    async def seated(endpoint: Endpoint) -> Visit:
        async with seats:
            return await _visit(endpoint, trust)

    visits = dict(zip(endpoints, await asyncio.gather(*map(seated, endpoints)), strict=True))
    looks = await served(endpoint for endpoint, visit in visits.items() if visit.complaint)
    for endpoint, look in looks.items():
        if isinstance(look, ServedCertificate):
            visits[endpoint] = Visit(look.fingerprint, visits[endpoint].complaint)
    return visits


def content(visits: Visits, expected: Mapping[str, str]) -> tuple[Endpoint, ...]:
    """Where a client would go on, and was served the certificate that `expected` has for the name."""
    return tuple(
        endpoint
        for endpoint, visit in visits.items()
        if not visit.complaint and visit.fingerprint == expected.get(endpoint.sni)
    )


async def _visit(endpoint: Endpoint, trust: ssl.SSLContext) -> Visit:
    try:
        async with asyncio.timeout(LIMIT):
            reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
            try:
                if endpoint.protocol != "tls":
                    await agree(endpoint.protocol, reader, writer)
                await writer.start_tls(trust, server_hostname=endpoint.sni)
                der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            finally:
                writer.transport.abort()
    except ssl.SSLCertVerificationError as problem:
        return Visit("", problem.verify_message)
    except (OSError, NoStartTls) as problem:
        return Visit("", str(problem) or type(problem).__name__)
    return Visit(fingerprint_of(der), "")
