"""A real BIND on loopback: a primary that takes updates with a TSIG key, or a secondary, and no way out of the machine."""

from __future__ import annotations

import base64
import secrets
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

import dns.exception
import dns.flags
import dns.message
import dns.opcode
import dns.query
import dns.rcode
import dns.tsigkeyring
import dns.update

from acme_companion.decide.settings import HostPort

from .process import LOOPBACK, PROBE, Process, StartFailedError, free_port

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

ATTEMPTS = 5  # to find a port nobody else takes between our looking and named's binding
KEY_NAME = "acme-key"
LIMIT = 10.0  # seconds for one question of ours
CONFIG = """
options {{
    directory "{folder}"; pid-file none; lock-file none; session-keyfile "{folder}/session.key";
    listen-on port {port} {{ {ipv4}; }}; listen-on-v6 port {port} {{ {ipv6}; }};
    recursion yes; allow-query {{ any; }}; allow-transfer {{ any; }}; allow-notify {{ any; }};
    dnssec-validation no; notify no; minimal-responses no; empty-zones-enable no; querylog no;
    max-refresh-time 3600; min-refresh-time 3600;
}};
controls {{ }};
key "{key}" {{ algorithm hmac-sha256; secret "{secret}"; }};
zone "." {{ type primary; file "root.zone"; }};
"""
PRIMARY = """
zone "{apex}" {{ type primary; file "{apex}.zone"; allow-update {{ key "{key}"; }}; }};
"""
SECONDARY = """
zone "{apex}" {{ type secondary; file "{apex}.copy"; primaries port {port} {{ {primary}; }}; masterfile-format text; }};
"""
# Seconds: what was missing is remembered as long as public zones have it.
ZONE = """$TTL 60
@ IN SOA ns1.{apex} admin.{apex} ( 1 3600 600 86400 3600 )
{records}
"""


@dataclass(frozen=True)
class Zone:
    """`servers`: addresses by their label (NS and A records); `records`: more lines of the zone file."""

    apex: str
    servers: Mapping[str, str] = field(default_factory=lambda: {"ns1": LOOPBACK})
    records: Sequence[str] = ()

    def text(self) -> str:
        lines = []
        for label, address in self.servers.items():
            kind = "AAAA" if ":" in address else "A"
            lines += [f"@ IN NS {label}", f"{label} IN {kind} {address}"]
        return ZONE.format(apex=f"{self.apex}.", records="\n".join([*dict.fromkeys(lines), *self.records]))


class Bind:
    """Authoritative for its zones; every other name does not exist.

    BIND listens at addresses of interfaces only, of which loopback has two: 127.0.0.1 and ::1. `primary`: the address of the
    server, at the same port, whose zones these are copies of; they become newer when `refresh` says so, never by themselves.
    """

    def __init__(
        self,
        *zones: Zone,
        address: str = LOOPBACK,
        port: int | None = None,
        primary: str = "",
    ) -> None:
        self.zones, self.address, self.port = zones, address, port or 0
        self._primary = primary
        self.secret = base64.b64encode(secrets.token_bytes(32)).decode()
        self._folder: Path | None = None
        self._process: Process | None = None

    @property
    def dns_address(self) -> str:
        """As `RESOLVERS` and Pebble's `-dnsserver` take it."""
        return str(HostPort(self.address, self.port))

    @property
    def key_file(self) -> str:
        """The TSIG key as `tsig-keygen` prints it."""
        return f'key "{KEY_NAME}" {{\n\talgorithm hmac-sha256;\n\tsecret "{self.secret}";\n}};\n'

    @property
    def log(self) -> str:
        assert self._folder
        return (self._folder / "log").read_text(encoding="utf-8", errors="replace")

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="bind-"))
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

    def stop(self) -> None:
        if self._process:
            self._process.stop()
            self._process = None
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def txt(self, owner: str) -> set[str]:
        """What this server says now."""
        answer = self._ask(dns.message.make_query(owner, "TXT"))
        return {
            b"".join(one.strings).decode()
            for rrset in answer.answer
            if rrset.rdtype.name == "TXT"
            for one in rrset
        }

    def add(self, apex: str, owner: str, kind: str, data: str) -> None:
        """Publish one more record; `owner` is below `apex`, or `@`."""
        update = self._update(apex)
        update.add(owner, 60, kind, data)
        self._change(update)

    def delete(self, apex: str, owner: str) -> None:
        update = self._update(apex)
        update.delete(owner)
        self._change(update)

    def refresh(self, apex: str) -> None:
        """Tell this secondary that there is news (RFC 1996)."""
        notify = dns.message.make_query(apex, "SOA")
        notify.set_opcode(dns.opcode.NOTIFY)
        notify.flags = dns.opcode.to_flags(dns.opcode.NOTIFY) | dns.flags.AA
        self._ask(notify)

    def _update(self, apex: str) -> dns.update.UpdateMessage:
        keyring = dns.tsigkeyring.from_text({KEY_NAME: ("hmac-sha256", self.secret)})
        return dns.update.UpdateMessage(apex, keyring=keyring)

    def _change(self, update: dns.update.UpdateMessage) -> None:
        rcode = self._ask(update).rcode()
        assert rcode == dns.rcode.NOERROR, rcode

    def _ask(self, message: dns.message.Message, limit: float = LIMIT) -> dns.message.Message:
        return dns.query.tcp(message, self.address, limit, self.port)

    def _start(self, folder: Path) -> None:
        wanted = self.port
        for attempt in range(1, ATTEMPTS + 1):
            self.port = wanted or free_port()
            self._write(folder)
            named = shutil.which("named") or "/usr/sbin/named"
            command = [named, "-g", "-n", "1", "-c", str(folder / "named.conf")]
            self._process = Process(command, folder / "log", folder=folder)
            try:
                self._process.wait_until(self._answers, f"answers at {self.dns_address}")
            except StartFailedError as problem:
                self._process.stop()
                if attempt == ATTEMPTS or wanted or "address in use" not in str(problem):
                    raise
            else:
                return

    def _write(self, folder: Path) -> None:
        config = CONFIG.format(
            folder=folder,
            port=self.port,
            ipv4="none" if ":" in self.address else self.address,
            ipv6=self.address if ":" in self.address else "none",
            key=KEY_NAME,
            secret=self.secret,
        )
        (folder / "root.zone").write_text(Zone("").text().replace("ns1.. admin..", "ns1. admin."))
        for zone in self.zones:
            if self._primary:
                config += SECONDARY.format(apex=zone.apex, port=self.port, primary=self._primary)
            else:
                config += PRIMARY.format(apex=zone.apex, key=KEY_NAME)
                (folder / f"{zone.apex}.zone").write_text(zone.text(), encoding="utf-8")
        (folder / "named.conf").write_text(config, encoding="utf-8")

    def _answers(self) -> bool:
        try:
            return all(
                self._ask(dns.message.make_query(zone.apex, "SOA"), PROBE).answer for zone in self.zones
            )
        except (OSError, dns.exception.DNSException, EOFError):
            return False
