"""A health check: `python3 -m siblings.healthy 25 465` is content when something listens on every port.

It looks and does not connect, so the logs show real visitors only. It says nothing about certificates: a sibling with
the wrong one is healthy, and shall be found by the companion.
"""

from __future__ import annotations

import sys
from pathlib import Path

LISTENING = "0A"  # the state's number in /proc/net/tcp


def listening() -> set[int]:
    """List the TCP ports that something in this container listens on."""
    rows = [
        row.split()
        for table in ("tcp", "tcp6")
        for row in Path("/proc/net", table).read_text().splitlines()[1:]
    ]
    return {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == LISTENING}


if closed := {int(port) for port in sys.argv[1:]} - listening():
    sys.exit(f"nobody listens on {sorted(closed)}")
