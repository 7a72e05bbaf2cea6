"""`caa`: the CAA records that let only this CA, and there only our account, issue (RFC 8659, RFC 8657)."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from acme_companion.act.acme.lookup import look_up
from acme_companion.cli.clock import SystemClock
from acme_companion.cli.configuration import load_settings
from acme_companion.cli.tables import as_json
from acme_companion.cli.wiring import account_keys, open_world
from acme_companion.decide.caa import record
from acme_companion.decide.known_cas import LETS_ENCRYPT
from acme_companion.decide.names import Name, NameRefused
from acme_companion.decide.problems import Damaged, NotYet, SettingsWrong, UsageWrong
from acme_companion.decide.settings import Ca, values
from acme_companion.tell.log import LOGGER, start_log

if TYPE_CHECKING:
    import argparse

    from acme_companion.decide.memory import Authority
    from acme_companion.decide.settings import Settings

DONE = 0
PUT_RIGHT = "put the right key there, or move the file away to have a new one made"
ORIGIN = "@"
"""The zone's own name, whichever it is (RFC 1035 section 5.1)."""


async def caa_command(arguments: argparse.Namespace) -> int:
    """Print one record per domain; the account is looked up by its key, never registered."""
    start_log(stream=sys.stderr, verbose=arguments.verbose)
    settings, ca = _given(arguments)
    if arguments.directory_url:
        ca = replace(ca, directory_url=usable_directory_url(arguments.directory_url))
    key, path = _account_key(arguments.account_key, settings, ca)
    try:
        authority = await look_up(ca, SystemClock(), key)
    except Damaged as problem:
        raise Damaged(f"{path}: {problem}" + ("" if arguments.account_key else f": {PUT_RIGHT}")) from None
    if not authority.caa_identities:
        raise NotYet(
            f"{ca.directory_url} does not say which domain CAA records must name (meta.caaIdentities)"
        )
    domains = _domains(arguments.domain) or await domains_of(settings)
    identity, account = authority.caa_identities[0], authority.account_uri
    records = {domain.text: [record(f"{domain.host}.", identity, account)] for domain in domains}
    if not records:
        records[ORIGIN] = [record(ORIGIN, identity, account)]
    _print(arguments, authority, records)
    return DONE


def _print(arguments: argparse.Namespace, authority: Authority, records: dict[str, list[str]]) -> None:
    if arguments.json:
        print(as_json({"account_uri": authority.account_uri, "records": records}))
        return
    if not arguments.quiet:
        print(f"Account: {authority.account_uri}")
        print("Publish one of these per domain, in every zone that holds your names:")
    for lines in records.values():
        print("\n".join(lines))


def _given(arguments: argparse.Namespace) -> tuple[Settings | None, Ca]:
    """The settings and the CA.

    Where the key comes from the command line, settings that cannot be used are none, and the CA is Let's Encrypt.
    """
    try:
        settings = load_settings(arguments.env_file)
    except SettingsWrong as problem:
        if not arguments.account_key:
            raise
        if not arguments.quiet:
            ca = arguments.directory_url or "Let's Encrypt"
            LOGGER.warning(
                f"the settings cannot be used ({'; '.join(problem.complaints)}); the CA asked is {ca}"
            )
        return None, Ca(LETS_ENCRYPT)
    return settings, settings.ca


def _account_key(file: str | None, settings: Settings | None, ca: Ca) -> tuple[bytes, str]:
    """The key, and where it is from."""
    if not file:
        keys = account_keys(settings) if settings else None
        key = keys.look(ca.directory_url) if keys else None
        if keys is None or key is None:
            raise NotYet(no_account(settings, ca))
        return key, str(keys.where(ca.directory_url))
    if file == "-":
        return sys.stdin.buffer.read(), "standard input"
    try:
        return Path(file).read_bytes(), file
    except OSError as problem:
        raise NotYet(f"the account key {file} cannot be read: {problem.strerror}") from None


def no_account(settings: Settings | None, ca: Ca) -> str:
    """What to do while there is none."""
    first = settings is not None and ca.directory_url == settings.ca.directory_url
    which = "" if first else f" --directory-url {shlex.quote(ca.directory_url)}"
    return (
        f"there is no account key for {ca.directory_url} yet: the first order there makes key and account; to have them now, run "
        f"`acme-companion account register{which}`"
    )


def usable_directory_url(text: str) -> str:
    """What `--directory-url` says; raises `UsageWrong`."""
    try:
        return values.url("https")(text)
    except values.ValueRefused as problem:
        raise UsageWrong(f"--directory-url: {problem}") from None


def _domains(texts: list[str]) -> tuple[Name, ...]:
    try:
        return tuple(Name.parse(text) for text in texts)
    except NameRefused as problem:
        raise UsageWrong(f"--domain: {problem}") from None


async def domains_of(settings: Settings | None) -> tuple[Name, ...]:
    """The hostname's own name and every mail domain: a set at a domain governs all names below it."""
    if settings is None:
        return ()
    async with open_world(settings, LOGGER) as world:
        found = await world.mail_domains()
    if found.unanswered:
        LOGGER.warning(found.unanswered.why)
    return (settings.naming.hostname, *found.domains)
