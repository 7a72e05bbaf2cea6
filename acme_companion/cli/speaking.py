"""The log, and mailcow's Redis, for as long as a command runs."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from acme_companion.tell.log import start_log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from acme_companion.decide.settings import Settings
    from acme_companion.tell.redis import RedisHandler


@contextmanager
def telling(
    settings: Settings, *, verbose: bool, to_errors: bool = False, redis: bool = True
) -> Iterator[Callable[[datetime], None]]:
    """Speak to the log (and mailcow's Redis) while the block runs; gives what tells the watchdog of a failed cycle."""
    log = start_log(settings.time_zone, verbose=verbose, stream=sys.stderr if to_errors else sys.stdout)
    handler = _redis_handler(settings) if redis else None
    if handler:
        log.addHandler(handler)
    for warning in settings.warnings:
        log.warning(warning)
    try:
        yield handler.cycle_failed if handler else lambda _: None
    finally:
        if handler:
            log.removeHandler(handler)
            handler.close()


def _redis_handler(settings: Settings) -> RedisHandler | None:
    if settings.redis is None:
        return None
    from acme_companion.tell.redis import RedisHandler

    return RedisHandler(settings.redis, settings.naming.hostname.text)
