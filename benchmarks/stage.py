"""What a case stands on: a fresh CA, a DNS server that answers for every name, and the way to the CA."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.bed.challtest import ChallengeTestServer
from tests.bed.pebble import Pebble
from tests.bed.process import LOOPBACK

if TYPE_CHECKING:
    from types import TracebackType

CHECKOUT = Path(__file__).resolve().parents[1]
STOP_LIMIT = 5.0  # seconds


@dataclass
class Stage:
    """Used in a with statement. `latency_ms`: the round trip that a proxy puts between clients and the CA, 0 for none; `retry_after` in seconds."""

    latency_ms: int = 0
    nonce_reject: int = 0
    retry_after: int = 0
    folder: Path = field(init=False)
    dns: ChallengeTestServer = field(init=False)
    ca: Pebble = field(init=False)
    directory_url: str = field(init=False)
    _names: int = field(init=False, default=0)
    _undo: ExitStack = field(init=False, default_factory=ExitStack)

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            self.folder = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-")))
            self.dns = undo.enter_context(ChallengeTestServer())
            self.ca = undo.enter_context(
                Pebble(
                    nonce_reject=self.nonce_reject,
                    retry_after=(self.retry_after, self.retry_after),
                    dns_server=self.dns.dns_address,
                )
            )
            self.directory_url = self.ca.directory_url
            if self.latency_ms:
                self.directory_url = self._way_to_the_ca(undo)
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._undo.close()

    @property
    def http_port(self) -> int:
        """The port that the CA visits for http-01."""
        return self.ca.http_port

    @property
    def ca_bundle(self) -> Path:
        """What the CA's own TLS certificate is checked by."""
        return self.ca.ca_bundle

    def requests(self) -> int:
        """How many requests the CA took so far, of whom ever."""
        return self.ca.log.count("-> calling handler()")

    def fresh_names(self, count: int) -> list[str]:
        """Names that this CA has never seen."""
        self._names += 1
        return [f"n{number:03}.r{self._names}.bench.example" for number in range(count)]

    def fresh_folder(self) -> Path:
        """An empty folder that goes with the stage."""
        return Path(tempfile.mkdtemp(dir=self.folder))

    def _way_to_the_ca(self, undo: ExitStack) -> str:
        port = re.sub(r".*:(\d+)/dir$", r"\1", self.ca.directory_url)
        seconds = str(self.latency_ms / 2000)
        command = [sys.executable, "-m", "benchmarks.latency_proxy", "--to", port, "--seconds", seconds]
        proxy = subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)
        undo.callback(_end, proxy)
        assert proxy.stdout
        return f"https://{LOOPBACK}:{int(proxy.stdout.readline())}/dir"


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.communicate(timeout=STOP_LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def installed(name: str, package: str) -> str | None:
    """A program: of a fetched Debian package if there is one, else the installed one, else None."""
    fetched = CHECKOUT / ".testbed" / package / "usr/bin" / name
    return str(fetched) if fetched.is_file() else shutil.which(name)
