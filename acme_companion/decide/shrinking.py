"""A list of mail domains that lacks most of them at once: a table half read or half restored, until it has lasted for days."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from acme_companion.decide.lineages import FEW, MANY_LEAVE_AFTER
from acme_companion.decide.names import Name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from acme_companion.decide.facts import MailDomains
    from acme_companion.decide.memory import HeldLineage
    from acme_companion.decide.settings import Naming

_MTA_STS = "mta-sts"
_LISTED = 3


@dataclass(frozen=True, slots=True)
class Believed:
    """The mail domains to work with, since when each certified one is missing, and what to say about those that are held."""

    domains: MailDomains
    missing_since: Mapping[str, datetime]
    warnings: tuple[str, ...] = ()


def believed(
    naming: Naming,
    domains: MailDomains,
    lineages: Iterable[HeldLineage],
    missing_since: Mapping[str, datetime],
    now: datetime,
    *,
    force: bool,
) -> Believed:
    """`domains`, and those that vanished from it with most others: what is certified leaves no certificate for a mishap.

    `missing_since`: as it was remembered. `force`: an admin wants everything as it is now.
    """
    if domains.unanswered is not None or not domains.domains or naming.only_hostname:
        return Believed(domains, missing_since)
    certified = _certified(naming, lineages, now)
    listed = {*domains.domains, *domains.mta_sts}
    since = {name.text: missing_since.get(name.text, now) for name in sorted(set(certified) - listed)}
    recent = [
        name for name in sorted(certified) if name.text in since and now - since[name.text] < MANY_LEAVE_AFTER
    ]
    if force or len(recent) <= FEW or 2 * len(recent) < len(certified):
        return Believed(domains, since)
    held = replace(
        domains,
        domains=tuple(sorted({*domains.domains, *(one for one in recent if certified[one] - {_MTA_STS})})),
        mta_sts=tuple(sorted({*domains.mta_sts, *(one for one in recent if _MTA_STS in certified[one])})),
    )
    until = max(since[name.text] for name in recent) + MANY_LEAVE_AFTER
    some = ", ".join(map(str, recent[:_LISTED])) + (" …" if len(recent) > _LISTED else "")
    warning = (
        f"{len(recent)} of {len(certified)} mail domains with certified names are missing from the list at once ({some}), as after a "
        f"mishap with the database: their names stay until {until:%d %b %H:%M} UTC. If that is meant, create the file force_renew: "
        "then everything is renewed without them now"
    )
    return Believed(held, since, (warning,))


def _certified(naming: Naming, lineages: Iterable[HeldLineage], now: datetime) -> dict[Name, set[str]]:
    """By mail domain, the prefixes of its names that valid certificates of ours have, as the settings make them."""
    prefixes = {*naming.prefixes, *(("autodiscover", "autoconfig", _MTA_STS) if naming.autodiscover else ())}
    apart = {naming.hostname, *naming.additional}
    certificates = (one.certificate for one in lineages if one.ours and one.certificate)
    found: dict[Name, set[str]] = {}
    for name in {name for one in certificates if one.not_after > now for name in one.names} - apart:
        for prefix in prefixes:
            if name.text.startswith(f"{prefix}.") and "." in (rest := name.text[len(prefix) + 1 :]):
                found.setdefault(Name(rest), set()).add(prefix)
    return found
