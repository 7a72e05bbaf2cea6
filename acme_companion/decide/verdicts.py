"""Whether a name would be validated if we asked a CA now: ready, not ready, or unknown, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from acme_companion.decide.caa import allows
from acme_companion.decide.facts import (
    CaaLook,
    NameFacts,
    ProbeImpossible,
    ProbeReached,
    ProbeWrong,
    Unanswered,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from ipaddress import IPv4Address, IPv6Address

    from acme_companion.decide.facts import Addresses, OwnAddresses
    from acme_companion.decide.memory import Authority
    from acme_companion.decide.names import Name
    from acme_companion.decide.settings import Checks


class Readiness(StrEnum):
    """`UNKNOWN` counts as unchanged: a resolver that hiccups costs no name."""

    READY = "ready"
    NOT_READY = "not ready"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A judgement with its reason in one sentence, which says for which record or address, and what to change."""

    readiness: Readiness
    because: str


def judge(facts: NameFacts, own: OwnAddresses, checks: Checks, authority: Authority) -> Verdict:
    """What the first check that fails says, else the first that has no answer: CAA, addresses, probe, in this order."""
    steps = [_judge_caa(facts, checks, authority)]
    if checks.challenge_type != "dns-01":
        steps += [_judge_http_possible(facts), _judge_addresses(facts, own, checks), _judge_probe(facts)]
    for kind in (Readiness.NOT_READY, Readiness.UNKNOWN):
        for step in steps:
            if step.readiness is kind:
                return step
    return _ready("; ".join(step.because for step in steps if step.because))


def worth_probing(name: Name, addresses: Addresses, own: OwnAddresses, checks: Checks) -> bool:
    """Whether a probe could make `name` ready: not where its addresses decide already, or lead to somebody else."""
    if checks.challenge_type == "dns-01" or name.is_wildcard:
        return False
    first = next(
        (part[0] for part in (addresses.ipv6, addresses.ipv4) if not isinstance(part, Unanswered) and part),
        "",
    )
    hoped = NameFacts(name, addresses, CaaLook(), ProbeReached(str(first)))
    return _judge_addresses(hoped, own, checks).readiness is Readiness.READY


def _ready(because: str) -> Verdict:
    return Verdict(Readiness.READY, because)


def _not_ready(because: str) -> Verdict:
    return Verdict(Readiness.NOT_READY, because)


def _unknown(because: str) -> Verdict:
    return Verdict(Readiness.UNKNOWN, because)


def _judge_caa(facts: NameFacts, checks: Checks, authority: Authority) -> Verdict:
    decision = allows(
        facts.caa, facts.name, authority.caa_identities, authority.account_uri, checks.challenge_type
    )
    if decision.allowed is None:
        return _unknown(decision.because)
    return _ready(decision.because) if decision.allowed else _not_ready(decision.because)


def _judge_http_possible(facts: NameFacts) -> Verdict:
    if facts.name.is_wildcard:
        return _not_ready(
            "a wildcard can be validated by DNS-01 only: set ACME_DNS_CHALLENGE=y, or list the names"
        )
    return _ready("")


def _judge_addresses(facts: NameFacts, own: OwnAddresses, checks: Checks) -> Verdict:
    """All AAAA records if there is one, else all A records: that is where a CA connects."""
    ipv4, ipv6 = facts.addresses.ipv4, facts.addresses.ipv6
    if isinstance(ipv6, Unanswered):
        return _unknown(f"its AAAA records are not known: {ipv6.why}")
    if ipv6:
        accepted = checks.skip_ip or checks.accept_other_ipv6
        if not checks.ipv6 and not accepted:
            return _not_ready(
                f"AAAA {ipv6[0]}{_of_whom(facts)}: a CA connects there, but IPv6 is off in this stack (ENABLE_IPV6): remove the "
                "record, or switch IPv6 on"
            )
        return _compared(facts, "AAAA", ipv6, own, accepted=accepted)
    if isinstance(ipv4, Unanswered):
        return _unknown(f"its A records are not known: {ipv4.why}")
    if ipv4:
        accepted = checks.skip_ip or checks.accept_other_ipv4
        return _compared(facts, "A", ipv4, own, accepted=accepted)
    known = own.ipv4 and own.ipv4 not in own.remembered
    where = f" A {own.ipv4}" if known else " an A record with this host's public address"
    return _not_ready(f"{facts.addresses.missing or 'it has no address in DNS'}: publish{where}")


