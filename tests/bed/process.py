"""Start a real program for a test, wait until it answers, and end it again."""

from __future__ import annotations

import secrets
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

CHECKOUT = Path(__file__).resolve().parents[2]
LOOPBACK = "127.0.0.1"
START_LIMIT = 60.0  # seconds; the programs here need well under one, but a busy machine has its moments
STOP_LIMIT = 5.0
PROBE = 0.5  # for one look whether it answers: whoever has our port may be silent


class StartFailedError(RuntimeError):
    """A part of the testbed did not come up; the text ends with what it printed last."""


class Process:
    """One program that we started; only this very process is ever ended."""

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        self.name = Path(command[0]).name
        self.log = log
        with log.open("ab") as output:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=None if environment is None else dict(environment),
                cwd=folder,
                # Ctrl-C in a terminal is for us alone: we end our parts ourselves, one after the other.
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process id, for looking only."""
        return self._child.pid

    @property
    def running(self) -> bool:
        """Whether the program is still there."""
        return self._child.poll() is None

    def tail(self, lines: int = 15) -> str:
        """Give the end of what the program printed."""
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])

    def wait_until(self, ready: Callable[[], bool], what: str, limit: float = START_LIMIT) -> None:
        """Poll `ready` until it holds; a program that ends meanwhile, or a limit that passes, is a failed start."""
        if not wait_until(lambda: not self.running or ready(), limit):
            raise StartFailedError(f"{self.name}: {what}: not within {limit:g} s\n{self.tail()}")
        if not self.running:
            raise StartFailedError(f"{self.name} ended with code {self._child.returncode}\n{self.tail()}")

    def stop(self) -> None:
        """Ask the program to end, then insist."""
        if not self.running:
            return
        self._child.terminate()
        try:
            self._child.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait(STOP_LIMIT)


def wait_until(condition: Callable[[], bool], limit: float, pause: float = 0.02) -> bool:
    """Poll a condition; False when it does not hold within `limit` seconds."""
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
    return True


def free_port() -> int:
    """Find a loopback port that is free for TCP and UDP. Someone may still take it first: callers try again.

    It lies below those from which systems take ports for outgoing connections: one of them would often be first.
    """
    while True:
        port = 10_000 + secrets.randbelow(22_000)
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            try:
                tcp.bind((LOOPBACK, port))
                udp.bind((LOOPBACK, port))
            except OSError:
                continue
            return port


def program(package: str, name: str) -> Path:
    """Find a program of a fetched Debian package, fetch it when missing, else take the installed one."""
    fetched = CHECKOUT / ".testbed" / package / "usr/bin" / name
    if fetched.is_file():
        return fetched
    command = [sys.executable, str(CHECKOUT / "scripts/fetch_debian.py"), package]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if fetched.is_file():
        return fetched
    if installed := shutil.which(name):
        return Path(installed)  # older: no renewal information, no profiles
    raise StartFailedError(f"no {name} here: {done.stderr.strip()}")
