"""The whole mail stack in real containers: the companion, its siblings, a CA and a DNS server."""

from __future__ import annotations

import ipaddress
import json
import os
import secrets
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from .challtest import ChallengeManagement
from .process import CHECKOUT, StartFailedError, wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

FILES = (CHECKOUT / "docker-compose.yml", CHECKOUT / "tests/stack/compose.yml")
COMPANION = "acme-companion"
MAILCOWS_NETWORKS = {"IPV4_NETWORK": "172.22.1", "IPV6_NETWORK_PREFIX": "fd4d:6169:6c63:6f77"}
ATTEMPTS = 8  # to find networks that no other stack on this machine has
BUILD_LIMIT = 900.0
LIMIT = 180.0  # seconds for any other command


class CommandFailedError(RuntimeError):
    """A docker command failed; the text ends with what it printed last."""


class DockerStack:
    """A stack of its own: project name, networks and volumes are unique and are gone afterwards.

    The images are built when missing (siblings) or changed (companion). After the start, containers run, but siblings
    may still wait for their first pair: see `wait_healthy`.
    """

    def __init__(
        self,
        settings: Mapping[str, str] | None = None,
        *,
        files: Sequence[Path] = FILES,
        companion: str = COMPANION,
        project: str | None = None,
        own_networks: bool = False,
        keep: bool = False,
    ) -> None:
        """Choose the companion's settings on top of those of `tests/stack/compose.yml`.

        `companion` is the name of its service. `own_networks`: mailcow's own subnets, unless another stack has them.
        `keep` leaves the stack running at the end, for looking around by hand.
        """
        self.companion = companion
        self.project = project or f"bed{secrets.token_hex(4)}"
        self.settings = dict(settings or {})
        self._files = list(files)
        self._own_networks = own_networks
        self._keep = keep
        self._folder: Path | None = None
        self._environment: dict[str, str] = {}

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="stack-"))
        self._files.append(self._folder / "settings.json")  # JSON is YAML too
        self._write_settings()
        try:
            networks = MAILCOWS_NETWORKS if self._own_networks else networks_by_chance()
            self._environment = engine_environment() | self._stack_environment() | networks
            self.compose("build", limit=BUILD_LIMIT)
            self._up()
        except BaseException:
            self.down()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._keep:
            self.down()

    def configure(self, settings: Mapping[str, str]) -> None:
        """Give the companion these settings and no others, as `docker compose up -d` does after an admin changed them."""
        for name in self.settings.keys() - settings.keys():
            self._environment.pop(name, None)
        self.settings = dict(settings)
        self._environment |= self.settings
        self._write_settings()
        self.compose("up", "--detach", "--no-build", "--no-deps", self.companion)

    def compose(
        self, *arguments: str, check: bool = True, limit: float = LIMIT, text: str | None = None
    ) -> str:
        """Run `docker compose` on this stack, with `text` as its input, and give what it printed."""
        files = [word for file in self._files for word in ("-f", str(file))]
        command = ["docker", "compose", "--project-directory", str(CHECKOUT), *files, *arguments]
        return run(command, self._environment, check=check, limit=limit, text=text)

    def docker(self, *arguments: str, check: bool = True, limit: float = LIMIT) -> str:
        """Run `docker` on the engine of this stack."""
        return run(["docker", *arguments], self._environment, check=check, limit=limit)

    def exec(self, service: str, *command: str, check: bool = True, text: str | None = None) -> str:
        """Run a command inside a service's container."""
        return self.compose("exec", "-T", service, *command, check=check, text=text)

    def sql(self, statement: str) -> list[tuple[str, ...]]:
        """Run a statement in mailcow's database and give the rows."""
        client = 'exec mariadb --batch --skip-column-names --user="$DBUSER" --password="$DBPASS" "$DBNAME"'
        rows = self.exec("mysql-mailcow", "sh", "-c", client, text=statement).splitlines()
        return [tuple(row.split("\t")) for row in rows]

    def logs(self, service: str) -> str:
        """Give everything a service printed so far."""
        return self.compose("logs", "--no-color", "--no-log-prefix", service)

    def start(self, *services: str) -> None:
        """Start services that were stopped."""
        self.compose("start", *services)

    def stop(self, *services: str) -> None:
        """Stop services, which stay stopped."""
        self.compose("stop", *services)

    def restart(self, service: str) -> None:
        """Restart one service."""
        self.compose("restart", service)

    def container(self, service: str) -> str:
        """Give the id of a service's container."""
        ids = self.compose("ps", "--all", "--quiet", service).split()
        if len(ids) != 1:
            raise CommandFailedError(f"{service}: {len(ids)} containers")
        return ids[0]

    def inspect(self, service: str) -> dict[str, Any]:
        """Give what the engine knows of a service's container."""
        answer: list[dict[str, Any]] = json.loads(self.docker("inspect", self.container(service)))
        return answer[0]

    def started_at(self, service: str) -> str:
        """Tell when a container was last started; it changes with every restart."""
        return str(self.inspect(service)["State"]["StartedAt"])

    def address(self, service: str) -> str:
        """Give the IPv4 address of a service, which this machine can reach."""
        networks = self.inspect(service)["NetworkSettings"]["Networks"]
        return next(str(network["IPAddress"]) for network in networks.values() if network["IPAddress"])

    def wait_healthy(self, *services: str, limit: float = LIMIT) -> None:
        """Wait until the services (all, if none is named) are healthy, or run if they have no health check."""
        if not wait_until(lambda: not self.unwell(*services), limit, pause=0.3):
            ill = self.unwell(*services)
            logs = "\n".join(
                tail(f"{service}: {ill[service]}\n{self.logs(service)}") for service in sorted(ill)
            )
            raise StartFailedError(f"not healthy within {limit:g} s:\n{logs}")

    def unwell(self, *services: str) -> dict[str, str]:
        """Name the services that are not healthy yet, or not running, and their states."""
        lines = self.compose("ps", "--all", "--format", "json", *services).splitlines()
        rows = [json.loads(line) for line in lines]
        return {
            row["Service"]: row["Health"] or row["State"]
            for row in rows
            if row["State"] != "running" or row["Health"] not in ("", "healthy")
        }

    def dns(self) -> ChallengeManagement:
        """Set what the stack's DNS server answers."""
        return ChallengeManagement(f"http://{self.address('dns')}:8055")

    def pebble_root(self) -> str:
        """Fetch the root above the certificates that the stack's CA issues."""
        script = (
            "import ssl, urllib.request as u; c = ssl.create_default_context(cafile='/pebble/ca.pem');"
            "print(u.urlopen('https://localhost:15000/roots/0', context=c).read().decode())"
        )
        return self.exec("pebble", "python3", "-c", script)

    def volume_text(self, path: str) -> str:
        """Read a file of the shared volume as a sibling sees it."""
        return self.exec("nginx-mailcow", "cat", f"/etc/ssl/mail/{path}")

    def served(self, service: str, port: int, name: str = "", starttls: str = "") -> str:
        """Give the PEM of the leaf that a port serves for an SNI name; `starttls` is smtp, imap, pop3 or sieve."""
        command = ["openssl", "s_client", "-connect", f"{self.address(service)}:{port}"]
        command += ["-servername", name] if name else ["-noservername"]
        command += ["-starttls", starttls] if starttls else []
        shown = run(command, self._environment, check=False, limit=60, text="")
        begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----\n"
        if begin not in shown:
            raise CommandFailedError(f"{service}:{port} serves no certificate for {name!r}\n{tail(shown)}")
        return begin + shown.partition(begin)[2].partition(end)[0] + end

    def down(self) -> None:
        """Take everything of this stack away, volumes too; a second time is fine."""
        if self._folder is None:
            return
        if self._environment:
            self.compose("down", "--volumes", "--remove-orphans", "--timeout", "3", check=False)
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder = None

    def _write_settings(self) -> None:
        services = {self.companion: {"environment": self.settings}}
        self._files[-1].write_text(json.dumps({"services": services}), encoding="utf-8")

    def _stack_environment(self) -> dict[str, str]:
        return {
            "COMPANION_IMAGE": "acme-companion:test",
            "SOCKET_PROXY_IMAGE": "acme-companion-socket-proxy:test",
            **self.settings,
            "COMPOSE_PROJECT_NAME": self.project,
        }

    def _up(self) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self.compose("up", "--detach", "--no-build")
            except CommandFailedError as problem:
                if attempt == ATTEMPTS or "overlaps with other one" not in str(problem):
                    logs = self.compose("logs", "--no-color", "--tail", "20", check=False)
                    raise StartFailedError(f"{problem}\n{logs}") from problem
                self.compose("down", "--volumes", check=False)
                self._environment |= networks_by_chance()
            else:
                return


