"""The way to the CA: a proxy of the environment counts for every question to it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from acme_companion.act.acme import proxies
from acme_companion.cli.wiring import open_world
from acme_companion.decide.facts import Unanswered
from acme_companion.decide.settings.read import read
from tests.bed.doors import RememberingLog
from tests.bed.process import LOOPBACK, free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import pytest


@asynccontextmanager
async def refusing_proxy() -> AsyncIterator[tuple[str, list[str]]]:
    """An HTTP proxy that connects nobody: its URL, and the request lines that it heard."""
    heard: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append((await reader.readuntil(b"\r\n\r\n")).decode().splitlines()[0])
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    port = free_port()
    async with await asyncio.start_server(serve, LOOPBACK, port):
        yield f"http://{LOOPBACK}:{port}", heard


async def test_questions_to_the_ca_go_through_the_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Its directory and its renewal advice, as the orders."""
    settings = read(
        {
            "MAILCOW_HOSTNAME": "mail.example.org",
            "DIRECTORY_URL": "https://ca.example/directory",
            "VOLUME": str(tmp_path),
        }
    )
    async with refusing_proxy() as (url, heard):
        monkeypatch.setenv("https_proxy", url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        proxies._proxy.cache_clear()
        async with open_world(settings, RememberingLog()) as world:
            told = [
                await world.directory(settings.ca),
                await world.renewal_advice("https://ari.example/renewal/x.y"),
            ]
    proxies._proxy.cache_clear()

    assert heard == ["CONNECT ca.example:443 HTTP/1.1", "CONNECT ari.example:443 HTTP/1.1"]
    assert [type(one) for one in told] == [Unanswered, Unanswered]
