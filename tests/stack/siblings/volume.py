"""The shared volume as siblings read it, once, on their own start."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

VOLUME = Path("/etc/ssl/mail")
NEEDED = ("cert.pem", "key.pem", "dhparams.pem")
LIMIT = 300  # seconds; then the container ends and its restart policy tries again


@dataclass(frozen=True)
class Certificate:
    """One certificate's directory, and the names that shall be answered with it."""

    folder: Path
    names: tuple[str, ...]

    @property
    def chain(self) -> Path:
        """The leaf first, then its issuers."""
        return self.folder / "cert.pem"

    @property
    def key(self) -> Path:
        """The private key."""
        return self.folder / "key.pem"


def wait_for_pair() -> None:
    """Wait until the server pair and the DH parameters are there."""
    end = time.monotonic() + LIMIT
    said = False
    while missing := [name for name in NEEDED if not (VOLUME / name).is_file()]:
        if time.monotonic() > end:
            sys.exit(f"no {', '.join(missing)} in {VOLUME} after {LIMIT} seconds")
        if not said:
            print(f"waiting for {', '.join(missing)}", flush=True)
            said = True
        time.sleep(0.1)
    refuse_what_this_service_cannot_use()


def refuse_what_this_service_cannot_use() -> None:
    """End when a test says that this container can use no server certificate but one (by the SHA-256 of `cert.pem`).

    It stands for a service that a new pair does not suit: a kind of key it does not know, a chain it rejects.
    """
    only = Path("/usable-certificate")
    if only.is_file():
        found = hashlib.sha256((VOLUME / "cert.pem").read_bytes()).hexdigest()
        if found != only.read_text(encoding="ascii").strip():
            sys.exit(f"this service cannot use the certificate {found[:16]}…")


def certificates() -> list[Certificate]:
    """Take every directory that looks like a certificate, as the shell pattern `*/` would list them."""
    return [
        Certificate(folder, tuple((folder / "domains").read_text(encoding="utf-8").split()))
        for folder in sorted(VOLUME.iterdir())
        if not folder.name.startswith(".")
        and all((folder / name).is_file() for name in ("domains", "cert.pem", "key.pem"))
    ]


def hostname() -> str:
    """Give the server's own name."""
    return os.environ["MAILCOW_HOSTNAME"]


def become(*command: str) -> NoReturn:
    """Turn this process into the daemon, so that it gets the container's signals."""
    print("starting", *command, flush=True)
    os.execvp(command[0], command)
