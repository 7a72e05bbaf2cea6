"""Challenge files in a folder that the stack's web server shows as `/.well-known/acme-challenge/`."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from acme_companion.decide.acme_answers import TOKEN
from acme_companion.decide.problems import NotYet

LEFT_OVER: Final = timedelta(days=1)
"""A file of ours that is older was left by a crash: no validation takes a day."""
MOST_SWEPT: Final = 10_000
PROBE: Final = "acme-companion-"
"""How the names of probe files begin."""
LONGEST_CONTENT: Final = 1024  # bytes; a key authorization has fewer than 200


class Webroot:
    """A `Responder` that writes `<folder>/<token>`, readable for the web server whatever its user."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        self._presented: set[str] = set()

    def open(self, now: datetime) -> None:
        """Check the folder and sweep files that a crash left behind; raises `NotYet`."""
        try:
            kind = self._folder.lstat().st_mode
        except OSError as problem:
            raise self._cannot("cannot be used", problem) from None
        if not stat.S_ISDIR(kind):
            what = "a symbolic link" if stat.S_ISLNK(kind) else "not a directory"
            raise NotYet(
                f"the challenge folder {self._folder} is {what}: mount the web server's folder itself there"
            )
        with suppress(OSError):
            self._sweep(now)

    def present(self, token: str, content: str) -> None:
        """Write the file whole and then rename it, so that no half of it is ever served; raises `NotYet`."""
        path, fresh = self._paths(token)
        self._presented.add(token)
        try:
            fresh.unlink(missing_ok=True)
            opened = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
            with os.fdopen(opened, "wb") as file:
                os.fchmod(opened, 0o644)  # a strict umask must not lock the web server out
                file.write(content.encode())
            fresh.replace(path)
        except OSError as problem:
            raise self._cannot("cannot be written", problem) from None

    def clean_up(self, token: str) -> None:
        self._presented.discard(token)
        with suppress(ValueError):  # a token that could not be presented either
            for path in self._paths(token):
                with suppress(OSError):
                    path.unlink()

    def close(self) -> None:
        """Take away what is still there."""
        for token in tuple(self._presented):
            self.clean_up(token)

    def _paths(self, token: str) -> tuple[Path, Path]:
        if not TOKEN.match(token):
            raise ValueError("not a challenge token")
        return self._folder / token, self._folder / f".{token}.new"

    def _sweep(self, now: datetime) -> None:
        with os.scandir(self._folder) as entries:
            for _, entry in zip(range(MOST_SWEPT), entries, strict=False):
                with suppress(OSError, ValueError, OverflowError):  # a time that no calendar has
                    if _left_over(entry, now):
                        Path(entry.path).unlink()

    def _cannot(self, what: str, problem: OSError) -> NotYet:
        return NotYet(
            f"the challenge folder {self._folder} {what} ({problem.strerror}, as user {os.geteuid()}): "
            "mount it writable, or let us serve the challenges ourselves"
        )


def _left_over(entry: os.DirEntry[str], now: datetime) -> bool:
    """Ours by its name, or by what is in it: `<token>.` begins a key authorization."""
    token = entry.name.removeprefix(".").removesuffix(".new")
    if not TOKEN.match(token) or not entry.is_file(follow_symlinks=False):
        return False
    seen = entry.stat(follow_symlinks=False)
    if now - datetime.fromtimestamp(seen.st_mtime, UTC) < LEFT_OVER or seen.st_size > LONGEST_CONTENT:
        return False
    if entry.name != token or token.startswith(PROBE):
        return True
    return Path(entry.path).read_bytes().startswith(f"{token}.".encode())
