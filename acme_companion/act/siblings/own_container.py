"""Which container we are: so that we never touch ourselves, and know which networks we share."""

from __future__ import annotations

import re
from pathlib import Path

# Docker mounts /etc/hostname, /etc/hosts and /etc/resolv.conf from .../containers/<id>/.
_MOUNTED = re.compile(r"/containers/([0-9a-f]{64})/(?:hostname|hosts|resolv\.conf) ")


def own_container_id(mountinfo: Path = Path("/proc/self/mountinfo")) -> str:
    """The full id of the container that we run in, empty when it is none of Docker's. Never raises for a file."""
    try:
        found = _MOUNTED.search(mountinfo.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return ""
    return found[1] if found else ""
