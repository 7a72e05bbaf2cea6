"""`account`: look at our account at a CA, have one, change its key, or give it up."""

from __future__ import annotations

import sys
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from acme_companion.act.acme.open_account import open_account
from acme_companion.cli.caa import PUT_RIGHT, domains_of, no_account, usable_directory_url
from acme_companion.cli.clock import SystemClock
from acme_companion.cli.configuration import load_settings
from acme_companion.cli.tables import as_json
from acme_companion.cli.wiring import account_keys, open_world
from acme_companion.cycle.account import account_key
from acme_companion.cycle.authorities import Authorities
from acme_companion.decide.accounts import circumstances, retried
from acme_companion.decide.acme_problems import legible
from acme_companion.decide.caa import records
from acme_companion.decide.choosing import would_be_lost
from acme_companion.decide.memory import Authority, Stop
from acme_companion.decide.problems import Damaged, NotYet, Problem, Refused, UsageWrong
from acme_companion.decide.settings import Ca, ChallengeType
from acme_companion.tell.log import LOGGER, start_log

if TYPE_CHECKING:
    import argparse

    from acme_companion.act.acme.open_account import OpenAccount
    from acme_companion.decide.names import Name
    from acme_companion.decide.settings import Settings
    from acme_companion.ports import World

DONE = 0
TELLS_RECORDS = "`acme-companion check` tells the record of dns-persist-01 that each name needs."


async def account_command(arguments: argparse.Namespace) -> int:
    """Every deed asks the CA; those that change something need the volume to themselves, as `once` does."""
    settings = load_settings(arguments.env_file)
    start_log(settings.time_zone, verbose=arguments.verbose, stream=sys.stderr)
    ca = chosen(settings, arguments.directory_url)
    match arguments.deed:
        case "show":
            data = await _show(settings, ca)
        case "register":
            data = await _register(settings, ca)
        case "rotate-key":
            data = await _rotate_key(settings, ca)
        case _:
            data = await _deactivate(settings, ca, sure=arguments.yes)
    print(as_json(data) if arguments.json else _text(data))
    return DONE


def chosen(settings: Settings, directory_url: str | None) -> Ca:
    """The CA with this directory as it is set, else one with nothing but the directory and what is trusted."""
    known = (settings.ca, settings.fallback_ca, settings.rehearsal_ca)
    if not directory_url:
        return settings.ca
    found = next((ca for ca in known if ca and ca.directory_url == directory_url), None)
    return found or Ca(usable_directory_url(directory_url), ca_bundle=settings.ca.ca_bundle)


async def _show(settings: Settings, ca: Ca) -> dict[str, Any]:
    keys = account_keys(settings)
    key, path = keys.look(ca.directory_url), keys.where(ca.directory_url)
    if key is None:
        raise NotYet(no_account(settings, ca))
    try:
        async with open_account(ca, SystemClock(), key) as account:
            data = {**_about(ca, account), "key_file": str(path)}
    except Damaged as problem:
        raise Damaged(f"{path}: {problem}: {PUT_RIGHT}") from None
    except Refused as problem:
        raise Refused(f"{problem}; the account's key is {path}") from None
    if keys.next_key(ca.directory_url):
        data["key_change"] = (
            "a change of the key was interrupted: the next cycle finds out which of the two counts"
        )
    identities = account.authority.caa_identities
    if identities:
        domains = await domains_of(settings)
        data["records"] = {one.text: _records(settings, one, identities[0], account) for one in domains}
    return data


def _about(ca: Ca, account: OpenAccount) -> dict[str, Any]:
    return {
        "directory_url": ca.directory_url,
        "account_uri": account.authority.account_uri,
        "status": legible(account.status, 60),
        "contact": [legible(one, 200) for one in account.contact],
        "key": account.key_kind,
    }


def _records(settings: Settings, domain: Name, identity: str, account: OpenAccount) -> list[str]:
    methods, for_wildcards = settings.challenges.types_at(domain)
    uri = account.authority.account_uri
    return list(records(f"{domain.host}.", identity, uri, methods, for_wildcards))


