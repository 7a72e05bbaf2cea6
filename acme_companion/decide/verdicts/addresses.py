"""Whether the addresses of a name lead a CA to us."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acme_companion.decide.facts import ProbeReached, Unanswered
from acme_companion.decide.verdicts.verdict import Verdict, not_ready, ready, unknown

if TYPE_CHECKING:
    from collections.abc import Sequence
    from ipaddress import IPv4Address, IPv6Address

    from acme_companion.decide.facts import NameFacts, OwnAddresses
    from acme_companion.decide.settings import Checks

    Address = IPv4Address | IPv6Address

_LISTED = 3


def judge_addresses(facts: NameFacts, own: OwnAddresses, checks: Checks) -> Verdict:
    """All AAAA records if there is one, else all A records: that is where a CA connects."""
    if facts.name.address is not None:
        return _judge_own(facts, facts.name.address, own, checks)
    ipv4, ipv6 = facts.addresses.ipv4, facts.addresses.ipv6
    if isinstance(ipv6, Unanswered):
        return unknown(f"its AAAA records are not known: {ipv6.why}")
    if ipv6:
        return _judge_ipv6(facts, ipv6, own, checks)
    if isinstance(ipv4, Unanswered):
        return unknown(f"its A records are not known: {ipv4.why}")
    if ipv4:
        return _compared(facts, "A", ipv4, own, accepted=checks.skip_ip or checks.accept_other_ipv4)
    known = own.ipv4 and own.ipv4 not in own.remembered
    where = f" A {own.ipv4}" if known else " an A record with this host's public address"
    return not_ready(f"{facts.addresses.missing or 'it has no address in DNS'}: publish{where}")


def _judge_ipv6(facts: NameFacts, found: Sequence[IPv6Address], own: OwnAddresses, checks: Checks) -> Verdict:
    accepted = checks.skip_ip or checks.accept_other_ipv6
    if not checks.ipv6 and not accepted:
        return not_ready(
            f"AAAA {found[0]}{_of_whom(facts)}: a CA connects there, but IPv6 is off in this stack (ENABLE_IPV6): remove the "
            "record, or switch IPv6 on"
        )
    verdict = _compared(facts, "AAAA", found, own, accepted=accepted)
    beside = _ipv4_beside(facts.addresses.ipv4, own, checks)
    return ready(verdict.because + beside) if verdict.is_ready else verdict


def _judge_own(facts: NameFacts, address: Address, own: OwnAddresses, checks: Checks) -> Verdict:
    """A name that is an address itself (RFC 8738): nobody but us can have it, so only a probe tells where we do not know ours."""
    v6 = address.version == 6
    ours = own.ipv6 if v6 else own.ipv4
    if checks.skip_ip or (checks.accept_other_ipv6 if v6 else checks.accept_other_ipv4):
        return ready(f"{address}, not compared with ours")
    if address == ours:
        return ready(f"{address} is ours")
    if address.is_global and ours is not None and ours not in own.remembered:
        return not_ready(
            f"{address} is not this host's public address {ours}: remove it from ADDITIONAL_SAN, or write {ours}"
        )
    if isinstance(facts.probe, ProbeReached):
        return ready(f"{address} leads to us")
    return unknown(
        f"{address} cannot be compared, because it is not public or the public address of this host is not known: set "
        f"PUBLIC_IPV{address.version}, or set SKIP_IP_CHECK=y"
    )


def _compared(
    facts: NameFacts, record: str, found: Sequence[Address], own: OwnAddresses, *, accepted: bool
) -> Verdict:
    """One of several may be ours: a CA that is given another one fails, which the sentence says."""
    ours = own.ipv6 if record == "AAAA" else own.ipv4
    if accepted:
        return ready(f"{record} {_listed(found)}, not compared with ours")
    elsewhere = [address for address in found if address != ours]
    if not elsewhere:
        return ready(f"{record} {_listed(found)} is ours")
    certain = None if ours in own.remembered else ours
    if certain in found:
        return ready(
            f"{record} {certain} is ours, but a CA takes any of them and may fail at {_listed(elsewhere)}: remove what does not "
            "lead to this host"
        )
    public = [address for address in elsewhere if address.is_global]
    if not public:
        return unknown(
            f"{record} {elsewhere[0]} is not a public address, so this resolver does not see what a CA sees (Docker's gives such "
            f"an answer where {facts.name} is the hostname or alias of a container): set RESOLVERS to a public or validating "
            "resolver, or set SKIP_IP_CHECK=y"
        )
    if certain is None:
        return _proved(facts, record, found, own)
    return _elsewhere(facts, record, public[0], certain, removable=record == "AAAA" or len(found) > 1)


def _ipv4_beside(ipv4: tuple[IPv4Address, ...] | Unanswered, own: OwnAddresses, checks: Checks) -> str:
    """What a CA does not mind, as it prefers IPv6, but a mail program without IPv6 does."""
    compared = (
        own.ipv4 and own.ipv4 not in own.remembered and not (checks.skip_ip or checks.accept_other_ipv4)
    )
    if not compared or isinstance(ipv4, Unanswered) or not ipv4 or own.ipv4 in ipv4:
        return ""
    return f" (A {ipv4[0]} is not, which only those without IPv6 notice: change it to {own.ipv4})"


def _proved(facts: NameFacts, record: str, found: Sequence[Address], own: OwnAddresses) -> Verdict:
    """Where there is nothing to compare with, only a probe that came back over one of these very addresses tells."""
    family = "IPv6" if record == "AAAA" else "IPv4"
    because = f" ({own.why})" if own.why else ""
    if not isinstance(facts.probe, ProbeReached):
        return unknown(
            f"{record} {found[0]} cannot be compared, because the public {family} address of this host is not known{because}: "
            f"set PUBLIC_{family.upper()}, or set SKIP_IP_CHECK=y"
        )
    if facts.probe.address not in map(str, found):
        return unknown(
            f"{record} {found[0]}{_of_whom(facts)} cannot be tried from here (no {family} in this container? Our "
            f"probe came back over {facts.probe.address} only), and a CA connects there: set PUBLIC_{family.upper()} if it is this host's, else remove the record"
        )
    return ready(
        f"{record} {facts.probe.address} leads to us, although our public {family} address is not known"
    )


def _elsewhere(facts: NameFacts, record: str, address: Address, ours: Address, *, removable: bool) -> Verdict:
    not_ours = f"this host's public {'IPv6' if record == 'AAAA' else 'IPv4'} address {ours}"
    via = facts.addresses.via
    if via:
        onward = f" (and on to {via[-1]})" if len(via) > 1 else ""
        return not_ready(
            f"{facts.name} is a CNAME to {via[0]}{onward}, which points to {record} {address} instead of {not_ours}: let it lead "
            "to this host, or do not ask for the name"
        )
    return not_ready(
        f"{record} {address} is not {not_ours}: change that record to {ours}"
        + (" or remove it" if removable else "")
    )


def _of_whom(facts: NameFacts) -> str:
    via = facts.addresses.via
    return f" (of {via[-1]}, to which {facts.name} is a CNAME)" if via else ""


def _listed(addresses: Sequence[Address]) -> str:
    return ", ".join(map(str, addresses[:_LISTED])) + (" …" if len(addresses) > _LISTED else "")
