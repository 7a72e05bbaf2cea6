"""One companion at a time: kernel locks for the life of the process, never stolen, gone with the process."""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from acme_companion.act.store import files
from acme_companion.decide.names import quoted
from acme_companion.decide.problems import Busy, Damaged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}
_ATTEMPTS = 5


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold `directory` and the file `lock` in it; raises `Busy` when another process does, `Damaged` where nobody can."""
    with ExitStack() as undo:
        _lock_directory(directory, undo)
        descriptor = _lock_file(directory / "lock", undo)
        with files.translated(directory / "lock", "written"):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"process {os.getpid()} on {os.uname().nodename}\n".encode(), 0)
        yield


def _lock_directory(directory: Path, undo: ExitStack) -> None:
    # The lock on the directory outlives a lock file that somebody deletes while it is held.
    with files.translated(directory, "opened"):
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    undo.callback(os.close, descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Busy(_busy(directory / "lock")) from None
    except OSError as problem:
        # NFS locks only what is open for writing, which a directory never is: the file's lock must do there.
        if problem.errno not in {errno.EBADF, *_NO_LOCKS}:
            with files.translated(directory, "locked"):
                raise


def _lock_file(path: Path, undo: ExitStack) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    for _ in range(_ATTEMPTS):
        files.refuse_odd(path)
        with files.translated(path, "opened"):
            descriptor = os.open(path, flags, files.PRIVATE)
        undo.callback(os.close, descriptor)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(_busy(path)) from None
        except OSError as problem:
            if problem.errno in _NO_LOCKS:
                raise Damaged(
                    f"{path}: the file system knows no locks ({problem.strerror}), and without them two companions "
                    "could write at once: put the volume on a local file system"
                ) from None
            with files.translated(path, "locked"):
                raise
        with suppress(FileNotFoundError), files.translated(path, "looked at"):
            if os.fstat(descriptor).st_ino == os.stat(path, follow_symlinks=False).st_ino:
                return descriptor
    raise Busy(f"{path}: is being replaced again and again by another process; look for a second companion")


def _busy(path: Path) -> str:
    holder = "another process"
    with suppress(Damaged):
        holder = (files.read(path, 4096) or b"").decode(errors="replace").strip() or holder
    shown = quoted(holder).strip("'")
    return f"{path}: held by {shown}; only one companion may use a volume: stop the other one, or do it there"
