"""What went wrong between us and a Docker Engine, as a sentence that says what to do."""

from __future__ import annotations

import os
import re
import socket
import stat
from pathlib import Path
from urllib.parse import urlsplit

import requests
from docker.errors import APIError, DockerException

_LONGEST = 400
_VERSION = re.compile(r"\A/v[0-9.]+(?=/)")
_IDENTITY = re.compile(r"/(containers|exec)/[^/]+/")


def one_line(untrusted: str) -> str:
    """What a daemon or a command said: one printable line of bounded length."""
    lines = " / ".join(part.strip() for part in untrusted.splitlines() if part.strip())
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in lines[:_LONGEST])
    return safe + ("…" if len(lines) > _LONGEST else "")


def sentence(problem: Exception, docker_host: str, what: str) -> str:
    """`problem`, which came up when we did `what` (as in "list the containers"), in one sentence."""
    match problem:
        case APIError():
            return _answered(problem, docker_host, what)
        case requests.Timeout():
            return f"the Docker API at {docker_host} did not answer in time when asked to {what}"
        case requests.ConnectionError():
            return (
                f"the Docker API at {docker_host} cannot be reached ({_innermost(problem)}): is the socket proxy up,"
                " and are we in its network?"
            )
        case DockerException():
            return f"DOCKER_HOST {docker_host} cannot be used: {one_line(str(problem))}"
        case _ if refused := _refusal_behind(problem):
            return _answered(refused, docker_host, what)
        case _:
            return (
                f"the Docker API at {docker_host} gave no proper answer when asked to {what}:"
                f" {_innermost(problem)}"
            )


def _answered(problem: APIError, docker_host: str, what: str) -> str:
    said = one_line(str(problem.explanation or "no reason given"))
    if problem.status_code == 403:
        return (
            f"{docker_host} does not let us {what}: its allow-list lacks {_entry(problem)}{_switch(problem)}"
            f" (it says: {said})"
        )
    return f"Docker could not {what}: {said} (status {problem.status_code})"


def _refusal_behind(problem: BaseException | None) -> APIError | None:
    """The HTTP error that docker-py could not read, because its body is not as an engine writes it."""
    while problem is not None:
        if isinstance(problem, requests.HTTPError) and problem.response is not None:
            return APIError(str(problem), problem.response, problem.response.text)
        problem = problem.__context__
    return None


def _entry(problem: APIError) -> str:
    """The verb and path that a proxy has to allow."""
    if problem.response is None:
        return "an entry"
    request = problem.response.request
    path = _VERSION.sub("", urlsplit(request.url or "").path)
    return f"{request.method} " + _IDENTITY.sub(r"/\1/{id}/", path)


def _switch(problem: APIError) -> str:
    """The switch of the usual socket proxies that allows it."""
    path = str(problem.response.url) if problem.response is not None else ""
    switches = {
        "/restart": "ALLOW_RESTARTS=1",
        "/exec": "ALLOW_EXEC=1 (ours), or EXEC=1 and POST=1",
        "/kill": "ALLOW_SIGNALS=1 (ours), or POST=1 and ALLOW_RESTARTS=1",
        "/version": "VERSION=1",
    }
    found = next((switch for part, switch in switches.items() if part in path), "CONTAINERS=1")
    return f", which the switch {found} of a socket proxy allows"


def socket_fault(docker_host: str, timeout: float) -> str:
    """Why nobody answers behind `unix://PATH`, and what to do about it; empty when someone does, or for another address."""
    if not docker_host.startswith("unix:"):
        return ""
    path = "/" + docker_host.removeprefix("unix:").lstrip("/")  # as docker-py reads it
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(timeout)
            probe.connect(path)
    except OSError as problem:
        return f"the Docker API cannot be reached: {_why_not(path, problem)}"
    return ""


def _why_not(path: str, problem: OSError) -> str:
    try:
        found = Path(path).stat()
    except FileNotFoundError:
        return f"there is no {path}; mount the Docker socket there, or set DOCKER_HOST to a socket proxy"
    except OSError as hidden:
        return f"{path}: {hidden.strerror}"
    if stat.S_ISDIR(found.st_mode):
        return (
            f"{path} is a directory: Docker makes one when the mounted file is missing on the host;"
            " remove it there and mount the socket"
        )
    if not stat.S_ISSOCK(found.st_mode):
        return f"{path} is not a socket"
    if isinstance(problem, PermissionError):
        return (
            f"user {os.geteuid()} may not use {path}, which belongs to group {found.st_gid}: add"
            f' group_add: ["{found.st_gid}"] to our service, or use a socket proxy'
        )
    return f"{path}: {problem.strerror or problem}: is the Docker daemon running?"


def _innermost(problem: BaseException) -> str:
    """The cause that started it: HTTP libraries wrap it several times."""
    while isinstance(inner := problem.__cause__ or problem.__context__, Exception):
        problem = inner
    return one_line(str(problem)) or type(problem).__name__
