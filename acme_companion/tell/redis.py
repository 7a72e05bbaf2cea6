"""mailcow's Redis: its web UI shows the list `ACME_LOG`, its watchdog watches `ACME_FAIL_TIME`."""

from __future__ import annotations

import json
import logging
import threading
from collections import deque
from typing import TYPE_CHECKING

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from acme_companion.tell.log import LOGGER, one_line

if TYPE_CHECKING:
    from datetime import datetime

    from acme_companion.decide.settings import Redis

LIMIT = 3.0
"""Seconds for one answer of Redis, and for the last lines when we end."""
_TRY_AGAIN_AFTER = 30.0
_WAITING_LINES = 1000
_LINES_AT_ONCE = 100


class RedisHandler(logging.Handler):
    """Passes log lines on from a thread of its own: Redis may be slow or down, certificates go on.

    While Redis is down the newest lines wait for it; the others are in the container's log all the same. That it is down
    is one warning, and that it is back one line.
    """

    def __init__(self, settings: Redis, hostname: str, limit: float = LIMIT) -> None:
        super().__init__()
        self._hostname = hostname
        self._server = settings.server
        self._log_lines = settings.log_lines
        self._limit = limit
        self._client = redis.Redis(
            host=settings.server.host,
            port=settings.server.port,
            password=settings.password.reveal() or None,
            socket_timeout=limit,
            socket_connect_timeout=limit,
            retry=Retry(NoBackoff(), 0),
        )
        self._lines: deque[str] = deque(maxlen=_WAITING_LINES)
        self._failed_at = ""
        self._closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._pass_on, name="redis", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        message = f"{self._hostname} - {one_line(record.getMessage())}"
        line = json.dumps({"time": str(int(record.created)), "message": message}, separators=(",", ":"))
        with self._changed:
            self._lines.append(line)
            self._changed.notify()

    def cycle_failed(self, now: datetime) -> None:
        """Tell the watchdog, which alerts when the value changes."""
        with self._changed:
            self._failed_at = str(int(now.timestamp()))
            self._changed.notify()

    def close(self) -> None:
        """Pass on what is waiting, for as long as one answer of Redis may take."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(self._limit)
        super().close()

    def _pass_on(self) -> None:
        with self._client:
            reached, warned = True, False
            while True:
                with self._changed:
                    if not self._waiting() or not reached:
                        if self._closing:
                            return
                        self._changed.wait(_TRY_AGAIN_AFTER if self._waiting() else None)
                    lines, failed_at = tuple(self._lines)[:_LINES_AT_ONCE], self._failed_at
                if not lines and not failed_at:
                    continue
                because = self._send(lines, failed_at)
                reached = not because
                if reached:
                    self._forget(lines, failed_at)
                if reached == warned:
                    self._say(because)
                    warned = not reached

    def _waiting(self) -> bool:
        return bool(self._lines or self._failed_at)

    def _say(self, because: str) -> None:
        # Not under our own lock: this line comes back to us through `emit`.
        if because:
            LOGGER.warning(
                f"Redis at {self._server}: {because}; mailcow's log and watchdog hear of us when that is mended, certificates go on"
            )
        else:
            LOGGER.info(f"Redis at {self._server} takes our lines again")

    def _send(self, lines: tuple[str, ...], failed_at: str) -> str:
        """Why they could not be passed on, empty when they were."""
        try:
            self._pass(lines, failed_at)
        except Exception as problem:  # noqa: BLE001 - whatever the library stumbles over: this thread must not end
            self._client.connection_pool.disconnect()  # with whatever is left of that answer
            return self._why_not(problem)
        return ""

    def _pass(self, lines: tuple[str, ...], failed_at: str) -> None:
        with self._client.pipeline(transaction=False) as batch:
            if failed_at:
                batch.set("ACME_FAIL_TIME", failed_at)
            if lines:
                batch.lpush("ACME_LOG", *lines)
                batch.ltrim("ACME_LOG", 0, self._log_lines - 1)
            # Not raised there: redis-py would put the whole command, our line, into the error's text.
            answers = batch.execute(raise_on_error=False)
        for refused in (one for one in answers if isinstance(one, Exception)):
            raise refused

    def _why_not(self, problem: Exception) -> str:
        match problem:
            case redis.AuthenticationError():
                return f"it does not let us in ({one_line(str(problem))}): look at REDISPASS"
            case redis.ReadOnlyError():
                return "it is a replica that takes no lines: set REDIS_SLAVEOF_IP to its master"
            case redis.TimeoutError():
                return f"no answer within {self._limit:g} s"
            case redis.ConnectionError() | OSError():
                return f"it cannot be reached ({one_line(str(problem))})"
            case redis.RedisError():
                return f"it refuses our lines ({one_line(str(problem))})"
            case _:
                return f"what answers is no Redis ({one_line(f'{type(problem).__name__}: {problem}')})"

    def _forget(self, lines: tuple[str, ...], failed_at: str) -> None:
        with self._changed:
            # New lines may have pushed the oldest out meanwhile.
            for line in lines:
                if self._lines and self._lines[0] == line:
                    self._lines.popleft()
            if self._failed_at == failed_at:
                self._failed_at = ""
