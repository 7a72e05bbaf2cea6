"""mailcow's Redis lists, on a real Redis that may be down, slow or hostile."""

from __future__ import annotations

import logging
import socket
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from acme_companion.decide.settings import HostPort, Redis, Secret
from acme_companion.tell import redis as module
from acme_companion.tell.redis import RedisHandler
from tests.bed.process import LOOPBACK, free_port, wait_until
from tests.bed.redis_server import RedisServer
from tests.builders import DAY, HOST, NOW

if TYPE_CHECKING:
    from collections.abc import Iterator

PASSWORD = "s3cr3t pässword"
LIMIT = 10


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with RedisServer(PASSWORD) as running:
        yield running


@pytest.fixture
def client(server):
    with server.client() as made:
        made.flushall()
        yield made


def record(text: str) -> logging.LogRecord:
    made = logging.LogRecord("acme_companion", logging.INFO, "", 0, text, None, None)
    made.created = NOW.timestamp() + 0.9
    return made


@contextmanager
def handling(
    port: int, *, log_lines: int = 5, password: str = PASSWORD, limit: float = 3.0
) -> Iterator[RedisHandler]:
    """A handler whose thread has ended when the block is left."""
    settings = Redis(HostPort(LOOPBACK, port), Secret(password), log_lines)
    handler = RedisHandler(settings, HOST, limit)
    try:
        yield handler
    finally:
        handler.close()
        handler._thread.join(LIMIT)
        assert not handler._thread.is_alive()


def line(text: str) -> bytes:
    return f'{{"time":"{int(NOW.timestamp())}","message":"{HOST} - {text}"}}'.encode()


def test_lines(server, client):
    """`LPUSH ACME_LOG '{"time":"…","message":"HOST - text"}'`, the newest first, escaped into one line."""
    with handling(server.port) as handler:
        handler.emit(record("first"))
        handler.emit(record('a "quoted"\nsecond line'))

    assert client.lrange("ACME_LOG", 0, -1) == [line(r"a \"quoted\"\\nsecond line"), line("first")]


def test_no_more_lines_than_asked_for(server, client):
    """The list is cut to LOG_LINES, whatever was there before."""
    client.lpush("ACME_LOG", *(f"old {n}" for n in range(50)))
    with handling(server.port, log_lines=3) as handler:
        for number in range(4):
            handler.emit(record(f"line {number}"))

    assert client.lrange("ACME_LOG", 0, -1) == [line(f"line {n}") for n in (3, 2, 1)]


def test_a_failed_cycle(server, client):
    """`SET ACME_FAIL_TIME <unix seconds>`, the last one counts."""
    with handling(server.port) as handler:
        handler.cycle_failed(NOW - DAY)
        handler.cycle_failed(NOW)

    assert client.get("ACME_FAIL_TIME") == str(int(NOW.timestamp())).encode()


def test_lines_before_close_arrive(server, client):
    """What is waiting when we end is passed on, in more than one batch."""
    with handling(server.port, log_lines=500) as handler:
        for number in range(300):
            handler.emit(record(f"line {number}"))

    assert client.lrange("ACME_LOG", 0, -1) == [line(f"line {n}") for n in reversed(range(300))]


@pytest.mark.parametrize(
    "password", [pytest.param("wrong pässword", id="wrong password"), pytest.param("", id="no password")]
)
def test_a_wrong_password_shows_nowhere(server, client, caplog, capfd, password):
    """Nothing is raised, nothing arrives, and no password is printed by anybody."""
    with caplog.at_level(logging.DEBUG), handling(server.port, password=password) as handler:
        handler.emit(record("text"))

    assert client.exists("ACME_LOG") == 0
    assert "pässword" not in caplog.text + "".join(capfd.readouterr())


def test_redis_down():
    """No line blocks or raises, and we end at once."""
    begin = time.monotonic()
    with handling(free_port()) as handler:
        for number in range(5000):
            handler.emit(record(f"line {number}"))
        handler.cycle_failed(NOW)
        assert len(handler._lines) <= 1000

    assert time.monotonic() - begin < 3


def test_redis_that_accepts_and_is_silent():
    """Lines go on without waiting; the end waits for one answer's limit and no longer."""
    with socket.create_server((LOOPBACK, 0)) as silent:
        with handling(silent.getsockname()[1], limit=0.3) as handler:
            begin = time.monotonic()
            for number in range(100):
                handler.emit(record(f"line {number}"))
            assert time.monotonic() - begin < 0.2
            accepted, _ = silent.accept()
            begin = time.monotonic()
            handler.close()
            assert time.monotonic() - begin < 0.6
        accepted.close()


def test_redis_that_comes_up_later(monkeypatch):
    """The newest lines and the failed cycle wait for it: in a stack that starts, Redis is often last."""
    monkeypatch.setattr(module, "_TRY_AGAIN_AFTER", 0.05)
    port = free_port()
    with handling(port) as handler:
        handler.emit(record("early"))
        handler.cycle_failed(NOW)
        with RedisServer(PASSWORD, port) as late, late.client() as client:
            assert wait_until(lambda: client.llen("ACME_LOG") == 1, LIMIT)
            assert client.lrange("ACME_LOG", 0, -1) == [line("early")]
            assert client.get("ACME_FAIL_TIME") == str(int(NOW.timestamp())).encode()


def test_redis_that_goes_and_comes_back(monkeypatch, server, client):
    """A connection that Redis closed is made anew."""
    monkeypatch.setattr(module, "_TRY_AGAIN_AFTER", 0.05)
    with handling(server.port) as handler:
        handler.emit(record("before"))
        assert wait_until(lambda: client.llen("ACME_LOG") == 1, LIMIT)
        client.client_kill_filter(skipme=True, _type="normal")
        handler.emit(record("after"))
        assert wait_until(lambda: client.llen("ACME_LOG") == 2, LIMIT)
