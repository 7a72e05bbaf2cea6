"""Let any single system call fail, or the process die there."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CALLS = (
    "open",
    "write",
    "fsync",
    "close",
    "rename",
    "unlink",
    "mkdir",
    "rmdir",
    "chmod",
    "fchmod",
    "ftruncate",
    "pwrite",
)
NEED_ROOM = {"write", "mkdir", "rename", "pwrite"}
KILLED = 9
MOST_CALLS = 400


@contextmanager
def faulty(at: int, strike: Callable[[str], None]) -> Iterator[list[str]]:
    """Call `strike` instead of (for `close`: after) the system call with number `at`; the calls made, by name."""
    made: list[str] = []
    real = {name: getattr(os, name) for name in CALLS}

    def wrapped(name: str) -> Callable[..., object]:
        def call(*arguments: object, **named: object) -> object:
            made.append(name)
            if name == "close":
                real[name](*arguments)
            if len(made) > at:
                strike(name)
            return None if name == "close" else real[name](*arguments, **named)

        return call

    for name in CALLS:
        setattr(os, name, wrapped(name))
    try:
        yield made
    finally:
        for name, function in real.items():
            setattr(os, name, function)


def die(_: str) -> None:
    """What a kill does: nothing is cleaned up."""
    os._exit(KILLED)


def dies(run: Callable[[], None]) -> bool:
    """Run something in a child process; whether it died by `die`."""
    child = os.fork()
    if not child:
        status = 1
        try:
            run()
            status = 0
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in {0, KILLED}
    return status == KILLED


@contextmanager
def disk_in_memory() -> Iterator[Path]:
    """A directory in memory where there is one: thousands of syncs need no real disk."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as path:
        yield Path(path)
