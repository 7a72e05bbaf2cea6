"""Answers that no web server would give: endless, slow, garbled. Written to the connection byte by byte."""

from __future__ import annotations

import asyncio
import gzip
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from tests.act.acme_proxy import Fault, Forward

LARGEST = 32 * 1024 * 1024  # bytes that an endless answer has at most, so that a test always ends
PAUSE = 0.05  # seconds between the bytes of a slow one


def raw(*parts: bytes, pause: float = 0.0, again: int = 0) -> Fault:
    """Write `parts` one after another, the last `again` times more, and cut the connection."""

    async def fault(request: web.BaseRequest, forward: Forward) -> web.Response:
        transport, protocol = request.transport, request.protocol
        assert transport
        for part in (*parts, *[parts[-1]] * again):
            if transport.is_closing():
                break
            transport.write(part)
            await asyncio.sleep(pause)
            # What the client does not read must not pile up here.
            while transport.get_write_buffer_size() > 1024 * 1024 and not transport.is_closing():
                await asyncio.sleep(0.01)
        transport.close()
        protocol.close()
        return web.Response()

    return fault


START = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
MEGABYTE = b"a" * 1024 * 1024

endless_body = raw(START + b"\r\n", MEGABYTE, again=31)
announced_body = raw(START + b"Content-Length: 10000000000\r\n\r\n", MEGABYTE, again=31)
chunked_body = raw(
    START + b"Transfer-Encoding: chunked\r\n\r\n", b"100000\r\n" + MEGABYTE + b"\r\n", again=31
)
endless_headers = raw(START, b"X-More: " + b"a" * 4000 + b"\r\n", again=5000)
endless_header = raw(START + b"X-More: ", MEGABYTE, again=31)
gzip_bomb = raw(
    START + b"Content-Encoding: gzip\r\n\r\n", gzip.compress(b"[" + b" " * LARGEST + b"]", compresslevel=9)
)
slow_body = raw(START + b"Content-Length: 10000\r\n\r\n", b"{", b" ", pause=PAUSE, again=9999)
slow_headers = raw(START, b"X", pause=PAUSE, again=9999)
silence = raw(b"", b"", pause=PAUSE, again=9999)
short_body = raw(START + b'Content-Length: 10000\r\n\r\n{"status":"valid"')
not_http = raw(b"220 mail.example.org ESMTP Postfix\r\n")
nothing = raw(b"")
lying_chunks = raw(START + b"Transfer-Encoding: chunked\r\n\r\n", b"zz\r\nhello\r\n")
two_lengths = raw(START + b"Content-Length: 2\r\nContent-Length: 200\r\n\r\n{}")
