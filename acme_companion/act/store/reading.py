"""What the volume holds, as facts. Nothing is changed, and no lock is needed."""

from __future__ import annotations

import os
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Generic, TypeVar

from acme_companion.act.store import files, generations, keys, layout
from acme_companion.act.store.layout import BACKUPS, CERTIFICATE, CSR, DOMAINS, FORCE_RENEW, KEY
from acme_companion.decide.memory import Held, HeldLineage, Memory
from acme_companion.decide.pair import NotAPair, certificate_of, leaf_of, public_key_digest
from acme_companion.decide.problems import Damaged

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator
    from pathlib import Path

    from acme_companion.decide.pair import Certificate


T = TypeVar("T")


class _Parsed(Generic[T]):
    """What files were parsed to, while each round of reading finds them again: it must not grow over the years."""

    def __init__(self, parse: Callable[[bytes], T]) -> None:
        self._parse = parse
        self._now: dict[bytes, T] = {}
        self._before: dict[bytes, T] = {}

    def next_round(self) -> None:
        self._before, self._now = self._now, {}

    def of(self, content: bytes) -> T:
        known = sha256(content).digest()  # a secret that is in the memory twice is one too many
        if known not in self._now:
            self._now[known] = self._before[known] if known in self._before else self._parse(content)
        return self._now[known]


class PairReader:
    """Reads pairs; what it has parsed once, be it a key that many of them share, is not parsed again while it stays the same."""

    def __init__(self) -> None:
        self._certificates = _Parsed(lambda chain: certificate_of(leaf_of(chain)))
        self._digests = _Parsed(public_key_digest)

    def next_round(self) -> None:
        """Everything will be read once more: what is not found again is forgotten."""
        self._certificates.next_round()
        self._digests.next_round()

    def certificate(self, directory: Path) -> Certificate | None:
        """The facts of the pair in `directory`, None without a `cert.pem`; raises `NotAPair` or `Damaged` with the path."""
        try:
            return self._look(directory)
        except (NotAPair, Damaged):
            # A reader without the lock may fall between the renames of key and chain; then the second look is whole.
            return self._look(directory)

    def _look(self, directory: Path) -> Certificate | None:
        chain = files.read(directory / CERTIFICATE)
        if chain is None:
            return None
        try:
            certificate = self._certificates.of(chain)
        except NotAPair as problem:
            raise NotAPair(f"{directory / CERTIFICATE}: {problem}") from None
        if self._digest(directory / KEY) != certificate.spki:
            raise NotAPair(f"{directory / KEY}: does not belong to the {CERTIFICATE} beside it")
        return certificate

    def _digest(self, path: Path) -> str:
        key = files.read(path)
        if key is None:
            raise NotAPair(f"{path}: is missing")
        try:
            return self._digests.of(key)
        except NotAPair as problem:
            raise NotAPair(f"{path}: {problem}") from None


def held(root: Path, example: Path, memory: Memory, pairs: PairReader) -> Held:
    """Everything that decisions need of the volume; raises `Damaged` when it cannot be listed at all."""
    files.require_directory(root)
    pairs.next_round()
    lineages = tuple(_lineages(root, pairs, memory))
    memory = _adopting(memory, lineages)
    server, damage = pair_or_damage(root, pairs)
    return Held(
        server=server,
        server_damage=damage,
        server_is_ours=server is None
        or server.fingerprint in memory.issued
        or is_own_stopgap(root, server)
        or server.fingerprint == example_fingerprint(example),
        lineages=lineages,
        archived=tuple(_archived(root, pairs, {one.directory for one in lineages})),
        force_renew=os.path.lexists(root / FORCE_RENEW),
        memory=memory,
    )


def issuers_of_shared_key(root: Path) -> Iterator[str]:
    """Who issued the certificates for the key that all of ours share, as text (RFC 4514); what cannot be read says nothing."""
    shared = keys.held_certificate_key(root)
    if not shared:
        return
    for directory in ("", *filter(layout.may_be_lineage, files.list_directory(root))):
        try:
            chain = files.read(root / directory / CERTIFICATE)
            certificate = certificate_of(leaf_of(chain)) if chain else None
        except (Damaged, NotAPair):
            continue
        if certificate and certificate.spki == shared:
            yield certificate.issuer


def is_own_stopgap(root: Path, server: Certificate) -> bool:
    """Whether a pair is self-signed with the key that only we have: it is known without any memory."""
    return server.self_signed and server.spki == keys.held_certificate_key(root)


def example_fingerprint(example: Path) -> str:
    """The leaf that the stack ships with a private key that everybody knows; empty when it ships none."""
    try:
        data = files.read(example / CERTIFICATE)
        return certificate_of(leaf_of(data)).fingerprint if data else ""
    except (Damaged, NotAPair):
        return ""


def pair_or_damage(directory: Path, pairs: PairReader) -> tuple[Certificate | None, str]:
    """The pair in `directory`, or what is wrong with it; neither without a `cert.pem`."""
    try:
        return pairs.certificate(directory), ""
    except (NotAPair, Damaged) as problem:
        return None, str(problem)


def _lineages(root: Path, pairs: PairReader, memory: Memory) -> Iterator[HeldLineage]:
    kept = _kept(root)
    for directory in files.list_directory(root):
        path = root / directory
        if not layout.may_be_lineage(directory) or not files.is_directory(path):
            continue
        certificate, damage = pair_or_damage(path, pairs)
        if certificate is None and not damage:
            continue
        made_by_a_client = os.path.lexists(path / DOMAINS) and os.path.lexists(path / CSR)
        yield HeldLineage(
            directory=directory,
            certificate=certificate,
            damage=damage,
            generations=_generations(root, directory) if directory in kept else (),
            ours=made_by_a_client or (certificate is not None and certificate.fingerprint in memory.issued),
        )


def _archived(root: Path, pairs: PairReader, present: Container[str]) -> Iterator[HeldLineage]:
    """What an ACME client made and nobody wanted any more; a damaged one is as good as none, and so is one whose place is taken."""
    for directory in sorted(_kept(root)):
        if directory in present or not layout.may_be_lineage(directory):
            continue
        # Without a certificate in it, it is no lineage, but in the way of one.
        if os.path.lexists(root / directory):
            continue
        for newest in _generations(root, directory)[:1]:
            path = root / BACKUPS / directory / newest
            certificate, _ = pair_or_damage(path, pairs)
            if certificate and os.path.lexists(path / DOMAINS) and os.path.lexists(path / CSR):
                yield HeldLineage(directory, certificate, generations=(newest,))


def _kept(root: Path) -> set[str]:
    try:
        return set(files.list_directory(root / BACKUPS))
    except Damaged:
        return set()


def _generations(root: Path, directory: str) -> tuple[str, ...]:
    """Backups that cannot be listed are none that can be brought back; only who needs them is stopped by that."""
    try:
        return generations.listed(root, directory)
    except Damaged:
        return ()


def _adopting(memory: Memory, lineages: Iterable[HeldLineage]) -> Memory:
    """Lineages that an ACME client made are ours from now on: after a lost memory, or from mailcow's container."""
    adopted = {
        lineage.certificate.fingerprint: "" for lineage in lineages if lineage.certificate and lineage.ours
    }
    return replace(memory, issued={**adopted, **memory.issued})
