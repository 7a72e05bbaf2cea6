"""A mail stack with mailcow's services, networks, folders and gateway, and the companion in the place of acme-mailcow."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.hashes import SHA256

from acme_companion.decide.pair import leaf_of

from .containers import STACK, logs
from .docker_stack import DockerStack
from .process import CHECKOUT, wait_until

if TYPE_CHECKING:
    from pathlib import Path

SERVICE = "acme-mailcow"
HOST = "mail.example.org"
HTTPS_PORT = "8443"
READERS = ("nginx-mailcow", "postfix-mailcow", "dovecot-mailcow")
ENDPOINTS = [
    ("nginx-mailcow", int(HTTPS_PORT), ""),
    ("postfix-mailcow", 25, "smtp"),
    ("dovecot-mailcow", 143, "imap"),
]
LIMIT = 150.0
MOST_CYCLES = 4
_ACCOUNTS = re.compile(r"There are now (\d+) accounts")


class MailcowStack(DockerStack):
    """`data` is mailcow's folder of that name. `base`: settings that every test begins with."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.ssl = data / "assets/ssl"
        self.base = {"DIRECTORY_URL": "https://pebble:14000/dir"}
        files = (CHECKOUT / "tests/stack/compose.yml", CHECKOUT / "tests/stack/mailcow.yml")
        self._domains: tuple[str, ...] | None = None  # None: a test changed the database by itself
        self._settled: tuple[tuple[str, ...] | None, dict[str, str]] | None = None
        super().__init__(self.base, files=files, companion=SERVICE, own_networks=True)

    def _stack_environment(self) -> dict[str, str]:
        # As in mailcow's .env; acme-mailcow is not told of the port.
        return {**super()._stack_environment(), "DATA": str(self.data), "HTTPS_PORT": HTTPS_PORT}

    # ---- what an admin does ----------------------------------------------------------------------------------

    def begin(self, *domains: str, **settings: str) -> None:
        """Bring the stack to where nothing is left to do with these mail domains and these settings beside `base`."""
        if self._domains != domains:
            self.domains(*domains)
        for _ in range(MOST_CYCLES):
            if self._settled == (domains, settings):
                return
            log = self.cycle(**settings)
        raise AssertionError(f"after {MOST_CYCLES} cycles something is still left to do:\n{log}")

    def cycle(self, **settings: str) -> str:
        """Have it look again with these settings beside `base`, by a restart or a new container; gives what it said."""
        wanted = {**self.base, **settings}
        if wanted == self.settings:
            before = self.logs(SERVICE)
            self.restart(SERVICE)
            log = self.wait_for_cycles(before.count("next look ") + 1)[len(before) :]
        else:
            self.configure(wanted)
            log = self.wait_for_cycles(1)
        quiet = not re.search(r": (issued|renewed|archived)\b", log)
        self._settled = (self._domains, settings) if quiet else None
        return log

    def renew(self) -> str:
        """Have everything renewed by `force_renew`, which needs no restart."""
        self._settled = None
        before = self.logs(SERVICE)
        (self.ssl / "force_renew").touch()
        return self.wait_for_cycles(before.count("next look ") + 1)[len(before) :]

    def look_again(self) -> str:
        """Have it look again without a start: at once, and nobody is waited for."""
        before = self.logs(SERVICE)
        self.docker("kill", "--signal", "HUP", self.container(SERVICE))
        return self.wait_for_cycles(before.count("next look ") + 1)[len(before) :]

    def wait_for_cycles(self, count: int) -> str:
        """Wait until the container has finished `count` cycles in its life, and give its log."""
        done = wait_until(lambda: self.logs(SERVICE).count("next look ") >= count, LIMIT, pause=0.5)
        log = self.logs(SERVICE)
        assert done, f"no cycle {count} within {LIMIT:g} s:\n{log}"
        return log

    def domains(self, *names: str) -> None:
        """Make these mailcow's mail domains, and active."""
        rows = ", ".join(f"('{name}')" for name in names)
        self.sql(f"DELETE FROM domain; DELETE FROM mta_sts; INSERT INTO domain (domain) VALUES {rows}")
        self._domains = names

    def sql(self, statement: str) -> list[tuple[str, ...]]:
        """Run a statement in mailcow's database and give the rows."""
        self._domains = self._settled = None
        return super().sql(statement)

    def empty_volume(self) -> None:
        """Take the container and everything on the volume away, as before the very first start."""
        self.compose("rm", "--stop", "--force", SERVICE)
        for path in self.ssl.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    def predecessor(self, *names: str) -> None:
        """Have mailcow's container (`siblings/predecessor.py`) issue a certificate into the volume."""
        volumes = (
            f"{self.ssl}:/var/lib/acme",
            f"{self.data}/web/.well-known/acme-challenge:/var/www/acme",
            f"{self.project}_pebble-authority:/pebble:ro",
        )
        environment = (
            f"DIRECTORY_URL={self.base['DIRECTORY_URL']}",
            "SSL_CERT_FILE=/pebble/ca.pem",
            f"MAILCOW_HOSTNAME={HOST}",
        )
        self.docker(
            *("run", "--rm", "--network", f"{self.project}_mailcow-network"),
            *(word for volume in volumes for word in ("--volume", volume)),
            *(word for value in environment for word in ("--env", value)),
            *(STACK, "python3", "-m", "siblings.predecessor", *names),
        )

    # ---- what can be seen ------------------------------------------------------------------------------------

    # Compose takes seconds to answer on a busy machine, and a test asks often.
    def container(self, service: str) -> str:
        """Give the name of a service's container."""
        return f"{self.project}-{service}-1"

    def logs(self, service: str) -> str:
        """Give everything that a service's container printed so far."""
        return logs(self.container(service))

    def orders(self) -> int:
        """How many orders the CA was asked for."""
        return self.logs("pebble").count("order-plz")

    def accounts(self) -> int:
        """How many accounts the CA has."""
        return int([0, *_ACCOUNTS.findall(self.logs("pebble"))][-1])

    def actions(self) -> dict[str, int]:
        """How often each reader of certificates was reloaded or restarted through mailcow's gateway so far."""
        asked = re.findall(r"POST /containers/(\w+)/(?:restart|exec)", self.logs("dockerapi-mailcow"))
        ids = self.docker("inspect", "--format", "{{.Id}}", *map(self.container, READERS)).split()
        return {service: asked.count(identity) for service, identity in zip(READERS, ids, strict=True)}

    def directories(self) -> dict[str, str]:
        """What readers take for certificates: directories, and their `domains`."""
        return {
            folder.name: (folder / "domains").read_text()
            for folder in sorted(self.ssl.glob("*/"))
            if all((folder / name).is_file() for name in ("domains", "cert.pem", "key.pem"))
        }

    def on_disk(self, directory: str = "") -> str:
        """The fingerprint of a lineage's certificate, or of the server pair."""
        return leaf_of((self.ssl / directory / "cert.pem").read_bytes()).fingerprint(SHA256()).hex()

    def key(self, directory: str = "") -> bytes:
        return (self.ssl / directory / "key.pem").read_bytes()

    def served_for(self, name: str = HOST) -> set[str]:
        """The fingerprints of what nginx, Postfix and Dovecot serve for an SNI name: one, when they agree."""
        self.wait_healthy(*READERS)
        pems = [self.served(service, port, name, starttls) for service, port, starttls in ENDPOINTS]
        return {leaf_of(pem.encode()).fingerprint(SHA256()).hex() for pem in pems}

    def tree(self) -> dict[str, bytes]:
        """Every file on the volume but our own memory and heartbeat."""
        files = {str(path.relative_to(self.ssl)): path for path in self.ssl.rglob("*") if path.is_file()}
        return {name: path.read_bytes() for name, path in files.items() if not name.startswith(".companion/")}


def alarms(log: str) -> list[str]:
    """The lines that an admin should worry about."""
    return [line for line in log.splitlines() if re.search(r" (WARNING|ERROR) ", line)]
