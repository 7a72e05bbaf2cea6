"""Run a command in a container and get its exit code and its words.

docker-py's own exec methods wait for the output without a limit, and write more fields than an allow-list of
exact commands (our socket proxy's) wants to know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import requests
from docker.errors import create_api_error_from_http_exception

from acme_companion.act.siblings.inspection import mapping, text

if TYPE_CHECKING:
    from collections.abc import Callable

    from docker import APIClient

_TIMEOUT = 30
_SILENCE = 120
"""Seconds that a command may run without a word."""
_MOST_OUTPUT = 64 * 1024
_INSPECTIONS = 100


def run(
    client: APIClient, identity: str, command: tuple[str, ...], pause: Callable[[], None]
) -> tuple[int | None, str]:
    """The exit code of `command` in the container, None when it does not end, and what it wrote, up to a cap.

    `pause` waits for a moment. Raises `docker.errors.APIError` and `requests.RequestException`.
    """
    base = f"{client.base_url}/v{client.api_version}"
    wanted = {"AttachStdout": True, "AttachStderr": True, "Cmd": [*command]}
    created = client.post(f"{base}/containers/{identity}/exec", json=wanted, timeout=_TIMEOUT)
    _raise_for_status(created)
    exec_id = text(created.json(), "Id")
    output = _output(client, f"{base}/exec/{exec_id}/start")
    return _exit_code(client, exec_id, pause), output


def _output(client: APIClient, url: str) -> str:
    with client.post(url, json={"Detach": False, "Tty": False}, timeout=_SILENCE, stream=True) as response:
        _raise_for_status(response)
        received = b""
        for chunk in response.iter_content(4096):
            received += chunk
            if len(received) > _MOST_OUTPUT:
                break
    return without_frames(received)


def _exit_code(client: APIClient, exec_id: str, pause: Callable[[], None]) -> int | None:
    # The output ends a moment before the engine notes the exit code.
    for _ in range(_INSPECTIONS):
        document = mapping(client.exec_inspect(exec_id))
        code = document.get("ExitCode")
        if document.get("Running") is False and isinstance(code, int):
            return code
        pause()
    return None


def without_frames(stream: bytes) -> str:
    """The text in a stream of frames: one byte for the stream, three zero, four for the length, and the data."""
    said = b""
    while len(stream) > 8:
        end = 8 + int.from_bytes(stream[4:8], "big")
        said, stream = said + stream[8:end], stream[end:]
    return said.decode("utf-8", errors="replace")


def _raise_for_status(response: requests.Response) -> None:
    try:
        response.raise_for_status()
    except requests.HTTPError as problem:
        create_api_error_from_http_exception(problem)
