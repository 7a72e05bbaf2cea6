"""Whether a name would be validated if we asked a CA now: ready, not ready, or unknown, and why."""

from __future__ import annotations

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
from acme_companion.decide.settings import ChallengeType
from acme_companion.decide.verdicts.addresses import judge_addresses
from acme_companion.decide.verdicts.lasting import judge_lasting_record
from acme_companion.decide.verdicts.verdict import Readiness, Verdict, not_ready, ready, unknown

if TYPE_CHECKING:
    from datetime import datetime

    from acme_companion.decide.facts import Addresses, OwnAddresses
    from acme_companion.decide.memory import Authority
    from acme_companion.decide.names import Name
    from acme_companion.decide.settings import Checks

__all__ = ["Readiness", "Verdict", "judge", "worth_probing"]


def judge(
    facts: NameFacts,
    own: OwnAddresses,
    checks: Checks,
    authority: Authority,
    method: ChallengeType = ChallengeType.HTTP_01,
    now: datetime | None = None,
) -> Verdict:
    """What the first check that fails says, else the first that has no answer: CAA, addresses, probe, in this order.

    `method`: how the name will be validated; only over HTTP its addresses matter. `now`: for records that end.
    """
    # RFC 8738 and CAA: an address has no domain where a record could stand.
    steps = [] if facts.name.is_address else [_judge_caa(facts, authority, method)]
    if method is ChallengeType.HTTP_01:
        steps += [_judge_http_possible(facts), judge_addresses(facts, own, checks), _judge_probe(facts)]
    if method is ChallengeType.DNS_PERSIST_01:
        steps += [judge_lasting_record(facts, authority, now)]
    for kind in (Readiness.NOT_READY, Readiness.UNKNOWN):
        for step in steps:
            if step.readiness is kind:
                return step
    return ready("; ".join(step.because for step in steps if step.because))


def worth_probing(name: Name, addresses: Addresses, own: OwnAddresses, checks: Checks) -> bool:
    """Whether a probe could make `name` ready: not where its addresses decide already, or lead to somebody else."""
    if name.is_wildcard:
        return False
    first = next(
        (part[0] for part in (addresses.ipv6, addresses.ipv4) if not isinstance(part, Unanswered) and part),
        "",
    )
    hoped = NameFacts(name, addresses, CaaLook(), ProbeReached(str(first)))
    return judge_addresses(hoped, own, checks).readiness is Readiness.READY


def _judge_caa(facts: NameFacts, authority: Authority, method: ChallengeType) -> Verdict:
    decision = allows(facts.caa, facts.name, authority.caa_identities, authority.account_uri, method.value)
    if decision.allowed is None:
        return unknown(decision.because)
    return ready(decision.because) if decision.allowed else not_ready(decision.because)


def _judge_http_possible(facts: NameFacts) -> Verdict:
    if facts.name.is_wildcard:
        return not_ready(
            "a wildcard can be validated by DNS-01 only: set ACME_DNS_CHALLENGE=y, or list the names"
        )
    return ready("")


def _judge_probe(facts: NameFacts) -> Verdict:
    """A file that came back is proof; another answer is a fault; silence may be our own network's."""
    url = f"http://{facts.name}/.well-known/acme-challenge/"
    match facts.probe:
        case None:
            return ready("not probed over HTTP")
        case ProbeReached(address):
            return ready(f"the probe file came back over {address}{_instead_of_ipv6(facts, address)}")
        case ProbeWrong(address, why):
            return not_ready(
                f"{address} does not give our probe file below {url}: {why}; let port 80 of {address} lead to this stack's web "
                "server, and that serve the companion's webroot"
            )
        case ProbeImpossible(why):
            return unknown(why)
        case Unanswered(why):
            return unknown(
                f"our probe of {url} got no answer ({why}): open port 80, or, if only this host cannot reach its own public "
                "address (NAT without hairpin), set SKIP_HTTP_VERIFICATION=y"
            )


def _instead_of_ipv6(facts: NameFacts, address: str) -> str:
    """A CA goes over to IPv4 as well where it cannot connect over IPv6, and only there."""
    ipv4, ipv6 = facts.addresses.ipv4, facts.addresses.ipv6
    if (
        isinstance(ipv4, Unanswered)
        or isinstance(ipv6, Unanswered)
        or not ipv6
        or address not in map(str, ipv4)
    ):
        return ""
    return (
        f" only, as nothing accepts connections at AAAA {ipv6[0]}: CAs fall back to IPv4 too, but make IPv6 work or remove "
        "that record"
    )
