"""The shared volume: what `ports.Store` promises, kept on a disk that may fail at any moment."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from acme_companion.act.store import (
    files,
    generations,
    intent,
    keys,
    layout,
    mending,
    migration,
    reading,
    refused,
    starting,
    sweeping,
    switching,
    targets,
)
from acme_companion.act.store.journal import Journal
from acme_companion.act.store.layout import BACKUPS, FORCE_RENEW, OWN, PROBE, REFUSED
from acme_companion.act.store.lock import locked
from acme_companion.act.store.state import State
from acme_companion.decide.problems import Damaged

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from acme_companion.act.store.accounts import AccountKeys
    from acme_companion.decide.memory import Held, Memory
    from acme_companion.decide.names import Name
    from acme_companion.decide.open_orders import OpenOrder
    from acme_companion.decide.pair import Pair
    from acme_companion.decide.settings import KeyType
    from acme_companion.ports import Clock, Log

_PROBE_BYTES = 64 * 1024
"""More than a switch writes: pair twice, its generation, intent, names."""


class Volume:
    """Implements `ports.Store`. Whatever writes needs `lock`; `read` needs nothing, not even a writable volume."""

    def __init__(
        self,
        root: Path,
        *,
        example: Path,
        key_type: KeyType,
        accounts: AccountKeys,
        move_account_keys: bool = False,
        clock: Clock,
        log: Log,
        why_ephemeral: Callable[[Path], str] = lambda _: "",
    ) -> None:
        self._root = root
        self._why_ephemeral = why_ephemeral
        self._accounts = accounts
        self._move_account_keys = move_account_keys
        self._example = example
        self._key_type = key_type
        self._clock = clock
        self._log = log
        self._state = State(root / OWN, log)
        self._journal = Journal(root / OWN, log)
        self._pairs = reading.PairReader()
        self._held = False
        self._warned: set[str] = set()
        self._wish_stays = False

    @contextmanager
    def lock(self) -> Iterator[None]:
        files.require_directory(self._root)
        files.make_directory(self._root / OWN, files.PRIVATE_DIRECTORY)
        with locked(self._root / OWN):
            self._held = True
            try:
                self._finish()
                sweeping.sweep(self._root)
                self._journal.sweep(self._clock.now())
                self._accounts.sweep()
                for sentence in migration.adopt_layout_before_sni(
                    self._root, self._state, self._clock.now(), self._log
                ):
                    self._log.info(sentence)
                self._move()
                yield
            finally:
                self._held = False

    def read(self) -> Held:
        held = reading.held(self._root, self._example, self._state.load(), self._pairs)
        wish = self._is_wish(there=held.force_renew)
        ephemeral = self._why_ephemeral(self._root)
        return replace(held, force_renew=wish, orders=self._journal.read(), ephemeral=ephemeral)

    def remember(self, memory: Memory) -> None:
        self._require_lock()
        self._state.save(memory, self._clock.now())

    def note_order(self, order: OpenOrder) -> None:
        self._require_lock()
        self._journal.note(order, self._clock.now())

    def forget_order(self, directory: str) -> None:
        self._require_lock()
        self._journal.forget(directory)

    def bootstrap(self, hostname: Name, now: datetime) -> tuple[str, ...]:
        self._require_lock()
        self._finish()
        held = self.read()
        made = [
            *starting.private_modes(self._root, held, self._accounts.paths(), self._warn_once),
            *starting.dh_parameters(self._root),
            *starting.server_pair(
                self._root,
                self._example,
                hostname,
                held.memory,
                lambda: self.certificate_key(held.memory.compromised),
                now,
            ),
        ]
        mended = dict(
            mending.lineages(
                self._root, held, hostname, lambda: self.certificate_key(held.memory.compromised), now
            )
        )
        if mended or held.server_damage:
            self._state.not_served_yet((*mended, *([hostname.directory] if held.server_damage else ())), now)
        server, _ = reading.pair_or_damage(self._root, self._pairs)
        if server is not None and reading.is_own_stopgap(self._root, server):
            self._state.adopt(server.fingerprint, now)
        return (*made, *mended.values())

    def write_probe(self) -> None:
        self._require_lock()
        path = self._root / OWN / PROBE
        data = os.urandom(_PROBE_BYTES)
        try:
            fresh = files.prepare(path, data, files.PRIVATE)
            if files.read(fresh) != data:
                raise Damaged(f"{fresh}: what was written does not come back: do not trust this disk")
        finally:
            files.remove(files.fresh_beside(path))

    def check_targets(self, directory: str, *, server: bool) -> None:
        self._require_lock()
        self._finish()
        targets.check(self._root, directory, server=server)

    def account_key(self, directory_url: str) -> bytes:
        self._require_lock()
        return self._accounts.key(directory_url)

    def next_account_key(self, directory_url: str) -> bytes | None:
        return self._accounts.next_key(directory_url)

    def begin_account_key_change(self, directory_url: str) -> bytes:
        self._require_lock()
        return self._accounts.begin_change(directory_url)

    def end_account_key_change(self, directory_url: str, *, changed: bool) -> None:
        self._require_lock()
        self._accounts.end_change(directory_url, changed=changed)

    def certificate_key(self, avoid: Collection[str] = ()) -> bytes:
        self._require_lock()
        paths, now = self._accounts.paths(), self._clock.now()
        return keys.certificate_key(self._root, self._key_type, paths, avoid, now, self._log)

    def switch(
        self,
        directory: str,
        pair: Pair,
        names: Sequence[Name],
        csr_pem: bytes,
        *,
        server: bool,
        now: datetime,
    ) -> None:
        self._require_lock()
        self._finish()
        switching.switch(
            self._root,
            directory,
            pair,
            names,
            csr_pem,
            server=server,
            now=now,
            order=self._journal.path(directory),
        )
        self._prune(directory)

    def roll_back(self, directory: str, *, server: bool, now: datetime) -> bool:
        self._require_lock()
        self._finish()
        return switching.roll_back(self._root, directory, server=server, now=now)

    def archive(self, directory: str, now: datetime) -> None:
        self._require_lock()
        self._finish()
        source = layout.lineage(self._root, directory)
        name = generations.next_name(self._root, directory, now)
        intent.move_directory(source, self._root / BACKUPS / directory / name)
        self._prune(directory)

    def bring_back(self, directory: str) -> None:
        self._require_lock()
        self._finish()
        generations.bring_back(self._root, directory)

    def set_aside(self, directory: str, chain: bytes, now: datetime) -> str:
        self._require_lock()
        return refused.set_aside(self._root / OWN / REFUSED, directory, chain, now)

    def force_renew_wanted(self) -> bool:
        return self._is_wish(there=os.path.exists(self._root / FORCE_RENEW))

    def end_force_renew(self) -> None:
        self._require_lock()
        path = self._root / FORCE_RENEW
        # A wish that cannot be taken away is heard once: it must not cost a certificate in every cycle.
        self._wish_stays = True
        if files.is_directory(path):  # what Docker makes of a mounted file that is missing on the host
            files.remove_empty_directory(path)
        else:
            files.remove(path)
        self._wish_stays = False

    def _move(self) -> None:
        if not self._move_account_keys:
            return
        try:
            for sentence in self._accounts.move():
                self._log.info(sentence)
        except Damaged as problem:
            # They work from where they are.
            self._log.warning(f"{problem}; account keys stay where they are")

    def _is_wish(self, *, there: bool) -> bool:
        self._wish_stays = self._wish_stays and there
        return there and not self._wish_stays

    def _finish(self) -> None:
        # A change that met a disk error waits for the next one as well as for the next process.
        if sentence := intent.finish(self._root):
            self._log.warning(sentence)

    def _prune(self, directory: str) -> None:
        try:
            generations.prune(self._root, directory)
        except Damaged as problem:
            # The pair is switched, and that is what counts; the next switch prunes again.
            self._log.warning(f"old generations stay: {problem}")

    def _warn_once(self, sentence: str) -> None:
        if sentence not in self._warned:
            self._warned.add(sentence)
            self._log.warning(sentence)

    def _require_lock(self) -> None:
        if not self._held:
            raise RuntimeError("the volume is written to without its lock")
