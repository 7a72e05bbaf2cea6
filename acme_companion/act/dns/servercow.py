"""TXT records at Servercow, whose interface mailcow's own documentation shows first; dns-lexicon does not speak it."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from acme_companion.act.acme.proxies import proxy_for
from acme_companion.act.dns.masking import masked
from acme_companion.decide.acme_problems import without_credentials
from acme_companion.decide.names import quoted
from acme_companion.decide.problems import NotYet, Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from acme_companion.act.dns.editor import TxtRecord
    from acme_companion.decide.settings import Secret

API: Final = "https://api.servercow.de/dns/v1/domains"
TIME_LIMIT: Final = 30.0  # seconds for one request
LONGEST_ANSWER: Final = 4 * 1024 * 1024
TTL: Final = 60
_USER, _PASSWORD = "SERVERCOW_API_Username", "SERVERCOW_API_Password"
_MOST_SAID: Final = 300


class Servercow:
    """A `RecordEditor`. The interface replaces whole record sets, so what others put into one is written back with ours."""

    def __init__(self, options: Mapping[str, Secret], url: str = API) -> None:
        self._given = {name: options[name].reveal() for name in (_USER, _PASSWORD)}
        self._url, self._one = url, asyncio.Lock()

    async def add(self, record: TxtRecord) -> None:
        """See `RecordEditor.add`."""
        async with self._one:
            held = await self._values(record)
            if record.value not in held:
                await self._write(record, [*held, record.value])

    async def remove(self, record: TxtRecord) -> None:
        """See `RecordEditor.remove`."""
        async with self._one:
            held = await self._values(record)
            if record.value in held:
                await self._write(record, [value for value in held if value != record.value])

    async def _values(self, record: TxtRecord) -> list[str]:
        found = await self._ask("GET", record.zone)
        if not isinstance(found, list):
            raise NotYet(
                f"Servercow (dns_servercow) answered for {record.zone} with something else than its records"
            )
        name = _below(record)
        sets = [
            one
            for one in found
            if isinstance(one, dict) and (one.get("type"), one.get("name")) == ("TXT", name)
        ]
        contents = [one.get("content") or [] for one in sets]
        return [str(text) for one in contents for text in (one if isinstance(one, list) else [one])]

    async def _write(self, record: TxtRecord, values: list[str]) -> None:
        place = {"type": "TXT", "name": _below(record)}
        if values:
            await self._ask("POST", record.zone, {**place, "ttl": TTL, "content": values})
        else:
            await self._ask("DELETE", record.zone, place)

    async def _ask(self, method: str, zone: str, document: dict[str, Any] | None = None) -> object:
        """The answer's document. Raises `Refused` for an error that it names: even wrong credentials come with status 200."""
        who = f"Servercow (dns_servercow), asked for {zone},"
        url = f"{self._url}/{zone}"
        headers = {"X-Auth-Username": self._given[_USER], "X-Auth-Password": self._given[_PASSWORD]}
        try:
            async with (
                asyncio.timeout(TIME_LIMIT),
                aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
                session.request(
                    method,
                    url,
                    json=document,
                    headers=headers,
                    allow_redirects=False,  # credentials go to nobody else
                    proxy=proxy_for(url) if url.startswith("https:") else None,
                ) as answer,
            ):
                body = await answer.content.read(LONGEST_ANSWER)
                while len(body) < LONGEST_ANSWER and (more := await answer.content.read(LONGEST_ANSWER)):
                    body += more
                status = answer.status
        except TimeoutError:
            raise NotYet(f"{who} did not answer within {TIME_LIMIT:g} seconds") from None
        except (aiohttp.ClientError, ValueError) as problem:
            raise NotYet(f"{who} cannot be reached: {self._safe(str(problem))}") from None
        return self._document(who, status, body)

    def _document(self, who: str, status: int, body: bytes) -> object:
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            document = None
        error = document.get("error") if isinstance(document, dict) else None
        if error:
            raise Refused(
                f"{who} refused it: {self._safe(str(error))}: check {_USER} and {_PASSWORD}, and that the zone is there"
            )
        if status in {401, 403}:
            raise Refused(f"{who} refused it with HTTP {status}: check {_USER} and {_PASSWORD}")
        if status != 200 or document is None:
            raise NotYet(f"{who} failed with HTTP {status}")
        return document

    def _safe(self, text: str) -> str:
        return quoted(masked(without_credentials(text), list(self._given.values()))[:_MOST_SAID])


def _below(record: TxtRecord) -> str:
    """The owner relative to the zone, empty for the zone itself."""
    return "" if record.name == record.zone else record.name.removesuffix(f".{record.zone}")
