"""Probes against real HTTP servers on loopback, names from a real DNS server."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address

import pytest
import trustme
from aiohttp import web

from acme_companion.decide.facts import Addresses, OwnAddresses, Probe, ProbeReached, ProbeWrong, Unanswered
from acme_companion.decide.names import Name
from acme_companion.decide.settings import Checks, HostPort
from acme_companion.look.reachability import Prober
from acme_companion.look.resolvers import Resolvers
from acme_companion.ports import ProbeFile
from tests.bed.challtest import ChallengeTestServer
from tests.bed.process import LOOPBACK, free_port

HOST = Name.parse("mail.example.org")
FILE = ProbeFile("tok-en_1", "our random content")
PATH = f"/.well-known/acme-challenge/{FILE.token}"
HERE = Addresses((IPv4Address(LOOPBACK),))
URL = f"http://{HOST}"


@pytest.fixture(scope="module")
def dns() -> Iterator[ChallengeTestServer]:
    with ChallengeTestServer(default_ipv4="") as running:
        yield running


@dataclass(frozen=True)
class Answer:
    body: bytes | str = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self) -> web.Response:
        body = self.body.encode() if isinstance(self.body, str) else self.body
        return web.Response(body=body, status=self.status, headers=self.headers)


OURS = Answer(FILE.content)


@asynccontextmanager
async def serving(
    *answers: Answer, host: str = LOOPBACK, tls: ssl.SSLContext | None = None, port: int = 0
) -> AsyncIterator[tuple[int, list[str]]]:
    """A web server that gives these answers in turn, the last one again and again; its port, and what it was asked."""
    asked: list[str] = []
    left = list(answers)

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        asked.append(f"{request.headers['Host']}{request.raw_path}")
        return (left.pop(0) if len(left) > 1 else left[0]).response()

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    port = port or free_port()
    try:
        await web.TCPSite(runner, host, port, ssl_context=tls).start()
        yield port, asked
    except PermissionError:
        pytest.skip(f"port {port} may not be bound here")
    finally:
        await runner.cleanup()


async def probe(
    dns: ChallengeTestServer,
    port: int,
    found: Addresses = HERE,
    own: OwnAddresses = OwnAddresses(),  # noqa: B008  (a value)
    limit: float = 5.0,
) -> Probe | None:
    checks = Checks(resolvers=(HostPort(LOOPBACK, dns.dns_port),), http_port=port, timeout=limit)
    async with (
        Resolvers(checks.resolvers, limit) as resolvers,
        Prober(checks, own, FILE, resolvers) as prober,
    ):
        return await prober.probe(HOST, found)


async def test_the_file_comes_back(dns: ChallengeTestServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name stands in the Host header, the address is the one DNS gave; proxies of the environment are not used (O08)."""
    for variable in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    async with serving(Answer(f"{FILE.content}\r\n\n")) as (port, asked):
        assert await probe(dns, port) == ProbeReached(LOOPBACK)
    assert asked == [f"{HOST}:{port}{PATH}"]


async def test_ipv6_first(dns: ChallengeTestServer) -> None:
    """A name with AAAA is fetched over IPv6, as CAs do."""
    both = Addresses((IPv4Address(LOOPBACK),), (IPv6Address("::1"),))
    async with serving(OURS, host="::1") as (port, _):
        assert await probe(dns, port, both) == ProbeReached("::1")


async def test_ipv4_when_ipv6_cannot_be_dialled(dns: ChallengeTestServer) -> None:
    """FAULTS O09: a CA falls back on a failed connection only; a wrong answer over IPv6 is final."""
    both = Addresses((IPv4Address(LOOPBACK),), (IPv6Address("::1"),))
    async with serving(OURS) as (port, _):
        assert await probe(dns, port, both) == ProbeReached(LOOPBACK)
        async with serving(Answer("other"), host="::1", port=port):
            wrong = await probe(dns, port, both)
    assert wrong == ProbeWrong(
        "::1", f"'{URL}:{port}{PATH}' answers 200 with other content, beginning 'other'"
    )


@pytest.mark.parametrize("order", [1, -1])
async def test_one_of_several_is_ours(dns: ChallengeTestServer, order: int) -> None:
    """Whichever DNS tells first, the file is fetched from ours, and nothing is sent to the others."""
    several = (IPv4Address(LOOPBACK), IPv4Address("127.0.0.2"))[::order]
    own = OwnAddresses(IPv4Address(LOOPBACK))
    async with (
        serving(OURS) as (port, _),
        serving(Answer("other"), host="127.0.0.2", port=port) as (_, asked),
    ):
        assert await probe(dns, port, Addresses(several), own) == ProbeReached(LOOPBACK)
    assert asked == []


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param(Answer("no", 404), "404, beginning 'no'", id="not found"),
        pytest.param(Answer(status=401), "401, beginning ''", id="a password is wanted"),
        pytest.param(Answer("<h1>WAF\x1b[31m", 403), "403, beginning '<h1>WAF\\x1b[31m'", id="a firewall"),
        pytest.param(Answer(FILE.content, 503), "503, beginning 'our random content'", id="an error page"),
        pytest.param(
            Answer("another stack's token"),
            "200 with other content, beginning 'another stack\\x27s token'",
            id="two stacks share port 80 (H11)",
        ),
        pytest.param(
            Answer(status=303, headers={"Location": "/x"}),
            "303, a redirect that CAs do not follow, beginning ''",
            id="303",
        ),
        pytest.param(
            Answer(b"\x1f\x8b" + b"\0" * 200_000, headers={"Content-Encoding": "gzip"}),
            "200 with other content, beginning '�" + "\\x00" * 18,
            id="a compressed bomb (H04)",
        ),
    ],
)  # fmt: skip
async def test_wrong_answers(dns: ChallengeTestServer, answer: Answer, said: str) -> None:
    """FAULTS H05: named with status and first safe bytes."""
    async with serving(answer) as (port, _):
        wrong = await probe(dns, port)

    assert isinstance(wrong, ProbeWrong)
    assert wrong.why.startswith(f"'{URL}:{port}{PATH}' answers {said}")
    assert wrong.why.isprintable()


