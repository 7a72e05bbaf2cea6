"""What a Docker Engine can answer wrongly. A real one cannot be made to, so a fake one behind a real socket does it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import TYPE_CHECKING, Any

import pytest

from acme_companion.act.siblings import open_siblings
from acme_companion.act.siblings.docker_engine import DockerEngine
from acme_companion.act.siblings.own_container import own_container_id
from acme_companion.decide.deployment import NGINX_RELOAD, RESTART
from acme_companion.decide.facts import Sibling
from acme_companion.decide.problems import NotYet
from acme_companion.decide.settings import Deployment
from tests.bed.doors import RealClock, RememberingLog
from tests.bed.process import CHECKOUT, LOOPBACK, free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

VERSION = b'{"ApiVersion": "1.41", "MinAPIVersion": "1.12"}'
LISTED = b"""[7, {}, {"Id": "x", "Labels": null}, {"Id": "abc", "Labels":
{"com.docker.compose.project": "mailcowdockerized", "com.docker.compose.service": "nginx-mailcow"}}]"""
NGINX = Sibling("a" * 64, "nginx-1", "nginx-mailcow")
Answer = tuple[int, bytes]


class _Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True


@contextmanager
def fake_engine(socket: Path, answer: Callable[[str, str], Answer | None]) -> Iterator[list[str]]:
    """Answer every request by `answer(method, path)`; None: say nothing until the client gives up. Gives the paths asked."""
    asked: list[str] = []
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def address_string(self) -> str:
            return "socket"

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class calls it so
            asked.append(self.path)

        def do_GET(self) -> None:
            found = answer(self.command, self.path.partition("?")[0])
            if found is None:
                over.wait(10)
                return
            self.send_response(found[0])
            self.send_header("Content-Length", str(len(found[1]) + (self.path.endswith("short"))))
            self.end_headers()
            self.wfile.write(found[1])

        do_POST = do_GET  # noqa: N815 - the base class calls it so

    with _Server(str(socket), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield asked
        finally:
            over.set()
            server.shutdown()
            thread.join()


def engine(docker_host: str) -> DockerEngine:
    return DockerEngine(Deployment(docker_host=docker_host), RealClock(), RememberingLog(), timeout=1)


async def sentence(docker_host: str) -> str:
    with pytest.raises(NotYet) as problem:
        await engine(docker_host).list()
    return str(problem.value)


async def test_no_socket(tmp_path: Path) -> None:
    """A socket that is missing, a directory, a file or dead: each is told apart, with what to do."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with _Server(str(tmp_path / "dead"), BaseHTTPRequestHandler):
        pass

    missing = await sentence(f"unix://{tmp_path}/missing")
    folder = await sentence(f"unix://{tmp_path}/folder")
    file = await sentence(f"unix://{tmp_path}/file")
    dead = await sentence(f"unix://{tmp_path}/dead")

    assert f"there is no {tmp_path}/missing; mount the Docker socket there, or set DOCKER_HOST" in missing
    assert f"{tmp_path}/folder is a directory: Docker makes one when the mounted file is missing" in folder
    assert f"{tmp_path}/file is not a socket" in file
    assert f"{tmp_path}/dead: Connection refused: is the Docker daemon running?" in dead


def test_no_right_to_the_socket(tmp_path: Path) -> None:
    """Without the right to use it, the sentence has the group that is needed."""
    program = (
        "import asyncio, concurrent.futures.thread, os, sys\n"
        "from tests.act.test_siblings_docker_faults import sentence\n"
        "os.setgid(65534); os.setuid(65534)\n"
        f"print(asyncio.run(sentence('unix://{tmp_path}/socket')))\n"
    )
    with fake_engine(tmp_path / "socket", lambda *_: (200, VERSION)):
        (tmp_path / "socket").chmod(0o660)
        for folder in (tmp_path, *tmp_path.parents[:2]):
            folder.chmod(0o755)
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True, check=True
        )

    assert (
        f'user 65534 may not use {tmp_path}/socket, which belongs to group 0: add group_add: ["0"]'
        in done.stdout
    )


