"""`health`: asked by the container every half minute, so it loads next to nothing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from acme_companion.act.heartbeat import Heartbeat
from acme_companion.cli.clock import SystemClock
from acme_companion.cli.configuration import load_volume

if TYPE_CHECKING:
    import argparse

DONE, FAILED = 0, 1


async def health_command(arguments: argparse.Namespace) -> int:
    # Settings that were broken after the start do not stop the loop: it goes on with the old ones.
    until = Heartbeat(load_volume(arguments.env_file)).alive_until()
    if until is not None and SystemClock().now() < until:
        print("alive")
        return DONE
    print(
        f"the loop has not been heard of{f' since {until:%d %b %H:%M} UTC' if until else ''}", file=sys.stderr
    )
    return FAILED
