"""Which certificates the settings and the mail domains ask for, whatever the world looks like."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from acme_companion.decide.facts import MailDomains, Refusal
from acme_companion.decide.names import Name, NameRefused
from acme_companion.decide.partition import Home, Room, Share, spread

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from datetime import datetime

    from acme_companion.decide.memory import Held, HeldLineage
    from acme_companion.decide.settings import Naming


_BARELY = 0.75
"""The share of the most names beyond which certificates that were split are not put together again."""


@dataclass(frozen=True, slots=True)
class WantedCertificate:
    """One certificate that should exist. The server certificate begins with the hostname; the names after the first are sorted.

    `continues`: the directory of the lineage that its names stand in; empty: where most of them do, if anywhere.
    """

    names: tuple[Name, ...]
    server: bool = False
    continues: str = ""

    @property
    def required(self) -> tuple[Name, ...]:
        """Names without which there is no such certificate: the hostname in the server's."""
        return self.names[:1] if self.server else ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """All of them, the server certificate first, and what could not be used or needs saying.

    `room`: how many more names the server certificate could hold.
    """

    certificates: tuple[WantedCertificate, ...]
    refused: tuple[Refusal, ...] = ()
    warnings: tuple[str, ...] = ()
    room: int = 0

    @property
    def names(self) -> tuple[Name, ...]:
        return tuple(sorted({name for certificate in self.certificates for name in certificate.names}))


def possible_names(
    naming: Naming, domains: MailDomains, lineages: Iterable[HeldLineage] = ()
) -> tuple[Name, ...]:
    """Every name that could be wanted, whatever turns out to be usable: the names to look at.

    A wildcard that is not usable yet leaves the names that it covers where they are.
    """
    if naming.only_hostname:
        return (naming.hostname,)
    prefixed = (name for _, names in _names_by_domain(naming, domains, []) for name in names)
    stars = [name for name in naming.additional if name.is_wildcard]
    server = _homes(naming.hostname, lineages)[0].names if stars else ()
    covered = sorted(name for name in server if any(star.covers(name) for star in stars))
    return tuple(dict.fromkeys((naming.hostname, *sorted(naming.additional), *prefixed, *covered)))


def wanted_certificates(
    naming: Naming,
    domains: MailDomains,
    usable: Collection[Name] | None = None,
    lineages: Iterable[HeldLineage] = (),
) -> Wanted:
    """The partition of names into certificates (with SNI: one more certificate per mail domain).

    `usable`: the names that could stand in a certificate now; only these count against the most that one may hold, and
    only such a wildcard makes the names superfluous that it covers. None: all. `lineages`: the certificates that there are;
    where names do not all fit into one, each stays in the one that it is in.
    """
    if naming.only_hostname:
        return Wanted((WantedCertificate((naming.hostname,), server=True),), room=naming.most_names - 1)
    refused: list[Refusal] = []
    by_domain = dict(_names_by_domain(naming, domains, refused))
    wildcards = [
        name for name in naming.additional if name.is_wildcard and (usable is None or name in usable)
    ]
    # The hostname stays even beside a wildcard that covers it: it names the server certificate's directory.
    additional = _without_covered(sorted(naming.additional), wildcards, already={naming.hostname})
    server = {naming.hostname, *additional}
    units = [_without_covered(names, wildcards, already=server) for names in by_domain.values()]
    units = [unit for unit in units if unit]
    room = Room(naming.most_names, usable)
    homes = _homes(naming.hostname, lineages)
    first = (naming.hostname,)
    warnings: tuple[str, ...] = ()
    if naming.sni:
        of_domains: list[Share] = []
        for unit in units:
            of_domains += _of_one_domain(unit, room, _others_with(unit, homes[1:], of_domains))
        shares = spread(
            first, additional, (), room, [homes[0], *_others_with(additional, homes[1:], of_domains)]
        )
        shares += of_domains
    else:
        together = room.share(first)
        everything = [(name,) for name in additional] + units
        whole = _all_fit(together, everything) and not _is_split(together, homes, naming.most_names)
        shares = [together] if whole else spread(first, additional, units, room, homes)
        counted = sum(share.counted for share in shares)
        if len(shares) > 1 and counted > naming.most_names:
            warnings = (
                f"{counted} names do not fit into one certificate (at most {naming.most_names}): they are spread over "
                f"{len(shares)}, and a program that sends no SNI sees {naming.hostname}'s only",
            )
    certificates = tuple(
        WantedCertificate((*first, *sorted(share.names[1:])), server=True)
        if number == 0
        else WantedCertificate(tuple(sorted(share.names)), continues=share.home)
        for number, share in enumerate(shares)
    )
    return Wanted(certificates, tuple(refused), warnings, max(naming.most_names - shares[0].counted, 0))


def keep_held(wanted: Wanted, lineages: Iterable[HeldLineage]) -> Wanted:
    """`wanted`, and every name and lineage that is certified already: for a cycle that could not learn the mail domains.

    A database that hiccups must not cost a name its certificate.
    """
    server, *others = wanted.certificates
    known = set(wanted.names)
    room = wanted.room
    for lineage in (one for one in lineages if one.ours and one.certificate):
        names = lineage.certificate.names if lineage.certificate else ()
        missing = tuple(sorted(set(names) - known))
        known |= set(missing)
        if lineage.directory == server.names[0].directory:
            staying = _beside(missing, server.names)[: max(room, 0)]
            server = WantedCertificate((*server.names, *staying), server=True)
            room -= len(staying)
            missing = tuple(name for name in missing if name not in staying)
        if missing:
            others = list(_going_on(others, lineage.directory, set(names), missing))
    return replace(wanted, certificates=(server, *others), room=max(room, 0))


