"""Whether a directory outlives the container that we run in."""

from __future__ import annotations

import os
import re
from pathlib import Path

MARKS_OF_CONTAINERS = (Path("/.dockerenv"), Path("/run/.containerenv"))
MOUNTS = Path("/proc/self/mountinfo")
_IN_MEMORY = frozenset({"tmpfs", "ramfs"})
_ESCAPED = re.compile(rb"\\([0-7]{3})")


def why_ephemeral(root: Path, marks: tuple[Path, ...] = MARKS_OF_CONTAINERS, mounts: Path = MOUNTS) -> str:
    """Why what is in `root` will be gone with this container; empty when it lasts, when we are in none, or when nobody can tell.

    By what is mounted where: devices tell nothing, as some storage drivers of Docker share one with their volumes.
    """
    if not any(os.path.exists(mark) for mark in marks):
        return ""
    try:
        with open(mounts, "rb") as lines:
            found = _mount_above(os.path.realpath(root), lines.read(1024 * 1024))
    except OSError:
        return ""
    if found is None:
        return ""
    point, kind = found
    if kind in _IN_MEMORY:
        return f"{root} is in memory only ({kind} at {point})"
    return f"no volume is mounted at {root}, it lies inside the container" if point == "/" else ""


def _mount_above(path: str, mountinfo: bytes) -> tuple[str, str] | None:
    """The mount point that `path` is on, and its file system: the last of the longest (proc(5))."""
    best: tuple[str, str] | None = None
    for line in mountinfo.splitlines():
        before, dash, after = line.partition(b" - ")
        fields, kinds = before.split(b" "), after.split(b" ")
        if not dash or len(fields) < 5:
            continue
        point = os.fsdecode(_ESCAPED.sub(lambda octal: bytes([int(octal[1], 8) & 0xFF]), fields[4]))
        below = path == point or path.startswith(point.rstrip("/") + "/")
        if below and (best is None or len(point) >= len(best[0])):
            best = point, os.fsdecode(kinds[0])
    return best
