"""The world that the settings describe: every door, with the room behind it."""

from __future__ import annotations

import os
import ssl
from contextlib import asynccontextmanager
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp

from acme_companion import USER_AGENT
from acme_companion.act.acme.proxies import proxy_for
from acme_companion.act.challenges.http01 import responding
from acme_companion.act.siblings import open_siblings
from acme_companion.act.siblings.own_container import own_container_id
from acme_companion.act.store.accounts import AccountKeys
from acme_companion.act.store.layout import LEFTOVERS, OWN
from acme_companion.act.store.persistence import why_ephemeral
from acme_companion.act.store.volume import Volume
from acme_companion.cli.clock import SystemClock, SystemDice
from acme_companion.decide.problems import NotYet
from acme_companion.look.directory import directory
from acme_companion.look.domains import mail_domains
from acme_companion.look.names_seen import look_at_names
from acme_companion.look.own_addresses import own_addresses
from acme_companion.look.renewal_info import renewal_advice
from acme_companion.look.served import served
from acme_companion.look.txt_records import open_txt_looks
from acme_companion.ports import World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime

    from acme_companion.act.dns.editor import RecordEditor
    from acme_companion.decide.deployment import Action
    from acme_companion.decide.facts import Sibling
    from acme_companion.decide.memory import Authority
    from acme_companion.decide.names import Name
    from acme_companion.decide.settings import Ca, DnsZone, Settings
    from acme_companion.ports import CertificateAuthority, Clock, Log, Siblings, Solving


def trust(settings: Settings) -> ssl.SSLContext:
    """What the CA's server is checked by. Raises `NotYet` when CA_BUNDLE has become unusable since the start."""
    try:
        return ssl.create_default_context(cafile=settings.ca.ca_bundle)
    except OSError as problem:
        raise NotYet(f"CA_BUNDLE: {settings.ca.ca_bundle} cannot be used: {problem}") from None


def account_keys(settings: Settings) -> AccountKeys:
    """Where the account keys lie."""
    private = Path(settings.private_volume) if settings.private_volume else None
    return AccountKeys(
        Path(settings.volume), private, settings.ca.directory_url, settings.ca.account_key_type, why_ephemeral
    )


def _open_authority(
    clock: Clock, log: Log, ca: Ca, remembered: Authority, account_key: bytes, solving: Solving
) -> AbstractAsyncContextManager[CertificateAuthority]:
    # The ACME library is a slow import, and most cycles have nothing to ask a CA.
    from acme_companion.act.acme.authority import open_authority

    return open_authority(ca, clock, log, remembered, account_key, solving)


async def _has_account(clock: Clock, ca: Ca, account_key: bytes) -> bool:
    from acme_companion.act.acme.lookup import has_account

    return await has_account(ca, clock, account_key)


def _solving(
    settings: Settings, clock: Clock, log: Log, names: Collection[Name]
) -> AbstractAsyncContextManager[Solving]:
    # What publishes and awaits records is for those who issue, and most cycles do not.
    from acme_companion.act.challenges.solving import SolvingDoors, solving

    def editor(zone: DnsZone) -> RecordEditor:
        from acme_companion.act.dns.providers import record_editor

        return record_editor(zone, clock, log, os.environ)  # noqa: TID251 - the door

    doors = SolvingDoors(
        clock=clock,
        log=log,
        looks=partial(open_txt_looks, settings.checks),
        editor=editor,
        leftovers=Path(settings.volume) / OWN / LEFTOVERS,
    )
    return solving(settings, doors, names)


class _Siblings:
    """Opened when they are first asked for: the Docker library is a slow import, and most cycles touch nobody."""

    def __init__(self, open_them: Callable[[], Siblings]) -> None:
        self._open = cache(open_them)

    async def list(self) -> tuple[Sibling, ...]:
        return await self._open().list()

    async def act(self, sibling: Sibling, action: Action) -> None:
        await self._open().act(sibling, action)


@asynccontextmanager
async def open_world(
    settings: Settings, log: Log, cycle_failed: Callable[[datetime], None] = lambda _: None
) -> AsyncIterator[World]:
    """Every door, opened for these settings."""
    clock = SystemClock()
    ca_trust = cache(lambda: trust(settings))  # the system's is large, and read when it is needed
    async with aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(), headers={"User-Agent": USER_AGENT}
    ) as session:
        yield World(
            clock=clock,
            dice=SystemDice(),
            log=log,
            store=Volume(
                Path(settings.volume),
                example=Path(settings.example_volume),
                key_type=settings.ca.key_type,
                accounts=account_keys(settings),
                move_account_keys=settings.move_account_key,
                clock=clock,
                log=log,
                why_ephemeral=why_ephemeral,
            ),
            siblings=_Siblings(lambda: open_siblings(settings.deployment, clock, log, own_container_id())),
            responding=partial(responding, settings.http01, clock),
            solving=partial(_solving, settings, clock, log),
            directory=lambda ca: directory(
                session, ca_trust(), ca.directory_url, proxy=proxy_for(ca.directory_url)
            ),
            authority=partial(_open_authority, clock, log),
            has_account=partial(_has_account, clock),
            mail_domains=partial(mail_domains, settings.naming, settings.database),
            own_addresses=partial(own_addresses, settings.checks),
            look_at_names=partial(look_at_names, settings.checks, type_for=settings.challenges.type_for),
            renewal_advice=lambda url: renewal_advice(
                session, ca_trust(), url, clock.now(), proxy=proxy_for(url)
            ),
            served=served,
            cycle_failed=cycle_failed,
        )
