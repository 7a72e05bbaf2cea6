"""An HTTP proxy on loopback for what goes by CONNECT, as an office or a provider may force one on a mail server."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.bed.process import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@dataclass
class ConnectProxy:
    """`url` without credentials. `asked`: whom it was asked for; `authorization`: what it wants to see, if anything."""

    port: int = 0
    authorization: str = ""
    asked: list[str] = field(default_factory=list)
    refusal: bytes = b""

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            method, target, *_ = head.split()
            self.asked.append(f"{method} {target}")
            if self.refusal or self.authorization not in head:
                writer.write(
                    self.refusal or b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
                )
                await writer.drain()
            else:
                # Whatever the name is, everything lives here.
                upstream = await asyncio.open_connection(LOOPBACK, int(target.rpartition(":")[2]))
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                await asyncio.gather(_pump(reader, upstream[1]), _pump(upstream[0], writer))
        writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while part := await reader.read(65536):
            writer.write(part)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def connect_proxy(*, authorization: str = "", refusal: bytes = b"") -> AsyncIterator[ConnectProxy]:
    proxy = ConnectProxy(authorization=authorization, refusal=refusal)
    server = await asyncio.start_server(proxy.serve, LOOPBACK, 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
