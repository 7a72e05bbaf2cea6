"""Keep it: a cycle now, then one whenever the last one said so, a signal came or `force_renew` appeared."""

from __future__ import annotations

import asyncio
import traceback
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from acme_companion.cycle import once
from acme_companion.decide.report import lines
from acme_companion.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime

    from acme_companion.decide.report import Report
    from acme_companion.decide.settings import Settings
    from acme_companion.ports import Clock, World

LONGEST_CYCLE = timedelta(hours=2)
HEARTBEAT_EVERY = 20.0
ALIVE_FOR = timedelta(minutes=3)
"""How long one heartbeat vouches for the loop: an event loop that blocks for longer is stuck."""
GLANCE_EVERY = 2.0
"""Seconds between two looks for `force_renew`: one `stat`, and quick enough for who has just made the file."""
AFTER_A_FAULT = timedelta(minutes=30)

Opened = tuple["Settings", "World"]


@dataclass(slots=True)
class Wishes:
    """What signals ask for. `stop`: end cleanly (SIGTERM, SIGINT); `again`: read the settings anew and cycle now (SIGHUP)."""

    stop: bool = False
    again: bool = False

    @property
    def any(self) -> bool:
        return self.stop or self.again


async def run(
    opened: Callable[[], AbstractAsyncContextManager[Opened]], wishes: Wishes, beat: Callable[[datetime], None]
) -> None:
    """Cycle until `wishes.stop`. `beat(until)` is called often: after `until` without a next call the loop is stuck."""
    while not wishes.stop:
        wishes.again = False
        async with opened() as (settings, world):
            with world.store.lock():
                heart = asyncio.create_task(_heartbeat(world.clock, beat))
                try:
                    await _cycles(settings, world, wishes)
                finally:
                    heart.cancel()
                    await asyncio.gather(heart, return_exceptions=True)


async def _cycles(settings: Settings, world: World, wishes: Wishes) -> None:
    while not wishes.any:
        wake_at = await _until_done_or_stopped(settings, world, wishes)
        if wishes.any:
            return
        world.log.info(f"next look {wake_at:%d %b %Y %H:%M} UTC")
        # The wall clock, in small steps: a clock that jumps or a host that slept is noticed at once.
        while not wishes.any and world.clock.now() < wake_at and not world.store.force_renew_wanted():
            await world.clock.sleep(GLANCE_EVERY)


async def _until_done_or_stopped(settings: Settings, world: World, wishes: Wishes) -> datetime:
    """One cycle. A wish to stop ends it at its next wait: everything on disk is whole at every moment."""
    cycle = asyncio.create_task(_one_cycle(settings, world))
    while not cycle.done():
        await asyncio.wait({cycle}, timeout=0.2)
        if wishes.stop and not cycle.done():
            world.log.info("asked to stop: the cycle ends here, the next start goes on from what is on disk")
            cycle.cancel()
            await asyncio.gather(cycle, return_exceptions=True)
            return world.clock.now()
    return cycle.result()


async def _one_cycle(settings: Settings, world: World) -> datetime:
    try:
        async with asyncio.timeout(LONGEST_CYCLE.total_seconds()):
            report = await once(settings, world)
    except Problem as problem:
        world.log.error(str(problem))
        world.cycle_failed(world.clock.now())
    except TimeoutError:
        world.log.error(f"the cycle was given up after {LONGEST_CYCLE}: what is served stays")
        world.cycle_failed(world.clock.now())
    except Exception as fault:  # noqa: BLE001 - the loop must outlive a fault of ours: years, unattended
        world.log.error(f"a fault of acme-companion itself, please report it: {type(fault).__name__}: {fault}")
        world.log.error("".join(traceback.format_exception(fault)))
        world.cycle_failed(world.clock.now())
    else:
        tell(report, world)
        if report.next_look is not None:
            return report.next_look
    return world.clock.now() + AFTER_A_FAULT


def tell(report: Report, world: World) -> None:
    """The report as log lines; a failed cycle is passed on to whoever watches."""
    for level, line in lines(report):
        {"info": world.log.info, "warning": world.log.warning, "error": world.log.error}[level](line)
    if report.failed:
        world.cycle_failed(report.ended)


async def _heartbeat(clock: Clock, beat: Callable[[datetime], None]) -> None:
    while True:
        beat(clock.now() + ALIVE_FOR)
        await clock.sleep(HEARTBEAT_EVERY)
