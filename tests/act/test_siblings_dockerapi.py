"""Siblings through mailcow's gateway. It cannot be had here: a fake HTTPS server speaks as its source does."""

from __future__ import annotations

import json
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from aiohttp import web

from acme_companion.act.siblings import open_siblings
from acme_companion.decide.deployment import NGINX_RELOAD, RESTART, Action, ActionKind
from acme_companion.decide.facts import Sibling
from acme_companion.decide.problems import NotYet
from acme_companion.decide.settings import Deployment
from tests.bed.doors import RealClock, RememberingLog
from tests.bed.process import LOOPBACK, free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from acme_companion.ports import Siblings

SUCCESS = {"type": "success", "msg": "command completed successfully"}
DANGER = {"type": "danger", "msg": "command failed: nginx: [emerg] no such\nfile"}
OWN = "0" * 64


def container(
    service: str, address: str, network: str = "shared", project: str = "mailcowdockerized"
) -> dict[str, Any]:
    """What the gateway tells of a container: the engine's whole document."""
    return {
        "Id": service * 3,
        "Name": f"/{service}-1",
        "RestartCount": 1,
        "State": {"Status": "running", "StartedAt": "2026-11-21T00:00:00Z", "Health": {"Status": "healthy"}},
        "Config": {
            "Labels": {"com.docker.compose.project": project, "com.docker.compose.service": service},
            "Env": ["DBPASS=moo", "HTTPS_PORT=8443"],
        },
        "NetworkSettings": {"Networks": {network: {"NetworkID": network, "IPAddress": address}}},
    }


NGINX = Sibling("n" * 64, "nginx-1", "nginx-mailcow")


class Gateway:
    """Remembers what it was asked, and answers every command alike."""

    def __init__(self, containers: Any = None, answer: Any = SUCCESS) -> None:
        self.containers, self.answer = containers, answer
        self.asked: list[tuple[str, Any]] = []

    async def serve(self, request: web.Request) -> web.Response:
        body = await request.text()
        self.asked.append((f"{request.method} {request.path}", json.loads(body) if body else None))
        found = self.containers if request.path == "/containers/json" else self.answer
        return web.Response(text=found if isinstance(found, str) else json.dumps(found))


@asynccontextmanager
async def opened(gateway: Gateway, log: RememberingLog | None = None) -> AsyncIterator[Siblings]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", gateway.serve)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("dockerapi").configure_cert(context)  # of a CA that nobody knows
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, LOOPBACK, port, ssl_context=context).start()
    try:
        deployment = Deployment(docker_host=f"https://{LOOPBACK}:{port}")
        yield open_siblings(deployment, RealClock(), log or RememberingLog(), OWN)
    finally:
        await runner.cleanup()


async def test_list() -> None:
    """The project's containers with what is known of them, at addresses of networks that we share; no `docker compose run`."""
    containers = {
        OWN: container("acme-mailcow", "172.22.1.2"),
        "n" * 64: container("nginx-mailcow", "172.22.1.9"),
        "d" * 64: container("dovecot-mailcow", "10.0.0.1", network="elsewhere"),
        "m" * 64: container("mysql-mailcow", "172.22.1.3"),
        "x" * 64: container("nginx-mailcow", "172.22.1.9", project="other"),
    }
    shell = container("dovecot-mailcow", "172.22.1.10")
    shell["Config"]["Labels"]["com.docker.compose.oneoff"] = "True"
    async with opened(Gateway({**containers, "s" * 64: shell})) as siblings:
        found = await siblings.list()

    assert [(one.name, one.health, one.restart_count, one.addresses) for one in found] == [
        ("nginx-mailcow-1", "healthy", 1, ("172.22.1.9",)),
        ("dovecot-mailcow-1", "healthy", 1, ()),
    ]


@pytest.mark.parametrize(
    ("action", "asked"),
    [
        pytest.param(RESTART, ("restart", None), id="restart"),
        pytest.param(NGINX_RELOAD, ("exec", {"cmd": "reload", "task": "nginx"}), id="nginx reloads"),
        pytest.param(
            Action(ActionKind.EXEC, ("dovecot", "reload")),
            ("exec", {"cmd": "reload", "task": "dovecot"}),
            id="Dovecot reloads",
        ),
        pytest.param(
            Action(ActionKind.EXEC, ("postfix", "reload")),
            ("exec", {"cmd": "reload", "task": "postfix"}),
            id="Postfix reloads",
        ),
    ],
)
async def test_act(action: Action, asked: tuple[str, Any]) -> None:
    """The gateway restarts, and knows three reloads."""
    gateway = Gateway()
    async with opened(gateway) as siblings:
        await siblings.act(NGINX, action)

    assert gateway.asked == [(f"POST /containers/{NGINX.identity}/{asked[0]}", asked[1])]


async def test_other_actions() -> None:
    """What it cannot do is refused with what to do, or something else is done when that was allowed."""
    gateway, log = Gateway(), RememberingLog()
    other = Action(ActionKind.EXEC, ("nginx", "-s", "reopen"), instead=RESTART)
    async with opened(gateway, log) as siblings:
        with pytest.raises(NotYet, match="cannot do 'signal HUP': set DOCKER_HOST to a socket proxy"):
            await siblings.act(NGINX, Action(ActionKind.SIGNAL, ("HUP",)))
        await siblings.act(NGINX, other)

    assert gateway.asked == [(f"POST /containers/{NGINX.identity}/restart", None)]
    assert log.lines("warning") == [
        "nginx-1: mailcow's dockerapi cannot do 'exec nginx -s reopen'; done instead: restart"
    ]


async def test_refusals() -> None:
    """The gateway says no with status 200; its words are in the sentence."""
    async with opened(Gateway(DANGER, DANGER)) as siblings:
        with pytest.raises(
            NotYet, match=r"could not do 'exec nginx -s reload': command failed: nginx: .* / file"
        ):
            await siblings.act(NGINX, NGINX_RELOAD)
        with pytest.raises(NotYet, match="answered no list of containers"):
            await siblings.list()


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ("<html>", r"gave no JSON to GET /containers/json\?all=true \(status 200\): <html>"),
        ("[" * 9_000_000, "an answer of more than"),
        ("[" * 100_000, "gave no JSON to GET"),
        ("[" * 900 + "]" * 900, "answered no list of containers"),
    ],
    ids=["a web page", "an endless answer", "a deeply nested answer", "an answer nested as deeply as can be"],
)
async def test_no_gateway(answer: str, says: str) -> None:
    """Something else answers."""
    async with opened(Gateway(answer)) as siblings:
        with pytest.raises(NotYet, match=says):
            await siblings.list()


async def test_nobody_there() -> None:
    """Nobody answers."""
    host = f"https://{LOOPBACK}:{free_port()}"
    siblings = open_siblings(Deployment(docker_host=host), RealClock(), RememberingLog())

    with pytest.raises(NotYet, match=r"cannot be reached .*: is dockerapi-mailcow up"):
        await siblings.list()
