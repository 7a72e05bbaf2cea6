"""`revoke`: have a CA declare a certificate of ours invalid (RFC 8555 section 7.6), and say what that leaves."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.serialization import Encoding

from acme_companion.act.acme.open_account import open_account, revoke_by_certificate_key
from acme_companion.act.store import files
from acme_companion.act.store.layout import ACME, CERTIFICATE, KEY, lineage
from acme_companion.cli.account import chosen
from acme_companion.cli.arguments import REASONS
from acme_companion.cli.configuration import load_settings
from acme_companion.cli.tables import as_json
from acme_companion.cli.wiring import account_keys, open_world
from acme_companion.cycle.account import account_key
from acme_companion.decide.known_cas import LETS_ENCRYPT, is_lets_encrypts
from acme_companion.decide.pair import NotAPair, certificate_of, leaf_of, public_key_digest
from acme_companion.decide.problems import Damaged, NotYet, Problem, Refused
from acme_companion.tell.log import LOGGER, start_log

if TYPE_CHECKING:
    import argparse
    from collections.abc import Collection

    from acme_companion.decide.memory import Held
    from acme_companion.decide.pair import Certificate
    from acme_companion.decide.settings import Ca, Settings
    from acme_companion.ports import World

DONE = 0
KEY_COMPROMISE = "keyCompromise"
_KEY_IS_OUT = (
    "its private key gets no certificate any more: the next cycle makes another one for all that have it (TLSA 3 1 1 records for "
    "the old one become untrue; `status --json` shows the new data then)"
)


@dataclass(frozen=True, slots=True)
class _Doomed:
    certificate: Certificate
    der: bytes
    path: Path


async def revoke_command(arguments: argparse.Namespace) -> int:
    """Needs the volume to itself, as `once` does: what was revoked is remembered, and replaced by the next cycle."""
    settings = load_settings(arguments.env_file)
    start_log(settings.time_zone, verbose=arguments.verbose, stream=sys.stderr)
    doomed = _read(settings, arguments)
    async with open_world(settings, LOGGER) as world:
        with world.store.lock():
            held = world.store.read()
            origin = held.memory.issued.get(doomed.certificate.fingerprint) or _told_by_itself(doomed)
            ca = chosen(settings, arguments.directory_url or origin)
            if arguments.reason == KEY_COMPROMISE:
                # First: whatever the CA says now, this key must not get another certificate.
                _remember(world, compromised=(doomed.certificate.spki,))
            try:
                await _ask(settings, world, ca, doomed, arguments)
            except Problem as problem:
                if arguments.reason == KEY_COMPROMISE:
                    raise Refused(
                        f"{problem}. Ask again to have it revoked; in any case {_KEY_IS_OUT}"
                    ) from None
                raise
            _remember(world, revoked=(doomed.certificate.fingerprint,))
    data = _data(held, ca, doomed, arguments.reason)
    print(as_json(data) if arguments.json else "\n".join((data["says"], *data["left"])))
    return DONE


def _read(settings: Settings, arguments: argparse.Namespace) -> _Doomed:
    path = Path(arguments.certificate) if arguments.certificate else None
    try:
        if path is None:
            path = lineage(Path(settings.volume), arguments.lineage) / CERTIFICATE
            leaf = leaf_of(_held(path))
        else:
            leaf = leaf_of(_bytes(path))
        found = certificate_of(leaf)
    except OSError as problem:
        raise NotYet(f"{path}: cannot be read ({problem.strerror})") from None
    except NotAPair as problem:
        raise Damaged(f"{path}: {problem}") from None
    if found.self_signed:
        raise Refused(f"{path}: is self-signed: no CA issued it, so none can revoke it")
    return _Doomed(found, leaf.public_bytes(Encoding.DER), path)


def _held(path: Path) -> bytes:
    """What siblings could have tampered with is not read like an admin's own file."""
    data = files.read(path)
    if data is None:
        raise NotYet(
            f"{path}: there is no such certificate: `acme-companion status` lists those that there are"
        )
    return data


def _bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(files.MOST_BYTES)


def _told_by_itself(doomed: _Doomed) -> str | None:
    """The directory of a certificate that was not issued here, None when nobody knows: then it is the CA in the settings."""
    return LETS_ENCRYPT if is_lets_encrypts(doomed.certificate.issuer) else None


async def _ask(
    settings: Settings, world: World, ca: Ca, doomed: _Doomed, arguments: argparse.Namespace
) -> None:
    reason = REASONS[arguments.reason]
    try:
        if arguments.by_certificate_key:
            key = _certificate_key(settings, doomed)
            await revoke_by_certificate_key(ca, world.clock, key, doomed.der, reason)
            return
        if account_keys(settings).where(ca.directory_url) is None:
            raise NotYet(f"there is no account key for {ca.directory_url}: try --by-certificate-key")
        async with open_account(ca, world.clock, await account_key(ca, world)) as account:
            await account.revoke(doomed.der, reason)
    except Refused as problem:
        # Asked before, and stopped before it was written down: it is revoked, which is what was wanted.
        if problem.rejection is None or problem.rejection.kind != "alreadyRevoked":
            raise


def _certificate_key(settings: Settings, doomed: _Doomed) -> bytes:
    """The private key of a certificate: beside it, or the one that all certificates share."""
    candidates = (doomed.path.with_name(KEY), Path(settings.volume) / ACME / KEY)
    for path in candidates:
        try:
            data = files.read(path) or b""
            if public_key_digest(data) == doomed.certificate.spki:
                return data
        except (Damaged, NotAPair):
            continue
    raise NotYet(f"{doomed.path}: its private key is in neither of {', '.join(map(str, candidates))}")


def _remember(world: World, *, revoked: Collection[str] = (), compromised: Collection[str] = ()) -> None:
    memory = world.store.read().memory
    world.store.remember(
        replace(
            memory,
            revoked=tuple(dict.fromkeys((*memory.revoked, *revoked))),
            compromised=tuple(dict.fromkeys((*memory.compromised, *compromised))),
        )
    )


def _data(held: Held, ca: Ca, doomed: _Doomed, reason: str) -> dict[str, Any]:
    found = doomed.certificate
    names = ", ".join(name.text for name in found.names[:3]) + (" …" if len(found.names) > 3 else "")
    return {
        "fingerprint": found.fingerprint,
        "directory_url": ca.directory_url,
        "reason": reason,
        "says": f"{doomed.path}: the certificate for {names} is revoked at {ca.directory_url} ({reason})",
        "left": list(_left(held, found, reason)),
    }


def _left(held: Held, found: Certificate, reason: str) -> list[str]:
    """What stays in force."""
    here = [
        one.directory
        for one in held.lineages
        if one.certificate and one.certificate.fingerprint == found.fingerprint
    ]
    sharing = [
        one.directory
        for one in held.lineages
        if one.certificate and one.certificate.spki == found.spki and one.directory not in here
    ]
    left = []
    if here:
        left.append(
            f"{', '.join(here)}: is served as it is until the next cycle has ordered another one: start the companion now. "
            "Copies below backups/ stay, and are revoked as well"
        )
    if reason == KEY_COMPROMISE:
        left.append(f"{_KEY_IS_OUT}. The old one is kept below backups/acme/ as .compromised")
        if sharing:
            left.append(
                f"the same key, replaced as well, but not revoked by this: {', '.join(sharing)}; revoke each of them, too"
            )
    elif sharing:
        left.append(f"the same private key, and in force as before: {', '.join(sharing)}")
    return left