async def _register(settings: Settings, ca: Ca) -> dict[str, Any]:
    """Key and account, as the first order would make them: for who has to publish the account's URL before there is one."""
    async with open_world(settings, LOGGER) as world:
        with world.store.lock():
            held = world.store.read()
            if lost := would_be_lost(settings, held):
                raise NotYet(lost)
            memory = retried(held.memory)
            async with world.solving(()) as solving, AsyncExitStack() as opened:
                cas = Authorities(world, memory, solving, opened)
                if problem := await cas.sign_in(ca):
                    raise problem
                world.store.remember(await cas.learnt(memory))
    lasting = any(one.challenge_type is ChallengeType.DNS_PERSIST_01 for one in settings.challenges.zones)
    return {**await _show(settings, ca), **({"next": TELLS_RECORDS} if lasting else {})}


async def _rotate_key(settings: Settings, ca: Ca) -> dict[str, Any]:
    """The new key is on the disk before the CA is asked, and the old one until the CA has said yes (RFC 8555 section 7.3.5)."""
    async with open_world(settings, LOGGER) as world:
        with world.store.lock():
            present = await _existing_key(settings, ca, world)
            following = world.store.begin_account_key_change(ca.directory_url)
            try:
                async with open_account(ca, world.clock, present) as account:
                    await account.change_key(following)
            except Problem:
                # Nobody knows yet whether it took place: both keys are there, and the CA tells which one it knows.
                if await account_key(ca, world) != following:
                    raise
            else:
                world.store.end_account_key_change(ca.directory_url, changed=True)
            async with open_account(ca, world.clock, following) as account:
                _remember(world, ca, account)
                data = _about(ca, account)
    return {**data, "key_file": str(account_keys(settings).where(ca.directory_url)), "rotated": True}


async def _existing_key(settings: Settings, ca: Ca, world: World) -> bytes:
    if account_keys(settings).where(ca.directory_url) is None:
        raise NotYet(f"there is no account key for {ca.directory_url}, so there is no account to change")
    return await account_key(ca, world)


def _remember(world: World, ca: Ca, account: OpenAccount, stopped: Stop | None = None) -> None:
    memory = world.store.read().memory
    known = memory.authorities.get(ca.directory_url, Authority())
    seen = account.authority
    now = replace(
        known,
        account_uri=seen.account_uri,
        account_thumbprint=seen.account_thumbprint,
        caa_identities=seen.caa_identities,
        renewal_info=seen.renewal_info,
        stopped=stopped,
    )
    world.store.remember(replace(memory, authorities={**memory.authorities, ca.directory_url: now}))


async def _deactivate(settings: Settings, ca: Ca, *, sure: bool) -> dict[str, Any]:
    if not sure:
        raise UsageWrong(
            f"account deactivate gives our account at {ca.directory_url} up for good: nothing is issued with its key any more, "
            "and CAA records with its accounturi let nobody issue; say --yes if that is meant"
        )
    async with open_world(settings, LOGGER) as world:
        with world.store.lock():
            key = await _existing_key(settings, ca, world)
            async with open_account(ca, world.clock, key) as account:
                await account.deactivate()
                known = world.store.read().memory.authorities.get(ca.directory_url, Authority())
                path = account_keys(settings).where(ca.directory_url)
                because = f"the account {account.authority.account_uri} was deactivated here: to have a new one, move {path} away"
                thumbprint = account.authority.account_thumbprint
                now_is = circumstances(thumbprint, ca.contact, ca.external_account, known)
                _remember(world, ca, account, Stop(because, world.clock.now(), now_is))
                data = {**_about(ca, account), "status": "deactivated", "key_file": str(path)}
    return {**data, "next": because}


def _text(data: dict[str, Any]) -> str:
    lines = [
        f"CA:       {data['directory_url']}",
        f"Account:  {data['account_uri']}",
        f"Status:   {data['status']}",
        f"Contact:  {', '.join(data['contact']) or 'none'}",
        f"Key:      {data['key']}, in {data['key_file']}",
    ]
    if data.get("rotated"):
        lines.append("The key was changed. The account's URL stays, and so do the records that name it.")
    lines += [data[key] for key in ("key_change", "next") if key in data]
    if data.get("records"):
        lines.append(
            "Publish both of these per domain, in every zone that holds your names, to let nobody else issue:"
        )
        lines += [line for both in data["records"].values() for line in both]
    return "\n".join(lines)
