#!/usr/bin/env python3
"""Print the CAA record that binds a domain to your ACME account (RFC 8659, RFC 8657).

Takes the arguments of mailcow's script of the same name. Works in a checkout with the package's libraries, and against the
running container. This file needs nothing but Python itself.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

CHECKOUT = Path(__file__).resolve().parent.parent
SERVICES = ("acme-companion", "acme-mailcow")
ENV_FILES = [
    folder / name for folder in (Path(), Path(".."), CHECKOUT) for name in ("mailcow.conf", "mail.conf")
]
INSTALL = f"python3 -m venv {CHECKOUT}/.venv && {CHECKOUT}/.venv/bin/pip install {CHECKOUT}"
PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
LIMIT = 30  # seconds for a question that is answered at once


def parser() -> argparse.ArgumentParser:
    """The arguments, those of mailcow's script first."""
    made = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    made.add_argument(
        "--account-key",
        help="the account's private key, e.g. data/assets/ssl/acme/account.pem; default: the running container's own",
    )
    made.add_argument("--quiet", action="store_true", help="print nothing but the record and errors")
    made.add_argument("--directory-url", help="the CA's directory; default: the one in the settings")
    made.add_argument(
        "--contact",
        nargs="*",
        metavar="CONTACT",
        help="ignored: this looks the account up and never registers one",
    )
    made.add_argument(
        "--domain", action="append", default=[], help="a domain to print the record for (may be repeated)"
    )
    return made


def main() -> int:
    """Hand over to `acme-companion caa`, here or in the container."""
    arguments = parser().parse_args()
    options = [f"--domain={domain}" for domain in arguments.domain]
    options += [f"--directory-url={arguments.directory_url}"] if arguments.directory_url else []
    options += ["--quiet"] if arguments.quiet else []
    if not arguments.account_key:
        return run(["docker", "exec", container(), "acme-companion", "caa", *options])
    key = Path(arguments.account_key)
    if not key.is_file():
        fail(
            f"{key}: there is no such file; without --account-key the container finds its key itself", code=2
        )
    if python := local_python():
        found = env_file()
        settings = ["--env-file", str(found)] if found else []
        environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
        command = [python, "-m", "acme_companion", *settings, "caa", f"--account-key={key}", *options]
        return subprocess.run(command, env=environment, check=False).returncode
    # The key goes through standard input: it need not be where the container can see it.
    try:
        with key.open("rb") as content:
            command = ["docker", "exec", "--interactive", container(), "acme-companion", "caa"]
            return run([*command, "--account-key=-", *options], content.fileno())
    except OSError as problem:
        fail(f"{key}: {problem.strerror}")


def run(command: list[str], content: int = subprocess.DEVNULL) -> int:
    """Run a command with `content` as its input; its exit code."""
    return subprocess.run(command, stdin=content, check=False).returncode


def fail(*lines: str, code: int = 1) -> NoReturn:
    """Say why, and end."""
    print("\n".join(f"generate_caa_record.py: {line}" for line in lines), file=sys.stderr)
    sys.exit(code)


def local_python() -> str:
    """A Python that has the package's libraries: the checkout's own, or this one; empty when none has."""
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    for python in (str(CHECKOUT / ".venv/bin/python"), sys.executable):
        try:
            command = [python, "-c", "import acme_companion.cli.caa"]
            done = subprocess.run(command, env=environment, capture_output=True, timeout=LIMIT, check=False)
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.returncode == 0:
            return python
    return ""


def env_file() -> Path | None:
    """The settings that belong to where we were called, or to the checkout."""
    return next((path for path in ENV_FILES if path.is_file()), None)


def project_of_env_file() -> str:
    """The compose project that the env file names, empty when it names none."""
    found = env_file()
    text = found.read_text(encoding="utf-8-sig", errors="replace") if found else ""
    lines = re.findall(r"^COMPOSE_PROJECT_NAME=[\"']?([^\"'#\s]*)", text, re.MULTILINE)
    return lines[-1] if lines else ""


def container() -> str:
    """The id of the companion's container; ends with a complaint when there is none, or no telling which."""
    found = [(one, where) for service in SERVICES for one, where in listed(service)]
    wanted, preferred = os.environ.get("COMPOSE_PROJECT_NAME"), project_of_env_file()
    if wanted:
        found = [(one, where) for one, where in found if where == wanted]
    elif any(where == preferred for _, where in found):
        # In mailcow the companion is in the project of the env file; beside another stack it may be in one of its own.
        found = [(one, where) for one, where in found if where == preferred]
    if not found:
        of = f" of the project {wanted}" if wanted else ""
        fail(
            f"no running container acme-companion (or acme-mailcow){of} was found",
            f"start it, or give --account-key and run: {INSTALL}",
        )
    projects = sorted({where for _, where in found})
    if len(projects) > 1:
        fail(
            f"several projects have such a container: {', '.join(projects)}",
            f"choose one: COMPOSE_PROJECT_NAME=... {sys.argv[0]}",
        )
    return found[0][0]


def listed(service: str) -> list[tuple[str, str]]:
    """Id and project of every running container of a service."""
    command = ["docker", "ps", "--filter", f"label={SERVICE}={service}"]
    command += ["--format", f'{{{{.ID}}}} {{{{.Label "{PROJECT}"}}}}']
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    except FileNotFoundError:
        fail(
            "there is no docker command to ask the container with",
            f"without a container, give --account-key and run: {INSTALL}",
        )
    except subprocess.TimeoutExpired:
        fail(f"docker did not answer within {LIMIT} seconds")
    if done.returncode:
        fail(f"docker could not be asked for the container: {done.stderr.strip()}")
    return [(one, where) for one, _, where in (line.partition(" ") for line in done.stdout.splitlines())]


if __name__ == "__main__":
    sys.exit(main())
