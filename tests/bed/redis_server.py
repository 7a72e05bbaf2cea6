"""A real Redis on loopback with a password, keeping nothing on disk."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

import redis

from .process import LOOPBACK, PROBE, Process, free_port

if TYPE_CHECKING:
    from types import TracebackType


class RedisServer:
    """Started with the `with` statement; `port` may be given, to come up where a test is already looking."""

    def __init__(self, password: str, port: int | None = None) -> None:
        self.password = password
        self.port = port or free_port()
        self._folder = Path()
        self._process: Process | None = None

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="redis-"))
        command = [shutil.which("redis-server") or "/usr/bin/redis-server"]
        command += ["--bind", LOOPBACK, "--port", str(self.port), "--requirepass", self.password]
        command += ["--save", "", "--appendonly", "no", "--dir", str(self._folder)]
        self._process = Process(command, self._folder / "log")
        try:
            self._process.wait_until(self._answers, f"answers on port {self.port}")
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End this server and forget it."""
        if self._process:
            self._process.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def client(self) -> redis.Redis:
        """A connection of the test's own; close it."""
        return redis.Redis(LOOPBACK, self.port, password=self.password, socket_timeout=PROBE)

    def _answers(self) -> bool:
        with self.client() as client:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False
