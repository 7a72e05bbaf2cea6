"""One TLS service of a mail stack: reads the shared volume when it starts, and never again, as mailcow's services do.

    python -m demo.sibling FOLDER [--accepts FINGERPRINT] PORT/PROTOCOL...

PROTOCOL is `https`, `smtp` or `imap` (STARTTLS), `smtps` or `imaps`. It ends on SIGTERM, and when its parent is gone.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import ssl
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

LOOPBACK = "127.0.0.1"
PATIENCE = 10.0  # seconds for one visitor
GLANCE_EVERY = 0.5  # seconds between two looks whether the parent is still there

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter


def context_of(volume: Path) -> ssl.SSLContext:
    """The pair for everybody, and by SNI name that of every directory with `domains`, `cert.pem` and `key.pem`."""
    by_name: dict[str, ssl.SSLContext] = {}
    for domains in sorted(volume.glob("*/domains")):
        folder = domains.parent
        if (folder / "cert.pem").is_file() and (folder / "key.pem").is_file():
            context = _context(folder)
            by_name |= dict.fromkeys(domains.read_text(encoding="utf-8").split(), context)
    default = _context(volume)

    def choose(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        if name in by_name:
            connection.context = by_name[name]

    default.sni_callback = choose
    return default


def _context(folder: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


def fingerprint(chain: Path) -> str:
    """SHA-256 of the leaf's DER, lower-case hex."""
    end = "-----END CERTIFICATE-----"
    leaf = chain.read_text(encoding="ascii").partition(end)[0] + end + "\n"
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(leaf)).hexdigest()


async def _https(reader: Reader, writer: Writer, _: ssl.SSLContext) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")


async def _smtp(reader: Reader, writer: Writer, context: ssl.SSLContext) -> None:
    """As much of RFC 5321 and RFC 3207 as it takes to begin TLS and to say goodbye."""
    writer.write(b"220 demo ESMTP\r\n")
    while words := (await reader.readline()).upper().split():
        match words[0]:
            case b"EHLO":
                writer.write(b"250-demo\r\n250 STARTTLS\r\n")
            case b"STARTTLS":
                writer.write(b"220 ready\r\n")
                await writer.start_tls(context)
            case b"QUIT":
                writer.write(b"221 bye\r\n")
                return
            case _:
                writer.write(b"502 not in this demo\r\n")


async def _imap(reader: Reader, writer: Writer, context: ssl.SSLContext) -> None:
    """As much of RFC 9051 as it takes to begin TLS and to say goodbye."""
    writer.write(b"* OK demo ready\r\n")
    while len(words := (await reader.readline()).split()) >= 2:
        match words[1].upper():
            case b"STARTTLS":
                writer.write(words[0] + b" OK begin\r\n")
                await writer.start_tls(context)
            case b"LOGOUT":
                writer.write(b"* BYE\r\n" + words[0] + b" OK bye\r\n")
                return
            case _:
                writer.write(words[0] + b" BAD not in this demo\r\n")


TALKS: dict[str, Callable[[Reader, Writer, ssl.SSLContext], Awaitable[None]]] = {
    "https": _https,
    "smtp": _smtp,
    "smtps": _smtp,
    "imap": _imap,
    "imaps": _imap,
}
DIRECT = {"https", "smtps", "imaps"}


def port(text: str) -> tuple[int, str]:
    """`25/smtp` as number and protocol."""
    number, _, protocol = text.partition("/")
    if protocol not in TALKS:
        raise argparse.ArgumentTypeError(f"{text!r} does not end in one of /{', /'.join(TALKS)}")
    return int(number), protocol


async def _visit(protocol: str, context: ssl.SSLContext, reader: Reader, writer: Writer) -> None:
    # A visitor may leave at any moment, in any way: that is his business.
    with suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        try:
            async with asyncio.timeout(PATIENCE):
                await TALKS[protocol](reader, writer, context)
                await writer.drain()
        finally:
            writer.close()


async def serve(volume: Path, ports: list[tuple[int, str]], accepts: str) -> str:
    """Serve until the parent is gone; the reason when there is nothing to serve."""
    found = fingerprint(volume / "cert.pem")
    if accepts and found != accepts:
        return f"refuses to start: cert.pem is {found[:8]}, told to accept {accepts[:8]} only"
    parent = os.getppid()
    context = context_of(volume)
    for number, protocol in ports:
        visit = partial(_visit, protocol, context)
        await asyncio.start_server(visit, LOOPBACK, number, ssl=context if protocol in DIRECT else None)
    while os.getppid() == parent:
        await asyncio.sleep(GLANCE_EVERY)
    return ""


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(prog="python -m demo.sibling")
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--accepts", default="", metavar="FINGERPRINT", help="start with this server certificate only"
    )
    parser.add_argument("ports", nargs="+", type=port, metavar="PORT/PROTOCOL")
    arguments = parser.parse_args()
    sys.exit(asyncio.run(serve(arguments.folder, arguments.ports, arguments.accepts)) or 0)


if __name__ == "__main__":
    main()
