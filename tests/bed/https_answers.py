"""A loopback HTTPS server that gives one scripted answer: for what a real CA never says."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import trustme

from .process import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@dataclass(frozen=True)
class HttpsAnswers:
    """Where it listens, and the trust that its certificate needs."""

    url: str
    trust: ssl.SSLContext


def http_answer(body: bytes, status: str = "200 OK", **headers: str) -> bytes:
    """A whole HTTP answer; header names are written with underscores."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


@asynccontextmanager
async def answering(*parts: bytes, silent: bool = False) -> AsyncIterator[HttpsAnswers]:
    """Answer every request with `parts`, one TLS record each; `silent`: accept, read, and say nothing more."""
    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(LOOPBACK, key_type=trustme.KeyType.ECDSA).configure_cert(context)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0.02)  # the parts must not travel as one
            if silent:
                await reader.read()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(serve, LOOPBACK, 0, ssl=context) as server:
        trust = ssl.create_default_context()
        authority.configure_trust(trust)
        yield HttpsAnswers(f"https://{LOOPBACK}:{server.sockets[0].getsockname()[1]}", trust)
