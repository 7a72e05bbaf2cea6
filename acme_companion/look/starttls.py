"""The plain-text beginning of a session, up to the moment at which TLS begins."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from acme_companion.decide.names import quoted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_MOST_LINES = 64


class NoStartTls(Exception):
    """The service did not agree to TLS; the text says what it did instead."""


async def agree(protocol: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Speak `protocol` until the service is ready for a TLS handshake; raises `NoStartTls`."""
    await _TALKS[protocol](reader, writer)
    # What a service (or someone between) sends before the handshake would be taken for its first words inside TLS.
    try:
        async with asyncio.timeout(0):
            early = await reader.read(1)
    except TimeoutError:
        return
    raise NoStartTls("it sent more than its agreement to TLS" if early else "it closed the connection")


async def _smtp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """RFC 3207."""
    await _smtp_reply(reader, "220")
    writer.write(b"EHLO " + _own_address_literal(writer) + b"\r\n")
    offered = [line[4:].split(" ")[0].upper() for line in await _smtp_reply(reader, "250")]
    if "STARTTLS" not in offered:
        raise NoStartTls("STARTTLS is not offered")
    writer.write(b"STARTTLS\r\n")
    await _smtp_reply(reader, "220")


def _own_address_literal(writer: asyncio.StreamWriter) -> bytes:
    """What a client without a name of its own says to EHLO (RFC 5321 section 4.1.3)."""
    address = str(writer.get_extra_info("sockname")[0])
    return f"[{'IPv6:' if ':' in address else ''}{address.partition('%')[0]}]".encode()


async def _smtp_reply(reader: asyncio.StreamReader, code: str) -> list[str]:
    """The lines of one reply (RFC 5321 section 4.2.1); `220-` and `220 ` may be seconds apart with postscreen."""
    lines: list[str] = []
    for _ in range(_MOST_LINES):
        line = await _line(reader)
        lines.append(line)
        if not line.startswith(code):
            raise NoStartTls(f"it answered {quoted(line)}")
        if line[3:4] != "-":
            return lines
    raise NoStartTls("its reply does not end")


async def _imap(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """RFC 9051 section 6.2.1."""
    greeting = await _line(reader)
    if not greeting.upper().startswith("* OK"):
        raise NoStartTls(f"it answered {quoted(greeting)}")
    writer.write(b"a STARTTLS\r\n")
    for _ in range(_MOST_LINES):
        line = await _line(reader)
        if line.startswith("a "):
            if line[2:4].upper() != "OK":
                raise NoStartTls(f"STARTTLS is refused: {quoted(line[2:])}")
            return
    raise NoStartTls("its reply does not end")


async def _pop3(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """RFC 2595 section 4."""
    greeting = await _line(reader)
    if not greeting.startswith("+OK"):
        raise NoStartTls(f"it answered {quoted(greeting)}")
    writer.write(b"STLS\r\n")
    answer = await _line(reader)
    if not answer.startswith("+OK"):
        raise NoStartTls(f"STLS is refused: {quoted(answer)}")


async def _sieve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """RFC 5804 sections 1.7 and 2.2."""
    if not any(line.upper().startswith('"STARTTLS"') for line in await _sieve_response(reader)):
        raise NoStartTls("STARTTLS is not offered")
    writer.write(b"STARTTLS\r\n")
    await _sieve_response(reader)


async def _sieve_response(reader: asyncio.StreamReader) -> list[str]:
    lines: list[str] = []
    for _ in range(_MOST_LINES):
        line = await _line(reader)
        if line.upper().startswith("OK"):
            return lines
        if line.upper().startswith(("NO", "BYE")):
            raise NoStartTls(f"it answered {quoted(line)}")
        lines.append(line)
    raise NoStartTls("its reply does not end")


async def _line(reader: asyncio.StreamReader) -> str:
    try:
        line = await reader.readuntil(b"\n")
    except asyncio.LimitOverrunError:
        raise NoStartTls("it sent a line without an end") from None
    except asyncio.IncompleteReadError:
        raise NoStartTls("it closed the connection") from None
    return line.decode("utf-8", errors="replace").rstrip("\r\n")


_TALKS: dict[str, Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]] = {
    "smtp": _smtp,
    "imap": _imap,
    "pop3": _pop3,
    "sieve": _sieve,
}
