"""A database that gives no list of mail domains: one sentence why, and never a part of the list."""

from __future__ import annotations

import asyncio
import socket
import time

import pymysql
import pytest

from acme_companion.decide.settings import Database, HostPort, Secret
from acme_companion.look import database as module
from acme_companion.look.domains import mail_domains
from tests.bed.process import LOOPBACK, free_port
from tests.builders import names, naming


async def why(database: Database, limit: float = 5) -> str:
    """The sentence about a database that gave no list; whatever the reason, no list is given in part."""
    listed = naming(mail_domains=names("example.net"))
    found = await mail_domains(listed, database, limit)
    assert found.unanswered is not None
    assert (found.domains, found.mta_sts, found.refused) == (names("example.net"), (), ())
    assert found.unanswered.why.isprintable()
    return found.unanswered.why


async def test_wrong_password(full):
    """The sentence says what to look at, and neither the right password nor the wrong one."""
    told = await why(full.database(password=Secret("hunter2 €")))

    assert told == (
        f"the database '{full.name}' at {full.server.socket} cannot be read (Access denied for user "
        "'mailcow'@'localhost' (using password: YES)): look at DBUSER and DBPASS"
    )


async def test_unknown_database(full):
    """A user who may see every database is told that this one does not exist; others that they may not see it."""
    told = await why(full.over_tcp(name="nothing"))

    assert told.startswith(
        f"the database 'nothing' at 127.0.0.1:{full.server.port} cannot be read (Access denied"
    )
    assert told.endswith("let DBUSER read this database")
    root = full.database(name="nothing", user="root", password=Secret(""))
    assert (await why(root)).endswith("(Unknown database 'nothing'): look at DBNAME")


@pytest.mark.parametrize(
    ("statement", "ending"),
    [
        pytest.param(
            "DROP TABLE domain",
            "look whether DBNAME is mailcow's database",
            id="without the table of domains",
        ),
        pytest.param(
            "ALTER TABLE domain DROP backupmx",
            "mailcow that this version does not know",
            id="without a column",
        ),
        pytest.param(
            "ALTER TABLE mta_sts DROP active", "mailcow that this version does not know", id="in a later list"
        ),
    ],
)
async def test_another_database(full, statement, ending):
    """A database that is not mailcow's, or of a version unknown to us, gives no list at all."""
    full.run(statement)

    assert (await why(full.database())).endswith(ending)


async def test_a_table_that_may_not_be_read(full):
    """A right that is missing for one table costs all lists: what one would add must not look like removed."""
    full.server.run(
        "CREATE OR REPLACE USER narrow IDENTIFIED BY 'x'",
        f"GRANT SELECT ON {full.name}.domain TO narrow",
    )
    told = await why(full.database(user="narrow", password=Secret("x")))

    assert "SELECT command denied" in told
    assert told.endswith("let DBUSER read this table")


async def test_too_many_rows(full, monkeypatch):
    """A list is never cut: beyond the limit it is no list."""
    monkeypatch.setattr(module, "MOST_ROWS", 2)

    assert "(a table has more than 2 rows): look whether DBNAME is mailcow's database" in await why(
        full.database()
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"host": HostPort(LOOPBACK, free_port())}, "Connection refused", id="nobody listens"),
        pytest.param({"socket": "/nowhere/mysqld.sock"}, "No such file or directory", id="no socket"),
        pytest.param(
            {"socket": "/tmp/" + "x" * 200}, "AF_UNIX path too long", id="a socket with a long path"
        ),
        pytest.param(
            {"host": HostPort("a..b", 3306)}, "not the answer of a MariaDB", id="a host that is no name"
        ),
    ],
)
async def test_a_server_that_is_down(changes, reason):
    """The sentence has the place and the system's reason."""
    told = await why(Database(**{"name": "mailcow", "user": "mailcow", "password": Secret("x"), **changes}))

    assert reason in told
    assert told.endswith(": look whether it is up")


async def test_a_server_that_is_silent():
    """One that accepts and says nothing costs no more than the limit, and its thread ends with it."""
    with socket.create_server((LOOPBACK, 0)) as silent:
        begin = time.monotonic()
        told = await why(Database("m", "m", Secret("x"), HostPort(LOOPBACK, silent.getsockname()[1])), 0.3)
        await asyncio.get_running_loop().shutdown_default_executor()

    assert "(no answer within 0.3 s): look whether it is up" in told
    assert time.monotonic() - begin < 3


async def test_a_table_that_is_locked(full):
    """A backup that locks a table is waited for until the limit, not for ever."""
    locking = pymysql.connect(unix_socket=full.server.socket, user="root", database=full.name)
    with locking, locking.cursor() as cursor:
        cursor.execute("LOCK TABLES domain WRITE")
        assert "no answer within 0.5 s" in await why(full.database(), 0.5)
    assert (await mail_domains(naming(), full.database())).unanswered is None


async def test_stopping_does_not_wait_for_the_database():
    """Who cancels the look is not kept by a thread that reads from a silent server."""
    with socket.create_server((LOOPBACK, 0)) as silent:
        database = Database("m", "m", Secret("x"), HostPort(LOOPBACK, silent.getsockname()[1]))
        look = asyncio.create_task(mail_domains(naming(), database))
        accepted, _ = await asyncio.to_thread(silent.accept)
        begin = time.monotonic()
        look.cancel()
        with pytest.raises(asyncio.CancelledError):
            await look
        await asyncio.get_running_loop().shutdown_default_executor()
        accepted.close()

    assert time.monotonic() - begin < 3


GREETING = (
    b"\x0a11.8.2-MariaDB\x00"
    + bytes(4)
    + b"saltsalt\x00"
    + b"\xff\xff\xff\x00\x00\xff\xff\x15"
    + bytes(10)
    + b"saltsaltsalt\x00mysql_native_password\x00"
)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", id="another protocol"),
        pytest.param(b"", id="an end at once"),
        pytest.param(b"\x05\x00\x00\x00\x0a1\x00\x00\x00", id="a cut greeting"),
        pytest.param(b"\x03\x00\x00\x00\xff\x10\x04", id="an error without text"),
        pytest.param(
            len(GREETING).to_bytes(3, "little") + b"\x00" + GREETING + b"\x02\x00\x00\x02\xff\x00",
            id="a cut error",
        ),
        pytest.param(
            len(GREETING).to_bytes(3, "little") + b"\x00" + GREETING + b"\x01\x00\x00\x02\x42",
            id="an odd login",
        ),
        pytest.param(bytes(5000), id="zeros"),
        pytest.param(b"\xff" * 5000, id="ones"),
    ],
)
async def test_a_server_that_is_no_mariadb(answer):
    """Whatever it says, there is a sentence about it, and the look never raises."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        writer.write_eof()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(serve, LOOPBACK, 0) as running:
        port = running.sockets[0].getsockname()[1]
        told = await why(Database("m", "m", Secret("hunter2"), HostPort(LOOPBACK, port)), 3)

    assert "hunter2" not in told
