"""The CA in reserve: whether it could help, found out long before it has to."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from acme_companion.decide.caa import allows
from acme_companion.decide.facts import Unanswered
from acme_companion.decide.memory import Authority

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from acme_companion.decide.facts import NameFacts
    from acme_companion.decide.memory import Memory
    from acme_companion.decide.names import Name
    from acme_companion.decide.settings import Ca, Settings

READ_EVERY = timedelta(days=1)
_MOST_LISTED = 5


def due_to_read(memory: Memory, ca: Ca, now: datetime) -> bool:
    """Whether it is time to see that the directory still answers: once a day while it does, in every cycle while it does not."""
    seen = memory.directories_read.get(ca.directory_url)
    return seen is None or now - seen >= READ_EVERY


def remember_reserve(
    settings: Settings, memory: Memory, answer: Authority | Unanswered | None, now: datetime
) -> Memory:
    """What its directory said, beside what is known of our account there."""
    if settings.fallback_ca is None or not isinstance(answer, Authority):
        return memory
    url = settings.fallback_ca.directory_url
    known = memory.authorities.get(url, Authority())
    fresh = replace(known, caa_identities=answer.caa_identities, renewal_info=answer.renewal_info)
    return replace(
        memory,
        authorities={**memory.authorities, url: fresh},
        directories_read={**memory.directories_read, url: now},
    )


def reserve_warnings(
    settings: Settings,
    memory: Memory,
    answer: Authority | Unanswered | None,
    facts: Mapping[Name, NameFacts],
) -> Iterator[str]:
    """Why the fallback could not issue if it were asked today. Nothing is wrong yet: it is a warning, never a failure."""
    ca = settings.fallback_ca
    if ca is None:
        return
    if isinstance(answer, Unanswered):
        yield f"the fallback CA (ACME_FALLBACK_DIRECTORY_URL) could not help now: {answer.why}"
    known = memory.authorities.get(ca.directory_url)
    if known is None:
        return
    refusing = []
    for name, seen in facts.items():
        method = settings.challenges.type_for(name)
        decision = allows(seen.caa, name, known.caa_identities, known.account_uri, method)
        if decision.allowed is False:
            refusing.append(f"{name}: {decision.because}")
    for line in refusing[:_MOST_LISTED]:
        yield f"the fallback CA could not issue for {line}"
    if len(refusing) > _MOST_LISTED:
        yield f"the fallback CA could not issue for {len(refusing) - _MOST_LISTED} more names either"
