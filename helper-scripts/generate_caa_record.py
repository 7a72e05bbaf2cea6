#!/usr/bin/env python3
"""Print the CAA record that binds a domain to your ACME account (RFC 8659, RFC 8657).

Takes the arguments of mailcow's script of the same name. Works in a checkout with the package installed, and against the
running container. This file needs nothing but Python itself.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
SERVICES = ("acme-companion", "acme-mailcow")
NEEDED = ("acme_companion", "acme", "aiohttp", "cryptography")


def parser() -> argparse.ArgumentParser:
    """The arguments, those of mailcow's script first."""
    made = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    made.add_argument("--account-key", help="path of the account's private key, e.g. data/assets/ssl/acme/account.pem; "
                      "without it the running container's own is used")  # fmt: skip
    made.add_argument("--quiet", action="store_true", help="print nothing but the record and errors")
    made.add_argument("--directory-url", help="the CA's directory, default: the one in the settings")
    made.add_argument("--contact", nargs="*", metavar="CONTACT", help="ignored: this looks the account up and never registers one")
    made.add_argument("--domain", action="append", default=[], help="a domain to print the record for (may be repeated)")
    return made


def main() -> int:
    """Hand over to `acme-companion caa`, here or in the container."""
    arguments = parser().parse_args()
    options = [word for domain in arguments.domain for word in ("--domain", domain)]
    options += ["--directory-url", arguments.directory_url] if arguments.directory_url else []
    options += ["--quiet"] if arguments.quiet else []
    if arguments.account_key and not Path(arguments.account_key).is_file():
        print(f"{arguments.account_key}: there is no such file", file=sys.stderr)
        return 2
    python = local_python()
    if arguments.account_key and python:
        options += ["--account-key", arguments.account_key]
        environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
        return subprocess.run([python, "-m", "acme_companion", "caa", *options], env=environment, check=False).returncode
    container = running_container()
    if not container:
        print("no running container acme-companion (or acme-mailcow) was found; start it, or give --account-key and run:"
              f" python3 -m venv {CHECKOUT}/.venv && {CHECKOUT}/.venv/bin/pip install {CHECKOUT}", file=sys.stderr)  # fmt: skip
        return 1
    if not arguments.account_key:
        return subprocess.run(["docker", "exec", container, "acme-companion", "caa", *options], check=False).returncode
    # The key goes through standard input: it need not be where the container can see it.
    command = ["docker", "exec", "--interactive", container, "acme-companion", "caa", "--account-key", "-", *options]
    with Path(arguments.account_key).open("rb") as key:
        return subprocess.run(command, stdin=key, check=False).returncode


def local_python() -> str:
    """A Python that has the package's libraries: the checkout's own, or this one; empty when none has."""
    own = CHECKOUT / ".venv/bin/python"
    if own.exists():
        return str(own)
    sys.path.insert(0, str(CHECKOUT))
    return sys.executable if all(importlib.util.find_spec(name) for name in NEEDED) else ""


def running_container() -> str:
    """The id of the companion's container, empty when there is none."""
    for service in SERVICES:
        command = ["docker", "ps", "--quiet", "--filter", f"label=com.docker.compose.service={service}"]
        try:
            found = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
        except FileNotFoundError:
            return ""
        if found:
            return found[0]
    return ""


if __name__ == "__main__":
    sys.exit(main())