async def test_no_proxy() -> None:
    """A socket proxy that is not there."""
    said = await sentence(f"tcp://{LOOPBACK}:{free_port()}")

    assert "cannot be reached ([Errno 111] Connection refused): is the socket proxy up" in said


@pytest.mark.parametrize("docker_host", ["tcp://", "ftp://x", "unix:/x/y", "nonsense://"])
async def test_no_address(docker_host: str) -> None:
    """What is no Docker host is said, not raised."""
    assert docker_host in await sentence(docker_host) or "DOCKER_HOST" in await sentence(docker_host)


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        pytest.param(
            {"/version": (200, b'{"ApiVersion": "1.20"}')},
            "the Docker API is version 1.20; 1.24 (Docker 1.12) or newer is needed",
            id="too old",
        ),
        pytest.param({"/version": (200, b"{}")}, "names no ApiVersion", id="another service"),
        pytest.param({"/version": (200, b"<html>")}, "gave no proper answer", id="a web page"),
        pytest.param({"/version": (200, b'{"ApiVersion')}, "gave no proper answer", id="half an answer"),
        pytest.param({"/version": (500, b'{"message": "oh\\nno"}')}, "oh / no (status 500)", id="an error"),
        pytest.param(
            {"/version": (403, b"Forbidden")},
            "does not let us tell its version: its allow-list lacks GET /version, which the switch VERSION=1",
            id="a proxy without VERSION",
        ),
        pytest.param({"/version": None}, "did not answer in time", id="silence"),
        pytest.param(
            {"/version": (200, VERSION), "/v1.41/containers/json": (403, b'{"message": "no"}')},
            "lacks GET /containers/json, which the switch CONTAINERS=1",
            id="a proxy without CONTAINERS",
        ),
        pytest.param(
            {"/version": (200, VERSION), "/v1.41/containers/json": (200, b'{"a": 1}')},
            "answered no list of containers",
            id="no list",
        ),
        pytest.param(
            {"/version": (403, b'{"error": "forbidden"}')},
            'GET /version, which the switch VERSION=1 of a socket proxy allows (it says: {"error": "forbidden"})',
            id="another proxy's refusal",
        ),
        pytest.param({"/version": (403, b'["x"]')}, '(it says: ["x"])', id="a refusal that is a list"),
        pytest.param({"/version": (403, b'"x"')}, '(it says: "x")', id="a refusal that is a text"),
        pytest.param(
            {"/version": (500, b"null")},
            "Docker could not tell its version: null (status 500)",
            id="an error that is null",
        ),
        pytest.param(
            {"/version": (500, b"[" * 100_000)}, "(status 500)", id="an error that is deeply nested"
        ),
        pytest.param(
            {"/version": (200, b"[" * 100_000)}, "gave no proper answer", id="a deeply nested answer"
        ),
        pytest.param(
            {
                "/version": (200, VERSION),
                "/v1.41/containers/json": (200, LISTED),
                "/v1.41/containers/abc/json": (200, b"[1]"),
            },
            "gave no proper answer when asked to inspect abc",
            id="a container that is a list",
        ),
    ],
)
async def test_odd_answers(tmp_path: Path, answers: dict[str, Answer | None], says: str) -> None:
    """Every one becomes a sentence that names what was asked and what to do."""
    with fake_engine(tmp_path / "socket", lambda _, path: answers.get(path, (404, b"{}"))):
        assert says in await sentence(f"unix://{tmp_path}/socket")


@pytest.mark.parametrize(
    ("version", "spoken"),
    [
        (b'{"ApiVersion": "1.55", "MinAPIVersion": "1.40"}', "/v1.45/"),
        (b'{"ApiVersion": "1.99", "MinAPIVersion": "1.60"}', "/v1.60/"),
        (b'{"ApiVersion": "1.24"}', "/v1.24/"),
    ],
)
async def test_version_is_negotiated(tmp_path: Path, version: bytes, spoken: str) -> None:
    """The newest version that both sides know; a newer engine's oldest when it has dropped all that we know."""
    with fake_engine(
        tmp_path / "socket", lambda _, path: (200, version if path == "/version" else b"[]")
    ) as asked:
        assert await engine(f"unix://{tmp_path}/socket").list() == ()

    assert asked[0] == "/version"
    assert asked[1].startswith(f"{spoken}containers/json?")