def to(location: str, status: int = 301) -> Answer:
    return Answer(status=status, headers={"Location": location})


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_redirects_are_followed(dns: ChallengeTestServer, status: int) -> None:
    """To a path of the same host."""
    async with serving(to("/there?x=%41", status), OURS) as (port, asked):
        assert await probe(dns, port) == ProbeReached(LOOPBACK)
    assert asked[1] == f"{HOST}:{port}/there?x=%41"


async def test_https_with_any_certificate(dns: ChallengeTestServer) -> None:
    """FAULTS H02: CAs do not verify it, so an expired one must not stop us. Port 443 of a loopback address is ours here."""
    address = "127.0.0.43"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("another.example").configure_cert(context)
    async with (
        serving(to(f"https://{HOST}/over-tls"), host=address) as (port, _),
        serving(OURS, host=address, tls=context, port=443) as (_, asked),
    ):
        assert await probe(dns, port, Addresses((IPv4Address(address),))) == ProbeReached(address)
    assert asked == [f"{HOST}/over-tls"]


async def test_redirect_to_another_host(dns: ChallengeTestServer) -> None:
    """Its address comes from our DNS; ours and the name's own may be private, nobody else's (H03, SSRF)."""
    dns.add_a("www.example.org", "127.0.0.44")
    async with (
        serving(to("http://www.example.org/x")) as (port, _),
        serving(OURS, host="127.0.0.44", port=port) as (_, asked),
    ):
        closed = await probe(dns, port)
        assert asked == []
        opened = await probe(dns, port, own=OwnAddresses(IPv4Address("127.0.0.44")))

    assert closed == Unanswered(
        f"redirects to 'http://www.example.org:{port}/x' at 127.0.0.44, which is not public: not followed"
    )
    assert (opened, asked) == (ProbeReached(LOOPBACK), [f"www.example.org:{port}/x"])


async def test_redirect_to_a_host_without_address(dns: ChallengeTestServer) -> None:
    """The missing record is named."""
    async with serving(to("http://none.example.org/x")) as (port, _):
        assert await probe(dns, port) == Unanswered(
            f"redirects to 'http://none.example.org:{port}/x': none.example.org has no address in DNS (neither A nor AAAA)"
        )


async def test_redirect_without_end(dns: ChallengeTestServer) -> None:
    """FAULTS H03: eleven redirects are one too many."""
    async with serving(to(PATH)) as (port, asked):
        assert await probe(dns, port) == ProbeWrong(LOOPBACK, "redirects more than 10 times")
    assert len(asked) == 11


async def test_redirect_that_no_ca_follows(dns: ChallengeTestServer) -> None:
    """FAULTS H03: metadata services are reached by address, which CAs refuse and we too."""
    async with serving(to("http://169.254.169.254/latest")) as (port, _):
        wrong = await probe(dns, port)
    assert wrong == ProbeWrong(
        LOOPBACK,
        "redirects to 'http://169.254.169.254/latest', which has no host name that a CA would follow",
    )


async def test_nobody_listens(dns: ChallengeTestServer) -> None:
    """FAULTS H01: a closed port seen from inside says nothing about the outside."""
    port = free_port()
    assert await probe(dns, port) == Unanswered(f"{LOOPBACK} port {port}: Connection refused")


async def test_no_address(dns: ChallengeTestServer) -> None:
    """Without an address there is nothing to probe."""
    assert await probe(dns, 9, Addresses(Unanswered("x"), ())) is None


@asynccontextmanager
async def raw(answer: bytes, *, forever: bool = False) -> AsyncIterator[int]:
    """A server for what no web server sends; `forever` repeats the answer until the client has gone."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        try:
            while forever:
                await writer.drain()
                writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
            if answer:
                await writer.drain()
            else:
                await reader.read()
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, LOOPBACK, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


async def test_a_body_without_end(dns: ChallengeTestServer) -> None:
    """FAULTS H04: 64 kB are read, no more."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with raw(head, forever=True) as port:
        wrong = await asyncio.wait_for(probe(dns, port), 5)
    assert isinstance(wrong, ProbeWrong)


async def test_a_server_that_keeps_silent(dns: ChallengeTestServer) -> None:
    """FAULTS H12: the time limit ends it; silence is no verdict."""
    async with raw(b"") as port:
        assert await probe(dns, port, limit=0.2) == Unanswered(f"no answer from {LOOPBACK} within 0.2 s")


@pytest.mark.parametrize(
    "answer", [b"220 mail.example.org ESMTP\r\n", b"HTTP/1.1 2\x1b0 OK\r\n\r\n", b"\0" * 100]
)
async def test_something_that_is_not_http(dns: ChallengeTestServer, answer: bytes) -> None:
    """A mail server on port 80, or noise: it is there, and it is wrong."""
    async with raw(answer) as port:
        wrong = await probe(dns, port)
    assert isinstance(wrong, ProbeWrong)
    assert wrong.why.startswith("answers something that is not HTTP (")
    assert wrong.why.isprintable()
