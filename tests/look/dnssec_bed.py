"""A signed zone, one whose signatures have expired and an unsigned one in a real BIND, behind a real validating resolver (unbound)."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

import dns.exception
import dns.message
import dns.query

from acme_companion.decide.settings import HostPort
from tests.bed.process import LOOPBACK, PROBE, Process, StartFailedError, free_port

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

GOOD, EXPIRED, UNSIGNED = "good.example", "expired.example", "unsigned.example"
_ATTEMPTS = 5
_ZONE = """$TTL 60
@ IN SOA ns1.{apex} admin.{apex} ( 1 3600 600 86400 60 )
@ IN NS ns1.{apex}
ns1.{apex} IN A {address}
"""
_RECORDS = """mail IN A 192.0.2.1
@ IN CAA 0 issue "ca.example"
"""
_NAMED = """
options {{
    directory "{folder}"; pid-file none; lock-file none; session-keyfile "{folder}/session.key";
    listen-on port {port} {{ {address}; }}; listen-on-v6 {{ none; }};
    recursion no; allow-query {{ any; }}; dnssec-validation no; notify no; empty-zones-enable no;
}};
controls {{ }};
"""
_UNBOUND = """
server:
    directory: "{folder}"
    chroot: ""
    username: ""
    pidfile: ""
    use-syslog: no
    logfile: ""
    interface: {address}@{port}
    do-ip6: no
    do-not-query-localhost: no
    access-control: 127.0.0.0/8 allow
    module-config: "validator iterator"
    trust-anchor-file: "{folder}/anchors"
    ede: yes
stub-zone:
    name: "."
    stub-addr: {address}@{upstream}
remote-control:
    control-enable: no
"""


class Validating:
    """`server` is where the resolver listens; `explains`: whether it says by RFC 8914 why it fails."""

    def __init__(self, *, explains: bool) -> None:
        self._explains = explains
        self._folder = Path(tempfile.mkdtemp(prefix="dnssec-"))
        self._processes: list[Process] = []
        self._upstream = 0
        self.server = HostPort(LOOPBACK, 0)

    def __enter__(self) -> Self:
        try:
            self._write_zones()
            self._upstream = self._start("named", ["-g", "-n", "1", "-c"], self._named)
            self.server = HostPort(LOOPBACK, self._start("unbound", ["-d", "-c"], self._unbound))
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        for process in reversed(self._processes):
            process.stop()
        self._processes = []
        shutil.rmtree(self._folder, ignore_errors=True)

    def _write_zones(self) -> None:
        anchors = []
        for apex, times in ((GOOD, ()), (EXPIRED, ("-s", "20200101000000", "-e", "20200201000000"))):
            self._zone(apex, _RECORDS)
            made = self._run("dnssec-keygen", "-q", "-a", "ECDSAP256SHA256", "-f", "KSK", apex).strip()
            self._run(
                "dnssec-signzone",
                "-P",
                "-q",
                "-z",
                "-S",
                "-O",
                "full",
                "-o",
                apex,
                *times,
                "-f",
                f"{apex}.zone",
                f"{apex}.zone",
            )
            key = (self._folder / f"{made}.key").read_text()
            anchors += [line for line in key.splitlines() if not line.startswith(";")]
        self._zone(UNSIGNED, _RECORDS)
        self._zone(".", "")
        (self._folder / "anchors").write_text("\n".join(anchors) + "\n")

    def _zone(self, apex: str, records: str) -> None:
        absolute = "" if apex == "." else f"{apex}."
        text = _ZONE.format(apex=absolute or ".", address=LOOPBACK).replace("..", ".")
        (self._folder / f"{apex}.zone").write_text(text + records)

    def _run(self, *command: str) -> str:
        return subprocess.run(
            command, cwd=self._folder, check=True, capture_output=True, text=True, timeout=60
        ).stdout

    def _named(self, port: int) -> str:
        config = _NAMED.format(folder=self._folder, address=LOOPBACK, port=port)
        return config + "".join(
            f'zone "{apex}" {{ type primary; file "{apex}.zone"; }};\n'
            for apex in (GOOD, EXPIRED, UNSIGNED, ".")
        )

    def _unbound(self, port: int) -> str:
        config = _UNBOUND.format(folder=self._folder, address=LOOPBACK, port=port, upstream=self._upstream)
        return config if self._explains else config.replace("ede: yes", "ede: no")

    def _start(self, program: str, arguments: list[str], config: Callable[[int], str]) -> int:
        """The port on which it answers."""
        path = self._folder / f"{program}.conf"
        for attempt in range(1, _ATTEMPTS + 1):
            port = free_port()
            path.write_text(config(port))
            found = shutil.which(program) or f"/usr/sbin/{program}"
            process = Process(
                [found, *arguments, str(path)], self._folder / f"{program}.log", folder=self._folder
            )
            self._processes.append(process)
            try:
                process.wait_until(lambda port=port: self._answers(port), f"{program} answers at {port}")  # type: ignore[misc]
            except StartFailedError as problem:
                if attempt == _ATTEMPTS or "address" not in str(problem):
                    raise
            else:
                return port
        raise AssertionError

    def _answers(self, port: int) -> bool:
        try:
            return bool(dns.query.udp(dns.message.make_query(UNSIGNED, "SOA"), LOOPBACK, PROBE, port).answer)
        except (OSError, dns.exception.DNSException):
            return False
