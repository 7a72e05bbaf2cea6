"""The mail domains in mailcow's MariaDB."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pymysql

from acme_companion.decide.acme_problems import legible
from acme_companion.decide.facts import MailDomains, Refusal, Unanswered
from acme_companion.decide.names import Name, NameRefused, quoted
from acme_companion.look.http_faults import reason_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pymysql.connections import Connection

    from acme_companion.decide.settings import Database

MOST_ROWS = 100_000
"""Rows of one table; more than that is no list of mail domains."""
_MOST_REFUSED = 100
_NO_SUCH_TABLE = 1146
_TOO_MANY = -1  # no code of a server
_ADVICE = {
    1044: "let DBUSER read this database",
    1045: "look at DBUSER and DBPASS",
    1049: "look at DBNAME",
    1054: "its tables are of a mailcow that this version does not know",
    1142: "let DBUSER read this table",
    1143: "let DBUSER read this column",
    _NO_SUCH_TABLE: "look whether DBNAME is mailcow's database",
    _TOO_MANY: "look whether DBNAME is mailcow's database",
}

_DOMAINS = "SELECT domain FROM domain WHERE backupmx=0 AND active=1"
_MTA_STS = "SELECT domain FROM mta_sts WHERE active=1"
_MTA_STS_OF_ALIASES = (
    "SELECT ad.alias_domain FROM alias_domain ad JOIN mta_sts m ON ad.target_domain=m.domain "
    "WHERE ad.active=1 AND m.active=1"
)

_Rows = list[tuple[str, object]]


async def stored_domains(database: Database, limit: float) -> MailDomains:
    """What the database lists, whole or not at all, in `limit` seconds. Never raises."""
    try:
        async with asyncio.timeout(limit):
            return _parsed(await _rows(database))
    except TimeoutError:
        return _unanswered(database, f"no answer within {limit:g} s")
    except pymysql.Error as problem:
        code, text = problem.args if len(problem.args) == 2 else (0, problem)
        return _unanswered(database, str(text), code)
    except OSError as problem:
        return _unanswered(database, reason_of(problem))
    except Exception as problem:  # noqa: BLE001 - PyMySQL reads what no MariaDB says with whatever exception comes first
        return _unanswered(database, f"not the answer of a MariaDB: {type(problem).__name__}: {problem}")


async def _rows(database: Database) -> _Rows:
    connected = await _connected(database)
    try:
        return await asyncio.to_thread(_read, database, connected)
    finally:
        # Wakes the thread when we are not waiting for it any more: it would keep the process from ending.
        with suppress(OSError):
            connected.shutdown(socket.SHUT_RDWR)
        connected.close()


async def _connected(database: Database) -> socket.socket:
    if database.host is None:
        return await _connection(socket.AF_UNIX, database.socket)
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(database.host.host, database.host.port, type=socket.SOCK_STREAM)
    problem: OSError | None = None
    for family, _, _, _, address in found:
        try:
            return await _connection(family, address)
        except OSError as failed:
            problem = failed
    raise problem or OSError(f"{database.host.host} has no address")


async def _connection(family: int, address: Any) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        await asyncio.get_running_loop().sock_connect(made, address)
    except BaseException:
        made.close()
        raise
    return made


def _read(database: Database, connected: socket.socket) -> _Rows:
    connection = pymysql.connect(
        user=database.user,
        # Bytes, because PyMySQL sends text in Latin-1, which no other client does.
        password=database.password.reveal().encode(),
        database=database.name,
        charset="utf8mb4",
        # Bytes, not text: one row that is not valid UTF-8 must not cost us all the others.
        use_unicode=False,
        defer_connect=True,
    )
    connection.connect(connected)
    with connection:
        # One transaction: the three lists belong to the same moment.
        return [
            *(("table domain", row) for row in _select(connection, _DOMAINS)),
            *(("table mta_sts", row) for row in _select(connection, _MTA_STS, may_be_missing=True)),
            *(
                ("table alias_domain", row)
                for row in _select(connection, _MTA_STS_OF_ALIASES, may_be_missing=True)
            ),
        ]


def _select(connection: Connection[Any], statement: str, *, may_be_missing: bool = False) -> list[object]:
    with connection.cursor() as cursor:
        try:
            cursor.execute(f"{statement} LIMIT {MOST_ROWS + 1}")
        except pymysql.ProgrammingError as problem:
            if may_be_missing and problem.args[:1] == (_NO_SUCH_TABLE,):
                return []
            raise
        rows = [row[0] for row in cursor.fetchall()]
    if len(rows) > MOST_ROWS:
        raise pymysql.DataError(_TOO_MANY, f"a table has more than {MOST_ROWS} rows")
    return rows


def _parsed(rows: Iterable[tuple[str, object]]) -> MailDomains:
    domains: set[Name] = set()
    mta_sts: set[Name] = set()
    refused: list[Refusal] = []
    for where, value in rows:
        try:
            name = _name(value)
        except NameRefused as problem:
            refused.append(Refusal(where, str(problem)))
        else:
            (domains if where == "table domain" else mta_sts).add(name)
    shown = tuple(dict.fromkeys(refused))
    if len(shown) > _MOST_REFUSED:
        more = Refusal("the database", f"{len(shown) - _MOST_REFUSED} more rows hold no domain name")
        shown = (*shown[:_MOST_REFUSED], more)
    return MailDomains(tuple(sorted(domains)), tuple(sorted(mta_sts)), shown)


def _name(value: object) -> Name:
    if not isinstance(value, bytes):
        raise NameRefused(
            "NULL is not a domain name" if value is None else f"{quoted(str(value))} is not text"
        )
    try:
        text = value.decode()
    except UnicodeDecodeError:
        raise NameRefused(f"{quoted(value.decode(errors='backslashreplace'))} is not UTF-8") from None
    name = Name.parse(text)
    if name.is_wildcard:
        raise NameRefused(f"{quoted(text)} is a wildcard, not a mail domain")
    return name


def _unanswered(database: Database, problem: str, code: int = 0) -> MailDomains:
    where = str(database.host) if database.host else database.socket
    return MailDomains(
        unanswered=Unanswered(
            f"the database {quoted(database.name)} at {where} cannot be read ({legible(problem, 300)}): "
            f"{_ADVICE.get(code, 'look whether it is up')}"
        )
    )
