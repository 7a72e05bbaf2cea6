"""Every HTTPS host of the Internet, played on loopback: a proxy that ends the TLS itself and gives the answers of a test."""

from __future__ import annotations

import json
import ssl
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import trustme

from .process import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


@dataclass(frozen=True)
class Asked:
    """One request. `path` without its query."""

    method: str
    host: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        """The body as JSON, an empty object when there is none."""
        return json.loads(self.body or b"{}")

    @property
    def text(self) -> str:
        """Everything in it, as a careless server would repeat it."""
        return f"{self.method} {self.path} {self.query} {self.headers} {self.body.decode(errors='replace')}"


@dataclass(frozen=True)
class Said:
    """One answer; a `body` that is not bytes is sent as JSON."""

    body: object = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Internet:
    """Where it is, as environment variables that programs with proxies know, and what was asked."""

    environment: dict[str, str]
    asked: list[Asked] = field(default_factory=list)

    def paths(self) -> list[str]:
        """What was asked, as `METHOD path`."""
        return [f"{one.method} {one.path}" for one in self.asked]


@contextmanager
def internet(answer: Callable[[Asked], Said]) -> Iterator[Internet]:
    """It, while the block runs: `answer` is asked for every host, from several threads at once."""
    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    with tempfile.TemporaryDirectory() as folder:
        bundle = Path(folder, "ca.pem")
        authority.cert_pem.write_to_path(bundle)
        trust = dict.fromkeys(("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"), str(bundle))
        net = Internet(trust)
        server = ThreadingHTTPServer((LOOPBACK, 0), partial(_Handler, authority, net, answer))
        server.daemon_threads = True
        net.environment["HTTPS_PROXY"] = f"http://{LOOPBACK}:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield net
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 10

    def __init__(
        self, authority: trustme.CA, net: Internet, answer: Callable[[Asked], Said], *given: Any
    ) -> None:
        self.authority, self.net, self.give, self.host = authority, net, answer, ""
        super().__init__(*given)

    def do_CONNECT(self) -> None:
        """Become the host that is asked for."""
        self.host = self.path.partition(":")[0]
        self.send_response(200)
        self.end_headers()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert(self.host, key_type=trustme.KeyType.ECDSA).configure_cert(context)
        self.connection = context.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb")
        self.close_connection = False

    def finish(self) -> None:
        """Close what TLS opened besides."""
        super().finish()
        self.connection.close()

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        asked = Asked(self.command, self.host or parts.netloc, parts.path, query, dict(self.headers), body)
        self.net.asked.append(asked)
        said = self.give(asked)
        data = said.body if isinstance(said.body, bytes) else json.dumps(said.body).encode()
        self.send_response(said.status)
        for name, value in {"Content-Type": "application/json", **said.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name for it
        """Say nothing: what was asked is kept."""


for _method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
    setattr(_Handler, f"do_{_method}", _Handler._answer)
