"""What the demo plays on: a CA, a DNS server, three services, and a volume that they share. Nothing of it stays."""

from __future__ import annotations

import re
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from acme_companion.decide.settings.read import read
from demo.siblings import SERVICES, ProcessSiblings, free_base
from tests.bed.challtest import ChallengeTestServer
from tests.bed.pebble import Pebble
from tests.bed.process import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from acme_companion.decide.settings import Settings
    from demo.telling import Teller

HOSTNAME = "mail.example.org"
MAIL_DOMAINS = ("example.com", "example.net")
CA_IDENTITY = "pebble.example"
FORBIDDEN, OTHER_CA = "autoconfig.example.net", "another-ca.example"
_REQUEST = re.compile(r"(?:GET|HEAD|POST) (\S+) -> calling handler")


@dataclass(frozen=True)
class Stage:
    """Everything that runs, and the settings that lead the companion to it."""

    ca: Pebble
    siblings: ProcessSiblings
    settings: Settings

    def requests(self) -> list[str]:
        """The path of every request that reached the CA's ACME interface so far, by its own log."""
        return _REQUEST.findall(self.ca.log)


@contextmanager
def set_up(teller: Teller) -> Iterator[Stage]:
    """Start CA and DNS; the services wait for `ProcessSiblings.start`. Whatever happens, all of it is ended and removed."""
    with ExitStack() as undo:
        folder = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="acme-companion-demo-")))
        volume = folder / "volume"
        volume.mkdir()
        base = free_base([80, *(port for ports in SERVICES.values() for port in ports)])
        dns = undo.enter_context(ChallengeTestServer(default_ipv4=LOOPBACK))
        dns.add_caa(FORBIDDEN, ("issue", OTHER_CA))
        teller.now(f"DNS server (pebble-challtestsrv) answers at {dns.dns_address}")
        ca = undo.enter_context(
            Pebble(dns_server=dns.dns_address, http_port=base + 80, caa_identities=(CA_IDENTITY,))
        )
        teller.now(
            f"ACME CA (Pebble) answers at {ca.directory_url}, and validates names on port {ca.http_port}"
        )
        siblings = ProcessSiblings(volume, folder, base)
        undo.callback(siblings.stop_all)
        environment = _environment(volume, dns, ca)
        yield Stage(ca, siblings, read(environment))


def _environment(volume: Path, dns: ChallengeTestServer, ca: Pebble) -> dict[str, str]:
    """As an admin writes it; only the last lines are there because everything is on loopback."""
    return {
        "MAILCOW_HOSTNAME": HOSTNAME,
        "ADDITIONAL_SAN": "imap.*",
        "MAIL_DOMAINS": ",".join(MAIL_DOMAINS),
        "ENABLE_SSL_SNI": "y",
        "DIRECTORY_URL": ca.directory_url,
        "HTTP01_MODE": "standalone",
        "VOLUME": str(volume),
        "EXAMPLE_VOLUME": str(volume.parent / "no-example"),
        "DOCKER_HOST": "none",  # the services are processes: see demo/siblings.py
        "CA_BUNDLE": str(ca.ca_bundle),
        "RESOLVERS": dns.dns_address,
        "PUBLIC_IPV4": LOOPBACK,
        "ENABLE_IPV6": "n",
        "HTTP01_PORT": str(ca.http_port),
        "CHECK_HTTP_PORT": str(ca.http_port),
    }
