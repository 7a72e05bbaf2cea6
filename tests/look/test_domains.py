"""The mail domains in a real MariaDB: no row costs another."""

from __future__ import annotations

import asyncio
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acme_companion.decide.facts import MailDomains, Refusal
from acme_companion.decide.names import Name
from acme_companion.decide.settings import Database, Secret
from acme_companion.look.domains import mail_domains
from tests.builders import names, naming
from tests.look.mailcow_database import Mailcow

FULL = MailDomains(names("example.com example.org xn--mller-kva.example"), names("alias.example example.org"))


@pytest.mark.parametrize("way", [Mailcow.database, Mailcow.over_tcp], ids=["socket", "TCP"])
async def test_mailcows_tables(full, way):
    """Active domains that are no backup MX; MTA-STS domains and the aliases of those; the same over both ways."""
    assert await mail_domains(naming(), way(full)) == FULL


async def test_settings_and_database_together(full):
    """What the settings list comes on top, once."""
    listed = naming(mail_domains=names("example.net example.org"), mta_sts_domains=names("example.net"))

    assert await mail_domains(listed, full.database()) == MailDomains(
        names("example.com example.net example.org xn--mller-kva.example"),
        names("alias.example example.net example.org"),
    )


async def test_who_needs_no_database():
    """Without one, or with the hostname alone, nobody is asked."""
    nobody = Database("x", "x", Secret("x"), socket="/nowhere")
    listed = naming(mail_domains=names("example.net"))
    alone = naming(mail_domains=names("example.net"), only_hostname=True)

    assert await mail_domains(listed, None) == MailDomains(names("example.net"))
    assert await mail_domains(alone, nobody) == MailDomains(names("example.net"))


@pytest.mark.parametrize(
    ("dropped", "mta_sts"),
    [
        pytest.param(["mta_sts"], "", id="mta_sts: an old mailcow"),
        pytest.param(["alias_domain"], "example.org", id="alias_domain"),
    ],
)
async def test_a_table_that_old_versions_lack(full, dropped, mta_sts):
    """It is as if it were empty; the other lists stay."""
    full.run(*(f"DROP TABLE {table}" for table in dropped))

    assert await mail_domains(naming(), full.database()) == MailDomains(FULL.domains, names(mta_sts))


HOSTILE = [
    pytest.param("../../etc/passwd", "empty label", id="a path"),
    pytest.param("/abs.example", "only a-z", id="an absolute path"),
    pytest.param("a\\b.example", "only a-z", id="a backslash"),
    pytest.param("..", "empty label", id="the parent folder"),
    pytest.param("", "is empty", id="empty"),
    pytest.param("   ", "is empty", id="blanks"),
    pytest.param("a\nb.example", "control character", id="a newline"),
    pytest.param("a\x00b.example", "control character", id="a NUL"),
    pytest.param("\x1b[31mred.example", "control character", id="an escape sequence"),
    pytest.param("a'b\".example", "only a-z", id="quotes"),
    pytest.param("$(reboot).example", "only a-z", id="a command"),
    pytest.param("a.example;b.example", "only a-z", id="two at once"),
    pytest.param("-rf.example", "no label begins or ends with -", id="an option"),
    pytest.param("_dmarc.example.org", "only a-z", id="an underscore"),
    pytest.param("a..example", "empty label", id="an empty label"),
    pytest.param(f"{'a' * 64}.example", "more than 63 characters", id="a long label"),
    pytest.param(".".join("abcdefghijk"), "more than 10 labels", id="eleven labels"),
    pytest.param("localhost", "has no dot", id="a single label"),
    pytest.param("192.0.2.1", "IP address", id="an address"),
    pytest.param("*.example.org", "wildcard", id="a wildcard"),
    pytest.param("a.*.example", "whole first label", id="a wildcard inside"),
    pytest.param("xn--99999999.example", "not a valid A-label", id="a bad A-label"),
    pytest.param("a\u202eb.example", "not an internationalised host name", id="right to left"),
]


@pytest.mark.parametrize(("row", "because"), HOSTILE)
async def test_a_hostile_row(full, row, because):
    """It is refused by name, on one line, and the others continue."""
    full.run(
        f"INSERT INTO domain (domain) VALUES (_utf8mb4 0x{row.encode().hex()})"
        if row
        else "INSERT INTO domain (domain) VALUES ('')"
    )

    found = await mail_domains(naming(), full.database())

    (refusal,) = found.refused
    assert refusal.where == "table domain"
    assert because in refusal.why
    assert refusal.why.isprintable()
    assert MailDomains(found.domains, found.mta_sts) == FULL


async def test_rows_that_are_no_text(full):
    """NULL, bytes that are not UTF-8, and numbers cost themselves only; a name in UTF-8 becomes its A-labels."""
    full.run(
        "ALTER TABLE domain DROP PRIMARY KEY, MODIFY domain VARBINARY(255) NULL",
        "DROP TABLE mta_sts",
        "CREATE TABLE mta_sts (domain INT, active INT)",
        "INSERT INTO mta_sts VALUES (7, 1)",
    )
    full.run("INSERT INTO domain (domain) VALUES (NULL), (0x6dfc6c6c65722e6465), ('bücher.example')")

    found = await mail_domains(naming(), full.database())

    assert found.domains == names("example.com example.org xn--bcher-kva.example xn--mller-kva.example")
    assert found.refused == (
        Refusal("table domain", "NULL is not a domain name"),
        Refusal("table domain", "'m\\\\xfcller.de' is not UTF-8"),
        Refusal("table mta_sts", "'7' is not text"),
    )


async def test_a_table_in_latin_1(full):
    """An old table's own character set is translated by the server."""
    full.run(
        "ALTER TABLE domain CONVERT TO CHARACTER SET latin1",
        "INSERT INTO domain (domain) VALUES ('bücher.example')",
    )

    assert names("xn--bcher-kva.example")[0] in (await mail_domains(naming(), full.database())).domains


async def test_many_bad_rows(mailcow):
    """A hundred sentences are enough; the rest is counted."""
    values = ", ".join(f"('bad row {number}')" for number in range(150))
    mailcow.run(f"INSERT INTO domain (domain) VALUES {values}")

    refused = (await mail_domains(naming(), mailcow.database())).refused

    assert len(refused) == 101
    assert refused[-1] == Refusal("the database", "50 more rows hold no domain name")


@pytest.fixture(scope="session")
def any_bytes(server) -> Mailcow:
    """A database whose table takes what no name can be."""
    made = Mailcow(server)
    made.run("ALTER TABLE domain DROP PRIMARY KEY, MODIFY domain VARBINARY(300) NULL")
    return made


@given(rows=st.lists(st.text(max_size=60) | st.binary(max_size=60) | st.none(), max_size=12))
def test_any_rows(any_bytes, rows):
    """Whatever stands in the table: no exception, accepted names hold a-z, 0-9, - and dots only, refusals one line each."""
    raw = [
        row.encode("utf-8", "surrogatepass") if isinstance(row, str) else row
        for row in [*rows, "good.example"]
    ]
    values = ", ".join("(NULL)" if row is None else f"(x'{row.hex()}')" for row in raw)
    any_bytes.run("DELETE FROM domain", f"INSERT INTO domain (domain) VALUES {values}")

    found = asyncio.run(mail_domains(naming(), any_bytes.database()))

    assert found.unanswered is None
    assert Name.parse("good.example") in found.domains
    assert all(re.fullmatch(r"[a-z0-9.-]+", name.text) for name in found.domains)
    assert all(refusal.why.isprintable() for refusal in found.refused)
