"""An order that was interrupted never leads to a second one for the same need, wherever the companion was killed."""

from __future__ import annotations

import os
import signal
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from tests.act.acme_proxy import as_is, status_becomes
from tests.act.store_mounts import mounted
from tests.bed.process import LOOPBACK
from tests.cycle.stack import steps

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.act.acme_proxy import Forward
    from tests.cycle.stack import Stack

ORDERS, ORDER, AUTHORIZATION, CHALLENGE = "/order-plz", "/my-order", "/authZ", "/chalZ"
FINALIZE, CERTIFICATE = "/finalize-order", "/certZ"
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")


@pytest.fixture
async def web_root(stack: Stack, tmp_path: Path) -> AsyncIterator[Path]:
    """The stack's web server, which is there also when the companion is not."""
    folder = tmp_path / "webroot"
    folder.mkdir()
    stack.environment |= {"HTTP01_MODE": "webroot", "WEBROOT": str(folder), "ADDITIONAL_SAN": ""}
    async with serving(folder, stack.ca.http_port):
        yield folder


@asynccontextmanager
async def serving(folder: Path, port: int) -> AsyncIterator[None]:
    application = web.Application()
    application.router.add_static("/.well-known/acme-challenge/", folder)
    runner = web.AppRunner(application, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, LOOPBACK, port).start()
        yield
    finally:
        await runner.cleanup()


def open_orders(volume: Path) -> list[str]:
    folder = volume / ".companion" / "orders"
    return sorted(path.name for path in folder.glob("[!.]*.json"))


async def killed_after(stack: Stack, path: str, *, after: str = "") -> None:
    """Kill it over its first request for `path`, once the CA has done what was asked and nobody has heard of it.

    `after`: over the first one after this other path was asked for.
    """

    async def kill(_: web.BaseRequest, forward: Forward) -> web.Response:
        response = await forward()
        process.kill()
        await process.wait()
        return response

    async def from_now_on(_: web.BaseRequest, forward: Forward) -> web.Response:
        stack.proxy.on(path, kill)
        return await forward()

    stack.proxy.on(after or path, from_now_on if after else kill)
    process = await stack.begin("once")
    await stack.end(process)
    stack.proxy.clear()
    assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    ("path", "after"),
    [
        pytest.param(ORDERS, "", id="the order"),
        pytest.param(AUTHORIZATION, "", id="an authorization"),
        pytest.param(CHALLENGE, "", id="an answer to a challenge"),
        pytest.param(ORDER, "", id="a look at the order"),
        pytest.param(FINALIZE, "", id="the request for the certificate"),
        pytest.param(ORDER, FINALIZE, id="a look at the order that was finalized"),
        pytest.param(CERTIFICATE, "", id="the certificate"),
    ],
)
async def test_killed_over(stack: Stack, web_root: Path, path: str, after: str) -> None:
    """FAULTS K3 to K8, S03: from the answer to the order on there is one order, one answer to its challenge, and one certificate."""
    await killed_after(stack, path, after=after)
    assert stack.broken() == []
    assert len(open_orders(stack.volume)) == (path != ORDERS)
    report = await stack.cycle()

    assert not report.failed
    assert (stack.names(), stack.unfinished(), open_orders(stack.volume)) == ({stack.host}, [], [])
    asked = Counter("/" + seen.path.split("/")[1] for seen in stack.proxy.requests)
    assert asked[ORDERS] == (2 if path == ORDERS else 1)
    assert (asked[CHALLENGE], asked[FINALIZE]) == (1, 1)
    assert {kind for kind, _ in steps(await stack.cycle())} == {"Keep"}


async def test_order_that_takes_long(stack: Stack) -> None:
    """The cycle ends, and says so; the next one asks what became of it, and nobody orders anything else."""
    stack.proxy.on(FINALIZE, status_becomes("processing"))
    stack.proxy.on(ORDER, as_is, *[status_becomes("processing")] * 500)
    report = await stack.cycle(ISSUE_TIMEOUT="1")
    assert report.failed
    [name] = open_orders(stack.volume)
    assert name.startswith(f"{stack.host}-")
    stack.proxy.clear()
    stack.clock.let_pass(hours=2)

    assert not (await stack.cycle()).failed
    assert (len(stack.orders()), len(stack.proxy.asked(FINALIZE))) == (1, 1)
    assert open_orders(stack.volume) == []
    assert any("going on with the order of" in line for line in stack.log.lines("info"))


@root_only
async def test_disk_that_is_full_when_the_certificate_comes(stack: Stack, tmp_path: Path) -> None:
    """FAULTS S08: what the CA issued is fetched again when there is room, and not ordered again."""
    with mounted("-t", "tmpfs", "-o", "size=400k", "tmpfs", at=tmp_path / "small") as small:
        stack.volume, stack.environment["VOLUME"] = small, str(small)
        await stack.cycle()
        before, orders = stack.certificate(), len(stack.orders())

        async def fill(_: web.BaseRequest, forward: Forward) -> web.Response:
            with (small / "filler").open("wb", buffering=0) as filler:
                while filler.write(b"x" * 4096) == 4096:
                    pass
            return await forward()

        stack.proxy.on(CERTIFICATE, fill)
        with pytest.raises(Exception, match="No space left"):  # not even the memory can be written
            await stack.cycle(force=True)
        assert stack.certificate() == before
        (small / "filler").unlink()
        stack.clock.let_pass(hours=2)

        assert not (await stack.cycle()).failed
        assert stack.certificate().fingerprint != before.fingerprint
        assert len(stack.orders()) == orders + 1
        assert (open_orders(small), stack.unfinished()) == ([], [])
