"""What endpoints serve, asked of tiny servers that speak just the beginning of each protocol.

The real nginx, Postfix and Dovecot are in test_served_by_real_services.py.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate

from acme_companion.decide.facts import Endpoint, Served, ServedCertificate, Unanswered
from acme_companion.decide.pair import fingerprint_of
from acme_companion.look.served import served
from tests.bed.process import LOOPBACK, free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

AUTHORITY = trustme.CA()
PAIRS = {name: AUTHORITY.issue_cert(name) for name in ("mail.example.org", "imap.example.com")}
# What a server says, in order; after each line but the last it waits for a line of ours.
TALKS = {
    "tls": (),
    "smtp": (b"220-wait\r\n220 hi\r\n", b"250-me\r\n250-SIZE 1\r\n250 STARTTLS\r\n", b"220 go\r\n"),
    "imap": (b"* OK [CAPABILITY IMAP4rev1 STARTTLS] hi\r\n", b"* FLAGS\r\na OK go\r\n"),
    "pop3": (b"+OK hi\r\n", b"+OK go\r\n"),
    "sieve": (b'"IMPLEMENTATION" "x"\r\n"STARTTLS"\r\nOK "ready"\r\n', b"OK go\r\n"),
}


def certificate(name: str) -> ServedCertificate:
    """What is expected to be seen for a name."""
    leaf = load_pem_x509_certificate(PAIRS[name].cert_chain_pems[0].bytes())
    der = leaf.public_bytes(Encoding.DER)
    return ServedCertificate(fingerprint_of(der), der)


def context(newest: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED) -> ssl.SSLContext:
    """A server that tells names apart by SNI."""
    by_name = {}
    for name, pair in PAIRS.items():
        by_name[name] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        pair.configure_cert(by_name[name])
    default = by_name["mail.example.org"]
    default.maximum_version = newest

    def choose(socket: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        socket.context = by_name.get(name or "", default)

    default.sni_callback = choose
    return default


@asynccontextmanager
async def server(
    talk: Sequence[bytes], *, tls: ssl.SSLContext | None = None, pause: float = 0.0
) -> AsyncIterator[int]:
    """Say `talk`, then begin TLS, or end the connection when there is none."""

    async def session(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for number, said in enumerate(talk):
                if number:
                    await reader.readline()
                await asyncio.sleep(pause)
                writer.write(said)
            if tls is not None:
                await writer.start_tls(tls)
                await reader.read()
        except OSError:
            pass
        finally:
            writer.close()

    listener = await asyncio.start_server(session, LOOPBACK, 0)
    async with listener:
        yield int(listener.sockets[0].getsockname()[1])


async def look(port: int, protocol: str, sni: str = "mail.example.org", limit: float = 5.0) -> Served:
    endpoint = Endpoint("x", LOOPBACK, port, protocol, sni)
    return (await served([endpoint], limit))[endpoint]


@pytest.mark.parametrize("sni", sorted(PAIRS))
@pytest.mark.parametrize("protocol", sorted(TALKS))
async def test_certificate_by_name(protocol: str, sni: str) -> None:
    """Every protocol gives the certificate of the name that was asked for, whoever signed it."""
    async with server(TALKS[protocol], tls=context()) as port:
        assert await look(port, protocol, sni) == certificate(sni)


@pytest.mark.parametrize(
    ("protocol", "talk", "why"),
    [
        ("smtp", [b"220 hi\r\n", b"250 SIZE\r\n"], "STARTTLS is not offered"),
        ("smtp", [b"421 4.7.0 too many\r\n"], "it answered '421 4.7.0 too many'"),
        ("smtp", [b"220 hi\r\n", b"250 STARTTLS\r\n", b"454 no\r\n"], "it answered '454 no'"),
        ("smtp", [b"220-x\r\n" * 99], "its reply does not end"),
        ("smtp", [b"2" * 20000], "it sent a line without an end"),
        ("smtp", [b"220 \x1b[31m\xff\r\n", b"\x00\r\n"], r"it answered '\x00'"),
        ("imap", [b"* BYE busy\r\n"], "it answered '* BYE busy'"),
        ("imap", [b"* OK hi\r\n", b"a BAD no TLS\r\n"], "STARTTLS is refused: 'BAD no TLS'"),
        ("pop3", [b"+OK hi\r\n", b"-ERR unknown\r\n"], "STLS is refused: '-ERR unknown'"),
        ("sieve", [b'"SASL" ""\r\nOK\r\n'], "STARTTLS is not offered"),
        ("sieve", [b'BYE "later"\r\n'], "it answered 'BYE \"later\"'"),
        ("smtp", [], "it closed the connection"),
        ("tls", [], "it closed the connection"),
        (
            "smtp",
            [b"220 hi\r\n", b"250 STARTTLS\r\n", b"220 go\r\n250 injected\r\n"],
            "it sent more than its agreement to TLS",
        ),
    ],
)
async def test_no_tls(protocol: str, talk: list[bytes], why: str) -> None:
    """What happened instead is said in a few safe words."""
    async with server(talk) as port:
        assert await look(port, protocol) == Unanswered(why)


async def test_plain_text_where_tls_should_be() -> None:
    """A service that speaks plain text on a TLS port, and one that only knows what is long forbidden."""
    with pytest.deprecated_call():
        outdated = context(ssl.TLSVersion.TLSv1_1)
    async with server([b"220 hi\r\n"]) as plain, server([], tls=outdated) as old:
        answers = [await look(plain, "tls"), await look(old, "tls")]

    assert answers[0] == Unanswered("TLS failed: wrong version number")
    assert isinstance(answers[1], Unanswered)


async def test_closed_port() -> None:
    """Nobody listens."""
    assert await look(free_port(), "tls") == Unanswered("connection refused")


async def test_strange_addresses() -> None:
    """A look never raises, whatever the address or the name."""
    ends = [
        Endpoint("x", host, 1, "tls", sni)
        for host in ("", "a b", "no.invalid")
        for sni in ("", "\n", "x" * 300)
    ]

    assert all(isinstance(one, Unanswered) for one in (await served(ends, 2.0)).values())


async def test_slow_greeting() -> None:
    """Postscreen makes a client wait between `220-` and `220 `; only the limit ends a look."""
    async with server(TALKS["smtp"], tls=context(), pause=0.3) as port:
        patient, hasty = await asyncio.gather(look(port, "smtp"), look(port, "smtp", limit=0.1))

    assert patient == certificate("mail.example.org")
    assert hasty == Unanswered("timed out")


async def test_silent_service() -> None:
    """A service that says nothing, before TLS or in it, costs no more than the limit."""
    async with server([b"", b""]) as port:
        assert await look(port, "smtp", limit=0.2) == Unanswered("timed out")
        assert await look(port, "tls", limit=0.2) in (
            Unanswered("timed out"),
            Unanswered("it closed the connection"),
        )


async def test_silent_for_many_names() -> None:
    """A port that is silent for one name is not waited for once more for each of the others."""
    async with server([b"", b""]) as port:
        ends = [Endpoint("x", LOOPBACK, port, "imap", f"n{number}.example.org") for number in range(200)]
        began = time.monotonic()
        answers = await served(ends, 0.5)

    assert answers == dict.fromkeys(ends, Unanswered("timed out"))
    assert time.monotonic() - began < 2.5  # each name by itself: 6.5


async def test_many_at_once() -> None:
    """A thousand looks, each with its own name, all answered; never more at once at a host than Postfix takes."""
    now, most = 0, 0

    async def session(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await reader.read()
        now -= 1
        writer.close()

    listener = await asyncio.start_server(session, LOOPBACK, 0, ssl=context())
    async with listener:
        port = int(listener.sockets[0].getsockname()[1])
        ends = [Endpoint("x", LOOPBACK, port, "tls", f"n{number}.example.org") for number in range(1000)]
        answers = await served(ends)

    assert answers == dict.fromkeys(ends, certificate("mail.example.org"))
    assert most <= 32  # a server may notice the end of a session after the next one began
