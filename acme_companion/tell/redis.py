"""mailcow's Redis: its web UI shows the list `ACME_LOG`, its watchdog watches `ACME_FAIL_TIME`."""

from __future__ import annotations

import json
import logging
import queue
import threading
from typing import TYPE_CHECKING

import redis

from acme_companion.tell.log import one_line

if TYPE_CHECKING:
    from datetime import datetime

    from acme_companion.decide.settings import Redis

_LIMIT = 3.0
_WAITING_LINES = 1000


class RedisHandler(logging.Handler):
    """Passes log lines on from a thread of its own: Redis may be slow or down, certificates go on.

    Lines that do not fit into the queue are dropped; they are in the container's log all the same.
    """

    def __init__(self, settings: Redis, hostname: str) -> None:
        super().__init__()
        self._hostname = hostname
        self._log_lines = settings.log_lines
        self._client = redis.Redis(
            host=settings.server.host,
            port=settings.server.port,
            password=settings.password.reveal() or None,
            socket_timeout=_LIMIT,
            socket_connect_timeout=_LIMIT,
        )
        self._waiting: queue.Queue[tuple[str, str] | None] = queue.Queue(_WAITING_LINES)
        self._thread = threading.Thread(target=self._pass_on, name="redis", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        message = f"{self._hostname} - {one_line(record.getMessage())}"
        self._put(("log", json.dumps({"time": str(int(record.created)), "message": message})))

    def cycle_failed(self, now: datetime) -> None:
        """Tell the watchdog, which alerts when the value changes."""
        self._put(("failed", str(int(now.timestamp()))))

    def close(self) -> None:
        """Pass on what is waiting, for as long as one answer of Redis may take."""
        self._put(None)
        self._thread.join(2 * _LIMIT)
        super().close()

    def _put(self, item: tuple[str, str] | None) -> None:
        try:
            self._waiting.put_nowait(item)
        except queue.Full:
            return

    def _pass_on(self) -> None:
        while (item := self._waiting.get()) is not None:
            kind, value = item
            try:
                if kind == "log":
                    self._client.lpush("ACME_LOG", value)
                    self._client.ltrim("ACME_LOG", 0, self._log_lines - 1)
                else:
                    self._client.set("ACME_FAIL_TIME", value)
            except (redis.RedisError, OSError):
                continue
        self._client.close()