def _compared(
    facts: NameFacts,
    record: str,
    found: Sequence[IPv4Address | IPv6Address],
    own: OwnAddresses,
    *,
    accepted: bool,
) -> Verdict:
    """Every address counts: a CA may be given any of them."""
    ours = own.ipv6 if record == "AAAA" else own.ipv4
    listed = ", ".join(str(address) for address in found[:3]) + (" …" if len(found) > 3 else "")
    if accepted:
        return _ready(f"{record} {listed}, not compared with ours")
    elsewhere = [address for address in found if address != ours]
    if not elsewhere:
        return _ready(f"{record} {listed} is ours")
    public = [address for address in elsewhere if address.is_global]
    if not public:
        return _unknown(
            f"{record} {elsewhere[0]} is not a public address, so this resolver does not see what a CA sees (Docker's gives such "
            f"an answer where {facts.name} is the hostname or alias of a container): set RESOLVERS to a public or validating "
            "resolver, or set SKIP_IP_CHECK=y"
        )
    if ours is None or ours in own.remembered:
        return _proved(facts, record, found, own)
    return _elsewhere(facts, record, public[0], ours, removable=record == "AAAA" or len(found) > 1)


def _proved(
    facts: NameFacts, record: str, found: Sequence[IPv4Address | IPv6Address], own: OwnAddresses
) -> Verdict:
    """Where there is nothing to compare with, only a probe that came back over one of these very addresses tells."""
    family = "IPv6" if record == "AAAA" else "IPv4"
    because = f" ({own.why})" if own.why else ""
    if not isinstance(facts.probe, ProbeReached):
        return _unknown(
            f"{record} {found[0]} cannot be compared, because the public {family} address of this host is not known{because}: "
            f"set PUBLIC_{family.upper()}, or set SKIP_IP_CHECK=y"
        )
    if facts.probe.address not in map(str, found):
        return _unknown(
            f"{record} {found[0]}{_of_whom(facts)} cannot be tried from here (no {family} in this container? Our "
            f"probe came back over {facts.probe.address} only), and a CA connects there: set PUBLIC_{family.upper()} if it is this host's, else remove the record"
        )
    return _ready(
        f"{record} {facts.probe.address} leads to us, although our public {family} address is not known"
    )


def _elsewhere(
    facts: NameFacts,
    record: str,
    address: IPv4Address | IPv6Address,
    ours: IPv4Address | IPv6Address,
    *,
    removable: bool,
) -> Verdict:
    not_ours = f"this host's public {'IPv6' if record == 'AAAA' else 'IPv4'} address {ours}"
    via = facts.addresses.via
    if via:
        onward = f" (and on to {via[-1]})" if len(via) > 1 else ""
        return _not_ready(
            f"{facts.name} is a CNAME to {via[0]}{onward}, which points to {record} {address} instead of {not_ours}: let it lead "
            "to this host, or do not ask for the name"
        )
    return _not_ready(
        f"{record} {address} is not {not_ours}: change that record to {ours}"
        + (" or remove it" if removable else "")
    )


def _of_whom(facts: NameFacts) -> str:
    via = facts.addresses.via
    return f" (of {via[-1]}, to which {facts.name} is a CNAME)" if via else ""


def _judge_probe(facts: NameFacts) -> Verdict:
    """A file that came back is proof; another answer is a fault; silence may be our own network's."""
    url = f"http://{facts.name}/.well-known/acme-challenge/"
    match facts.probe:
        case None:
            return _ready("not probed over HTTP")
        case ProbeReached(address):
            return _ready(f"the probe file came back over {address}")
        case ProbeWrong(address, why):
            return _not_ready(
                f"{address} does not give our probe file below {url}: {why}; let port 80 of {address} lead to this stack's web "
                "server, and that serve the companion's webroot"
            )
        case ProbeImpossible(why):
            return _unknown(why)
        case Unanswered(why):
            return _unknown(
                f"our probe of {url} got no answer ({why}): open port 80, or, if only this host cannot reach its own public "
                "address (NAT without hairpin), set SKIP_HTTP_VERIFICATION=y"
            )
