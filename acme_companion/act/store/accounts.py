"""Account keys: one for each CA directory, never two for one, and never one for two.

`acme/account.pem` is where mailcow's container and its admins look for it. It is for the directory that the file beside
it names; one without that file was made by mailcow's container: for Let's Encrypt if certificates say so, else for the
directory in the settings. Every other directory has its own file below `accounts/`. With a private volume new keys are
made there, and one that lies there wins.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from acme_companion.act.store import files, keys, reading
from acme_companion.act.store.layout import ACCOUNT, ACCOUNT_DIRECTORY, ACCOUNTS, ACME, BACKUPS, KEY, NEXT
from acme_companion.decide.accounts import is_staging, key_name
from acme_companion.decide.known_cas import LETS_ENCRYPT, is_lets_encrypts
from acme_companion.decide.problems import Damaged
from acme_companion.decide.settings import KeyType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_LONGEST_URL = 4096


class AccountKeys:
    """The keys in `shared`, where siblings see them, and in `private`, None without such a volume.

    `directory_url`: the CA in the settings; `kind`: of keys that are made here, None for what suits the place.
    `why_ephemeral`: why what is in a directory will be gone with the container, empty when it lasts.
    """

    def __init__(
        self,
        shared: Path,
        private: Path | None,
        directory_url: str,
        kind: KeyType | None,
        why_ephemeral: Callable[[Path], str] = lambda _: "",
    ) -> None:
        self._shared, self._private = shared, private
        self._why_ephemeral = why_ephemeral
        self._first = "" if is_staging(directory_url) else directory_url
        self._kind = kind

    def where(self, directory_url: str) -> Path | None:
        """Where the key for a directory lies, None when there is none yet."""
        name = key_name(directory_url)
        own = [directory / name for directory in self._directories()]
        # The private one first, also when mailcow's container made another one in the shared volume meanwhile.
        for path in reversed(own):
            if os.path.lexists(path):
                return path
        if os.path.lexists(self._account) and self._owner() == directory_url:
            return self._account
        return None

    def look(self, directory_url: str) -> bytes | None:
        """The key for a directory as it lies there, None when there is none; raises `Damaged`."""
        path = self.where(directory_url)
        return files.read(path) if path else None

    def key(self, directory_url: str) -> bytes:
        """The key for a directory, made on first use; raises `Damaged` for one that cannot be used."""
        self._adopt()
        path = self.where(directory_url)
        if path is None:
            path = self._begin(directory_url)
            files.write(path, keys.generate(self._kind_at(path)), files.PRIVATE)
        data = files.read(path) or b""
        self._refuse_shared(path, data)
        return data

    def next_key(self, directory_url: str) -> bytes | None:
        """The key that a change (RFC 8555 section 7.3.5) under way puts in place of the present one."""
        path = self.where(directory_url)
        return files.read(_next(path)) if path else None

    def begin_change(self, directory_url: str) -> bytes:
        """Another key for the same account, stored beside the present one; that of a change under way, if there is one."""
        self.key(directory_url)
        path = _next(self._existing(directory_url))
        if (data := files.read(path)) is None:
            data = keys.generate(self._kind_at(self._existing(directory_url)))
            files.write(path, data, files.PRIVATE)
        self._refuse_shared(path, data)
        return data

    def end_change(self, directory_url: str, *, changed: bool) -> None:
        """Put the next key in the place of the present one, if the CA has `changed` to it, else forget it."""
        path = self._existing(directory_url)
        data = files.read(_next(path))
        if data is not None and changed:
            files.write(path, data, files.PRIVATE)
        files.remove(_next(path))
        files.sync_directory(path.parent)

    def move(self) -> Iterator[str]:
        """Move every key in the shared volume to the private one: copied and synced there before it is removed here.

        Yields what was done, or why not, as sentences. Whatever stops it in the middle, the next time goes on.
        """
        for source, name in self._movable():
            target = self._home() / name
            data, there = files.read(source) or b"", files.read(target)
            if os.path.samefile(source.parent, target.parent):
                yield f"{source}: is not moved, as {target.parent} is the same folder: mount a volume of its own at PRIVATE_VOLUME"
            elif (lost := self._why_ephemeral(target.parent.parent)) and not self._why_ephemeral(source):
                yield f"{source}: is not moved, as {lost}: mount a volume there (PRIVATE_VOLUME)"
            elif files.read(_next(source)) is not None:
                yield f"{source}: stays for now, as a change of this key is under way"
            elif there not in {None, data}:
                yield f"{source}: is not moved, as {target} is another key for the same CA: move one of the two away"
            else:
                if there is None:
                    files.write(target, data, files.PRIVATE)
                files.remove(source)
                if source == self._account:
                    files.remove(self._record_path)
                files.sync_directory(source.parent)
                yield f"{source}: moved to {target}, where no sibling sees it"
                yield from self._copies()

    def sweep(self) -> None:
        """Remove what a killed process left half made."""
        for directory in self._directories():
            for name in files.list_directory(directory):
                if name.startswith(".") and name.endswith(".pem.new"):
                    files.remove(directory / name)

    def paths(self) -> Iterator[Path]:
        """Every account key that there is, wherever."""
        yield self._account
        yield _next(self._account)
        for directory in self._directories():
            yield from (directory / name for name in _keys_in(directory))

    @property
    def _account(self) -> Path:
        return self._shared / ACME / ACCOUNT

    @property
    def _record_path(self) -> Path:
        return self._shared / ACME / ACCOUNT_DIRECTORY

    def _directories(self) -> Iterator[Path]:
        yield self._shared / ACME / ACCOUNTS
        if self._private:
            yield self._private / ACCOUNTS

    def _existing(self, directory_url: str) -> Path:
        path = self.where(directory_url)
        if path is None:
            raise Damaged(f"{self._shared / ACME}: there is no account key for {directory_url}")
        return path

    def _begin(self, directory_url: str) -> Path:
        """Where the first key for a directory will lie."""
        if self._private is None and directory_url == self._first and not os.path.lexists(self._account):
            files.make_directory(self._account.parent)
            self._record(directory_url)  # first: a key without it is for whatever the settings say next
            return self._account
        return self._home() / key_name(directory_url)

    def _home(self) -> Path:
        if self._private is None:
            files.make_directory(self._shared / ACME)
            home = self._shared / ACME / ACCOUNTS
        else:
            if not files.is_directory(self._private):
                raise Damaged(
                    f"{self._private}: is not a directory: mount the private volume there (PRIVATE_VOLUME)"
                )
            home = self._private / ACCOUNTS
        files.make_directory(home, files.PRIVATE_DIRECTORY)
        return home

    def _kind_at(self, path: Path) -> KeyType:
        # acme-tiny, which is in mailcow's container, knows only RSA; nobody but us reads the others.
        return self._kind or (KeyType.RSA2048 if path == self._account else KeyType.EC256)

    def _owner(self) -> str:
        """The directory that `account.pem` is for, empty when that is not known yet."""
        recorded = self._recorded()
        if recorded or self._first == LETS_ENCRYPT:
            return recorded or self._first
        # Mailcow's key, and the certificates that it got: an account is not carried to another CA by a changed setting.
        issuers = reading.issuers_of_shared_key(self._shared)
        return LETS_ENCRYPT if any(map(is_lets_encrypts, issuers)) else self._first

    def _adopt(self) -> None:
        """Note whose `account.pem` is while its certificates still tell."""
        if os.path.lexists(self._account) and not self._recorded() and (owner := self._owner()):
            self._record(owner)

    def _recorded(self) -> str:
        data = files.read(self._record_path, _LONGEST_URL) or b""
        return data.decode(errors="replace").strip()

    def _record(self, directory_url: str) -> None:
        files.write(self._record_path, f"{directory_url}\n".encode(), files.PUBLIC)

    def _movable(self) -> Iterator[tuple[Path, str]]:
        directory_url = self._owner()
        if directory_url and os.path.lexists(self._account):
            yield self._account, key_name(directory_url)
        below = self._shared / ACME / ACCOUNTS
        yield from ((below / name, name) for name in _keys_in(below) if not name.endswith(NEXT))

    def _copies(self) -> Iterator[str]:
        above = self._shared / BACKUPS / ACME
        for name in files.list_directory(above):
            copy = above / name / "account.key"
            if os.path.lexists(copy):
                yield f"{copy}: is a copy of an account key that siblings see; remove it when nobody needs it"

    def _refuse_shared(self, path: Path, data: bytes) -> None:
        keys.refuse_same(path, data, self._shared / ACME / KEY, path)


def _next(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(".pem") + NEXT)


def _keys_in(directory: Path) -> list[str]:
    return [
        name for name in files.list_directory(directory) if name.endswith(".pem") and not name.startswith(".")
    ]
