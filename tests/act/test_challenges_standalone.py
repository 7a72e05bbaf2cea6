"""Our own listener on the challenge port: answers for what it knows, shrugs off everybody else."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from acme_companion.act.challenges import standalone
from acme_companion.act.challenges.http01 import responding
from acme_companion.decide.problems import NotYet
from acme_companion.decide.settings import Http01, Http01Mode
from tests.act.acme_world import RealClock
from tests.bed.process import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TOKEN = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
CONTENT = f"{TOKEN}.thumbprint"
PATH = f"/.well-known/acme-challenge/{TOKEN}"


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """Where one file is being served."""
    port = free_port()
    async with responding(Http01(Http01Mode.STANDALONE, port=port), RealClock()) as responder:
        responder.present(TOKEN, CONTENT)
        yield port


async def said(port: int, request: bytes, host: str = "127.0.0.1") -> bytes:
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(request)
    try:
        return await asyncio.wait_for(reader.read(), 5)
    finally:
        writer.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_known_token(port: int, host: str) -> None:
    """The key authorization, exactly, over IPv4 and IPv6."""
    answer = await said(port, f"GET {PATH} HTTP/1.1\r\nHost: x\r\n\r\n".encode(), host)

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\n" + CONTENT.encode())
    assert b"Content-Length: %d\r\n" % len(CONTENT) in answer


async def test_head(port: int) -> None:
    answer = await said(port, f"HEAD {PATH} HTTP/1.1\r\n\r\n".encode())

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        pytest.param("GET / HTTP/1.1", "404", id="the root"),
        pytest.param(f"GET {PATH}x HTTP/1.1", "404", id="another token"),
        pytest.param(f"GET {PATH}?a=b HTTP/1.1", "404", id="with a query"),
        pytest.param("GET /.well-known/acme-challenge/ HTTP/1.1", "404", id="the folder"),
        pytest.param(
            "GET /.well-known/acme-challenge/../../etc/passwd HTTP/1.1", "404", id="out of the folder"
        ),
        pytest.param(f"GET /{TOKEN} HTTP/1.1", "404", id="the token elsewhere"),
        pytest.param(f"POST {PATH} HTTP/1.1", "405", id="POST"),
        pytest.param(f"GET {PATH}", "400", id="HTTP/0.9"),
        pytest.param("\x16\x03\x01", "400", id="TLS"),
    ],
)
async def test_everything_else(port: int, request_line: str, status: str) -> None:
    """Nothing but known tokens is served, and no file system is behind it."""
    answer = await said(port, f"{request_line}\r\n\r\n".encode())

    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert CONTENT.encode() not in answer


async def test_token_is_gone_after_clean_up() -> None:
    port = free_port()
    async with responding(Http01(Http01Mode.STANDALONE, port=port), RealClock()) as responder:
        responder.present(TOKEN, CONTENT)
        responder.clean_up(TOKEN)
        responder.clean_up(TOKEN)
        answer = await said(port, f"GET {PATH} HTTP/1.1\r\n\r\n".encode())

    assert answer.startswith(b"HTTP/1.1 404")


async def test_endless_headers_are_cut_off(port: int) -> None:
    assert await said(port, b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 10_000) == b""


async def test_slow_visitors_do_not_stay(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A visitor that says nothing is sent away, and others are served meanwhile."""
    monkeypatch.setattr(standalone, "TIME_LIMIT", 0.2)
    slow = [asyncio.create_task(said(port, b"GET ")) for _ in range(20)]
    answer = await said(port, f"GET {PATH} HTTP/1.1\r\n\r\n".encode())

    assert answer.startswith(b"HTTP/1.1 200")
    assert await asyncio.gather(*slow) == [b""] * 20


async def test_port_in_use() -> None:
    """The complaint names the port and what to do."""
    with socket.create_server(("0.0.0.0", 0)) as taken:
        number = taken.getsockname()[1]
        with pytest.raises(NotYet, match=f"port {number} .*another program has it.*HTTP01_PORT"):
            async with responding(Http01(Http01Mode.STANDALONE, port=number), RealClock()):
                pass


async def test_port_that_is_taken_between_binding_and_listening(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel may say no as late as that: the same complaint, and nothing is left open."""
    port, bound = free_port(), standalone._listeners

    def listeners(number: int) -> list[socket.socket]:
        own = bound(number)
        own[-1].close()  # what listening on it gives is an OSError as well
        return own

    monkeypatch.setattr(standalone, "_listeners", listeners)
    for _ in range(2):
        with pytest.raises(NotYet, match=f"cannot listen on port {port} for http-01 challenges"):
            async with responding(Http01(Http01Mode.STANDALONE, port=port), RealClock()):
                pass


async def test_port_is_free_again() -> None:
    """One pass after the other can have the port, even right after visitors."""
    http01 = Http01(Http01Mode.STANDALONE, port=free_port())
    for _ in range(3):
        async with responding(http01, RealClock()):
            await said(http01.port, b"GET / HTTP/1.1\r\n\r\n")


async def test_visitors_are_sent_away_at_the_end() -> None:
    """Nobody who holds a connection open holds us up."""
    port = free_port()
    async with asyncio.timeout(5):
        async with responding(Http01(Http01Mode.STANDALONE, port=port), RealClock()):
            slow = asyncio.create_task(said(port, b"GET "))
            await said(port, b"GET / HTTP/1.1\r\n\r\n")
        with suppress(ConnectionError):
            assert await slow == b""
