"""A proxy on loopback in front of Pebble for what Pebble cannot do: limits, stuck orders, lost and hostile answers."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import trustme
from aiohttp import web
from yarl import URL

from tests.bed.process import LOOPBACK, free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from tests.bed.pebble import Pebble

PROBLEM = "urn:ietf:params:acme:error:"
PASSED_ON = ("Content-Type", "Location", "Replay-Nonce", "Retry-After", "Date")

Forward = Callable[[], Awaitable[web.Response]]
Fault = Callable[[web.BaseRequest, Forward], Awaitable[web.Response]]


@dataclass(frozen=True)
class Seen:
    """One request: its path, and the payload of its JWS (None for a GET, "" for POST-as-GET)."""

    method: str
    path: str
    payload: Any


@dataclass
class AcmeProxy:
    """Give the client this `directory_url`. `requests` has everything it asked; `latency` in seconds per answer.

    `authorizations` are the paths of those that the CA named through any proxy, as many tests ask for the same name.

    Two whims of Pebble 2.10 would make tests fail now and then. It reuses one authorization in a hundred when it is told
    to reuse none: such a request does not count, it is answered as if its nonce were bad, and the client asks again. And
    it cannot find a predecessor whose serial number has a zero byte in front and the top bit of the next one set, as one
    in 256 has: to `replaces` it has nothing but an internal error then. The client is told `alreadyReplaced`, and its
    second order, without `replaces`, does not count.
    """

    directory_url: str
    ca_bundle: Path
    http_port: int
    latency: float = 0.0
    requests: list[Seen] = field(default_factory=list)
    reuses_authorizations: bool = False
    authorizations: set[str] = field(default_factory=set)
    _second_halves: list[Any] = field(default_factory=list)
    _faults: list[tuple[str, list[Fault]]] = field(default_factory=list)

    def on(self, path: str, *faults: Fault) -> None:
        """Spend one fault on each of the next requests whose path begins with `path`."""
        self._faults.append((path, list(faults)))

    def clear(self) -> None:
        """Forget the faults that are left."""
        self._faults.clear()

    def asked(self, path: str) -> list[Any]:
        """The payloads of all requests whose path begins with `path`."""
        return [seen.payload for seen in self.requests if seen.path.startswith(path)]

    def saw(self, seen: Seen) -> None:
        """Count this request, unless it is the second half of one that was counted."""
        if seen.payload in self._second_halves:
            self._second_halves.remove(seen.payload)
        else:
            self.requests.append(seen)

    def whim(self, seen: Seen, status: int, content: bytes) -> Fault | None:
        """What to answer instead when this answer of Pebble's is one of those that do not count."""
        if not seen.path.startswith("/order-plz"):
            return None
        if status == 500 and "replaces" in seen.payload:
            self._second_halves.append(
                {key: value for key, value in seen.payload.items() if key != "replaces"}
            )
            return problem(409, "alreadyReplaced", "Pebble does not find the predecessor")
        urls = json.loads(content).get("authorizations", ()) if status == 201 else ()
        found = {URL(url).path for url in urls}
        reused = bool(found & self.authorizations) and not self.reuses_authorizations
        self.authorizations |= found
        if not reused:
            return None
        self.requests[:] = [one for one in self.requests if one is not seen]
        return problem(400, "badNonce", "once more")

    def next_fault(self, path: str) -> Fault | None:
        for prefix, faults in self._faults:
            if path.startswith(prefix) and faults:
                return faults.pop(0)
        return None


def answer(status: int, body: bytes | Mapping[str, Any] = b"", **headers: str) -> Fault:
    """Answer in the CA's place; `headers` with _ for -."""

    async def fault(request: web.BaseRequest, forward: Forward) -> web.Response:
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        return web.Response(
            status=status,
            body=text,
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )

    return fault


def problem(
    status: int, kind: str, detail: str = "no", headers: Mapping[str, str] = {}, **more: Any
) -> Fault:
    """Answer with a problem document in the CA's place."""
    return answer(status, {"type": PROBLEM + kind, "detail": detail, "status": status, **more}, **headers)


