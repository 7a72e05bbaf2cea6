"""Look at everything a plan needs, all at the same time where nothing depends on the other, and decide."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING

from acme_companion.cycle.advice import advised
from acme_companion.cycle.waiting import Waiting
from acme_companion.decide.accounts import pinned
from acme_companion.decide.facts import MailDomains, OwnAddresses, ProbeImpossible, Unanswered
from acme_companion.decide.forgetting import late_clock, without_the_past
from acme_companion.decide.issuance_policy import hopeless, profile_refused
from acme_companion.decide.limits.recounting import found_again
from acme_companion.decide.lineages import remember_unwanted, unwanted
from acme_companion.decide.memory import Authority, Memory
from acme_companion.decide.plan import make_plan, reason_to_issue_nothing
from acme_companion.decide.problems import Problem
from acme_companion.decide.reserve import due_to_read, remember_reserve, reserve_warnings
from acme_companion.decide.shrinking import believed
from acme_companion.decide.verdicts import judge
from acme_companion.decide.verdicts.remembered import remember_readiness
from acme_companion.decide.wanted import Wanted, keep_held, possible_names, wanted_certificates
from acme_companion.ports import ProbeFile

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from datetime import datetime

    from acme_companion.decide.facts import NameFacts
    from acme_companion.decide.memory import Held
    from acme_companion.decide.names import Name
    from acme_companion.decide.settings import Settings
    from acme_companion.decide.steps import Plan
    from acme_companion.decide.verdicts import Verdict
    from acme_companion.ports import World


@dataclass(frozen=True, slots=True)
class Survey:
    """What was seen and what follows from it. Nothing has been changed yet; `memory` is what is worth remembering."""

    held: Held
    domains: MailDomains
    wanted: Wanted
    verdicts: Mapping[Name, Verdict]
    plan: Plan
    memory: Memory
    warnings: tuple[str, ...] = ()


async def survey(
    settings: Settings,
    world: World,
    *,
    force: bool = False,
    patience: Callable[[Held], float] = lambda _: 0.0,
) -> Survey:
    """Look and decide, for a cycle as well as for `check` and `plan`.

    `patience`: how many seconds to wait for parts of the stack that are only starting.
    """
    held = world.store.read()
    late = late_clock(held, world.clock.now())
    held = replace(held, memory=without_the_past(held, world.clock.now()))
    held = replace(held, memory=found_again(held, settings.ca.directory_url, world.clock.now()))
    force = force or held.force_renew
    if reason_to_issue_nothing(settings, held):
        plan = make_plan(settings, MailDomains(), Wanted(()), {}, held, world.clock.now(), force=force)
        return Survey(held, MailDomains(), Wanted(()), {}, plan, held.memory)

    waiting = Waiting.for_at_most(patience(held), settings, world)
    domains, (own, authority, memory, fallback) = await asyncio.gather(
        waiting.database(), _outside(settings, world, held, waiting)
    )
    now = world.clock.now()
    # Who lists mail domains in the settings means what stands there.
    as_it_is = force or settings.database is None
    missing_since = held.memory.missing_since
    shrunk = believed(settings.naming, domains, held.lineages, missing_since, now, force=as_it_is)
    domains = shrunk.domains
    names = _names_to_look_at(settings, domains, held)
    verdicts = hopeless(names, settings.ca)
    possible = tuple(name for name in names if name not in verdicts)
    facts, probe_warnings = await _look(settings, world, possible, own)
    verdicts |= {
        name: judge(one, own, settings.checks, authority, settings.challenges.type_for(name), now)
        for name, one in facts.items()
    }
    wanted = _wanted(settings, domains, held, _usable(held, verdicts, None if force else now))

    now = world.clock.now()
    memory = replace(_remember_addresses(memory, own), missing_since=shrunk.missing_since)
    memory = remember_readiness(memory, verdicts, now)
    memory = remember_unwanted(memory, unwanted(domains, wanted, held, now), now)
    if authority != Authority():
        memory = replace(memory, authorities={**memory.authorities, settings.ca.directory_url: authority})
    memory = pinned(remember_reserve(settings, memory, fallback, now), facts)
    held = replace(held, memory=memory)
    plan = make_plan(settings, domains, wanted, verdicts, held, now, force=force)
    warnings = (
        *filter(None, [late, profile_refused(settings.ca, authority)]),
        *wanted.warnings,
        *shrunk.warnings,
        *(
            [f"{domains.unanswered.why}. Nothing that is certified is dropped meanwhile"]
            if domains.unanswered
            else []
        ),
        *probe_warnings,
        *reserve_warnings(settings, memory, fallback, facts),
    )
    told = {name: verdicts[name] for name in wanted.names}
    return Survey(held, domains, wanted, told, plan, memory, warnings)


def _names_to_look_at(settings: Settings, domains: MailDomains, held: Held) -> tuple[Name, ...]:
    wanted = _wanted(settings, domains, held).names
    return tuple(dict.fromkeys((*wanted, *possible_names(settings.naming, domains, held.lineages))))


def _wanted(
    settings: Settings, domains: MailDomains, held: Held, usable: Collection[Name] | None = None
) -> Wanted:
    """Before the look every name; after it, names that are not `usable` do not crowd the others out."""
    wanted = wanted_certificates(settings.naming, domains, usable, held.lineages)
    # A database without any mail domain looks like a mishap, too: nothing that is certified leaves for it.
    known = domains.unanswered is None and (domains.domains or settings.database is None)
    return wanted if known else keep_held(wanted, held.lineages)


def _usable(held: Held, verdicts: Mapping[Name, Verdict], now: datetime | None) -> frozenset[Name]:
    """What can stand in a certificate now: certified already, or ready and not refused by the CA a while ago.

    `now` is None when an admin wants to try whatever was refused.
    """
    failures = held.memory.name_failures.items()
    refused = {name for name, failed in failures if now is not None and failed.wait_until > now}
    ready = {name for name, one in verdicts.items() if one.is_ready and name.text not in refused}
    certificates = (one.certificate for one in held.lineages if one.ours and one.certificate)
    return frozenset(ready.union(*(one.names for one in certificates)))


async def _outside(
    settings: Settings, world: World, held: Held, waiting: Waiting
) -> tuple[OwnAddresses, Authority, Memory, Authority | Unanswered | None]:
    """What others tell us: nobody can be asked before names resolve, and then they are asked at the same time."""
    await waiting.resolver()
    found = await asyncio.gather(
        _own_addresses(settings, world, held.memory),
        _authority(settings, world, held.memory),
        advised(settings, world, held),
        _reserve(settings, world, held.memory),
    )
    await waiting.web_server(found[0], _new_probe())
    return found


async def _look(
    settings: Settings, world: World, names: tuple[Name, ...], own: OwnAddresses
) -> tuple[Mapping[Name, NameFacts], tuple[str, ...]]:
    if settings.checks.skip_http or not settings.over_http:
        return await world.look_at_names(names, own, None), ()
    probe = _new_probe()
    try:
        async with world.responding() as responder:
            try:
                responder.present(probe.token, probe.content)
                return await world.look_at_names(names, own, probe), ()
            finally:
                responder.clean_up(probe.token)
    except Problem as problem:
        unprobed = await world.look_at_names(names, own, None)
        why = f"the HTTP probe is not possible: {problem}"
        return {name: replace(facts, probe=ProbeImpossible(why)) for name, facts in unprobed.items()}, (why,)


def _new_probe() -> ProbeFile:
    return ProbeFile(f"acme-companion-{secrets.token_urlsafe(16)}", secrets.token_urlsafe(32))


async def _own_addresses(settings: Settings, world: World, memory: Memory) -> OwnAddresses:
    known = _remembered_addresses(memory)
    # Nobody compares them: then nobody is asked for them either.
    unused = settings.checks.skip_ip or not settings.over_http
    return known if unused else await world.own_addresses(known)


async def _authority(settings: Settings, world: World, memory: Memory) -> Authority:
    """The CA's identities, needed to read CAA records: asked once, then remembered. Its profiles: until it has the one that is set."""
    known = memory.authorities.get(settings.ca.directory_url)
    if known is not None and (not settings.ca.profile or settings.ca.profile in (known.profiles or ())):
        return known
    answer = await world.directory(settings.ca)
    if isinstance(answer, Unanswered):
        world.log.warning(f"the CA's directory cannot be read: {answer.why}")
        return known or Authority()
    return replace(known, profiles=answer.profiles) if known else answer


async def _reserve(settings: Settings, world: World, memory: Memory) -> Authority | Unanswered | None:
    """The directory of the CA in reserve, looked at long before it is needed; None when it is not time to look."""
    ca = settings.fallback_ca
    return await world.directory(ca) if ca and due_to_read(memory, ca, world.clock.now()) else None


def _remembered_addresses(memory: Memory) -> OwnAddresses:
    ipv4: IPv4Address | None = None
    ipv6: IPv6Address | None = None
    for text in memory.own_addresses:
        match ip_address(text):
            case IPv4Address() as address:
                ipv4 = address
            case IPv6Address() as address:
                ipv6 = address
    return OwnAddresses(ipv4, ipv6)


def _remember_addresses(memory: Memory, own: OwnAddresses) -> Memory:
    return replace(memory, own_addresses=tuple(str(one) for one in (own.ipv4, own.ipv6) if one))
