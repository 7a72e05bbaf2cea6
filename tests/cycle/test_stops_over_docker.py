"""Stopped while Docker takes its time. No real Docker can be made to restart a container that slowly: a fake one does."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from tests.bed.process import LOOPBACK
from tests.cycle.stack import steps

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.cycle.stack import Stack

STOPS_WITHIN = 5.0  # seconds; after ten Docker kills
IDENTITY = "a" * 64
LABELS = {"com.docker.compose.service": "postfix-mailcow", "com.docker.compose.project": "mailcowdockerized"}
DOCUMENT = {
    "Id": IDENTITY,
    "Name": "/postfix-1",
    "State": {"Status": "running"},
    "Config": {"Labels": LABELS},
    "NetworkSettings": {"Networks": {}},
}


@asynccontextmanager
async def slow_docker(slow: str) -> AsyncIterator[tuple[str, asyncio.Event]]:
    """Its address, and an event: a request has come whose path ends in `slow`, which gets no answer while this lasts."""
    over, reached = asyncio.Event(), asyncio.Event()

    async def answer(request: web.BaseRequest) -> web.Response:
        if request.path.endswith(slow):
            reached.set()
            await over.wait()
        if request.path.endswith("/version"):
            return web.json_response({"ApiVersion": "1.45", "MinAPIVersion": "1.24"})
        if request.path.endswith("/containers/json"):
            return web.json_response([{"Id": IDENTITY, "Names": ["/postfix-1"], "Labels": LABELS}])
        if request.method == "GET":
            return web.json_response(DOCUMENT)
        return web.Response(status=204)

    runner = web.ServerRunner(web.Server(answer), shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, LOOPBACK, 0)
    await site.start()
    try:
        yield f"tcp://{LOOPBACK}:{runner.addresses[0][1]}", reached
    finally:
        over.set()
        await runner.cleanup()


@pytest.mark.parametrize("slow", ["/version", "/containers/json", "/restart"])
async def test_docker_takes_its_time(stack: Stack, slow: str):
    """SIGTERM is obeyed soon all the same, and the next start takes the siblings through what is there."""
    async with slow_docker(slow) as (address, reached):
        process = await stack.begin("run", DOCKER_HOST=address)
        async with asyncio.timeout(20):
            await reached.wait()
        began = time.monotonic()
        process.terminate()
        code, output = await stack.end(process)
        assert (code, time.monotonic() - began < STOPS_WITHIN) == (0, True), output
    assert steps(await stack.cycle()) == [("Keep", stack.host), ("Deploy", "")]
    assert stack.unfinished() == []
