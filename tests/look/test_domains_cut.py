"""A connection to the database that ends in the middle of an answer, and a database that comes back."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from acme_companion.decide.settings import HostPort
from acme_companion.look.domains import mail_domains
from tests.bed.process import LOOPBACK
from tests.builders import naming

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from acme_companion.decide.settings import Database
    from tests.look.mailcow_database import Mailcow

WHOLE = 10**9


class Line:
    """A way to the server that ends after `most` bytes of answers; `passed`: how many went over it."""

    def __init__(self, port: int, most: int) -> None:
        self.passed, self._port, self._most = 0, port, most
        self._visits: list[asyncio.Future[None]] = []

    @asynccontextmanager
    async def open(self) -> AsyncIterator[HostPort]:
        server = await asyncio.start_server(self._visit, LOOPBACK, 0)
        async with server:
            yield HostPort(LOOPBACK, server.sockets[0].getsockname()[1])
        await asyncio.wait_for(asyncio.gather(*self._visits), 30)

    async def _visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._visits.append(asyncio.ensure_future(self._pass_on(reader, writer)))

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, to_server = await asyncio.open_connection(LOOPBACK, self._port)
        asking = asyncio.create_task(self._ask(reader, to_server))
        try:
            while self.passed < self._most and (data := await upstream.read(self._most - self.passed)):
                self.passed += len(data)
                writer.write(data)
                await writer.drain()
        except OSError:
            pass  # whoever asked has heard enough
        finally:
            asking.cancel()
            await asyncio.wait([asking])
            for one in (writer, to_server):
                one.close()
                with suppress(OSError):
                    await one.wait_closed()

    async def _ask(self, reader: asyncio.StreamReader, to_server: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                to_server.write(data)
                await to_server.drain()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 0.7, 0.9, 0.97, 0.99])
async def test_cut_in_the_middle(full: Mailcow, share: float) -> None:
    """However much of the answers has come: a part of a list is none; and the next look, over a whole line, has it all."""
    line = Line(full.server.port, WHOLE)
    async with line.open() as address:
        found = await mail_domains(naming(), _over(full, address))
    assert (found.unanswered, bool(found.domains), bool(found.mta_sts)) == (None, True, True)

    async with Line(full.server.port, int(line.passed * share)).open() as address:
        cut = await mail_domains(naming(), _over(full, address), 10)
    assert cut.unanswered is not None
    assert (cut.domains, cut.mta_sts, cut.refused) == ((), (), ())
    assert "cannot be read" in cut.unanswered.why

    async with Line(full.server.port, WHOLE).open() as address:
        assert await mail_domains(naming(), _over(full, address)) == found


def _over(full: Mailcow, address: HostPort) -> Database:
    return full.database(host=address, socket="/nowhere")
