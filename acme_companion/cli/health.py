"""`health`: asked by the container every half minute, so it loads next to nothing."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TYPE_CHECKING

from acme_companion.act.heartbeat import Heartbeat
from acme_companion.cli.clock import SystemClock
from acme_companion.cli.configuration import load_volume

if TYPE_CHECKING:
    import argparse

DONE, FAILED = 0, 1
MOST_AHEAD = timedelta(minutes=10)
"""No beat vouches for longer: a later time was written by a clock that was ahead, and would hide a loop that is stuck."""


async def health_command(arguments: argparse.Namespace) -> int:
    # Settings that were broken after the start do not stop the loop: it goes on with the old ones.
    until = Heartbeat(load_volume(arguments.env_file)).alive_until()
    now = SystemClock().now()
    if until is not None and now < until <= now + MOST_AHEAD:
        print("alive")
        return DONE
    since = f" since {until:%d %b %H:%M} UTC" if until is not None and until <= now else ""
    print(f"the loop has not been heard of{since}", file=sys.stderr)
    return FAILED
