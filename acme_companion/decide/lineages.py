"""How wanted certificates and held lineages belong together: who continues in which directory, and who leaves."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING

from acme_companion.decide.renewal import due
from acme_companion.decide.steps import Archive, Lineage, Restore

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Iterable, Iterator, Mapping
    from datetime import datetime

    from acme_companion.decide.facts import MailDomains
    from acme_companion.decide.memory import Held, HeldLineage, Memory
    from acme_companion.decide.names import Name
    from acme_companion.decide.wanted import Wanted, WantedCertificate

FEW = 3
"""So many lineages may leave at once without looking like a mishap."""
MANY_LEAVE_AFTER = timedelta(days=3)
"""When half of the lineages are wanted no more at once, a table may have been half read or restored: wait this long."""


def lineage_of(
    names: tuple[Name, ...], wanted: WantedCertificate, held: HeldLineage | None, occupied: Mapping[str, bool]
) -> Lineage:
    """The lineage's next generation. Its directory stays for good, also when the name that it is called by leaves.

    A new one gets the directory of its first name that is not `occupied` (by directory: whether the pair in it is ours).
    Where lineages of ours have them all, since names moved from one to the other, it is numbered.
    """
    if wanted.server:
        return Lineage(names, server=True)
    if held is None:
        free = next((name for name in names if name.directory not in occupied), None)
        if free:
            return Lineage((free, *(name for name in names if name != free)))
        first_of_ours = next((name.directory for name in names if occupied[name.directory]), "")
        return Lineage(names, directory=first_of_ours and _numbered(first_of_ours, occupied))
    first = tuple(name for name in names if name.directory == held.directory)
    return Lineage((*first, *(name for name in names if name not in first)), directory=held.directory)


def _numbered(directory: str, occupied: Container[str]) -> str:
    return next(one for number in count(2) if (one := f"{directory}_{number}") not in occupied)


def returning(lineage: Lineage, held: Held, directory_url: str, now: datetime) -> Restore | None:
    """The archived certificate for a new `lineage`, if there is one that this CA issued, has all of its names, and is not due.

    A domain that left and comes back costs no certificate.
    """
    occupied = held.occupied
    for one in held.archived:
        if one.certificate is None or lineage.server or one.directory in occupied:
            continue
        bad = held.memory.is_out(one.certificate)
        foreign = held.memory.issued.get(one.certificate.fingerprint) != directory_url
        # By name, as everything is matched: one that is only covered by a wildcard would be archived again.
        lacks = not set(lineage.names) <= set(one.certificate.names)
        if not (bad or foreign or lacks) and due(one.certificate, None).at > now:
            again = Lineage(lineage.names, directory=one.directory)
            return Restore(again, "its names are wanted again", one.certificate)
    return None


def matches(
    wanted: Iterable[WantedCertificate], lineages: Iterable[HeldLineage]
) -> Iterator[tuple[WantedCertificate, HeldLineage]]:
    """Each wanted certificate and the lineage that continues in it.

    The hostname's, or the one that its names were left in, else the one that shares most names.
    """
    by_directory = {lineage.directory: lineage for lineage in lineages if lineage.ours}
    wanted = tuple(wanted)
    settled: dict[str, WantedCertificate] = {}
    for one in wanted:
        home = one.names[0].directory if one.server else one.continues
        if home in by_directory:
            settled.setdefault(home, one)
    taken = set(settled)
    settled_ones = set(settled.values())
    yield from ((one, by_directory[home]) for home, one in settled.items())
    by_name: dict[Name, list[str]] = {}
    for lineage in by_directory.values():
        for name in lineage.certificate.names if lineage.certificate else ():
            by_name.setdefault(name, []).append(lineage.directory)
    for one in (one for one in wanted if not one.server and one not in settled_ones):
        shared = Counter(d for name in one.names for d in by_name.get(name, ()) if d not in taken)
        own = next((name.directory for name in one.names if name.directory in by_directory), "")
        best = max(shared, key=lambda d: (shared[d], d == own, d), default=own)
        if best in by_directory and best not in taken:
            taken.add(best)
            yield one, by_directory[best]


def unwanted(domains: MailDomains, wanted: Wanted, held: Held, now: datetime) -> tuple[HeldLineage, ...]:
    """Lineages of ours that no wanted certificate continues and whose names, if still wanted, another valid one has."""
    if domains.unanswered is not None or not domains.domains:
        return ()  # an incomplete list of mail domains says nothing about who left, and an empty one looks like a mishap
    kept = {lineage.directory: lineage for _, lineage in matches(wanted.certificates, held.lineages)}
    valid = [one.certificate for one in kept.values() if one.certificate and one.certificate.not_after > now]
    secured = {name for certificate in valid for name in certificate.names}
    unsecured = set(wanted.names) - secured
    return tuple(
        lineage
        for lineage in held.lineages
        if lineage.ours
        and lineage.certificate is not None
        and lineage.directory not in kept
        and unsecured.isdisjoint(lineage.certificate.names)
    )


def remember_unwanted(memory: Memory, leaving: Iterable[HeldLineage], now: datetime) -> Memory:
    """Since when nobody has wanted each of these lineages; wanted again, it is forgotten."""
    since = {one.directory: memory.unwanted_since.get(one.directory, now) for one in leaving}
    return replace(memory, unwanted_since=since)


def archives(leaving: Collection[HeldLineage], held: Held, now: datetime) -> Iterator[Archive]:
    """Who leaves now: at once when they are few, else when they have been unwanted for days."""
    ours = sum(lineage.ours for lineage in held.lineages)
    few = len(leaving) <= FEW or 2 * len(leaving) < ours
    for one in leaving:
        since = held.memory.unwanted_since.get(one.directory, now)
        if few or now - since >= MANY_LEAVE_AFTER:
            yield Archive(one.directory, "its names are not wanted any more, or another certificate has them")
