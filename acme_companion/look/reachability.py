"""Fetch our probe file from a name over HTTP, as a CA would: the address that DNS gave, AAAA first, redirects followed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TypeVar

import aiohttp
from yarl import URL

from acme_companion.decide.facts import Probe, ProbeReached, ProbeWrong, Unanswered
from acme_companion.decide.names import quoted
from acme_companion.decide.redirects import FOLLOWED, MOST_REDIRECTS, Target, follow, forbidden
from acme_companion.look.dns_records import addresses
from acme_companion.look.http_faults import reason_of

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address
    from types import TracebackType

    from acme_companion.decide.facts import Addresses, OwnAddresses
    from acme_companion.decide.names import Name
    from acme_companion.decide.settings import Checks
    from acme_companion.look.resolvers import Resolvers
    from acme_companion.ports import ProbeFile

    Address = IPv4Address | IPv6Address

A = TypeVar("A")

_MOST_BYTES = 64 * 1024
_FIRST_BYTES = 80
_DIAL_SHARE = 3
"""A third of the time may pass until a connection stands: the rest is for the other family and the answer."""


class Prober:
    """One session for all probes of a pass; connections to the same address are kept. Proxies are never used."""

    def __init__(self, checks: Checks, own: OwnAddresses, file: ProbeFile, resolvers: Resolvers) -> None:
        self._checks = checks
        self._own = own
        self._file = file
        self._resolvers = resolvers
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        limit = self._checks.timeout
        self._session = aiohttp.ClientSession(
            # Certificates are not verified, as CAs do not: the one to replace may have expired.
            connector=aiohttp.TCPConnector(limit=0, ssl=False),
            timeout=aiohttp.ClientTimeout(total=limit, sock_connect=limit / _DIAL_SHARE),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "acme-companion (probe)", "Accept-Encoding": "identity"},
            auto_decompress=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def probe(self, name: Name, found: Addresses) -> Probe | None:
        """Whether our file comes back from `name`; None when it has no address.

        As CAs do, IPv4 is tried only when IPv6 cannot be dialled. The time limit of the checks holds for each request;
        the caller limits the whole. Never raises.
        """
        failures = []
        families: tuple[tuple[Address, ...], ...] = (_known(found.ipv6), _known(found.ipv4))
        for address in map(self._one_of, filter(None, families)):
            try:
                return await self._visit(name, address, found)
            except _WrongError as problem:
                return ProbeWrong(str(address), str(problem))
            except _NotDialledError as problem:
                failures.append(str(problem))
            except _SilentError as problem:
                return Unanswered(str(problem))
        return Unanswered("; ".join(failures)) if failures else None

    def _one_of(self, several: tuple[Address, ...]) -> Address:
        """Ours, whichever DNS tells first: another one says nothing of this host, and may be a stranger's."""
        ours = (self._own.ipv4, self._own.ipv6)
        return next((address for address in several if address in ours), several[0])

    async def _visit(self, name: Name, first: Address, found: Addresses) -> ProbeReached:
        """Fetch the file by one address, over all redirects; raises this module's errors."""
        path = f"/.well-known/acme-challenge/{self._file.token}"
        target, address = Target("http", name.text, self._checks.http_port, path), first
        for hop in range(MOST_REDIRECTS + 1):
            try:
                answer = await self._get(target, address)
            except _NotDialledError as problem:
                if hop:
                    raise _SilentError(f"redirects to {quoted(target.url)}: {problem}") from None
                raise
            if answer.status not in FOLLOWED or not answer.location:
                self._check(answer, target)
                return ProbeReached(str(first))
            onward = follow(target, answer.location, self._checks.http_port)
            if isinstance(onward, str):
                raise _WrongError(onward)
            target = onward
            address = first if target.host == name.text else await self._address_of(target, found)
        raise _WrongError(f"redirects more than {MOST_REDIRECTS} times")

    async def _address_of(self, target: Target, found: Addresses) -> Address:
        """Where a redirect to another host leads, unless that is inside our own networks."""
        there = await addresses(self._resolvers, target.host)
        choice: tuple[Address, ...] = (*_known(there.ipv6), *_known(there.ipv4))
        if not choice:
            unknown = [part.why for part in (there.ipv6, there.ipv4) if isinstance(part, Unanswered)]
            raise _SilentError(f"redirects to {quoted(target.url)}: {(*unknown, there.missing)[0]}")
        if forbidden(choice[0], {*_known(found.ipv6), *_known(found.ipv4), self._own.ipv4, self._own.ipv6}):
            raise _SilentError(
                f"redirects to {quoted(target.url)} at {choice[0]}, which is not public: not followed"
            )
        return choice[0]

    async def _get(self, target: Target, address: Address) -> _Answer:
        try:
            return await self._request(target, address)
        except aiohttp.ClientSSLError as problem:
            raise _WrongError(f"TLS fails at {quoted(target.url)}: {quoted(str(problem.os_error))}") from None
        except aiohttp.ClientConnectorError as problem:
            raise _NotDialledError(f"{address} port {target.port}: {reason_of(problem)}") from None
        except aiohttp.ConnectionTimeoutError:
            raise _NotDialledError(f"{address} port {target.port}: no connection in time") from None
        except aiohttp.ClientResponseError as problem:
            raise _WrongError(f"answers something that is not HTTP ({quoted(problem.message)})") from None
        except TimeoutError:
            raise _SilentError(f"no answer from {address} within {self._checks.timeout:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as problem:
            raise _SilentError(f"{address}: {quoted(str(problem) or type(problem).__name__)}") from None

    async def _request(self, target: Target, address: Address) -> _Answer:
        assert self._session is not None
        host = f"[{address}]" if address.version == 6 else str(address)
        url = URL(f"{target.scheme}://{host}:{target.port}{target.target}", encoded=True)
        async with self._session.get(
            url,
            headers={"Host": target.authority},
            allow_redirects=False,
            server_hostname=target.host if target.scheme == "https" else None,
        ) as response:
            body = b""
            while len(body) < _MOST_BYTES and (more := await response.content.read(_MOST_BYTES - len(body))):
                body += more
            return _Answer(response.status, response.headers.get("Location", ""), body)

    def _check(self, answer: _Answer, target: Target) -> None:
        """Return when the answer is our file; raise `_WrongError` with what it is instead."""
        if answer.status == 200 and answer.body.rstrip() == self._file.content.encode().rstrip():
            return
        what = "200 with other content" if answer.status == 200 else str(answer.status)
        if answer.status == 303:
            what = "303, a redirect that CAs do not follow"
        said = quoted(answer.body[:_FIRST_BYTES].decode("utf-8", "replace").strip())
        raise _WrongError(f"{quoted(target.url)} answers {what}, beginning {said}")


def _known(addresses: tuple[A, ...] | Unanswered) -> tuple[A, ...]:
    return () if isinstance(addresses, Unanswered) else addresses


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    location: str
    body: bytes


class _WrongError(Exception):
    """Something answers, but not as it should."""


class _SilentError(Exception):
    """No answer, or none that says anything about the name."""


class _NotDialledError(_SilentError):
    """No connection could be made to the address."""
