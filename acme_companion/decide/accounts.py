"""Accounts at CAs: which key file is for which directory, what depends on an account, and when a refused one is tried again."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from acme_companion.decide.caa import account_uris
from acme_companion.decide.facts import Unanswered
from acme_companion.decide.memory import FUTURE
from acme_companion.decide.steps import Skip

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from acme_companion.decide.facts import NameFacts
    from acme_companion.decide.memory import Authority, Memory, Stop
    from acme_companion.decide.names import Name
    from acme_companion.decide.settings import ExternalAccount, Settings
    from acme_companion.decide.steps import Plan

ASK_AGAIN_AFTER = timedelta(days=1)
"""A CA that will have nothing of our account is asked again daily: an admin may have put it right at the CA's own site."""


def key_name(directory_url: str) -> str:
    """What the account key for a directory is called: its host for people, and a digest of the URL for us."""
    try:
        host = urlsplit(directory_url).hostname or ""
    except ValueError:
        host = ""
    shown = re.sub(r"[^a-z0-9.-]", "_", host.lower()).strip(".")[:100]
    return f"{shown or 'ca'}-{hashlib.sha256(directory_url.encode()).hexdigest()[:12]}.pem"


def is_staging(directory_url: str) -> bool:
    """Whether a directory is for rehearsals by its name, as Let's Encrypt's is: `account.pem` is never given to such a one."""
    try:
        return "staging" in (urlsplit(directory_url).hostname or "")
    except ValueError:
        return False


def circumstances(
    thumbprint: str, contact: str | None, external: ExternalAccount | None, remembered: Authority
) -> str:
    """A digest of all that an admin can change about an account that a CA refuses."""
    parts = (
        thumbprint,
        contact or "",
        external.key_id if external else "",
        external.hmac_key.reveal() if external else "",
        *remembered.pinned_by,
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def is_stopped(stop: Stop | None, now_is: str, now: datetime) -> bool:
    """Whether asking again is pointless: nothing has changed since (`now_is`: the circumstances), and a day is not over."""
    if stop is None or stop.circumstances != now_is:
        return False
    # A clock that was ahead must not stop it until that day comes.
    return -FUTURE <= now - stop.since < ASK_AGAIN_AFTER


def as_sentence(directory_url: str, stop: Stop) -> str:
    """What an admin reads of a CA that will have nothing of our account."""
    return (
        f"{stop.because}. Nothing is ordered from {directory_url} until that is put right; it is asked again a day "
        f"after {stop.since:%d %b %H:%M} UTC, or when the account's key or settings change, or by force_renew"
    )


def stopped(settings: Settings, memory: Memory, plan: Plan) -> tuple[str, ...]:
    """A sentence for each CA that is to issue and will have nothing of our account, due or not: there is time to act now."""
    if any(isinstance(step, Skip) for step in plan.steps):
        return ()
    in_use = (ca.directory_url for ca in (settings.ca, settings.fallback_ca) if ca)
    known = {url: memory.authorities[url].stopped for url in in_use if url in memory.authorities}
    return tuple(as_sentence(url, stop) for url, stop in known.items() if stop)


def retried(memory: Memory) -> Memory:
    """The memory of an admin who wants everything tried again: no account is stopped any more."""
    tried = {url: replace(one, stopped=None) for url, one in memory.authorities.items()}
    return replace(memory, authorities=tried)


def pinned(memory: Memory, facts: Mapping[Name, NameFacts]) -> Memory:
    """The memory with what was seen to depend on our accounts."""
    seen = {url: replace(one, pinned_by=pinned_by(one, facts)) for url, one in memory.authorities.items()}
    return replace(memory, authorities=seen)


def _in_lasting_record(authority: Authority, seen: NameFacts) -> bool:
    if isinstance(seen.validation_records, Unanswered):
        return seen.name.text in authority.pinned_by
    ours = f"accounturi={authority.account_uri}"
    return any(ours in [part.strip() for part in value.split(";")] for value in seen.validation_records or ())


def pinned_by(authority: Authority, facts: Mapping[Name, NameFacts]) -> tuple[str, ...]:
    """The names whose CAA records (`accounturi`, RFC 8657 section 3) or lasting records (dns-persist-01) name our account there.

    A look without an answer changes nothing: whoever was pinned by an account still is.
    """
    if not authority.account_uri:
        return ()
    return tuple(
        sorted(
            name.text
            for name, seen in facts.items()
            if (
                name.text in authority.pinned_by
                if isinstance(seen.caa.records, Unanswered)
                else authority.account_uri in account_uris(seen.caa.records)
                or _in_lasting_record(authority, seen)
            )
        )
    )
