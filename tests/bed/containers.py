"""A few real containers of one compose project, without compose: as many and as odd as a test wants."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from .docker_stack import engine_environment, run
from .process import CHECKOUT, wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

SOCKET = Path("/var/run/docker.sock")
BASE = "acme-companion-base:trixie"
STACK = "acme-companion-stack:trixie"
IDLE = ("python3", "-c", "import signal; signal.sigwait([signal.SIGTERM])")
LIMIT = 120.0


class Containers:
    """One project with a network of its own; everything is gone afterwards."""

    def __init__(self) -> None:
        self.project = f"few{secrets.token_hex(4)}"
        self.network = self.project
        self._names: list[str] = []
        self._networks: list[str] = []

    def __enter__(self) -> Self:
        run([str(CHECKOUT / "scripts/docker-engine.sh"), "start"], _environment(), limit=300)
        run([str(CHECKOUT / "scripts/base-image.sh")], _environment(), limit=600)
        self.new_network(self.network)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._names:
            docker("rm", "--force", "--volumes", *self._names, check=False)
        for network in self._networks:
            docker("network", "rm", network, check=False)

    def new_network(self, name: str) -> None:
        """Make a network that ends with the project."""
        docker("network", "create", name)
        self._networks.append(name)

    def start(
        self,
        service: str,
        command: Sequence[str] = IDLE,
        *,
        labels: Mapping[str, str] | None = None,
        name: str = "",
        project: str | None = None,
        image: str = BASE,
        options: Sequence[str] = (),
    ) -> str:
        """Run a container as compose would label it, and give its id."""
        name = name or f"{self.project}-{service}-1"
        words = {
            "com.docker.compose.project": self.project if project is None else project,
            "com.docker.compose.service": service,
            **(labels or {}),
        }
        marks = [word for key, value in words.items() for word in ("--label", f"{key}={value}")]
        self._names.append(name)
        arguments = ["--detach", "--name", name, "--network", self.network, *marks, *options, image, *command]
        return docker("run", *arguments).strip()


def docker(*arguments: str, check: bool = True) -> str:
    """Run `docker` and give what it printed."""
    return run(["docker", *arguments], _environment(), check=check)


def inspect(name: str) -> dict[str, Any]:
    """Give what the engine knows of a container."""
    found: list[dict[str, Any]] = json.loads(docker("inspect", name))
    return found[0]


def logs(name: str) -> str:
    """Give what a container printed so far, on both streams."""
    done = subprocess.run(
        ["docker", "logs", name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return done.stdout


def wait_for_log(name: str, text: str) -> None:
    """Wait until a container has printed `text`."""
    assert wait_until(lambda: text in logs(name), LIMIT, pause=0.1), logs(name)


def have_stack_image() -> None:
    """Build the image that holds every real sibling, unless it is there."""
    if not docker("images", "--quiet", STACK).strip():
        file = str(CHECKOUT / "tests/stack/Dockerfile")
        build = ["docker", "build", "--quiet", "--network", "host", "--build-arg", f"BASE_IMAGE={BASE}"]
        # With BuildKit: only that reads the .dockerignore of this very Dockerfile.
        run([*build, "-t", STACK, "-f", file, str(CHECKOUT)], engine_environment(), limit=900)


def _environment() -> dict[str, str]:
    return dict(os.environ)
