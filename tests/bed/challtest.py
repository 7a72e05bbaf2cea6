"""A real DNS server whose answers a test sets: pebble-challtestsrv, with its listeners for challenges if wanted."""

from __future__ import annotations

import json
import shutil
import socket
import tempfile
import urllib.request
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from .process import LOOPBACK, PROBE, Process, StartFailedError, free_port, program

if TYPE_CHECKING:
    from types import TracebackType

ATTEMPTS = 5  # to find ports nobody else takes between our looking and the server's binding
CLASH = "address already in use"
# RFC 1035 4.1: id, "recursion desired", one question: ready.test A IN.
QUESTION = b"\x52\x44\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x05ready\x04test\x00\x00\x01\x00\x01"


class ChallengeManagement:
    """Sets and clears what a running challenge test server answers, wherever it runs."""

    def __init__(self, management_url: str) -> None:
        self.management_url = management_url

    def add_a(self, host: str, *addresses: str) -> None:
        """Answer A questions for `host` with these addresses."""
        self._post("add-a", host=host, addresses=list(addresses))

    def clear_a(self, host: str) -> None:
        """Answer with the default address again."""
        self._post("clear-a", host=host)

    def add_aaaa(self, host: str, *addresses: str) -> None:
        """Answer AAAA questions for `host` with these addresses."""
        self._post("add-aaaa", host=host, addresses=list(addresses))

    def clear_aaaa(self, host: str) -> None:
        """Answer with the default address again."""
        self._post("clear-aaaa", host=host)

    def add_caa(self, host: str, *policies: tuple[str, str]) -> None:
        """Publish CAA records, each a tag and a value: `("issue", "ca.example")`. Flags cannot be set."""
        self._post("add-caa", host=host, policies=[{"tag": tag, "value": value} for tag, value in policies])

    def clear_caa(self, host: str) -> None:
        """Publish no CAA record for `host`."""
        self._post("clear-caa", host=host)

    def set_cname(self, host: str, target: str) -> None:
        """Make `host` an alias; one level is followed."""
        self._post("set-cname", host=host, target=target)

    def clear_cname(self, host: str) -> None:
        """Let `host` stand for itself again."""
        self._post("clear-cname", host=host)

    def set_servfail(self, host: str) -> None:
        """Answer every question for `host` with SERVFAIL."""
        self._post("set-servfail", host=host)

    def clear_servfail(self, host: str) -> None:
        """Answer questions for `host` again."""
        self._post("clear-servfail", host=host)

    def set_txt(self, host: str, value: str) -> None:
        """Publish one more TXT record."""
        self._post("set-txt", host=host, value=value)

    def clear_txt(self, host: str) -> None:
        """Publish no TXT record for `host`."""
        self._post("clear-txt", host=host)

    def set_default_ipv4(self, address: str) -> None:
        """Answer A questions for unknown names with this; an empty text: with nothing."""
        self._post("set-default-ipv4", ip=address)

    def set_default_ipv6(self, address: str) -> None:
        """Answer AAAA questions for unknown names with this; an empty text: with nothing."""
        self._post("set-default-ipv6", ip=address)

    def add_http01(self, token: str, content: str) -> None:
        """Serve a key authorization; needs the server's `http` listener."""
        self._post("add-http01", token=token, content=content)

    def del_http01(self, token: str) -> None:
        """Serve it no longer."""
        self._post("del-http01", token=token)

    def add_tlsalpn01(self, host: str, content: str) -> None:
        """Serve a TLS-ALPN-01 certificate; needs the server's `tls_alpn` listener."""
        self._post("add-tlsalpn01", host=host, content=content)

    def del_tlsalpn01(self, host: str) -> None:
        """Serve it no longer."""
        self._post("del-tlsalpn01", host=host)

    def dns_history(self, host: str) -> list[Any]:
        """List the DNS questions asked for `host` so far."""
        answer: list[Any] = json.loads(self._post("dns-request-history", host=host))
        return answer

    def http_history(self, host: str) -> list[Any]:
        """List the HTTP requests for `host` so far."""
        answer: list[Any] = json.loads(self._post("http-request-history", host=host))
        return answer

    def clear_history(self, host: str, kind: str = "dns") -> None:
        """Forget the questions (`dns`) or requests (`http`, `tlsalpn`) for `host`."""
        self._post("clear-request-history", host=host, type=kind)

    def _post(self, what: str, *, timeout: float = 5, **values: object) -> bytes:
        request = urllib.request.Request(
            f"{self.management_url}/{what}", json.dumps(values).encode(), method="POST"
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=timeout) as answer:
            return bytes(answer.read())


