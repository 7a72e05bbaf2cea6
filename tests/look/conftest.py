"""mailcow's database on a real MariaDB, for all tests of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.bed.mariadb import MariaDb
from tests.look.mailcow_database import PASSWORD, Mailcow

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def server() -> Iterator[MariaDb]:
    with MariaDb() as running:
        quoted = PASSWORD.replace("'", "''")
        running.run(f"CREATE USER mailcow IDENTIFIED BY '{quoted}'")
        yield running


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
