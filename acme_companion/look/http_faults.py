"""What went wrong on the way to a server, in the system's own words."""

from __future__ import annotations

import os
import socket
import ssl

import aiohttp

from acme_companion.decide.acme_problems import without_credentials
from acme_companion.decide.names import quoted


def reason_of(problem: Exception) -> str:
    """The reason alone: asyncio's text of it repeats the address, aiohttp's the URL (perhaps with a password)."""
    inner = _innermost(problem)
    if isinstance(inner, ssl.SSLCertVerificationError):
        return f"its certificate does not verify ({inner.verify_message})"
    if isinstance(inner, ssl.SSLError):
        return f"TLS fails ({inner.reason or 'no reason given'})"
    # The numbers of `getaddrinfo` are its own.
    if isinstance(inner, OSError) and inner.errno and not isinstance(inner, socket.gaierror):
        return os.strerror(inner.errno)
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror
    if isinstance(inner, aiohttp.ClientResponseError):
        return f"HTTP status {inner.status}: {quoted(inner.message)}"
    return quoted(without_credentials(str(inner)) or type(inner).__name__)


def _innermost(problem: Exception) -> Exception:
    # aiohttp's error of a certificate is a ClientConnectorError as well, but one without `os_error`.
    if isinstance(problem, aiohttp.ClientConnectorCertificateError):
        return problem.certificate_error
    return problem.os_error if isinstance(problem, aiohttp.ClientConnectorError) else problem