def changed(change: Callable[[dict[str, Any]], object]) -> Fault:
    """Let the CA answer, and change the object on its way back."""

    async def fault(request: web.BaseRequest, forward: Forward) -> web.Response:
        response = await forward()
        value = json.loads(response.body)  # type: ignore[arg-type]
        change(value)
        response.body = json.dumps(value).encode()
        return response

    return fault


def with_body(change: Callable[[bytes], bytes]) -> Fault:
    """Let the CA answer, and change the bytes on their way back."""

    async def fault(request: web.BaseRequest, forward: Forward) -> web.Response:
        response = await forward()
        response.body = change(bytes(response.body))  # type: ignore[arg-type]
        return response

    return fault


def without_header(name: str) -> Fault:
    async def fault(request: web.BaseRequest, forward: Forward) -> web.Response:
        response = await forward()
        del response.headers[name]
        return response

    return fault


def status_becomes(status: str) -> Fault:
    return changed(lambda value: value.update(status=status))


async def reset(request: web.BaseRequest, forward: Forward) -> web.Response:
    """Cut the connection before the CA heard anything."""
    assert request.transport
    request.transport.abort()
    return web.Response()


async def lost(request: web.BaseRequest, forward: Forward) -> web.Response:
    """Cut the connection after the CA did what was asked."""
    await forward()
    return await reset(request, forward)


async def as_is(request: web.BaseRequest, forward: Forward) -> web.Response:
    """No fault at all: to let a request pass before the next one."""
    return await forward()


@asynccontextmanager
async def acme_proxy(pebble: Pebble, *, trusted: bool = True) -> AsyncIterator[AcmeProxy]:
    """The proxy, running; not `trusted`: it shows a certificate that its `ca_bundle` does not hold."""
    authority, port = trustme.CA(), free_port()
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    (authority if trusted else trustme.CA()).issue_cert(LOOPBACK).configure_cert(serving)
    upstream = ssl.create_default_context(cafile=str(pebble.ca_bundle))
    with tempfile.TemporaryDirectory() as folder:
        bundle = Path(folder, "proxy-ca.pem")
        authority.cert_pem.write_to_path(bundle)
        proxy = AcmeProxy(
            f"https://{LOOPBACK}:{port}/dir",
            bundle,
            pebble.http_port,
            reuses_authorizations=pebble.reuses_authorizations,
            authorizations=pebble.authorizations,
        )
        origin = URL(pebble.directory_url).origin()
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=100, ssl=upstream)) as session:

            async def handle(request: web.BaseRequest) -> web.StreamResponse:
                body = await request.read()
                seen = Seen(request.method, request.path, _payload(body))
                proxy.saw(seen)
                if proxy.latency:
                    await asyncio.sleep(proxy.latency)

                async def forward() -> web.Response:
                    kept = {"Host": request.host, "User-Agent": request.headers["User-Agent"]}
                    if body:
                        kept["Content-Type"] = request.headers["Content-Type"]
                    async with session.request(
                        request.method, origin.join(request.rel_url), data=body or None, headers=kept
                    ) as got:
                        passed = {name: got.headers[name] for name in PASSED_ON if name in got.headers}
                        content = await got.read()
                        if whim := proxy.whim(seen, got.status, content):
                            answered = await whim(request, forward)
                            answered.headers["Replay-Nonce"] = passed["Replay-Nonce"]
                            return answered
                        response = web.Response(status=got.status, body=content, headers=passed)
                        for link in got.headers.getall("Link", ()):
                            response.headers.add("Link", link)
                        return response

                fault = proxy.next_fault(request.path)
                return await (fault(request, forward) if fault else forward())

            runner = web.ServerRunner(web.Server(handle), shutdown_timeout=1)
            await runner.setup()
            await web.TCPSite(runner, LOOPBACK, port, ssl_context=serving).start()
            try:
                yield proxy
            finally:
                await runner.cleanup()


def _payload(body: bytes) -> Any:
    if not body:
        return None
    payload = json.loads(body)["payload"]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))) if payload else ""
