"""The mail domains: from the settings, and from mailcow's MariaDB."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pymysql

from acme_companion.decide.facts import MailDomains, Refusal, Unanswered
from acme_companion.decide.names import Name, NameRefused, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pymysql.connections import Connection

    from acme_companion.decide.settings import Database, Naming

_CONNECT_LIMIT = 10
_READ_LIMIT = 30
_MOST_ROWS = 100_000
_NO_SUCH_TABLE = 1146
_NOT_ALLOWED = {1044, 1045, 1142, 1143}

_DOMAINS = "SELECT domain FROM domain WHERE backupmx=0 AND active=1"
_MTA_STS = "SELECT domain FROM mta_sts WHERE active=1"
_MTA_STS_OF_ALIASES = (
    "SELECT ad.alias_domain FROM alias_domain ad JOIN mta_sts m ON ad.target_domain=m.domain "
    "WHERE ad.active=1 AND m.active=1"
)


async def mail_domains(naming: Naming, database: Database | None) -> MailDomains:
    """The mail domains of the settings and, when one is configured, of mailcow's database. Never raises."""
    listed = MailDomains(naming.mail_domains, naming.mta_sts_domains)
    if database is None or naming.only_hostname:
        return listed
    stored = await asyncio.to_thread(_read, database)
    return MailDomains(
        tuple(sorted({*listed.domains, *stored.domains})),
        tuple(sorted({*listed.mta_sts, *stored.mta_sts})),
        stored.refused,
        stored.unanswered,
    )


def _read(database: Database) -> MailDomains:
    try:
        with _connect(database) as connection:
            rows = [
                *(("table domain", row) for row in _select(connection, _DOMAINS)),
                *(("table mta_sts", row) for row in _select(connection, _MTA_STS, may_be_missing=True)),
                *(
                    ("table alias_domain", row)
                    for row in _select(connection, _MTA_STS_OF_ALIASES, may_be_missing=True)
                ),
            ]
    except (pymysql.Error, OSError, ValueError) as problem:
        return MailDomains(unanswered=Unanswered(_sentence(database, problem)))
    return _parsed(rows)


def _connect(database: Database) -> Connection[Any]:
    where: dict[str, Any] = (
        {"host": database.host.host, "port": database.host.port}
        if database.host
        else {"unix_socket": database.socket}
    )
    return pymysql.connect(
        user=database.user,
        password=database.password.reveal(),
        database=database.name,
        connect_timeout=_CONNECT_LIMIT,
        read_timeout=_READ_LIMIT,
        write_timeout=_READ_LIMIT,
        charset="utf8mb4",
        # Bytes, not text: one row that is not valid UTF-8 must not cost us all the others.
        use_unicode=False,
        **where,
    )


def _select(connection: Connection[Any], statement: str, *, may_be_missing: bool = False) -> list[object]:
    with connection.cursor() as cursor:
        try:
            cursor.execute(statement)
        except pymysql.ProgrammingError as problem:
            if may_be_missing and problem.args[:1] == (_NO_SUCH_TABLE,):
                return []
            raise
        return [row[0] for row in cursor.fetchmany(_MOST_ROWS)]


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
    return MailDomains(tuple(sorted(domains)), tuple(sorted(mta_sts)), tuple(refused))


def _name(value: object) -> Name:
    if not isinstance(value, bytes):
        raise NameRefused(f"{quoted(repr(value))} is not a domain name")
    try:
        text = value.decode()
    except UnicodeDecodeError:
        raise NameRefused(f"{quoted(repr(value))} is not UTF-8") from None
    name = Name.parse(text)
    if name.is_wildcard:
        raise NameRefused(f"{quoted(text)} is a wildcard, not a mail domain")
    return name


def _sentence(database: Database, problem: Exception) -> str:
    where = str(database.host) if database.host else database.socket
    code = problem.args[0] if problem.args and isinstance(problem.args[0], int) else 0
    advice = {
        _NO_SUCH_TABLE: "is DBNAME mailcow's database?",
        1049: "is DBNAME right?",
        **dict.fromkeys(_NOT_ALLOWED, "are DBUSER and DBPASS right?"),
    }.get(code, "is the database up?")
    return (
        f"the database {quoted(database.name)} at {where} cannot be read ({quoted(str(problem))}): {advice}"
    )
