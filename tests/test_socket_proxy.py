"""Our socket proxy: a real HAProxy in front of the real Docker Engine."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import requests

from acme_companion.act.siblings.docker_engine import DockerEngine
from acme_companion.decide.deployment import NGINX_RELOAD, RESTART, Action, ActionKind
from acme_companion.decide.problems import NotYet
from acme_companion.decide.settings import Deployment
from tests.bed.containers import SOCKET, Containers, docker, inspect
from tests.bed.doors import RealClock, RememberingLog
from tests.bed.process import CHECKOUT, LOOPBACK, Process, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONFIGURATION = CHECKOUT / "docker-socket-proxy/haproxy.cfg"
RELOAD = '{"AttachStdout": true, "AttachStderr": true, "Cmd": ["nginx", "-s", "reload"]}'
# A stand-in for nginx: what matters here is that its exit code and its words come through the proxy.
FAKE_NGINX = (
    "sh",
    "-c",
    "printf '#!/bin/sh\\ncat /tmp/said; exit $(cat /tmp/code)\\n' >/usr/local/bin/nginx;"
    "chmod +x /usr/local/bin/nginx; echo 0 >/tmp/code; echo fine >/tmp/said; trap 'exit 0' TERM; sleep 600 & wait",
)


@contextmanager
def proxy(folder: Path, socket: str = str(SOCKET), **switches: str) -> Iterator[str]:
    """Run HAProxy with the configuration as it is; gives its address without a scheme."""
    haproxy = shutil.which("haproxy") or "/usr/sbin/haproxy"
    address = f"{LOOPBACK}:{free_port()}"
    environment = os.environ | {"LISTEN": address, "DOCKER_SOCKET": socket} | switches
    process = Process([haproxy, "-db", "-f", str(CONFIGURATION)], folder / "haproxy.log", environment)
    try:
        process.wait_until(lambda: _answers(address), "an answer")
        yield address
    finally:
        process.stop()


def _answers(address: str) -> bool:
    try:
        requests.get(f"http://{address}/nothing", timeout=1)
    except requests.RequestException:
        return False
    return True


@pytest.fixture(scope="module")
def containers() -> Iterator[Containers]:
    with Containers() as found:
        found.start("nginx-mailcow", FAKE_NGINX, options=["--stop-timeout", "1"])
        yield found


def engine(containers: Containers, address: str, log: RememberingLog | None = None) -> DockerEngine:
    deployment = Deployment(project=containers.project, docker_host=f"tcp://{address}")
    return DockerEngine(deployment, RealClock(), log or RememberingLog())


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/images/json"),
        ("GET", "/v1.41/info"),
        ("GET", "/containers/abc/logs"),
        ("GET", "/containers/abc/archive?path=/"),
        ("POST", "/containers/create"),
        ("POST", "/v1.41/containers/abc/start"),
        ("POST", "/containers/abc/stop"),
        ("POST", "/containers/abc/kill?signal=KILL"),
        ("POST", "/containers/abc/kill"),
        ("DELETE", "/containers/abc"),
        ("PUT", "/containers/abc/archive"),
        ("POST", "/containers/json"),
        ("GET", "/containers/abc/restart"),
        ("GET", "/containers/%2E%2E/json"),
        ("GET", "/containers/../images/json"),
        ("GET", "/containers//json"),
        ("GET", "/v1.41/v1.41/containers/json"),
        ("GET", "/x/containers/json"),
        ("GET", "/containers/json/"),
        ("POST", "/build"),
        ("POST", "/session"),
        ("POST", "/exec/abc/start"),
    ],
)
def test_everything_else_is_refused(tmp_path: Path, method: str, path: str) -> None:
    """What is not on the list gets 403, and the answer names the entry that is missing. No engine is asked."""
    with proxy(tmp_path, socket="/nowhere.sock") as address, requests.Session() as session:
        request = session.prepare_request(requests.Request(method, f"http://{address}"))
        request.url = f"http://{address}{path}"  # as it is, with dots

        answer = session.send(request, timeout=30)

    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/json"
    assert f"no entry for {method} {path.partition('?')[0]} " in answer.json()["message"]


@pytest.mark.parametrize(
    ("switch", "body", "allowed"),
    [
        pytest.param("nginx", RELOAD, True, id="exactly nginx -s reload"),
        pytest.param("nginx", RELOAD.replace("reload", "stop"), False, id="another command"),
        pytest.param(
            "nginx", RELOAD.replace("{", '{"Privileged": true, ', 1), False, id="privileged besides"
        ),
        pytest.param("nginx", RELOAD + '{"Cmd": ["id"]}', False, id="something after it"),
        pytest.param("nginx", RELOAD + " " * 40000, False, id="more than a buffer holds"),
        pytest.param("1", RELOAD.replace("reload", "stop"), True, id="any command, when switched on"),
        pytest.param("0", RELOAD, False, id="none, when switched off"),
    ],
)
def test_exec_allows_one_command(tmp_path: Path, switch: str, body: str, *, allowed: bool) -> None:
    """The right to run any command is the right of root, so only the very words of the reload pass by default."""
    headers = {"content-type": "application/json"}
    with proxy(tmp_path, socket="/nowhere.sock", ALLOW_EXEC=switch) as address:
        answer = requests.post(
            f"http://{address}/v1.41/containers/abc/exec", body, headers=headers, timeout=30
        )

    assert answer.status_code == (503 if allowed else 403)  # 503: it passed, and there is no engine


def test_signals_need_their_switch(tmp_path: Path) -> None:
    """HUP, USR1 and USR2 pass when they are switched on; what ends a process never does."""
    with proxy(tmp_path, socket="/nowhere.sock", ALLOW_SIGNALS="1", ALLOW_RESTARTS="0") as address:
        base = f"http://{address}/v1.41/containers/abc"
        codes = [
            requests.post(f"{base}/{what}", timeout=30).status_code
            for what in ("kill?signal=HUP", "kill?signal=KILL", "kill", "restart")
        ]

    assert codes == [503, 403, 403, 403]


@pytest.mark.parametrize(
    "query",
    ["%73ignal=KILL&signal=HUP", "x=1;signal=HUP", "signal=HUP;x", "signal=HUP&signal=KILL", "x&signal=USR1"],
)
def test_a_signal_that_the_engine_reads_otherwise(tmp_path: Path, query: str) -> None:
    """The engine would find KILL there, or no signal at all, which is KILL as well."""
    with proxy(tmp_path, socket="/nowhere.sock", ALLOW_SIGNALS="1") as address:
        answer = requests.post(f"http://{address}/containers/abc/kill?{query}", timeout=30)

    assert answer.status_code == 403


@pytest.mark.docker
async def test_the_companion_gets_all_it_needs(tmp_path: Path, containers: Containers) -> None:
    """List, inspect, exec with exit code and output, and restart all work through the list as it is by default."""
    (tmp_path / "log").mkdir()
    with proxy(tmp_path / "log") as address:
        siblings = engine(containers, address)
        (before,) = await siblings.list()
        await siblings.act(before, NGINX_RELOAD)
        assert (await siblings.list()) == (before,)

        _tell(before.name, code=1, said="nginx: [emerg] unknown directive")
        with pytest.raises(NotYet, match=r"said no \(exit code 1\): nginx: \[emerg\] unknown directive"):
            await siblings.act(before, NGINX_RELOAD)
        assert (await siblings.list()) == (before,)

        await siblings.act(before, RESTART)
        (after,) = await siblings.list()
    assert after.started_at > before.started_at


@pytest.mark.docker
async def test_without_exec_nginx_is_restarted(tmp_path: Path, containers: Containers) -> None:
    """Where the proxy refuses exec, nginx restarts instead, and the log names the switch that would allow it."""
    log = RememberingLog()
    with proxy(tmp_path, ALLOW_EXEC="0") as address:
        siblings = engine(containers, address, log)
        (before,) = await siblings.list()

        await siblings.act(before, NGINX_RELOAD)

    assert inspect(before.name)["State"]["StartedAt"] > before.started_at
    (line,) = log.lines("warning")
    assert "lacks POST /containers/{id}/exec" in line
    assert "ALLOW_EXEC" in line
    assert line.endswith("done instead: restart")


@pytest.mark.docker
async def test_a_refusal_names_verb_path_and_switch(tmp_path: Path, containers: Containers) -> None:
    """Someone who reads the sentence knows what to add to the proxy."""
    with proxy(tmp_path, ALLOW_RESTARTS="0", ALLOW_SIGNALS="0") as address:
        siblings = engine(containers, address)
        (sibling,) = await siblings.list()
        with pytest.raises(NotYet, match=r"lacks POST /containers/\{id\}/restart.*ALLOW_RESTARTS=1"):
            await siblings.act(sibling, RESTART)
        with pytest.raises(NotYet, match=r"lacks POST /containers/\{id\}/kill.*ALLOW_SIGNALS=1"):
            await siblings.act(sibling, Action(ActionKind.SIGNAL, ("HUP",)))


def _tell(name: str, *, code: int, said: str) -> None:
    docker("exec", name, "sh", "-c", f"echo {code} >/tmp/code; echo '{said}' >/tmp/said")
