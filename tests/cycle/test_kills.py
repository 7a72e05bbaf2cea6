"""The companion as a process, killed or stopped at many moments: whoever starts next finds everything whole, and goes on."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tests.act.acme_proxy import as_is
from tests.bed.process import wait_until
from tests.cycle.stack import steps

if TYPE_CHECKING:
    from asyncio.subprocess import Process

    from aiohttp import web

    from tests.act.acme_proxy import Forward
    from tests.cycle.stack import Stack

STOPS_WITHIN = 10.0  # seconds; then Docker kills
EVERY = 5  # of the requests of a run has a kill of its own
DELAYS = (0.0, 0.003, 0.01, 0.03)  # seconds after the last request: switching, remembering, ending


def with_three_lineages(stack: Stack) -> set[str]:
    stack.environment |= {"ENABLE_SSL_SNI": "y", "MAIL_DOMAINS": f"a.{stack.base},b.{stack.base}"}
    return {stack.host, f"imap.a.{stack.base}", f"imap.b.{stack.base}"}


def new_volume(stack: Stack, path: Path) -> None:
    path.mkdir()
    stack.volume, stack.environment["VOLUME"] = path, str(path)


async def begin_and_signal(
    stack: Stack, number: int, request: int, *, delay: float = 0.0, arguments: tuple[str, ...] = ("once",)
) -> Process:
    """Start it, and send it a signal at one of its requests: before the CA hears of it, or after it did what was asked."""
    process: Process

    def send() -> None:
        # Its own `send_signal` would fetch the exit code of one that just ended, before asyncio does.
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(process.pid, number)

    async def fault(_: web.BaseRequest, forward: Forward) -> web.Response:
        if request % 2:
            send()
        response = await forward()
        asyncio.get_running_loop().call_later(delay, send)
        return response

    stack.proxy.on("", *[as_is] * (request - 1), fault)
    process = await stack.begin(*arguments)
    return process


async def check_that_the_next_start_goes_on(stack: Stack, wanted: set[str], accounts: int) -> None:
    stack.proxy._faults.clear()
    assert stack.broken() == []
    report = await stack.cycle()
    assert not report.failed
    assert stack.covered() == wanted
    assert stack.names() == {stack.host}
    assert stack.unfinished() == []
    held = await stack.held()
    assert held.server_is_ours
    issuers = {held.memory.issued[one.certificate.fingerprint] for one in held.lineages if one.certificate}
    assert issuers == {stack.proxy.directory_url}  # known, not merely adopted
    assert {kind for kind, _ in steps(await stack.cycle())} == {"Keep"}
    assert stack.accounts() <= accounts + 1


async def test_killed_at_its_requests(stack: Stack, tmp_path: Path):
    """Killed over a first start, at every fifth request and in the moments after the last one."""
    wanted = with_three_lineages(stack)
    code, output = await stack.command("once")
    assert code == 0, output
    moments = [(request, 0.0) for request in range(1, stack.mark(), EVERY)]
    for request, delay in [*moments, *((stack.mark(), delay) for delay in DELAYS)]:
        accounts = stack.accounts()
        new_volume(stack, tmp_path / f"killed-{request}-{delay}")
        await stack.end(await begin_and_signal(stack, signal.SIGKILL, request, delay=delay))
        await check_that_the_next_start_goes_on(stack, wanted, accounts)


async def test_killed_again_and_again(stack: Stack, tmp_path: Path):
    """One volume, killed at growing fractions of a run, forced each time: something visible and whole at every moment."""
    wanted = with_three_lineages(stack)
    began = time.monotonic()
    await stack.command("once")
    took = time.monotonic() - began
    accounts = stack.accounts() - 1
    for part in (0.4, 0.5, 0.6, 0.7, 0.8, 0.9):
        process = await stack.begin("once", "--force")
        await asyncio.sleep(took * part)
        if process.returncode is None:
            process.kill()
        await stack.end(process)
        assert stack.broken() == []
        assert stack.covered() == wanted
    # How many of the wishes were granted is chance, and a third one on the same day would wait.
    stack.clock.let_pass(days=1)
    await check_that_the_next_start_goes_on(stack, wanted, accounts)


async def test_stopped_at_its_requests(stack: Stack, tmp_path: Path):
    """SIGTERM ends it with exit code 0 and soon, whatever it is doing, and the next start goes on."""
    wanted = with_three_lineages(stack)
    await stack.command("once")
    for request in range(2, stack.mark(), EVERY * 2):
        accounts = stack.accounts()
        new_volume(stack, tmp_path / f"stopped-{request}")
        process = await begin_and_signal(stack, signal.SIGTERM, request, arguments=("run",))
        code, output = await stack.end(process)
        assert (code, output.splitlines()[-1].endswith("stopped")) == (0, True), output
        await check_that_the_next_start_goes_on(stack, wanted, accounts)


async def test_stopped_whenever(stack: Stack):
    """Also while it starts, from when on it can hear a signal at all, and while it sleeps."""
    for seconds in (0.0, 0.1, 0.4):
        process = await stack.begin("run")
        assert await asyncio.to_thread(wait_until, lambda: hears(process.pid), STOPS_WITHIN, 0.002)  # noqa: B023
        await asyncio.sleep(seconds)
        await check_that_it_stops(stack, process)
    process = await stack.begin("run")
    assert process.stdout
    heard = []
    while b"next look" not in (line := await process.stdout.readline()):
        heard.append(line)
        assert line, heard
    await check_that_it_stops(stack, process)
    assert {kind for kind, _ in steps(await stack.cycle())} == {"Keep"}


def hears(pid: int) -> bool:
    """Whether the process catches SIGTERM; the first one of a container does not get it before."""
    [caught] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if "SigCgt" in line]
    return bool(int(caught.split()[1], 16) & 1 << signal.SIGTERM - 1)


async def check_that_it_stops(stack: Stack, process: Process) -> None:
    began = time.monotonic()
    process.terminate()
    code, output = await stack.end(process)
    assert (code, time.monotonic() - began < STOPS_WITHIN) == (0, True), output
    assert stack.broken() == []
