"""What siblings need before they can start: a server pair and DH parameters, with the right modes."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from acme_companion.act.issuers.self_signed import LIFETIME, self_signed
from acme_companion.act.store import dhparams, files, generations, intent, layout, reading
from acme_companion.act.store.layout import ACME, CERTIFICATE, DHPARAMS, KEY
from acme_companion.decide.pair import Pair
from acme_companion.decide.problems import Damaged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime
    from pathlib import Path

    from acme_companion.decide.memory import Held, Memory
    from acme_companion.decide.names import Name
    from acme_companion.decide.pair import Certificate

_PAIR = (CERTIFICATE, KEY)


def private_modes(
    root: Path, held: Held, account_keys: Iterable[Path], warn: Callable[[str], None]
) -> Iterator[str]:
    """Make our private keys private that others could read; yields what was changed.

    The mode of an admin's own key is the admin's choice (siblings without root read it by its group), unless everybody
    can read it: that is warned of, and so is a key of ours that another user owns.
    """
    for path, ours in (*((path, True) for path in account_keys), *_keys(root, held)):
        mode = _mode(path)
        if not mode & 0o077:
            continue
        if ours or _is_shared(root, path):
            try:
                files.make_private(path)
            except Damaged as problem:
                warn(f"{problem}; others can read this private key")
                continue
            yield f"{path}: had mode {mode:04o}, now only its owner can read this private key"
        elif mode & 0o007:
            warn(
                f"{path}: has mode {mode:04o}, so whoever sees the volume can read this private key; "
                "it is not ours and stays as it is: take the rights of others away (chmod o= on it)"
            )


def _keys(root: Path, held: Held) -> Iterator[tuple[Path, bool]]:
    """Every private key of a certificate, and whether it is known to be ours."""
    yield root / ACME / KEY, True
    yield root / KEY, held.server is not None and held.server_is_ours
    ours = {lineage.directory for lineage in held.lineages if lineage.ours}
    for name in files.list_directory(root):
        if layout.may_be_lineage(name):
            yield root / name / KEY, name in ours


def _mode(path: Path) -> int:
    """The mode of a regular file; 0 where there is none, or none that we may see."""
    try:
        found = os.lstat(path)
    except OSError:
        return 0
    return stat.S_IMODE(found.st_mode) if stat.S_ISREG(found.st_mode) else 0


def _is_shared(root: Path, path: Path) -> bool:
    try:
        data = files.read(path)
        return data is not None and data == files.read(root / ACME / KEY)
    except Damaged:
        return False


def dh_parameters(root: Path) -> Iterator[str]:
    """Write `dhparams.pem` unless there is a usable one; yields what was made."""
    path = root / DHPARAMS
    data = files.read(path)
    if not dhparams.is_usable(data or b""):
        files.write(path, dhparams.FFDHE2048, files.PUBLIC)
        yield f"{path}: {'made' if data is None else 'was damaged, made again'} (ffdhe2048 of RFC 7919)"


def server_pair(
    root: Path, example: Path, hostname: Name, memory: Memory, make_key: Callable[[], bytes], now: datetime
) -> Iterator[str]:
    """Put a pair into `cert.pem` and `key.pem` where there is none that may stay; yields what was done.

    A pair that a CA issued stays, also after it expired, and so does one of the admin's. A pair that is missing or
    damaged comes back from what we hold; a self-signed one is the last resort.
    """
    certificate, damage = reading.pair_or_damage(root, reading.PairReader())
    reason = damage or _reason(certificate, reading.example_fingerprint(example), hostname, now)
    if certificate is not None and reason == _OUTDATED and not _is_ours(root, certificate, memory):
        return
    if not reason:
        return
    if damage:
        kept = generations.keep(
            root, hostname.directory, generations.snapshot(root, _PAIR), now, generations.DAMAGED
        )
        yield f"{reason}; the files are kept in {kept}"
    found = None if reason == _OUTDATED else _restorable(root, hostname, make_key, memory, now)
    source, content = found or ("", _fresh(hostname, make_key, now))
    intent.commit(root, [(root / name, content[name]) for name in (KEY, CERTIFICATE)])
    what = (
        f"restored from {source}" if source else f"a self-signed pair for {hostname}, until a CA issues one"
    )
    yield f"{root / CERTIFICATE}, {KEY}: {what}" + ("" if damage else f" ({reason})")


_OUTDATED = "our self-signed pair was for another host name or near its end"


def _reason(certificate: Certificate | None, example: str, hostname: Name, now: datetime) -> str:
    if certificate is None:
        return "there was no pair"
    if certificate.fingerprint == example:
        return "there was the example pair, whose private key is on every installation"
    if certificate.self_signed and (
        hostname not in certificate.names or certificate.not_after - now < LIFETIME / 3
    ):
        return _OUTDATED
    return ""


def _is_ours(root: Path, certificate: Certificate, memory: Memory) -> bool:
    return certificate.fingerprint in memory.issued or reading.is_own_stopgap(root, certificate)


def _fresh(hostname: Name, make_key: Callable[[], bytes], now: datetime) -> dict[str, bytes]:
    # The shared key, so that a TLSA record published for it is true from the first connection on.
    pair = self_signed(hostname, make_key(), now)
    return {KEY: pair.key_pem, CERTIFICATE: pair.chain_pem}


def _restorable(
    root: Path, hostname: Name, make_key: Callable[[], bytes], memory: Memory, now: datetime
) -> tuple[str, dict[str, bytes]] | None:
    """The best pair of a CA that we still have: valid before expired, the lineage's before its generations, newest first."""
    directory = hostname.directory
    candidates = [(directory, _snapshot(root / directory))]
    for name in generations.listed(root, directory):
        source = f"{layout.BACKUPS}/{directory}/{name}"
        candidates.append((source, _snapshot(root / source)))
    chain = files.read(root / CERTIFICATE)
    if chain is not None:
        candidates.insert(0, (f"{ACME}/{KEY}", {CERTIFICATE: chain, KEY: make_key()}))
    pairs = [
        (Pair(content[KEY], content[CERTIFICATE]).certificate(), source, content)
        for source, content in candidates
        if generations.is_pair(content)
    ]
    real = [one for one in pairs if not one[0].self_signed and not memory.is_out(one[0])]
    best = next((one for one in real if one[0].not_after > now), real[0] if real else None)
    return best[1:] if best else None


def _snapshot(path: Path) -> dict[str, bytes]:
    try:
        return generations.snapshot(path, _PAIR)
    except Damaged:
        return {}  # what cannot be read is no candidate
