"""A whole CA in this process that does as a script says: for everything that Pebble cannot be made to do.

It verifies what it is sent by code of its own, notes every rule of RFC 8555 that a client breaks, visits the
challenge files, and signs certificates. A test changes single answers by the faults of `acme_proxy`.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
import ssl
import tempfile
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trustme
from aiohttp import web
from cryptography import x509

from tests.act import scripted_jws
from tests.act.acme_proxy import PROBLEM, AcmeProxy, Seen
from tests.act.scripted_certificates import Mould, cast
from tests.act.scripted_jws import NotSigned, Signed, decoded, thumbprint
from tests.act.scripted_objects import new_authorization, new_order, visit
from tests.bed.process import LOOPBACK, free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CHAIN = "application/pem-certificate-chain"


class Declines(Exception):
    """What the CA answers instead."""

    def __init__(self, status: int, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.kind, self.detail = status, kind, detail


@dataclass
class ScriptedCa(AcmeProxy):
    """Paths: /dir, /nonce, /account, /order, /placed/n, /authz/n, /challenge/n, /finalize/n, /certificate/n.

    `mould`: how certificates are cast. `broken`: the rules that the client broke, which `scripted_ca` wants to be none.
    """

    mould: Mould = field(default_factory=Mould)
    broken: list[str] = field(default_factory=list)
    meta: dict[str, Any] = field(default_factory=dict)
    _generous: bool = True
    _nonces: set[str] = field(default_factory=set)
    _bodies: set[bytes] = field(default_factory=set)
    _accounts: dict[str, dict[str, str]] = field(default_factory=dict)
    _resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    _requests_for: dict[str, bytes] = field(default_factory=dict)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    def url(self, path: str) -> str:
        return self.directory_url.removesuffix("/dir") + path

    def objects(self, path: str) -> list[dict[str, Any]]:
        """Everything below `path` that was made so far, to be changed as a test likes."""
        return [value for made, value in self._resources.items() if made.startswith(path)]

    def forget_nonces(self) -> None:
        self._nonces.clear()

    def keep_nonces(self) -> None:
        """Give nonces to those only who ask at /nonce."""
        self._generous = False

    def nonce(self) -> str:
        nonce = secrets.token_urlsafe(16)
        self._nonces.add(nonce)
        return nonce

    def note(self, request: web.BaseRequest, body: bytes) -> None:
        """What every request must be like, whatever it is answered (RFC 8555 sections 6.1 to 6.5)."""
        payload = None
        if "acme-companion/" not in request.headers.get("User-Agent", ""):
            self.broken.append(f"P-2: {request.path} without a User-Agent that says who asks")
        if request.method == "POST":
            payload = self._payload(request, body)
            if body in self._bodies:
                self.broken.append(f"P-7: the same signed bytes twice to {request.path}")
            self._bodies.add(body)
        elif request.path not in {"/dir", "/nonce"}:
            self.broken.append(f"P-4: {request.method} {request.path}")
        self.requests.append(Seen(request.method, request.path, payload))

    def _payload(self, request: web.BaseRequest, body: bytes) -> Any:
        if request.headers.get("Content-Type") != "application/jose+json":
            self.broken.append(f"P-3: Content-Type {request.headers.get('Content-Type')}")
        try:
            return scripted_jws.read(body).payload
        except (NotSigned, ValueError) as problem:
            self.broken.append(f"P-3: {problem}")
            return None

    async def answer(self, request: web.BaseRequest, body: bytes) -> web.Response:
        """What a CA without any moods answers."""
        try:
            response = await self._answer(request, body)
        except Declines as declines:
            value = {"type": PROBLEM + declines.kind, "detail": declines.detail, "status": declines.status}
            response = web.json_response(
                value, status=declines.status, content_type="application/problem+json"
            )
        if self._generous or request.path == "/nonce":
            response.headers["Replay-Nonce"] = self.nonce()
        return response

    async def _answer(self, request: web.BaseRequest, body: bytes) -> web.Response:
        if request.path == "/dir":
            paths = {"newNonce": "/nonce", "newAccount": "/account", "newOrder": "/order"}
            directory = {name: self.url(path) for name, path in paths.items()}
            return web.json_response({**directory, "meta": self.meta})
        if request.path == "/nonce":
            return web.Response(status=200 if request.method == "HEAD" else 204)
        signed = self._verified(request, body)
        kind, _, number = request.path.removeprefix("/").partition("/")
        if kind == "challenge":
            return await self._challenge(f"/authz/{number}", signed)
        if kind == "finalize":
            return self._finalize(f"/placed/{number}", signed)
        roots = {"/account": self._account, "/order": self._new_order}
        root = roots.get(request.path)
        return root(signed) if root else self._resource(request.path, signed)

    def _verified(self, request: web.BaseRequest, body: bytes) -> Signed:
        signed = scripted_jws.read(body)
        header = signed.protected
        if header["url"] != f"https://{request.host}{request.path}":
            self.broken.append(f"P-3: url {header['url']} for {request.path}")
        if header["nonce"] not in self._nonces:
            raise Declines(400, "badNonce", "a nonce that I do not know")
        self._nonces.discard(header["nonce"])
        if ("jwk" in header) != (request.path == "/account"):
            self.broken.append(f"P-3: {sorted(header)} for {request.path}")
        jwk = header["jwk"] if "jwk" in header else self._accounts.get(header["kid"])
        if jwk is None:
            raise Declines(400, "accountDoesNotExist", "an account that I do not know")
        try:
            signed.verify(jwk)
        except NotSigned as problem:
            self.broken.append(f"P-3: {problem}")
            raise Declines(400, "malformed", str(problem)) from None
        return signed

    def _account(self, signed: Signed) -> web.Response:
        jwk = dict(signed.protected["jwk"])
        url = next((url for url, known in self._accounts.items() if known == jwk), "")
        if not url and signed.payload.get("onlyReturnExisting"):
            raise Declines(400, "accountDoesNotExist", "no account with this key")
        status = 200 if url else 201
        url = url or self.url(f"/account/{next(self._numbers)}")
        self._accounts[url] = jwk
        account = {"status": "valid", "contact": signed.payload.get("contact", [])}
        self._resources[url.removeprefix(self.url(""))] = account
        return web.json_response(account, status=status, headers={"Location": url})

    def _new_order(self, signed: Signed) -> web.Response:
        number = next(self._numbers)
        authorizations = [self._authorization(one) for one in signed.payload["identifiers"]]
        order = new_order(signed.payload["identifiers"], authorizations, self.url(f"/finalize/{number}"))
        self._resources[f"/placed/{number}"] = order
        return web.json_response(order, status=201, headers={"Location": self.url(f"/placed/{number}")})

    def _authorization(self, identifier: dict[str, str]) -> str:
        number = next(self._numbers)
        self._resources[f"/authz/{number}"] = new_authorization(identifier, self.url(f"/challenge/{number}"))
        return self.url(f"/authz/{number}")

    def _resource(self, path: str, signed: Signed) -> web.Response:
        if path not in self._resources:
            raise Declines(404, "malformed", f"no {path} here")
        resource = self._resources[path]
        if "pem" in resource:
            return web.Response(body=resource["pem"], content_type=CHAIN)
        if signed.payload:
            if path.startswith("/placed"):
                self.broken.append(f"P-4: {signed.payload} sent to {path}")
            resource.update(signed.payload)
        self._settle(path, resource)
        return web.json_response(resource)

    def _settle(self, path: str, resource: dict[str, Any]) -> None:
        if not path.startswith("/placed") or resource["status"] != "pending":
            return
        states = {
            self._resources[one.removeprefix(self.url(""))]["status"] for one in resource["authorizations"]
        }
        if states == {"valid"}:
            resource["status"] = "ready"
        elif states - {"valid", "pending"}:
            resource["status"] = "invalid"

    async def _challenge(self, path: str, signed: Signed) -> web.Response:
        authorization = self._resources[path]
        challenge = authorization["challenges"][0]
        if signed.payload == "":
            return web.json_response(challenge)
        if signed.payload != {}:
            self.broken.append(f"P-4: a challenge answered with {signed.payload}")
        if challenge["status"] != "pending":
            raise Declines(409, "conflict", "this challenge is or was being validated")
        wanted = f"{challenge['token']}.{thumbprint(self._accounts[signed.protected['kid']])}"
        found = await visit(self.http_port, challenge["token"], authorization["identifier"]["value"])
        status = "valid" if found.rstrip() == wanted else "invalid"
        authorization["status"] = challenge["status"] = status
        if status == "invalid":
            challenge["error"] = {
                "type": PROBLEM + "unauthorized",
                "detail": f"found {found[:60]}",
                "status": 403,
            }
        link = f'<{self.url(path)}>;rel="up"'
        return web.json_response(challenge, headers={"Link": link})

    def _finalize(self, path: str, signed: Signed) -> web.Response:
        order = self._resources[path]
        self._settle(path, order)
        if order["status"] != "ready":
            raise Declines(403, "orderNotReady", f"the order is {order['status']}")
        request = x509.load_der_x509_csr(decoded(signed.payload["csr"]))
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        asked = {name.value for name in names}
        if not request.is_signature_valid or asked != {one["value"] for one in order["identifiers"]}:
            raise Declines(400, "badCSR", f"a CSR for {sorted(asked)}")
        certificate = f"/certificate/{next(self._numbers)}"
        self._resources[certificate] = {"pem": cast(request, self.mould)}
        order.update(status="valid", certificate=self.url(certificate))
        return web.json_response(order, headers={"Location": self.url(path)})


@asynccontextmanager
async def scripted_ca(mould: Mould | None = None, *, strict: bool = True) -> AsyncIterator[ScriptedCa]:
    """The CA, running. At the end of a `strict` one the client must not have broken any rule."""
    authority = trustme.CA()
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(LOOPBACK, "localhost", "ca.test").configure_cert(serving)
    with tempfile.TemporaryDirectory() as folder:
        bundle = Path(folder, "scripted-ca.pem")
        authority.cert_pem.write_to_path(bundle)
        port = free_port()
        ca = ScriptedCa(f"https://{LOOPBACK}:{port}/dir", bundle, free_port(), mould=mould or Mould())

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            body = await request.read()
            ca.note(request, body)
            if ca.latency:
                await asyncio.sleep(ca.latency)

            async def forward() -> web.Response:
                return await ca.answer(request, body)

            fault = ca.next_fault(request.path)
            return await (fault(request, forward) if fault else forward())

        server = web.Server(handle)
        runner = web.ServerRunner(server, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, LOOPBACK, port, ssl_context=serving).start()
        try:
            yield ca
        finally:
            for connection in server.connections:
                if connection.transport:
                    connection.transport.abort()
            await asyncio.sleep(0)
            await runner.cleanup()
        assert not strict or ca.broken == [], ca.broken
