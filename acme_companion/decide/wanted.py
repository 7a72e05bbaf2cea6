"""Which certificates the settings and the mail domains ask for, whatever the world looks like."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from acme_companion.decide.facts import MailDomains, Refusal
from acme_companion.decide.names import Name, NameRefused

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from datetime import datetime

    from acme_companion.decide.memory import Held, HeldLineage
    from acme_companion.decide.settings import Naming


@dataclass(frozen=True, slots=True)
class WantedCertificate:
    """One certificate that should exist. The server certificate begins with the hostname; the names after the first are sorted."""

    names: tuple[Name, ...]
    server: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """All of them, the server certificate first, and what could not be used or needs saying."""

    certificates: tuple[WantedCertificate, ...]
    refused: tuple[Refusal, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[Name, ...]:
        return tuple(sorted({name for certificate in self.certificates for name in certificate.names}))


def wanted_certificates(
    naming: Naming, domains: MailDomains, usable: Collection[Name] | None = None
) -> Wanted:
    """The partition of names into certificates (with SNI: one more certificate per mail domain).

    `usable`: the names that could stand in a certificate now; only these count against the most that one may hold.
    None: all.
    """
    if naming.only_hostname:
        return Wanted((WantedCertificate((naming.hostname,), server=True),))
    refused: list[Refusal] = []
    by_domain = dict(_names_by_domain(naming, domains, refused))
    # The hostname stays even beside a wildcard that covers it: it names the server certificate's directory.
    server = (naming.hostname, *_without_covered(sorted(naming.additional), already=(naming.hostname,)))
    prefixed = sorted(name for names in by_domain.values() for name in names)
    together = (*server, *_without_covered(prefixed, already=server))
    warnings: tuple[str, ...] = ()
    counted = len(together) if usable is None else sum(name in usable for name in together)
    if naming.sni or counted > naming.most_names:
        if not naming.sni:
            warnings = (
                f"{counted} names do not fit into one certificate (at most {naming.most_names}): "
                "every mail domain gets its own, as with ENABLE_SSL_SNI=y",
            )
        own = [_without_covered(names, already=server) for names in by_domain.values()]
        parts = [
            *_parts(server, naming.most_names),
            *(p for names in own for p in _parts(names, naming.most_names)),
        ]
    else:
        parts = [together]
    certificates = tuple(WantedCertificate(names, server=number == 0) for number, names in enumerate(parts))
    return Wanted(certificates, tuple(refused), warnings)


def keep_held(wanted: Wanted, lineages: Iterable[HeldLineage]) -> Wanted:
    """`wanted`, and every name and lineage that is certified already: for a cycle that could not learn the mail domains.

    A database that hiccups must not cost a name its certificate.
    """
    server, *others = wanted.certificates
    known = set(wanted.names)
    ours = [lineage for lineage in lineages if lineage.ours and lineage.certificate]
    for lineage in ours:
        names = lineage.certificate.names if lineage.certificate else ()
        missing = tuple(sorted(set(names) - known))
        if lineage.directory == server.names[0].directory:
            server = WantedCertificate((*server.names, *missing), server=True)
        elif missing:
            others.append(WantedCertificate(missing))
        known |= set(missing)
    return Wanted((server, *others), wanted.refused, wanted.warnings)


def with_names_in_transit(wanted: Wanted, held: Held, now: datetime) -> Wanted:
    """`wanted`, with the names that the server certificate has and another one is to have, but has not yet.

    When certificates are partitioned anew (ENABLE_SSL_SNI), a certified name leaves one only when another has it.
    """
    server, *others = wanted.certificates
    lineages = {one.directory: one.certificate for one in held.lineages if one.ours and one.certificate}
    current = lineages.pop(server.names[0].directory, None)
    if current is None:
        return wanted
    secured = {name for one in lineages.values() if one.not_after > now for name in one.names}
    moving = {name for other in others for name in other.names} & set(current.names) - secured
    if not moving:
        return wanted
    return replace(wanted, certificates=(replace(server, names=(*server.names, *sorted(moving))), *others))


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


def _without_covered(names: Iterable[Name], already: tuple[Name, ...] = ()) -> tuple[Name, ...]:
    """`names` in order, without repetitions, what `already` has, and what another one of them all covers.

    A CA refuses a wildcard and a name below it in one order.
    """
    kept = [name for name in dict.fromkeys(names) if name not in already]
    wildcards = [name for name in (*kept, *already) if name.is_wildcard]
    return tuple(
        name for name in kept if not any(wildcard.covers(name) for wildcard in wildcards if wildcard != name)
    )


def _parts(names: tuple[Name, ...], most: int) -> Iterator[tuple[Name, ...]]:
    for start in range(0, len(names), most):
        yield names[start : start + most]
