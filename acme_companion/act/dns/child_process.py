"""A process of ours for one task: it gets little of our environment, has a time limit, and is gone when we are."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

MOST_OUTPUT = 65_536
_HANDED_ON = {
    "HOME",
    "LANG",
    "LC_ALL",
    "PATH",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TZ",
    "ALL_PROXY",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
}
_PATIENCE = 5.0


def little_of(environment: Mapping[str, str]) -> dict[str, str]:
    """What any program may need to find others; none of the passwords that stand in our environment."""
    return {key: value for key, value in environment.items() if key.upper() in _HANDED_ON}


@asynccontextmanager
async def running(
    command: Sequence[str], environment: Mapping[str, str], *, errors_apart: bool, feed: bool
) -> AsyncIterator[Process]:
    """The process, in a group of its own; whatever of the group is left at the end is killed. Raises `OSError`."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=PIPE if feed else DEVNULL,
        stdout=PIPE,
        stderr=PIPE if errors_apart else asyncio.subprocess.STDOUT,
        env=dict(environment),
        cwd="/",
        start_new_session=True,
        limit=MOST_OUTPUT,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                await process.wait()


async def tail_of(stream: asyncio.StreamReader | None) -> str:
    """All of the stream, of which the end is kept."""
    kept = b""
    while stream and (part := await stream.read(4096)):
        kept = (kept + part)[-MOST_OUTPUT:]
    return kept.decode("utf-8", errors="replace")
