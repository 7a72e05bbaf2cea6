"""A TCP proxy on loopback that holds every byte for a while in each direction: the way to a CA on the internet.

A process of its own, so that its work is not counted as anybody else's:

    python -m benchmarks.latency_proxy --to PORT --seconds 0.025

It prints the port that it listens on, and at its end (SIGTERM) how many connections it took.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
from contextlib import suppress

LOOPBACK = "127.0.0.1"
MOST_BYTES = 65536


class LatencyProxy:
    """Passes on to `port`, `seconds` later. `connections`: how many were made to it."""

    def __init__(self, port: int, seconds: float) -> None:
        self._port, self._seconds = port, seconds
        self.connections = 0
        self._visits: set[asyncio.Task[None]] = set()

    def welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one connection. The task is ours, so that its end with the whole proxy is no fault to be told."""
        visit = asyncio.create_task(self.visit(reader, writer))
        self._visits.add(visit)
        visit.add_done_callback(self._visits.discard)

    async def visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection to its end."""
        self.connections += 1
        with suppress(OSError):
            there_reader, there_writer = await asyncio.open_connection(LOOPBACK, self._port)
            await asyncio.gather(
                self._carry(reader, there_writer), self._carry(there_reader, writer), return_exceptions=True
            )
        writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # What is read next must not wait for what is on its way: bytes travel side by side.
        travelling: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        arriving = asyncio.create_task(self._arrive(travelling, writer))
        loop = asyncio.get_running_loop()
        try:
            while data := await reader.read(MOST_BYTES):
                travelling.put_nowait((loop.time() + self._seconds, data))
        finally:
            travelling.put_nowait((loop.time() + self._seconds, b""))
            await asyncio.gather(arriving, return_exceptions=True)

    async def _arrive(
        self, travelling: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter
    ) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due, data = await travelling.get()
            if (wait := due - loop.time()) > 0:
                await asyncio.sleep(wait)
            if not data:
                break
            writer.write(data)
        writer.close()


async def _main(port: int, seconds: float) -> None:
    proxy, stopped = LatencyProxy(port, seconds), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    server = await asyncio.start_server(proxy.welcome, LOOPBACK, 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await stopped.wait()
    server.close()
    print(proxy.connections, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--to", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    arguments = parser.parse_args()
    asyncio.run(_main(arguments.to, arguments.seconds))
