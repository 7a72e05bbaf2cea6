#!/usr/bin/env python3
"""Fetch newer Debian packages for the tests, without changing the system.

    scripts/fetch_debian.py pebble                        # .testbed/pebble/usr/bin/pebble
    scripts/fetch_debian.py docker-compose docker-buildx  # plugins of the docker command

Packages come from the suite `unstable` of the mirror that the machine's own apt uses, are verified by apt with the
installed Debian keys, and are only unpacked below `.testbed/`, never installed. What is there already is kept.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TESTBED = Path(__file__).resolve().parent.parent / ".testbed"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
SUITE = "unstable"
APT_LIMIT = 300  # seconds for one apt call; a list of one suite takes about ten


class Unavailable(Exception):
    """The packages cannot be had here; the text is for the person who asked."""


def fetch(packages: Sequence[str], testbed: Path = TESTBED) -> None:
    """Have every package unpacked in `testbed/<package>`; ask the mirror only for what is missing."""
    testbed.mkdir(parents=True, exist_ok=True)
    (testbed / ".gitignore").write_text("*\n", encoding="utf-8")
    with only_one(testbed / ".fetch.lock"):
        missing = [package for package in packages if not (testbed / package).is_dir()]
        for package in packages:
            if package not in missing:
                print(f"{package}: already in {testbed / package}", flush=True)
        if missing:
            download_and_unpack(missing, testbed)


def download_and_unpack(packages: Sequence[str], testbed: Path) -> None:
    """Use a second apt state in a temporary folder, so that the system's own stays as it is."""
    source = mirror()
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=testbed) as folder:
        state = Path(folder)
        options = second_state(state, source)
        print(f"reading the package list of Debian {SUITE}", flush=True)
        # Error-Mode=any: without it apt-get update answers 0 when the mirror could not be reached.
        run(
            ["apt-get", *options, "-qq", "-o", "APT::Update::Error-Mode=any", "update"],
            "read the package list",
        )
        print(f"downloading {', '.join(packages)}", flush=True)
        debs = state / "debs"
        debs.mkdir()
        run(["apt-get", *options, "-qq", "download", *packages], f"download {' '.join(packages)}", debs)
        for package in packages:
            [deb] = debs.glob(f"{package}_*.deb")
            fresh = state / package
            run(["dpkg-deb", "--extract", str(deb), str(fresh)], f"unpack {deb.name}")
            fresh.rename(testbed / package)  # last, so that a folder that is there is whole
            print(f"{package}: {deb.name.split('_')[1]} unpacked in {testbed / package}", flush=True)


def second_state(state: Path, source: str) -> list[str]:
    """Give the apt options that keep its lists, cache and idea of what is installed in `state`."""
    for part in ("lists/partial", "cache/archives/partial"):
        (state / part).mkdir(parents=True)
    (state / "status").touch()
    (state / "sources.list").write_text(
        f"deb [signed-by={KEYRING}] {source} {SUITE} main\n", encoding="utf-8"
    )
    settings = {
        "Dir::Etc::SourceList": state / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::Etc::Preferences": "/dev/null",
        "Dir::Etc::PreferencesParts": "/dev/null",
        "Dir::State::Lists": state / "lists",
        "Dir::State::status": state / "status",
        "Dir::Cache": state / "cache",
        "Acquire::Languages": "none",
        "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
        "Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled": "false",
        "Acquire::Retries": 3,
        "APT::Sandbox::User": "root",  # apt's own user may not enter a private temporary folder
    }
    return [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]


def mirror() -> str:
    """Read the Debian archive's address from the machine's apt; its lists may have to be read first."""
    if not (found := archives()):
        print("this machine has no package lists yet: apt-get update", flush=True)
        run(["apt-get", "-qq", "update"], "read the machine's own package lists")
        found = archives()
    if not found:
        raise Unavailable(
            "apt on this machine knows no Debian archive (no source whose address ends in /debian)"
        )
    return found[0]


def archives() -> list[str]:
    """List the addresses of Debian archives that apt uses now."""
    answer = run(["apt-get", "indextargets", "--format", "$(REPO_URI)"], "ask apt for its sources")
    return sorted(
        {line.strip() for line in answer.splitlines() if line.strip().rstrip("/").endswith("/debian")}
    )


def run(command: Sequence[str], purpose: str, folder: Path | None = None) -> str:
    """Run a command and give what it printed; a failure becomes one sentence."""
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=APT_LIMIT,
            check=False,
        )
    except FileNotFoundError:
        raise Unavailable(f"cannot {purpose}: {command[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise Unavailable(f"cannot {purpose}: no end after {APT_LIMIT} seconds") from None
    if done.returncode != 0:
        said = [line.removeprefix("E: ") for line in done.stderr.splitlines() if not line.startswith("W: ")]
        raise Unavailable(f"cannot {purpose}: {said[0] if said else f'exit code {done.returncode}'}")
    return done.stdout


@contextmanager
def only_one(lock: Path) -> Iterator[None]:
    """Let one run at a time in; a second one waits here and then finds the work done."""
    with lock.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another run is fetching: waiting for it", flush=True)
            fcntl.flock(held, fcntl.LOCK_EX)  # ends with the other run, whose every call has a limit
        # Folders left by a run that was killed; nobody else can be using them while we hold the lock.
        for left in lock.parent.glob(".fetch-*"):
            shutil.rmtree(left, ignore_errors=True)
        yield


def main() -> int:
    """Fetch the packages named on the command line."""
    parser = argparse.ArgumentParser(
        description="Unpack newer Debian packages below .testbed/ of this checkout."
    )
    parser.add_argument("packages", nargs="+", metavar="PACKAGE")
    try:
        fetch(parser.parse_args().packages)
    except (Unavailable, OSError) as problem:
        print(f"fetch_debian: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
