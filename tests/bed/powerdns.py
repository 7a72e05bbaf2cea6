"""A real PowerDNS Authoritative Server on loopback, with its HTTP interface and zones in SQLite."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import dns.message
import dns.query
from dns.rdatatype import TXT

from .process import LOOPBACK, Process, StartFailedError, free_port

if TYPE_CHECKING:
    from types import TracebackType

ATTEMPTS = 5  # to find ports nobody else takes between our looking and its binding
SCHEMA = Path("/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql")


class PowerDns:
    """One server with one zone; give its `url` and `token` to whoever changes records."""

    token = "canary-PowerDNS-key"

    def __init__(self, zone: str) -> None:
        self.zone = zone
        self.dns_port, self.url = 0, ""
        self._folder = Path(tempfile.mkdtemp(prefix="powerdns-"))

    def __enter__(self) -> Self:
        server = shutil.which("pdns_server") or "/usr/sbin/pdns_server"
        if not Path(server).exists():
            raise StartFailedError("pdns_server is not installed: run scripts/install-testbed.sh")
        with closing(sqlite3.connect(self._folder / "zones.sqlite3")) as connection:
            connection.executescript(SCHEMA.read_text())
        for attempt in range(1, ATTEMPTS + 1):
            self._process = self._started(server)
            try:
                self._process.wait_until(self._answers, "its interface does not answer")
                break
            except StartFailedError:
                self._process.stop()
                if attempt == ATTEMPTS:
                    raise
        self._call(
            "POST", "", {"name": f"{self.zone}.", "kind": "Native", "nameservers": [f"ns.{self.zone}."]}
        )
        return self

    def _started(self, server: str) -> Process:
        self.dns_port, http_port = free_port(), free_port()
        self.url = f"http://{LOOPBACK}:{http_port}"
        settings = {
            "config-dir": self._folder,
            "daemon": "no",
            "guardian": "no",
            "launch": "gsqlite3",
            "gsqlite3-database": self._folder / "zones.sqlite3",
            "socket-dir": self._folder,
            "local-address": LOOPBACK,
            "local-port": self.dns_port,
            "api": "yes",
            "api-key": self.token,
            "webserver-address": LOOPBACK,
            "webserver-port": http_port,
            "webserver-allow-from": "127.0.0.0/8",
            "cache-ttl": "0",
            "query-cache-ttl": "0",
            "negquery-cache-ttl": "0",
            "zone-cache-refresh-interval": "0",
            "security-poll-suffix": "",
        }
        command = [server, *(f"--{key}={value}" for key, value in settings.items())]
        return Process(command, self._folder / "log")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def put(self, name: str, *values: str) -> None:
        """Publish a record set, as somebody else would."""
        records = [{"content": f'"{value}"', "disabled": False} for value in values]
        rrset = {"name": f"{name}.", "type": "TXT", "ttl": 60, "changetype": "REPLACE", "records": records}
        self._call("PATCH", f"/{self.zone}.", {"rrsets": [rrset]})

    def published(self, name: str) -> list[str]:
        """What it answers over DNS."""
        query = dns.message.make_query(name, TXT)
        answer = dns.query.udp(query, LOOPBACK, port=self.dns_port, timeout=10)
        found = (rdata for rrset in answer.answer for rdata in rrset)
        return sorted(b"".join(rdata.strings).decode() for rdata in found)

    def _answers(self) -> bool:
        try:
            self._call("GET", "")
        except (OSError, urllib.error.URLError):
            return False
        return True

    def _call(self, method: str, path: str, document: Any = None) -> None:
        url = f"{self.url}/api/v1/servers/localhost/zones{path}"
        data = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(url, data, {"X-API-Key": self.token}, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            answer.read()
