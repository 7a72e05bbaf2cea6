"""Our own listener for challenge files: knows a few tokens, answers nothing else, and is in no hurry for anybody."""

from __future__ import annotations

import asyncio
import errno
import socket
from contextlib import ExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

from acme_companion.decide.problems import NotYet

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from acme_companion.ports import Clock

PATH: Final = b"/.well-known/acme-challenge/"
TIME_LIMIT: Final = 10.0  # seconds from connecting to the last byte
LONGEST_REQUEST: Final = 8192  # bytes of request line and headers
MOST_VISITORS: Final = 200  # at the same time; the CA sends at most a few for each name
BACKLOG: Final = 200
TURNS: Final = 5  # of the event loop, until a connection that was just accepted has become a visit


class Standalone:
    """A `Responder` whose files live in memory."""

    def __init__(self) -> None:
        self._files: dict[bytes, bytes] = {}
        self._visits: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    def present(self, token: str, content: str) -> None:
        self._files[token.encode()] = content.encode()

    def clean_up(self, token: str) -> None:
        self._files.pop(token.encode(), None)

    async def visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request and close."""
        task = asyncio.current_task()
        assert task
        self._visits[task] = writer
        try:
            if len(self._visits) <= MOST_VISITORS:
                async with asyncio.timeout(TIME_LIMIT):
                    head = await reader.readuntil(b"\r\n\r\n")
                    writer.write(self._answer(head.partition(b"\r\n")[0]))
                    await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # whoever it was does not want an answer
        finally:
            writer.close()
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(TIME_LIMIT):
                    await writer.wait_closed()
            del self._visits[task]

    async def send_away(self, clock: Clock) -> None:
        """End whatever visits are going on."""
        for _ in range(TURNS):
            await clock.sleep(0)
        for writer in self._visits.values():
            writer.transport.abort()
        if self._visits:
            await asyncio.wait(self._visits, timeout=TIME_LIMIT)

    def _answer(self, request: bytes) -> bytes:
        method, _, rest = request.partition(b" ")
        path, _, version = rest.partition(b" ")
        if not version.startswith(b"HTTP/1."):
            return _response(b"400 Bad Request", b"")
        if method not in {b"GET", b"HEAD"}:
            return _response(b"405 Method Not Allowed", b"", b"Allow: GET, HEAD\r\n")
        content = self._files.get(path.removeprefix(PATH)) if path.startswith(PATH) else None
        if content is None:
            return _response(b"404 Not Found", b"")
        response = _response(b"200 OK", content, b"Content-Type: text/plain\r\n")
        return response.removesuffix(content) if method == b"HEAD" else response


@asynccontextmanager
async def listening(port: int, clock: Clock) -> AsyncIterator[Standalone]:
    """Serve on `port` of every IPv4 and IPv6 address while the block runs; raises `NotYet` when it cannot be had."""
    responder = Standalone()
    with ExitStack() as undo:
        sockets = [undo.enter_context(listener) for listener in _listeners(port)]
        try:
            for listener in sockets:
                server = await asyncio.start_server(
                    responder.visit, sock=listener, limit=LONGEST_REQUEST, backlog=BACKLOG
                )
                undo.callback(server.close)
        except OSError as problem:
            # Somebody else may have got between binding and listening.
            raise NotYet(_why_not(port, problem)) from None
        try:
            yield responder
        finally:
            undo.close()
            await responder.send_away(clock)


def _listeners(port: int) -> list[socket.socket]:
    """Two sockets, so that an address shows as what it is; IPv6 is left out where the host has none."""
    opened: list[socket.socket] = []
    for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):  # noqa: S104 - the CA must reach it
        listener = None
        try:
            listener = socket.socket(family, socket.SOCK_STREAM)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family is socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind((address, port))
        except OSError as problem:
            if listener:
                listener.close()
            if family is socket.AF_INET6 and problem.errno in {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL}:
                continue
            for other in opened:
                other.close()
            raise NotYet(_why_not(port, problem)) from None
        opened.append(listener)
    return opened


def _why_not(port: int, problem: OSError) -> str:
    if problem.errno == errno.EADDRINUSE:
        todo = "another program has it: stop that, choose another HTTP01_PORT and forward port 80 to it, or use webroot mode"
    elif problem.errno == errno.EACCES:
        todo = "that needs the capability NET_BIND_SERVICE, or an HTTP01_PORT above 1023 with port 80 forwarded to it"
    else:
        todo = str(problem.strerror or problem)
    return f"cannot listen on port {port} for http-01 challenges: {todo}"


def _response(status: bytes, body: bytes, extra: bytes = b"") -> bytes:
    length = b"Content-Length: %d\r\n" % len(body)
    return b"HTTP/1.1 " + status + b"\r\n" + extra + length + b"Connection: close\r\n\r\n" + body
