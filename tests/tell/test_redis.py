"""mailcow's Redis lists, on a real Redis that may be down, slow or hostile."""

from __future__ import annotations

import logging
import re
import socket
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from acme_companion.decide.settings import HostPort, Redis, Secret
from acme_companion.tell import redis as module
from acme_companion.tell.log import LOGGER
from acme_companion.tell.redis import RedisHandler
from tests.bed.process import LOOPBACK, free_port, wait_until
from tests.bed.redis_server import RedisServer
from tests.builders import DAY, HOST, NOW

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis

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


@pytest.fixture
def said():
    """What the handler itself told the log."""
    lines: list[tuple[str, str]] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append((record.levelname, record.getMessage()))

    listener, level = Listener(), LOGGER.level
    LOGGER.addHandler(listener)
    LOGGER.setLevel(logging.INFO)
    yield lines
    LOGGER.removeHandler(listener)
    LOGGER.setLevel(level)


def test_down_is_one_warning_and_back_is_one_line(monkeypatch, said):
    """However many lines wait meanwhile, and however often it is tried."""
    monkeypatch.setattr(module, "_TRY_AGAIN_AFTER", 0.05)
    port = free_port()
    with handling(port) as handler:
        for number in range(20):
            handler.emit(record(f"line {number}"))
            assert wait_until(lambda: said, LIMIT)
        with RedisServer(PASSWORD, port) as late, late.client() as client:
            assert wait_until(lambda: len(said) > 1, LIMIT)
            assert client.llen("ACME_LOG") == 5

    [warning, back] = said
    assert warning[0] == "WARNING"
    assert re.fullmatch(
        rf"Redis at 127.0.0.1:{port}: it cannot be reached \(.*refused.*\); mailcow's log and watchdog hear of us when that is "
        "mended, certificates go on",
        warning[1],
    )
    assert back == ("INFO", f"Redis at 127.0.0.1:{port} takes our lines again")


def wrong_password(_: redis.Redis) -> dict[str, Any]:
    return {"password": "wrong pässword"}


def no_password(_: redis.Redis) -> dict[str, Any]:
    return {"password": ""}


def replica(client: redis.Redis) -> dict[str, Any]:
    client.replicaof(LOOPBACK, free_port())
    return {}


def another_type(client: redis.Redis) -> dict[str, Any]:
    client.set("ACME_LOG", "no list")
    return {}


def silence(client: redis.Redis) -> dict[str, Any]:
    client.client_pause(2000)
    return {"limit": 0.2}


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (wrong_password, r"it does not let us in \(.*\): look at REDISPASS"),
        (no_password, r"it does not let us in \(.*\): look at REDISPASS"),
        (replica, "it is a replica that takes no lines: set REDIS_SLAVEOF_IP to its master"),
        (another_type, r"it refuses our lines \(.*wrong kind of value\)"),
        (silence, r"no answer within 0.2 s"),
    ],
)
def test_why_it_takes_no_lines(server, client, said, fault, says):
    """One warning with what to do; nothing of the line that waits stands in it."""
    with handling(server.port, **fault(client)) as handler:
        handler.emit(record("a line that waits"))
        assert wait_until(lambda: said, LIMIT)
    client.client_unpause()
    client.replicaof("NO", "ONE")

    assert [level for level, _ in said] == ["WARNING"]
    assert re.match(f"Redis at 127.0.0.1:{server.port}: {says}; mailcow's log", said[0][1]), said
    assert "a line that waits" not in said[0][1]


@pytest.mark.parametrize("answer", [b":no number\r\n", b"$no number\r\n", b"*1\r\n" * 20_000])
def test_who_answers_is_no_redis(monkeypatch, said, answer):
    """Whatever it says, it is one warning, and lines arrive as soon as the real one is there."""
    monkeypatch.setattr(module, "_TRY_AGAIN_AFTER", 0.05)
    with socket.create_server((LOOPBACK, 0)) as odd:
        port = odd.getsockname()[1]
        with handling(port, limit=1.0) as handler:
            handler.emit(record("a line that waits"))
            accepted, _ = odd.accept()
            with accepted:
                accepted.recv(4096)
                accepted.sendall(answer)
                assert wait_until(lambda: said, LIMIT)
            odd.close()
            with RedisServer(PASSWORD, port) as real, real.client() as client:
                assert wait_until(lambda: client.llen("ACME_LOG") == 1, LIMIT)

    assert [level for level, _ in said] == ["WARNING", "INFO"]
    assert "what answers is no Redis" in said[0][1]
    assert "a line that waits" not in said[0][1]


def test_redis_that_goes_and_comes_back(monkeypatch, server, client):
    """A connection that Redis closed is made anew."""
    monkeypatch.setattr(module, "_TRY_AGAIN_AFTER", 0.05)
    with handling(server.port) as handler:
        handler.emit(record("before"))
        assert wait_until(lambda: client.llen("ACME_LOG") == 1, LIMIT)
        client.client_kill_filter(skipme=True, _type="normal")
        handler.emit(record("after"))
        assert wait_until(lambda: client.llen("ACME_LOG") == 2, LIMIT)
