"""A few kept-alive HTTPS connections and no more HTTP than an ACME client needs: the cheapest way to ask a CA."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path
    from types import TracebackType

TIME_LIMIT = 30.0  # seconds for one answer


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Connection:
    """One connection, opened with its first request. Not for two requests at the same time."""

    def __init__(self, host: str, port: int, trust: ssl.SSLContext) -> None:
        self._host, self._port, self._trust = host, port, trust
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def request(self, url: str, body: bytes | None, accept: str = "application/json") -> Answer:
        """GET without a body, POST with one."""
        async with asyncio.timeout(TIME_LIMIT):
            if self._streams is None:
                self._streams = await asyncio.open_connection(self._host, self._port, ssl=self._trust)
            reader, writer = self._streams
            parts = urlsplit(url)
            head = [
                f"{'GET' if body is None else 'POST'} {parts.path} HTTP/1.1",
                f"Host: {parts.netloc}",
                "User-Agent: bound",
                f"Accept: {accept}",
            ]
            if body is not None:
                head += ["Content-Type: application/jose+json", f"Content-Length: {len(body)}"]
            writer.write("\r\n".join([*head, "\r\n"]).encode() + (body or b""))
            return await _answer(reader)

    def close(self) -> None:
        """Close it without ceremony."""
        if self._streams:
            self._streams[1].transport.abort()


async def _answer(reader: asyncio.StreamReader) -> Answer:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").rstrip().split("\r\n")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    if "content-length" in headers:
        body = await reader.readexactly(int(headers["content-length"]))
    elif headers.get("transfer-encoding") == "chunked":
        body = b""
        while size := int(await reader.readuntil(b"\r\n"), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readuntil(b"\r\n")
    else:
        body = b""  # 204
    return Answer(int(first.split(" ")[1]), headers, body)


class Connections:
    """At most `most` connections to one server; the one used last is given out first, and none is opened without need."""

    def __init__(self, origin: str, ca_bundle: Path, most: int) -> None:
        parts = urlsplit(origin)
        trust = ssl.create_default_context(cafile=str(ca_bundle))
        host, port = parts.hostname or "", parts.port or 443
        self._all = [Connection(host, port, trust) for _ in range(most)]
        self._free = list(self._all)
        self._slots = asyncio.Semaphore(most)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection in self._all:
            connection.close()

    @asynccontextmanager
    async def one(self) -> AsyncIterator[Connection]:
        """A connection to oneself."""
        async with self._slots:
            connection = self._free.pop()
            try:
                yield connection
            finally:
                self._free.append(connection)
