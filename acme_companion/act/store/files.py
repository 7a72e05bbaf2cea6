"""Single files of the volume: written whole or not at all, never through a link.

A write is: a fresh file beside the target, private from its first byte, written, synced, closed, renamed, the directory
synced. Everything goes through functions of `os`, so that a test can let each single call fail.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from acme_companion.decide.problems import Damaged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PRIVATE, PUBLIC = 0o600, 0o644
DIRECTORY, PRIVATE_DIRECTORY = 0o755, 0o700
MOST_BYTES = 1024 * 1024
"""A chain or key of more than a mebibyte is not one."""

_NOT_A_FILE = {errno.ELOOP: "a symbolic link", errno.EISDIR: "a directory", errno.ENXIO: "a socket or device"}


class TooLarge(Damaged):
    """A file with more bytes than what belongs there can have."""


@contextmanager
def translated(path: Path, verb: str) -> Iterator[None]:
    """Turn an `OSError` into `Damaged`: which file, what could not be done to it, why, and what to do."""
    try:
        yield
    except OSError as problem:
        raise Damaged(
            f"{path}: cannot be {verb} ({problem.strerror or problem}){_advice(path, problem)}"
        ) from problem


def _advice(path: Path, problem: OSError) -> str:
    if problem.errno in {errno.ENOSPC, errno.EDQUOT}:
        return f"; {_free(path)}: make room on the volume"
    if problem.errno in {errno.EACCES, errno.EPERM}:
        return f"; this process has uid {os.geteuid()}, {_owner(path)}: correct the owner or the mode"
    advice = {
        errno.EROFS: "mount the volume writable in this container",
        errno.EIO: "the disk reports an error: look at the kernel's log",
        errno.ENOENT: f"{path.parent} must exist: mount the volume there",
        errno.ENOTEMPTY: "it is a directory with something in it: move it away",
        errno.EBUSY: "something is mounted there: unmount it",
        errno.EXDEV: "the whole volume must be one file system: mount nothing below it",
    }.get(problem.errno or 0)
    return f": {advice}" if advice else ""


def _free(path: Path) -> str:
    try:
        found = os.statvfs(path.parent)
    except OSError:
        return "how much is free cannot be told"
    return f"{found.f_bavail * found.f_frsize} bytes and {found.f_favail} inodes are free"


def _owner(path: Path) -> str:
    for one in (path, path.parent):
        with suppress(OSError):
            found = os.lstat(one)
            return f"{one} belongs to uid {found.st_uid} with mode {stat.S_IMODE(found.st_mode):04o}"
    return "the owner cannot be told"


def read(path: Path, most: int = MOST_BYTES) -> bytes | None:
    """The content of a regular file, None when there is none; raises `Damaged` for anything else and beyond `most` bytes."""
    try:
        # O_NONBLOCK: opening a FIFO must not wait for its writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as problem:
        if problem.errno in {errno.ELOOP, errno.ENXIO}:
            raise Damaged(_odd(path, _NOT_A_FILE[problem.errno])) from None
        with translated(path, "read"):
            raise
    with translated(path, "read"):
        try:
            return _read_all(path, descriptor, most)
        finally:
            os.close(descriptor)


def _read_all(path: Path, descriptor: int, most: int) -> bytes:
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise Damaged(_odd(path, "a directory" if stat.S_ISDIR(found.st_mode) else "a FIFO or device"))
    if found.st_size > most:
        raise TooLarge(f"{path}: has {found.st_size} bytes, more than {most}: this is not what belongs there")
    parts = []
    left = most
    while left and (part := os.read(descriptor, left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def write(path: Path, data: bytes, mode: int) -> None:
    """Make `data` the content of `path`, durably, or leave what is there; raises `Damaged`."""
    fresh = prepare(path, data, mode)
    with translated(path, "replaced"):
        os.rename(fresh, path)
    sync_directory(path.parent)


def prepare(path: Path, data: bytes, mode: int) -> Path:
    """Write `data` beside `path`, synced, and return where; `path` stays as it is. Raises `Damaged`."""
    refuse_odd(path)
    fresh = fresh_beside(path)
    remove(fresh)
    try:
        with translated(fresh, "written"):
            _write_new(fresh, data, mode)
    except BaseException:
        # A full disk stays full while our half of a file lies on it.
        with suppress(OSError):
            os.unlink(fresh)
        raise
    return fresh


def create(path: Path, data: bytes, mode: int) -> None:
    """Write a new file under its final name, synced; its directory is not. Raises `Damaged`, also when there is one."""
    with translated(path, "written"):
        _write_new(path, data, mode)


def fresh_beside(path: Path) -> Path:
    """Where the next content of `path` is prepared: hidden, so that nobody takes it for the file."""
    return path.with_name(f".{path.name}.new")


def _write_new(path: Path, data: bytes, mode: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, PRIVATE)
    try:
        os.fchmod(descriptor, mode)  # exactly this mode, whatever the umask is
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    except BaseException:
        # After a failed write or fsync the kernel may have dropped the data: never tried again on this descriptor.
        with suppress(OSError):
            os.close(descriptor)
        raise
    os.close(descriptor)


def refuse_odd(path: Path) -> None:
    """Raise `Damaged` unless `path` is missing or a regular file with this one name (Postfix's safe_open rules)."""
    with translated(path, "looked at"):
        try:
            found = os.lstat(path)
        except FileNotFoundError:
            return
    if not stat.S_ISREG(found.st_mode):
        kinds = {stat.S_IFLNK: "a symbolic link", stat.S_IFDIR: "a directory"}
        raise Damaged(_odd(path, kinds.get(stat.S_IFMT(found.st_mode), "a FIFO, socket or device")))
    if found.st_nlink > 1:
        raise Damaged(_odd(path, "a hard link to a file with another name"))


def refuse_irreplaceable(path: Path) -> None:
    """Raise `Damaged` for a file that can be read, but that no rename can put another one in the place of."""
    if _is_mount_point(path):
        raise Damaged(
            f"{path}: is mounted on its own, so it cannot be replaced: mount the whole volume instead"
        )
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError as problem:
        # Any other refusal is about the file's content, which a rename leaves alone.
        if problem.errno == errno.EPERM:
            raise Damaged(
                f"{path}: cannot be replaced (immutable or append-only): chattr -ia {path}"
            ) from None


def _is_mount_point(path: Path) -> bool:
    # `os.path.ismount` does not see a single file that is mounted from the same file system.
    shown = os.path.realpath(path).replace("\\", "\\134").replace(" ", "\\040")
    with suppress(OSError), open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as mounts:
        return any(line.split(" ", 5)[4] == shown for line in mounts)
    return False


def _odd(path: Path, kind: str) -> str:
    return f"{path}: is {kind}, and only a regular file is used there: move it away"


def is_directory(path: Path) -> bool:
    """Whether `path` is a directory itself, not a link to one; raises `Damaged`."""
    with translated(path, "looked at"):
        try:
            return stat.S_ISDIR(os.lstat(path).st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return False


def require_directory(path: Path) -> None:
    """Raise `Damaged` unless `path` leads to a directory: the volume itself may be reached through a link."""
    if not os.path.isdir(path):
        raise Damaged(f"{path}: is not a directory: mount the shared volume there")


def make_directory(path: Path, mode: int = DIRECTORY) -> None:
    """Make `path` a directory with exactly this mode, durably; one that exists stays as it is. Raises `Damaged`."""
    with translated(path, "made"):
        try:
            os.mkdir(path, mode)
        except FileExistsError:
            if not is_directory(path):
                raise Damaged(f"{path}: is not a directory, and one is needed there: move it away") from None
            return
        os.chmod(path, mode)  # exactly this mode, whatever the umask is
    sync_directory(path.parent)


def remove(path: Path) -> None:
    """Take a file away if it is there; raises `Damaged`."""
    with translated(path, "removed"), suppress(FileNotFoundError):
        os.unlink(path)


def remove_empty_directory(path: Path) -> None:
    """Take a directory away if it is there; raises `Damaged`, also when something is in it."""
    with translated(path, "removed"), suppress(FileNotFoundError):
        os.rmdir(path)


def make_private(path: Path) -> None:
    """Let only the owner of a file read it; raises `Damaged`, as for a file of another user, and for a link."""
    with translated(path, "made private"):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            os.fchmod(descriptor, PRIVATE)
        finally:
            os.close(descriptor)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable; raises `Damaged`."""
    with translated(path, "synced"):
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        except OSError as problem:
            # Some network file systems sync names by themselves and know no fsync of a directory.
            if problem.errno != errno.EINVAL:
                raise
        finally:
            os.close(descriptor)


def list_directory(path: Path) -> list[str]:
    """The names in a directory, sorted; empty when there is none, or something else in its place. Raises `Damaged`."""
    with translated(path, "listed"), suppress(FileNotFoundError, NotADirectoryError):
        return sorted(os.listdir(path))
    return []
