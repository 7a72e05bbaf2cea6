"""What went wrong on the way to an HTTP server, in the system's own words."""

from __future__ import annotations

import os

import aiohttp

from acme_companion.decide.names import quoted


def reason_of(problem: Exception) -> str:
    """The reason alone: asyncio's text of it repeats the address, aiohttp's the URL (perhaps with a password)."""
    inner = problem.os_error if isinstance(problem, aiohttp.ClientConnectorError) else problem
    if isinstance(inner, OSError) and inner.errno:
        return os.strerror(inner.errno)
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror
    return quoted(str(inner) or type(inner).__name__)
