"""The CAs besides the one that is asked first: where to rehearse, and who helps out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from acme_companion.decide.known_cas import STAGING, TEST_DIRECTORIES
from acme_companion.decide.settings import values
from acme_companion.decide.settings.accounts import fallback_external_account

if TYPE_CHECKING:
    from acme_companion.decide.settings import Ca
    from acme_companion.decide.settings.source import Source

LONGEST_REHEARSAL = 120.0
"""Seconds that an order there may take: a rehearsal that does not end must not hold up the certificate."""


def rehearsal_ca(source: Source, ca: Ca) -> Ca | None:
    """The staging directory of the CA, if one is set or known; None when there is nothing to rehearse for."""
    wanted = source.get("ACME_REHEARSAL", values.yes)
    given = source.get("ACME_STAGING_DIRECTORY_URL", values.optional(values.url("https")))
    if given and not wanted:
        source.warn("ACME_STAGING_DIRECTORY_URL", "has no effect, as ACME_REHEARSAL is no")
    url = given or STAGING.get(ca.directory_url)
    if not wanted or url is None or url == ca.directory_url or ca.directory_url in TEST_DIRECTORIES:
        return None
    return replace(
        ca,
        directory_url=url,
        external_account=None,
        preferred_chain="",
        timeout=min(ca.timeout, LONGEST_REHEARSAL),
    )


def fallback_ca(source: Source, ca: Ca) -> Ca | None:
    """The second CA. Its certificates are of its own kind: no profile or chain of the first CA is asked for."""
    url = source.get("ACME_FALLBACK_DIRECTORY_URL", values.optional(values.url("https")))
    account = fallback_external_account(source)
    if url is None:
        if account is not None:
            source.warn("ACME_FALLBACK_EAB_KID", "has no effect, as ACME_FALLBACK_DIRECTORY_URL is not set")
        return None
    if url == ca.directory_url:
        source.warn("ACME_FALLBACK_DIRECTORY_URL", "has no effect, as it is the CA that is asked first")
        return None
    return replace(ca, directory_url=url, external_account=account, profile=None, preferred_chain="")
