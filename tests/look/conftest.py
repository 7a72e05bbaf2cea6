"""mailcow's database on a real MariaDB, for all tests of it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from acme_companion.decide.settings import Database, HostPort, Secret
from tests.bed.mariadb import TABLES, MariaDb
from tests.bed.process import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Iterator

PASSWORD = "pä$s €ß 'quoted'"
NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def server() -> Iterator[MariaDb]:
    with MariaDb() as running:
        quoted = PASSWORD.replace("'", "''")
        running.run(f"CREATE USER mailcow IDENTIFIED BY '{quoted}'")
        yield running


class Mailcow:
    """One mailcow's database on the shared server."""

    def __init__(self, server: MariaDb) -> None:
        self.server, self.name = server, f"mailcow{next(NUMBERS)}"
        server.run(f"CREATE DATABASE {self.name} CHARACTER SET utf8mb4")
        self.run(*TABLES)
        server.run(f"GRANT SELECT ON {self.name}.* TO mailcow")

    def run(self, *statements: str) -> None:
        self.server.run(*statements, database=self.name)

    def database(self, **changes: object) -> Database:
        made = {
            "name": self.name,
            "user": "mailcow",
            "password": Secret(PASSWORD),
            "socket": self.server.socket,
        }
        return Database(**{**made, **changes})  # type: ignore[arg-type]

    def over_tcp(self, **changes: object) -> Database:
        return self.database(host=HostPort(LOOPBACK, self.server.port), socket="/nowhere", **changes)


@pytest.fixture
def mailcow(server: MariaDb) -> Mailcow:
    return Mailcow(server)


@pytest.fixture
def full(mailcow: Mailcow) -> Mailcow:
    mailcow.run(
        "INSERT INTO domain VALUES ('example.org', 0, 1), ('Example.COM', 0, 1), ('backup.example', 1, 1),"
        " ('off.example', 0, 0), ('xn--mller-kva.example', 0, 1)",
        "INSERT INTO mta_sts VALUES ('1', 'example.org', 1), ('2', 'example.com', 0)",
        "INSERT INTO alias_domain VALUES ('alias.example', 'example.org', 1), ('old.example', 'example.org', 0),"
        " ('other.example', 'example.com', 1)",
    )
    return mailcow