async def test_surroundings_are_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a Docker context, nor variables of the docker command, nor a web proxy decide who is asked."""
    (tmp_path / "config.json").write_text('{"currentContext": "elsewhere", "proxies": {"default": {}}}')
    for name, value in {
        "DOCKER_CONFIG": str(tmp_path),
        "DOCKER_HOST": "tcp://192.0.2.1:2375",
        "DOCKER_CONTEXT": "elsewhere",
        "DOCKER_TLS_VERIFY": "1",
        "DOCKER_API_VERSION": "1.30",
        "HTTP_PROXY": "http://192.0.2.1:3128",
    }.items():
        monkeypatch.setenv(name, value)

    with fake_engine(tmp_path / "socket", lambda _, path: (200, VERSION if path == "/version" else b"[]")):
        assert await engine(f"unix://{tmp_path}/socket").list() == ()


async def test_strange_containers(tmp_path: Path) -> None:
    """A document with holes is read as far as it goes."""
    answers = {
        "/version": (200, VERSION),
        "/v1.41/containers/json": (200, LISTED),
        "/v1.41/containers/abc/json": (
            200,
            b'{"Id": "abc", "State": [], "NetworkSettings": {"Networks": {"n": 1}}, "Config": {"Env": [1, "HTTPS_PORT=x", "HTTPS_PORT"]}}',
        ),
    }
    with fake_engine(tmp_path / "socket", lambda _, path: answers[path]):
        found = await engine(f"unix://{tmp_path}/socket").list()

    assert found == (Sibling("abc", "abc", "", state=""),)


async def test_command_without_an_end(tmp_path: Path) -> None:
    """A command whose end is never told does not count as done."""
    answers: dict[str, Answer] = {
        "/version": (200, VERSION),
        f"/v1.41/containers/{NGINX.identity}/json": (200, b'{"Id": "abc", "State": {"Status": "running"}}'),
        "/v1.41/containers/abc/exec": (201, b'{"Id": "e1"}'),
        "/v1.41/exec/e1/start": (200, b"\1\0\0\0\0\0\0\2hm"),
        "/v1.41/exec/e1/json": (200, b'{"Running": true, "ExitCode": null}'),
    }

    class HurriedClock(RealClock):
        async def sleep(self, seconds: float) -> None:
            await asyncio.sleep(0)

    with fake_engine(tmp_path / "socket", lambda _, path: answers[path]):
        docker = DockerEngine(
            Deployment(docker_host=f"unix://{tmp_path}/socket"), HurriedClock(), RememberingLog(), timeout=1
        )
        with pytest.raises(NotYet, match="it has not ended: hm"):
            await docker.act(NGINX, NGINX_RELOAD)


async def test_nobody() -> None:
    """RELOADER=none or DOCKER_HOST=none: nobody is listed, and nobody is touched."""
    siblings = open_siblings(Deployment(docker_host="none"), RealClock(), RememberingLog())

    assert await siblings.list() == ()
    with pytest.raises(
        NotYet, match="nginx-1: restart is left to you, because RELOADER or DOCKER_HOST is none"
    ):
        await siblings.act(NGINX, RESTART)


def test_own_container(tmp_path: Path) -> None:
    """Docker's mounts tell which container we are; outside of one there are none."""
    mountinfo = tmp_path / "mountinfo"
    mountinfo.write_text(
        f"1 2 8:1 / / rw - ext4 /dev/sda rw\n3 4 8:1 /var/lib/docker/containers/{'ab' * 32}/hostname"
        " /etc/hostname rw - ext4 /dev/sda rw\n"
    )

    assert own_container_id(mountinfo) == "ab" * 32
    assert own_container_id(tmp_path / "missing") == ""
