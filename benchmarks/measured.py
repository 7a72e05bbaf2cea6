"""One run of a program as others see it: seconds, memory, how it ended."""

from __future__ import annotations

import asyncio
import re
import resource
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SAMPLE_EVERY = 0.02  # seconds between two looks at a process's memory
TAIL = 2000  # characters of output that are kept of a run that failed


@dataclass(frozen=True, slots=True)
class Run:
    """`seconds` from start to end, `cpu_seconds` its own and its children's, `output` what it printed.

    `memory_mb` is its own peak, not its children's. Of the two times only the second is worth something on a busy machine.
    """

    seconds: float
    cpu_seconds: float
    memory_mb: float
    code: int | None
    output: str

    @property
    def ok(self) -> bool:
        """Whether it ended by itself and without a fault."""
        return self.code == 0


async def run(
    command: Sequence[str], environment: Mapping[str, str], limit: float, folder: Path | None = None
) -> Run:
    """Run a program to its end, or for `limit` seconds; `code` is None then. What runs in this loop goes on meanwhile."""
    return await asyncio.to_thread(_run, command, environment, limit, folder)


def _run(command: Sequence[str], environment: Mapping[str, str], limit: float, folder: Path | None) -> Run:
    started, used = time.perf_counter(), _cpu_of_children()
    process = subprocess.Popen(
        command,
        env=dict(environment),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    peak, ended = [0.0], threading.Event()
    watching = threading.Thread(target=_watch, args=(process.pid, peak, ended))
    watching.start()
    try:
        output, _ = process.communicate(timeout=limit)
        code: int | None = process.returncode
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
        code = None
    finally:
        seconds = time.perf_counter() - started
        ended.set()
        watching.join()
    return Run(seconds, _cpu_of_children() - used, peak[0], code, output.decode("utf-8", "replace"))


def _cpu_of_children() -> float:
    # Of those that have ended. Whatever else a stage has running ends only with the stage.
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _watch(pid: int, peak: list[float], ended: threading.Event) -> None:
    # Not wait4's ru_maxrss: after vfork that is never below what this very process has.
    while True:
        peak[0] = max(peak[0], memory_mb(pid, "VmHWM"))
        if ended.wait(SAMPLE_EVERY):
            return


def memory_mb(pid: int, what: str = "VmRSS") -> float:
    """Resident memory of a process in MB, 0 when it is gone."""
    try:
        found = re.search(rf"{what}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0.0
    return int(found[1]) / 1024 if found else 0.0