def networks_by_chance() -> dict[str, str]:
    """Choose subnets from ranges that are private, by mailcow's own names for them."""
    chosen = ipaddress.ip_network(f"172.{24 + secrets.randbelow(8)}.{secrets.randbelow(256)}.0/24")
    return {
        "IPV4_NETWORK": str(chosen.network_address).removesuffix(".0"),
        "IPV6_NETWORK_PREFIX": f"fd4d:6169:{secrets.token_hex(2)}:{secrets.token_hex(2)}",
    }


def engine_environment() -> dict[str, str]:
    """Have an engine, its plugins and the base image, and give the environment for docker commands."""
    scripts = CHECKOUT / "scripts"
    environment = dict(os.environ)
    run([str(scripts / "docker-engine.sh"), "start"], environment)
    run([str(scripts / "base-image.sh")], environment, limit=BUILD_LIMIT)
    run(["python3", str(scripts / "fetch_debian.py"), "pebble"], environment)  # goes into the siblings' image
    for line in run([str(scripts / "docker-engine.sh"), "env"], environment).splitlines():
        name, _, value = line.removeprefix("export ").partition("=")
        environment[name] = shlex.split(value)[0]
    return environment


def run(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    check: bool = True,
    limit: float = LIMIT,
    text: str | None = None,
) -> str:
    """Run a command with a limit; the failure tells what was run and what it said."""
    shown = shlex.join(word for word in command if word not in ("-f", *map(str, FILES)))
    where = {"stdin": subprocess.DEVNULL} if text is None else {"input": text}
    try:
        done = subprocess.run(
            command,
            env=environment,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=limit,
            check=False,
            **where,
        )
    except subprocess.TimeoutExpired:
        raise CommandFailedError(f"no end after {limit:g} s: {shown}") from None
    if check and done.returncode != 0:
        raise CommandFailedError(f"exit code {done.returncode}: {shown}\n{tail(done.stdout + done.stderr)}")
    return done.stdout


def tail(text: str, lines: int = 25) -> str:
    """Give the end of a text."""
    return "\n".join(text.splitlines()[-lines:])
