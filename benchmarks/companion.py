"""The companion as a program: its settings, its volume, its command."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

from benchmarks.measured import Run, run
from benchmarks.stage import CHECKOUT
from tests.bed.process import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.stage import Stage


def settings(stage: Stage, volume: Path, hostname: str, **more: str) -> dict[str, str]:
    """The environment of a stack without siblings whose names all point to this machine; every check is on."""
    return {
        "PATH": os.environ["PATH"],
        "MAILCOW_HOSTNAME": hostname,
        "AUTODISCOVER_SAN": "n",
        "DIRECTORY_URL": stage.directory_url,
        "CA_BUNDLE": str(stage.ca_bundle),
        "ACME_ACCOUNT_KEY_TYPE": "ec256",  # as in a private volume
        "ORDERS_AT_ONCE": "2",  # Pebble itself can stop for good when more are placed at the same moment
        "HTTP01_MODE": "standalone",
        "HTTP01_PORT": str(stage.http_port),
        "CHECK_HTTP_PORT": str(stage.http_port),
        "RESOLVERS": stage.dns.dns_address,
        "PUBLIC_IPV4": LOOPBACK,
        "ENABLE_IPV6": "n",
        "DOCKER_HOST": "none",
        "VOLUME": str(volume),
        "EXAMPLE_VOLUME": str(volume.with_name("no-example")),
        **more,
    }


def command(*arguments: str, watch: str = "") -> list[str]:
    """The companion's command line; with `watch` as Python code that runs before it in the same process."""
    if watch:
        code = f"{watch}\nimport sys; from acme_companion.cli import main; sys.exit(main(sys.argv[1:]))"
        return [sys.executable, "-c", code, *arguments]
    return [sys.executable, "-m", "acme_companion", *arguments]


async def once(environment: dict[str, str], limit: float, watch: str = "") -> Run:
    """One cycle in a process of its own."""
    return await run(command("once", watch=watch), environment, limit, CHECKOUT)


async def signed_in_volume(stage: Stage) -> Path:
    """A volume whose account exists and is remembered, with the shared key, after one certificate; to copy from."""
    volume = stage.fresh_folder()
    [hostname] = stage.fresh_names(1)
    first = await once(settings(stage, volume, hostname), 60)
    if not first.ok:
        raise RuntimeError(f"acme-companion cannot issue here:\n{first.output}")
    return volume


def like(stage: Stage, volume: Path) -> Path:
    """A fresh volume with the account, the key and the memory of another one, and no certificate."""
    fresh = stage.fresh_folder()
    for name in ("acme", ".companion"):
        shutil.copytree(volume / name, fresh / name)
    return fresh


def issued(volume: Path, directories: Sequence[str]) -> bool:
    """Whether each lineage has its files, as siblings look for them."""
    return all(
        (volume / one / name).is_file() for one in directories for name in ("cert.pem", "key.pem", "domains")
    )
