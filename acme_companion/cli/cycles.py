"""`run` and `once`."""

from __future__ import annotations

import asyncio
import signal
from contextlib import asynccontextmanager
from importlib import import_module
from typing import TYPE_CHECKING

from acme_companion.act.heartbeat import Heartbeat
from acme_companion.cli.configuration import load_settings
from acme_companion.cli.speaking import telling
from acme_companion.cli.tables import as_json
from acme_companion.cli.wiring import open_world
from acme_companion.cycle import once
from acme_companion.decide.problems import Damaged, SettingsWrong
from acme_companion.decide.report import as_data
from acme_companion.service import Wishes, run, tell
from acme_companion.tell.log import LOGGER

if TYPE_CHECKING:
    import argparse
    from collections.abc import AsyncIterator

    from acme_companion.service import Opened

DONE, FAILED = 0, 1
NEEDED_LATER = (
    "acme_companion.act.acme.authority",
    "acme_companion.act.challenges.solving",
    "acme_companion.act.siblings.docker_engine",
    "acme_companion.act.siblings.dockerapi",
    "acme_companion.look.database",
    "acme_companion.tell.redis",
)


def _import_all() -> None:
    """What a cycle imports only when it needs it: a part that is missing shows now, not on the night of a renewal."""
    try:
        for module in NEEDED_LATER:
            import_module(module)
    except ImportError as problem:
        raise Damaged(
            f"this installation is not whole ({problem}): install it again, or pull the image"
        ) from None


async def run_command(arguments: argparse.Namespace) -> int:
    """Until SIGTERM or SIGINT. Settings that turn out wrong later are told, and the old ones stay in force."""
    settings = load_settings(arguments.env_file)
    _import_all()
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
        with telling(settings, verbose=arguments.verbose) as cycle_failed:
            async with open_world(settings, LOGGER, cycle_failed) as world:
                yield settings, world

    await run(opened, wishes, lambda until: Heartbeat(settings.volume).beat(until))
    LOGGER.info("stopped")
    return DONE


async def once_command(arguments: argparse.Namespace) -> int:
    settings = load_settings(arguments.env_file)
    with telling(settings, verbose=arguments.verbose, to_errors=arguments.json) as cycle_failed:
        async with open_world(settings, LOGGER, cycle_failed) as world:
            with world.store.lock():
                report = await once(settings, world, force=arguments.force)
            tell(report, world)
    if arguments.json:
        print(as_json(as_data(report)))
    return FAILED if report.failed else DONE
