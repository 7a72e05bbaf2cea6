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

    `stumbles`: those of them over which the CA itself, not a fault of ours, had an internal error, or that it answered
    with an authorization of an earlier order against its settings (Pebble 2.10 reuses one in a hundred when told to
    reuse none): such an order is asked for again, so that a test may rely on every name being validated anew.
    """

    directory_url: str
    ca_bundle: Path
    http_port: int
    latency: float = 0.0
    requests: list[Seen] = field(default_factory=list)
    stumbles: list[Seen] = field(default_factory=list)
    _authorizations: set[str] = field(default_factory=set)
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

    def understood(self, path: str) -> list[Any]:
        """The same without those that the CA stumbled over: Pebble now and then does over `replaces`, and is asked again without."""
        stumbles = {id(one) for one in self.stumbles}
        return [one.payload for one in self.requests if one.path.startswith(path) and id(one) not in stumbles]

    def reuses(self, order: bytes) -> bool:
        """Whether an answer to newOrder holds an authorization that was seen before."""
        found = set(json.loads(order).get("authorizations", ()))
        seen = bool(found & self._authorizations)
        self._authorizations |= found
        return seen

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
        proxy = AcmeProxy(f"https://{LOOPBACK}:{port}/dir", bundle, pebble.http_port)
        origin = URL(pebble.directory_url).origin()
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=100, ssl=upstream)) as session:

            async def handle(request: web.BaseRequest) -> web.StreamResponse:
                body = await request.read()
                seen = Seen(request.method, request.path, _payload(body))
                proxy.requests.append(seen)
                if proxy.latency:
                    await asyncio.sleep(proxy.latency)

                async def forward() -> web.Response:
                    kept = {"Host": request.host, "User-Agent": request.headers["User-Agent"]}
                    if body:
                        kept["Content-Type"] = request.headers["Content-Type"]
                    async with session.request(
                        request.method, origin.join(request.rel_url), data=body or None, headers=kept
                    ) as got:
                        if got.status >= 500:
                            proxy.stumbles.append(seen)
                        passed = {name: got.headers[name] for name in PASSED_ON if name in got.headers}
                        content = await got.read()
                        placed = got.status == 201 and request.path.startswith("/order-plz")
                        if placed and proxy.reuses(content) and not pebble.reuses_authorizations:
                            proxy.stumbles.append(seen)
                            again = {"Replay-Nonce": passed["Replay-Nonce"]}
                            return await problem(400, "badNonce", "once more", again)(request, forward)
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
