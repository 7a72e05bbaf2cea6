"""The image by itself: what is in it, how it starts, and what it says when it cannot."""

from __future__ import annotations

import json
import re
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.bed.docker_stack import BUILD_LIMIT, engine_environment, run
from tests.bed.process import CHECKOUT, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.docker

IMAGE = "acme-companion:test"
BASE = "acme-companion-base:trixie"
LIMIT = 120.0
# As docker-compose.yml runs it.
HARDENED = (
    *("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--cap-add", "DAC_OVERRIDE"),
    *("--security-opt", "no-new-privileges:true"),
)


class Engine:
    """Runs `docker` with the plugins that the machine has."""

    def __init__(self) -> None:
        self.environment = engine_environment()
        build = ["docker", "build", "--quiet", "--network", "host", "--build-arg", f"BASE_IMAGE={BASE}"]
        run([*build, "-t", IMAGE, str(CHECKOUT)], self.environment, limit=BUILD_LIMIT)

    def docker(self, *arguments: str) -> str:
        return run(["docker", *arguments], self.environment)

    def once(self, *arguments: str, options: tuple[str, ...] = ()) -> tuple[int, str]:
        """Exit code, and everything a new container printed."""
        done = subprocess.run(
            ["docker", "run", "--rm", "--network", "none", *options, IMAGE, *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        return done.returncode, done.stdout

    def shell(self, script: str) -> list[str]:
        code, shown = self.once("-c", script, options=("--entrypoint", "sh"))
        assert code == 0, shown
        return shown.splitlines()

    @contextmanager
    def running(self, *options: str) -> Iterator[str]:
        """A container in the background, by its id."""
        container = self.docker("run", "--detach", "--network", "none", *options, IMAGE).strip()
        try:
            yield container
        finally:
            self.docker("rm", "--force", "--volumes", container)

    def logs(self, container: str) -> list[str]:
        """Everything on both streams, with Docker's time stamps."""
        command = ["docker", "logs", "--timestamps", container]
        return subprocess.run(
            command,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=True,
        ).stdout.splitlines()


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine()


def test_what_is_in_it(engine: Engine) -> None:
    """No compiler, no pip beside the program, no tests, nothing set-uid of ours, and only root can change the program."""
    venv = "/opt/acme-companion"
    assert engine.shell("command -v gcc cc ld make || echo none") == ["none"]
    assert engine.shell(f"{venv}/bin/python -c 'import pip' 2>/dev/null || echo none") == ["none"]
    assert engine.shell(f"ls {venv}/bin") == ["acme-companion", "python", "python3", "python3.13"]
    assert engine.shell(f"find {venv} -name tests -o ! -user root -o -perm /6022 ! -type l") == []
    assert engine.shell("find / -xdev -type f -perm -o+w -not -path '/proc/*'") == []
    # Modules that were compiled when the image was built: a container with a read-only root cannot keep them.
    compiled = f"find {venv}/lib -path '*acme_companion/*' -name"
    assert engine.shell(f"{compiled} '*.pyc' | wc -l") == engine.shell(f"{compiled} '*.py' | wc -l")


def test_it_is_small(engine: Engine) -> None:
    """What we add to the base image stays below 60 MB: cryptography's OpenSSL (14 MB), aiohttp, and what DNS providers need (9 MB)."""
    sizes = [int(engine.docker("image", "inspect", "--format", "{{.Size}}", one)) for one in (IMAGE, BASE)]

    assert sizes[0] - sizes[1] < 60_000_000


@pytest.mark.parametrize(
    "options", [(), HARDENED, ("--user", "65534:65534")], ids=["plain", "hardened", "nobody"]
)
def test_help(engine: Engine, options: tuple[str, ...]) -> None:
    """`docker run --rm IMAGE --help` needs no settings, no rights and no network."""
    code, shown = engine.once("--help", options=options)

    assert (code, shown[:22]) == (0, "usage: acme-companion ")


def test_wrong_settings(engine: Engine) -> None:
    """Every complaint at once, with its place, and exit code 2; nothing else."""
    options = ("--env", "ENABLE_SSL_SNI=maybe", "--env", "SMTP_PORT=mail")

    code, shown = engine.once(options=options)

    first, *complaints = shown.splitlines()
    assert (code, first) == (2, "settings: 3 problems")
    assert all(re.match(r"  \S.*(MAILCOW_HOSTNAME|ENABLE_SSL_SNI|SMTP_PORT)", line) for line in complaints), (
        shown
    )
    assert len(complaints) == 3


def test_a_missing_env_file(engine: Engine, tmp_path: Path) -> None:
    """Docker makes a directory where the mounted file is missing: that is said, and what to do."""
    code, shown = engine.once(options=("--volume", f"{tmp_path}/mail.conf:/etc/acme-companion/mail.conf:ro"))

    assert code == 2
    assert "mail.conf is a directory: Docker makes one where a mounted file is missing" in shown


def test_wrong_settings_do_not_flood(engine: Engine) -> None:
    """Under `restart: always` each start says it once, and Docker takes twice as long for every next one."""
    with engine.running("--restart", "always") as container:
        assert wait_until(lambda: _restarts(engine, container) >= 5, LIMIT, pause=0.2)
        lines = engine.logs(container)
        count = _restarts(engine, container)

    told = [line for line in lines if "settings: 1 problem" in line]
    assert len(told) <= count + 1
    assert len(lines) == 2 * len(told)


def _restarts(engine: Engine, container: str) -> int:
    return int(engine.docker("inspect", "--format", "{{.RestartCount}}", container))


def test_health_check(engine: Engine, tmp_path: Path) -> None:
    """Without a network it still runs, makes the siblings' first pair, is healthy, and ends cleanly when told to."""
    settings = ["--env", "MAILCOW_HOSTNAME=mail.example.org", "--env", "DOCKER_HOST=none"]
    volume = ["--volume", f"{tmp_path}/ssl:/var/lib/acme"]
    options = [*HARDENED, *settings, *volume, "--health-interval", "1s"]
    with engine.running(*options) as container:
        state = ["inspect", "--format", "{{.State.Health.Status}}", container]
        assert wait_until(lambda: engine.docker(*state).strip() == "healthy", LIMIT, pause=0.2), engine.logs(
            container
        )
        found = {path.name: oct(path.stat().st_mode & 0o777) for path in (tmp_path / "ssl").iterdir()}
        engine.docker("stop", "--time", "10", container)
        ended = json.loads(engine.docker("inspect", container))[0]["State"]["ExitCode"]

    assert {"cert.pem": "0o644", "key.pem": "0o600", "dhparams.pem": "0o644"}.items() <= found.items()
    assert ended == 0


def test_expiry_dates_without_any_answer(engine: Engine) -> None:
    """Neither the published ports nor whoever knows the containers can be reached: both are said, and it is a failure."""
    code, shown = engine.once("expiry-dates", options=("--env", "MAILCOW_HOSTNAME=mail.example.org"))

    assert code == 1
    assert (
        "no published port of Postfix, Dovecot, Nginx answered, and the containers could not be looked"
        in shown
    )
    assert "https://dockerapi cannot be reached" in shown
    assert "Traceback" not in shown


# ---- docker-compose.yml ----------------------------------------------------------------------------------------


def test_compose_file(engine: Engine, tmp_path: Path) -> None:
    """It is valid as it is, and without the stack's network it names the network that is missing."""
    compose = ["docker", "compose", "-f", str(CHECKOUT / "docker-compose.yml"), "-p", "nothere"]
    run([*compose, "config", "--quiet"], engine.environment)
    environment = engine.environment | {"MAIL_NETWORK": "no-such-network", "COMPANION_IMAGE": IMAGE}
    try:
        done = subprocess.run(
            [*compose, "up", "--no-build", "--no-deps", "--detach", "acme-companion"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
    finally:
        run([*compose, "down", "--volumes"], environment)

    assert done.returncode != 0
    assert "network no-such-network declared as external, but could not be found" in done.stderr
