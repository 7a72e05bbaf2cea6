"""One mailcow's database on a shared MariaDB."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from acme_companion.decide.settings import Database, HostPort, Secret
from tests.bed.mariadb import TABLES
from tests.bed.process import LOOPBACK

if TYPE_CHECKING:
    from tests.bed.mariadb import MariaDb

PASSWORD = "pä$s €ß 'quoted'"
NUMBERS = itertools.count()


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