def _going_on(
    others: Iterable[WantedCertificate],
    directory: str,
    certified: Collection[Name],
    missing: tuple[Name, ...],
) -> Iterator[WantedCertificate]:
    """`others`, and `missing` with what else of the same certificate is wanted: apart, one of them would be ordered anew.

    What would be new in it may not fit beside them, and gets one of its own.
    """
    stay: list[Name] = []
    for one in others:
        if one.continues != directory:
            yield one
            continue
        stay += (name for name in one.names if name in certified)
        if new := tuple(name for name in one.names if name not in certified):
            yield WantedCertificate(new)
    yield WantedCertificate(tuple(sorted((*stay, *missing))), continues=directory)


def with_names_in_transit(wanted: Wanted, held: Held, now: datetime) -> Wanted:
    """`wanted`, with the names that the server certificate has and another one is to have, but has not yet.

    When certificates are partitioned anew (ENABLE_SSL_SNI, a wildcard), a certified name leaves one only when another has it.
    """
    server, *others = wanted.certificates
    lineages = {one.directory: one.certificate for one in held.lineages if one.ours and one.certificate}
    current = lineages.pop(server.names[0].directory, None)
    if current is None:
        return wanted
    secured = {name for one in lineages.values() if one.not_after > now for name in one.names}
    to_come = {name for other in others for name in other.names} - secured
    stars = [name for name in to_come if name.is_wildcard]
    moving = sorted(
        name
        for name in current.names
        if name not in server.names
        and name not in secured
        and (name in to_come or any(star.covers(name) for star in stars))
    )
    staying = _beside(moving, server.names)[: wanted.room]
    if not staying:
        return wanted
    return replace(wanted, certificates=(replace(server, names=(*server.names, *staying)), *others))


def _names_by_domain(
    naming: Naming, domains: MailDomains, refused: list[Refusal]
) -> Iterator[tuple[Name, tuple[Name, ...]]]:
    mail, mta_sts = set(domains.domains), set(domains.mta_sts)
    seen: set[Name] = {naming.hostname}
    for domain in sorted(mail | mta_sts):
        prefixes = [*naming.prefixes] if domain in mail else []
        if naming.autodiscover:
            prefixes += ["autodiscover", "autoconfig"] if domain in mail else []
            prefixes += ["mta-sts"] if domain in mta_sts else []
        names = set(_prefixed(domain, prefixes, refused)) - seen
        seen |= names
        yield domain, tuple(sorted(names))


def _prefixed(domain: Name, prefixes: Iterable[str], refused: list[Refusal]) -> Iterator[Name]:
    for prefix in prefixes:
        try:
            yield domain.under(prefix)
        except NameRefused as problem:
            refused.append(Refusal(f"prefix {prefix} of mail domain {domain}", str(problem)))


def _without_covered(
    names: Iterable[Name], wildcards: Sequence[Name], already: Collection[Name]
) -> tuple[Name, ...]:
    """`names` in order, without repetitions, what `already` has, and what another one of `wildcards` covers.

    A CA refuses a wildcard and a name below it in one order.
    """
    kept = [name for name in dict.fromkeys(names) if name not in already]
    return tuple(
        name for name in kept if not any(wildcard.covers(name) for wildcard in wildcards if wildcard != name)
    )


def _beside(names: Iterable[Name], others: Iterable[Name]) -> tuple[Name, ...]:
    """Those of `names` that may stand in one order with `others`."""
    stars = [name for name in others if name.is_wildcard]
    hosts = [name for name in others if not name.is_wildcard]
    return tuple(
        name
        for name in names
        if not any(star.covers(name) for star in stars) and not any(name.covers(host) for host in hosts)
    )


def _homes(hostname: Name, lineages: Iterable[HeldLineage]) -> list[Home]:
    """What stands together now, the server certificate first."""
    ours = {
        one.directory: frozenset(one.certificate.names) for one in lineages if one.ours and one.certificate
    }
    server = Home(hostname.directory, ours.pop(hostname.directory, frozenset()))
    return [server, *(Home(directory, ours[directory]) for directory in sorted(ours))]


def _others_with(names: Collection[Name], homes: Iterable[Home], shares: Iterable[Share]) -> list[Home]:
    """Those of `homes` that have some of `names`, and that none of `shares` has."""
    taken = {share.home for share in shares}
    return [home for home in homes if home.directory not in taken and not home.names.isdisjoint(names)]


def _of_one_domain(unit: Sequence[Name], room: Room, homes: Sequence[Home]) -> list[Share]:
    """The certificate of one mail domain, or several of them if its names do not fit into one."""
    if room.share().fits(unit):
        # Its own directory is as good a guess as any where two have the same names.
        own = {name.directory for name in unit}
        common = {home.directory: len(home.names.intersection(unit)) for home in homes}
        home = max(common, key=lambda one: (common[one], one in own, one), default="")
        return [room.share(unit, home)]
    return [share for share in spread((), (), (unit,), room, homes) if share.names]


def _all_fit(share: Share, units: Iterable[Sequence[Name]]) -> bool:
    for unit in units:
        if not share.fits(unit):
            return False
        share.take(unit)
    return True


def _is_split(together: Share, homes: Sequence[Home], most: int) -> bool:
    """Whether names that all fit into one certificate again had better stay in several: they fit barely.

    Else a domain that comes and goes would move others to and fro. A server certificate that holds few names is not what
    is left of such a split, but of ENABLE_SSL_SNI=y.
    """
    wanted = frozenset(together.names)
    server, *others = (home.names for home in homes)
    elsewhere = any(names & wanted - server for names in others)
    return elsewhere and 2 * len(server & wanted) > most and together.counted > _BARELY * most