class ChallengeTestServer(ChallengeManagement):
    """A DNS server on loopback, UDP and TCP, that invents an answer for every name.

    Unknown names have the default addresses; an empty default means that there is no such record.
    """

    def __init__(
        self,
        *,
        default_ipv4: str = LOOPBACK,
        default_ipv6: str = "",
        http: bool = False,
        https: bool = False,
        tls_alpn: bool = False,
    ) -> None:
        """Choose default addresses, and which challenge listeners to have besides DNS."""
        super().__init__("")
        self.default_ipv4, self.default_ipv6 = default_ipv4, default_ipv6
        self.dns_port = 0
        self.http_port = self.https_port = self.tls_alpn_port = 0
        self._listeners = {"http01": http, "https01": https, "tlsalpn01": tls_alpn}
        self._folder: Path | None = None
        self._process: Process | None = None

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="challtest-"))
        try:
            self._start(self._folder)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def dns_address(self) -> str:
        """Where DNS is answered, as `ip:port`."""
        return f"{LOOPBACK}:{self.dns_port}"

    def stop(self) -> None:
        """End this server and forget it; a second time is fine."""
        if self._process:
            self._process.stop()
            self._process = None
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _start(self, folder: Path) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            management_port = free_port()
            self.management_url = f"http://{LOOPBACK}:{management_port}"
            self.dns_port = free_port()
            ports = {name: free_port() if wanted else 0 for name, wanted in self._listeners.items()}
            self.http_port, self.https_port, self.tls_alpn_port = ports.values()
            flags = {
                "dnsserver": self.dns_address,
                "management": f"{LOOPBACK}:{management_port}",
                "defaultIPv4": self.default_ipv4,
                "defaultIPv6": self.default_ipv6,
                "doh": "",
                **{name: f"{LOOPBACK}:{port}" if port else "" for name, port in ports.items()},
            }
            log = folder / f"{attempt}.log"
            server = str(program("pebble", "pebble-challtestsrv"))
            command = [server, *(f"-{name}={text}" for name, text in flags.items())]
            self._process = Process(command, log)
            try:
                # It goes on without the ports it could not bind, so a clash is only seen in what it prints.
                self._process.wait_until(partial(self._settled, log), "answers")
            except StartFailedError:
                if CLASH not in log.read_text():
                    raise
            if CLASH not in log.read_text():
                return
            self._process.stop()
        raise StartFailedError(f"pebble-challtestsrv: found no free ports in {ATTEMPTS} attempts")

    def _settled(self, log: Path) -> bool:
        return CLASH in log.read_text() or self._answers()

    def _answers(self) -> bool:
        try:
            self._post("clear-request-history", timeout=PROBE, host="ready.test", type="dns")
            with socket.socket(type=socket.SOCK_DGRAM) as asking:
                asking.settimeout(PROBE)
                asking.connect((LOOPBACK, self.dns_port))
                asking.send(QUESTION)
                if asking.recv(512)[:2] != QUESTION[:2]:
                    return False
            for port in (self.dns_port, self.http_port, self.https_port, self.tls_alpn_port):
                if port:
                    socket.create_connection((LOOPBACK, port), timeout=PROBE).close()
        except OSError:
            return False
        return True
