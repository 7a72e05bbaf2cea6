"""The public addresses of this host: from the settings, else from services on the internet that tell us who we are."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from acme_companion.decide.facts import OwnAddresses, Unanswered
from acme_companion.decide.own_addresses import LONGEST_ANSWER, Agreed, agree, parse_answer, settled
from acme_companion.look.dns_records import addresses
from acme_companion.look.http_faults import reason_of
from acme_companion.look.resolvers import Resolvers

if TYPE_CHECKING:
    from acme_companion.decide.settings import Checks

Address = TypeVar("Address", IPv4Address, IPv6Address)

_NO_URL = "an entry is not a URL"


async def own_addresses(checks: Checks, remembered: OwnAddresses) -> OwnAddresses:
    """Our public IPv4 and IPv6 address; `remembered` are used when nobody answers. Never raises.

    All services are asked at once, over one family each time, so that each sees the address of that family.
    """
    v4 = _Family("IPv4", IPv4Address, socket.AF_INET)
    v6 = _Family("IPv6", IPv6Address, socket.AF_INET6)
    async with Resolvers(checks.resolvers, checks.timeout) as resolvers:
        ipv4, ipv6 = await asyncio.gather(
            _own(v4, checks, checks.public_ipv4, remembered.ipv4, resolvers),
            _own(v6, checks, checks.public_ipv6, remembered.ipv6, resolvers)
            if checks.ipv6
            else _nothing("public IPv6: not asked, IPv6 is off in this stack"),
        )
    return OwnAddresses(
        ipv4.address,
        ipv6.address,
        "; ".join(part.why for part in (ipv4, ipv6) if part.why),
        tuple(part.address for part in (ipv4, ipv6) if part.address and part.remembered),
    )


@dataclass(frozen=True, slots=True)
class _Family(Generic[Address]):
    title: str
    kind: type[Address]
    number: socket.AddressFamily


async def _nothing(why: str) -> Agreed[IPv6Address]:
    return Agreed(None, why)


async def _own(
    family: _Family[Address],
    checks: Checks,
    fixed: Address | None,
    remembered: Address | None,
    resolvers: Resolvers,
) -> Agreed[Address]:
    if fixed:
        return Agreed(fixed)
    answers: list[Address] = []
    failures: list[str] = []
    connector = aiohttp.TCPConnector(family=family.number, resolver=_ThroughResolvers(resolvers))
    timeout = aiohttp.ClientTimeout(total=checks.timeout)
    async with aiohttp.ClientSession(
        connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        asking = [
            asyncio.create_task(_ask(session, url, family.kind))
            for url in dict.fromkeys(checks.public_ip_services)
        ]
        try:
            for next_answer in asyncio.as_completed(asking):
                answer = await next_answer
                if isinstance(answer, str):
                    failures.append(answer)
                else:
                    answers.append(answer)
                if settled(answers):
                    break
        finally:
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)
    return agree(family.title, answers, failures, remembered)


async def _ask(session: aiohttp.ClientSession, url: str, kind: type[Address]) -> Address | str:
    """What one service says, or why it says nothing; the text names its host, never credentials of its URL."""
    host = _host(url)
    literal = _literal(host)
    if literal is not None and not isinstance(literal, kind):
        return f"{host} is an address of the other family"
    if host == _NO_URL:
        return _NO_URL
    try:
        async with session.get(url, allow_redirects=False) as response:
            if response.status != 200:
                return f"{host} answered {response.status}"
            body = await _first_bytes(response)
    except TimeoutError:
        return f"{host} did not answer in time"
    except (aiohttp.ClientError, OSError, ValueError) as problem:
        return f"{host}: {reason_of(problem)}"
    parsed = parse_answer(body, kind)
    return f"{host} answered {parsed}" if isinstance(parsed, str) else parsed


async def _first_bytes(response: aiohttp.ClientResponse) -> bytes:
    body = b""
    while len(body) <= LONGEST_ANSWER and (more := await response.content.read(LONGEST_ANSWER + 1)):
        body += more
    return body


def _host(url: str) -> str:
    try:
        return URL(url).host or _NO_URL
    except ValueError:
        return _NO_URL


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


class _ThroughResolvers(AbstractResolver):
    """Names of services are looked up where all names are, with their time limit, and never by a blocking call."""

    def __init__(self, resolvers: Resolvers) -> None:
        self._resolvers = resolvers

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await addresses(self._resolvers, host)
        of_family: Any = found.ipv6 if family == socket.AF_INET6 else found.ipv4
        if isinstance(of_family, Unanswered):
            raise OSError(None, of_family.why)
        if not of_family:
            raise OSError(None, found.missing or "it has no address of this family")
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=family,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in of_family
        ]

    async def close(self) -> None:
        """The resolvers belong to someone else."""
