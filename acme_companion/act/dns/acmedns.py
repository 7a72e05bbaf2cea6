"""Changing TXT records at an acme-dns server, to whose subdomain `_acme-challenge` is delegated by a CNAME."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import aiohttp

from acme_companion.act.acme.proxies import proxy_for
from acme_companion.decide.names import quoted
from acme_companion.decide.problems import NotYet, Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from acme_companion.act.dns.editor import TxtRecord
    from acme_companion.decide.problems import Problem
    from acme_companion.decide.settings import Secret

TIME_LIMIT: Final = 20.0  # seconds for one request
LONGEST_ANSWER: Final = 64 * 1024
KEPT: Final = 2  # values that acme-dns keeps of one subdomain: a name and its wildcard
PUBLIC: Final = "https://auth.acme-dns.io"


class AcmeDns:
    """A `RecordEditor` for one subdomain of an acme-dns server.

    `options` (acme.sh's): ACMEDNS_USERNAME, ACMEDNS_PASSWORD, ACMEDNS_SUBDOMAIN, and ACMEDNS_BASE_URL or ACMEDNS_UPDATE_URL.
    """

    def __init__(self, options: Mapping[str, Secret]) -> None:
        """Read the options; raises `Refused` for a URL that is none."""
        self._options = options
        self._subdomain = self._option("ACMEDNS_SUBDOMAIN").lower()
        base = self._option("ACMEDNS_BASE_URL").rstrip("/") or PUBLIC
        self._url = self._option("ACMEDNS_UPDATE_URL") or f"{base}/update"
        if not _is_usable(self._url):
            option = "ACMEDNS_UPDATE_URL" if self._option("ACMEDNS_UPDATE_URL") else "ACMEDNS_BASE_URL"
            raise Refused(
                f"{option} is not the address of an acme-dns server: write it as https://auth.example.org"
            )
        parts = urlsplit(self._url)
        # Not the URL as it was given: it may hold a password.
        self._who = f"acme-dns at {parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        self._shown: list[str] = []
        self._one = asyncio.Lock()

    async def add(self, record: TxtRecord) -> None:
        """See `RecordEditor.add`; once only, as the same value twice would take both of the places that there are."""
        if not record.name.startswith(f"{self._subdomain}."):
            host = urlsplit(self._url).hostname or "the acme-dns server"
            raise Refused(
                f"{record.name} is not the subdomain {self._subdomain} of acme-dns, so it cannot be changed there: publish "
                f"{record.name}. IN CNAME {self._subdomain}.{host}. (the fulldomain that acme-dns gave with the password)"
            )
        async with self._one:
            if record.value in self._shown:
                return
            if len(self._shown) >= KEPT:
                raise Refused(
                    f"acme-dns keeps {KEPT} values of the subdomain {self._subdomain}, and more names than that lead to it: register a "
                    "subdomain for each name and put it into a section of its own (dns-01.conf), or validate fewer names there"
                )
            self._shown.append(record.value)
            try:
                await self._update(record.value)
            except BaseException:
                self._shown.remove(record.value)
                raise

    async def remove(self, record: TxtRecord) -> None:
        """acme-dns removes nothing: the next value takes the place of the older one."""
        if record.value in self._shown:
            self._shown.remove(record.value)

    async def _update(self, value: str) -> None:
        who = self._who
        headers = {
            "X-Api-User": self._option("ACMEDNS_USERNAME"),
            "X-Api-Key": self._option("ACMEDNS_PASSWORD"),
        }
        try:
            async with (
                asyncio.timeout(TIME_LIMIT),
                aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
                session.post(
                    self._url,
                    json={"subdomain": self._subdomain, "txt": value},
                    headers=headers,
                    allow_redirects=False,  # credentials go where the admin said, and nowhere else
                    proxy=proxy_for(self._url) if self._url.startswith("https:") else None,
                ) as answer,
            ):
                body = await _beginning(answer)
                status = answer.status
        except TimeoutError:
            raise NotYet(f"{who} did not answer within {TIME_LIMIT:g} s") from None
        except (aiohttp.ClientError, ValueError) as problem:
            raise NotYet(f"{who} cannot be used: {_why(problem)}") from None
        if status != 200:
            raise _by_status(who, status, body)
        if _field(body, "txt") != value:
            raise NotYet(
                f"{who} answered with something else than the value it was given: is ACMEDNS_BASE_URL right?"
            )

    def _option(self, name: str) -> str:
        value = self._options.get(name)
        return value.reveal().strip() if value else ""


def _is_usable(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna")
        # Asking for a port that is none raises `ValueError`.
        return parts.scheme in {"http", "https"} and bool(host) and parts.port != 0
    except ValueError:
        return False


async def _beginning(answer: aiohttp.ClientResponse) -> bytes:
    """The body, or its first part when it is too long for an answer of acme-dns."""
    body = b""
    while len(body) < LONGEST_ANSWER and (more := await answer.content.read(LONGEST_ANSWER)):
        body += more
    return body


def _by_status(who: str, status: int, body: bytes) -> Problem:
    said = quoted(_field(body, "error")) if _field(body, "error") else f"HTTP {status}"
    if status == 401:
        return Refused(
            f"{who} refuses our credentials ({said}): set ACMEDNS_USERNAME, ACMEDNS_PASSWORD and ACMEDNS_SUBDOMAIN as the "
            "registration gave them, and let its allowfrom hold this host's address"
        )
    if status in {429, *range(500, 600)}:
        return NotYet(f"{who} failed ({said}): see its log")
    return Refused(f"{who} refused the update ({said}): is ACMEDNS_BASE_URL right?")


def _field(body: bytes, name: str) -> str:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""


def _why(problem: Exception) -> str:
    """The library's words without a URL, which may hold a password."""
    cause = getattr(problem, "os_error", None)
    return quoted(str(getattr(cause, "strerror", None) or "") or type(problem).__name__)
