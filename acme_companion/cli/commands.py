"""What each command does, in terms of the rooms."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

from acme_companion.act.heartbeat import Heartbeat
from acme_companion.cli.expiry_dates import expiry_dates_command
from acme_companion.cli.status import status_command
from acme_companion.cli.tables import as_json, table
from acme_companion.cli.wiring import SystemClock, load_settings, open_world
from acme_companion.cycle import once, survey
from acme_companion.decide.report import (
    as_data,
    plan_lines,
    readiness_counts,
    step_as_data,
    verdicts_as_data,
)
from acme_companion.decide.verdicts import Readiness
from acme_companion.problems import SettingsWrong
from acme_companion.service import Wishes, run, tell
from acme_companion.tell.log import LOGGER, start_log

if TYPE_CHECKING:
    import argparse
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
    from datetime import datetime

    from acme_companion.decide.settings import Settings
    from acme_companion.service import Opened
    from acme_companion.tell.redis import RedisHandler

DONE, FAILED = 0, 1


async def _run(arguments: argparse.Namespace) -> int:
    """Until SIGTERM or SIGINT. Settings that turn out wrong later are told, and the old ones stay in force."""
    settings = load_settings(arguments.env_file)
    wishes = Wishes()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, wishes.ask_to_stop)
    loop.add_signal_handler(signal.SIGHUP, wishes.ask_again)

    @asynccontextmanager
    async def opened() -> AsyncIterator[Opened]:
        nonlocal settings
        try:
            settings = load_settings(arguments.env_file)
        except SettingsWrong as problem:
            for line in str(problem).splitlines():
                LOGGER.error(line)
            LOGGER.error("the settings before this change stay in force")
        with _telling(settings, verbose=arguments.verbose) as cycle_failed:
            async with open_world(settings, LOGGER, cycle_failed) as world:
                yield settings, world

    await run(opened, wishes, lambda until: Heartbeat(settings.volume).beat(until))
    LOGGER.info("stopped")
    return DONE


async def _once(arguments: argparse.Namespace) -> int:
    settings = load_settings(arguments.env_file)
    with _telling(settings, verbose=arguments.verbose, to_errors=arguments.json) as cycle_failed:
        async with open_world(settings, LOGGER, cycle_failed) as world:
            with world.store.lock():
                report = await once(settings, world, force=arguments.force)
            tell(report, world)
    if arguments.json:
        print(as_json(as_data(report)))
    return FAILED if report.failed else DONE


async def _check(arguments: argparse.Namespace) -> int:
    settings = load_settings(arguments.env_file)
    with _telling(settings, verbose=arguments.verbose, to_errors=True, redis=False):
        async with open_world(settings, LOGGER) as world:
            seen = await survey(settings, world)
    if arguments.json:
        print(as_json({"names": verdicts_as_data(seen.verdicts), "warnings": list(seen.warnings)}))
    else:
        rows = [
            (name.text, verdict.readiness.value, verdict.because)
            for name, verdict in sorted(seen.verdicts.items())
        ]
        print(table(("NAME", "READINESS", "WHY"), rows))
        for line in (*seen.warnings, *(f"{one.where}: {one.why}" for one in seen.domains.refused)):
            print(line)
        print(readiness_counts(seen.verdicts))
    return DONE if all(v.readiness is Readiness.READY for v in seen.verdicts.values()) else FAILED


async def _plan(arguments: argparse.Namespace) -> int:
    settings = load_settings(arguments.env_file)
    with _telling(settings, verbose=arguments.verbose, to_errors=True, redis=False):
        async with open_world(settings, LOGGER) as world:
            seen = await survey(settings, world)
    if arguments.json:
        print(
            as_json(
                {"steps": [step_as_data(step) for step in seen.plan.steps], "warnings": list(seen.warnings)}
            )
        )
    else:
        for _, line in plan_lines(seen.plan):
            print(line)
    return DONE


async def _health(arguments: argparse.Namespace) -> int:
    settings = load_settings(arguments.env_file)
    until = Heartbeat(settings.volume).alive_until()
    if until is not None and SystemClock().now() < until:
        print("alive")
        return DONE
    print(
        f"the loop has not been heard of{f' since {until:%d %b %H:%M} UTC' if until else ''}", file=sys.stderr
    )
    return FAILED


@contextmanager
def _telling(
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
    from acme_companion.tell.redis import RedisHandler  # noqa: PLC0415 - a slow import

    return RedisHandler(settings.redis, settings.naming.hostname.text)


async def _caa(arguments: argparse.Namespace) -> int:
    from acme_companion.cli.caa import caa_command  # noqa: PLC0415 - the ACME library is a slow import

    return await caa_command(arguments)


COMMANDS: dict[str, Callable[[argparse.Namespace], Coroutine[Any, Any, int]]] = {
    "run": _run,
    "once": _once,
    "check": _check,
    "plan": _plan,
    "status": status_command,
    "expiry-dates": expiry_dates_command,
    "caa": _caa,
    "health": _health,
}
