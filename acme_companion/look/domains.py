"""The mail domains: from the settings, and from mailcow's database where one is configured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acme_companion.decide.facts import MailDomains

if TYPE_CHECKING:
    from acme_companion.decide.settings import Database, Naming

LIMIT = 30.0
"""Seconds for all of it. A table that another session locks is waited for, and no longer."""


async def mail_domains(naming: Naming, database: Database | None, limit: float = LIMIT) -> MailDomains:
    """The mail domains of the settings and, when one is configured, of mailcow's database.

    Never raises. The database has `limit` seconds, and its list is whole or not there at all.
    """
    listed = MailDomains(naming.mail_domains, naming.mta_sts_domains)
    if database is None or naming.only_hostname:
        return listed
    from acme_companion.look.database import stored_domains  # noqa: PLC0415 - a slow import, only for this

    stored = await stored_domains(database, limit)
    return MailDomains(
        tuple(sorted({*listed.domains, *stored.domains})),
        tuple(sorted({*listed.mta_sts, *stored.mta_sts})),
        stored.refused,
        stored.unanswered,
    )
