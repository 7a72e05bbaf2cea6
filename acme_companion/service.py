"""Keep it: a cycle now, then one whenever the last one said so, a signal came or `force_renew` appeared."""

from __future__ import annotations

import asyncio
import traceback
from contextlib import ExitStack
from datetime import timedelta
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, TypeVar

from acme_companion.cycle import once
from acme_companion.decide.problems import Problem
from acme_companion.decide.report import lines

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
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
AFTER_AN_UNHEARD_WISH = 300.0
"""Seconds until `force_renew` counts again when a cycle left it lying: one that fails early must not run in a circle."""
LOCK_AGAIN_AFTER = (15.0, 60.0, 300.0, AFTER_A_FAULT.total_seconds())
"""Seconds between two tries to get the volume's lock. The first is for a predecessor that is still ending."""

MOST_TRACEBACK_LINES = 100

Opened = tuple["Settings", "World"]
T = TypeVar("T")


class Wishes:
    """What signals ask for: to end cleanly (SIGTERM, SIGINT), or to read the settings anew and cycle now (SIGHUP)."""

    def __init__(self) -> None:
        self._stop = asyncio.Event()
        self._heard = asyncio.Event()

    def ask_to_stop(self) -> None:
        self._stop.set()
        self._heard.set()

    def ask_again(self) -> None:
        self._heard.set()

    def stopping(self) -> bool:
        return self._stop.is_set()

    def heard(self) -> bool:
        return self._heard.is_set()

    def granted(self) -> None:
        if not self.stopping():
            self._heard.clear()

    async def unless_stopped(self, work: Coroutine[Any, Any, T]) -> T | None:
        """The result of `work`; None when it was cancelled because someone asked to stop."""
        return await _unless(self._stop, work)

    async def unless_heard(self, work: Coroutine[Any, Any, T]) -> T | None:
        """The result of `work`; None when it was cancelled because anything was asked for."""
        return await _unless(self._heard, work)


async def _unless(event: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    task = asyncio.ensure_future(work)
    asked = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait({task, asked}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        for one in (task, asked):
            one.cancel()
        await asyncio.gather(task, asked, return_exceptions=True)


async def run(
    opened: Callable[[], AbstractAsyncContextManager[Opened]],
    wishes: Wishes,
    beat: Callable[[datetime], None],
) -> None:
    """Cycle until asked to stop. `beat(until)` is called often: after `until` without a next call the loop is stuck."""
    starting = True
    while not wishes.stopping():
        wishes.granted()
        async with opened() as (settings, world):
            with ExitStack() as lock:
                if not await _locked(lock, world, wishes):
                    continue
                heart = asyncio.create_task(_heartbeat(world.clock, beat))
                try:
                    await _cycles(settings, world, wishes, starting=starting)
                    starting = False
                finally:
                    heart.cancel()
                    await asyncio.gather(heart, return_exceptions=True)


async def _locked(lock: ExitStack, world: World, wishes: Wishes) -> bool:
    """Wait for the volume's lock; False when something else was asked for meanwhile.

    Nobody vouches for the loop while it waits: without the volume nothing is kept, and the heartbeat is there as well.
    """
    said = ""
    for seconds in chain(LOCK_AGAIN_AFTER, repeat(LOCK_AGAIN_AFTER[-1])):
        try:
            lock.enter_context(world.store.lock())
        except Problem as problem:
            # Ending here would have the container restart, and say the same every minute.
            if str(problem) != said:
                world.log.error(f"{problem}; trying again from time to time")
            if said:
                world.cycle_failed(world.clock.now())
            said = str(problem)
        else:
            return True
        await wishes.unless_heard(world.clock.sleep(seconds))
        if wishes.heard():
            break
    return False


async def _cycles(settings: Settings, world: World, wishes: Wishes, *, starting: bool) -> None:
    while not wishes.heard():
        lying = world.store.force_renew_wanted()
        # Cancelled at its next wait when someone asks to stop: everything on disk is whole at every moment.
        wake_at = await wishes.unless_stopped(_one_cycle(settings, world, starting=starting))
        starting = False
        if wake_at is None:
            world.log.info("asked to stop: the next start goes on from what is on disk")
            return
        world.log.info(f"next look {wake_at:%d %b %Y %H:%M} UTC")
        await _sleep(world, wishes, wake_at, AFTER_AN_UNHEARD_WISH if lying else 0.0)


async def _sleep(world: World, wishes: Wishes, wake_at: datetime, unheard: float) -> None:
    """Until then, or a wish; `force_renew` that lies there already counts after `unheard` seconds.

    In small steps by both clocks: one may be set, the other stands still while the host sleeps.
    """
    begin, seconds = world.clock.monotonic(), (wake_at - world.clock.now()).total_seconds()
    unheard = unheard if world.store.force_renew_wanted() else 0.0
    while not wishes.heard():
        slept = world.clock.monotonic() - begin
        if world.clock.now() >= wake_at or slept >= seconds:
            return
        if slept >= unheard and world.store.force_renew_wanted():
            return
        await wishes.unless_heard(world.clock.sleep(GLANCE_EVERY))


async def _one_cycle(settings: Settings, world: World, *, starting: bool) -> datetime:
    limit = asyncio.timeout(LONGEST_CYCLE.total_seconds())
    try:
        async with limit:
            report = await once(settings, world, starting=starting)
        tell(report, world)
        if report.next_look is not None:
            return report.next_look
    except Problem as problem:
        world.log.error(str(problem))
        world.cycle_failed(world.clock.now())
    except (Exception, asyncio.CancelledError) as fault:
        # The loop must outlive a fault of ours: years, unattended.
        if _asked_to_end():
            raise
        if limit.expired():
            world.log.error(f"the cycle was given up after {LONGEST_CYCLE}: what is served stays")
        else:
            world.log.error(
                f"a fault of acme-companion itself, please report it: {type(fault).__name__}: {fault}"
            )
            for line in "".join(traceback.format_exception(fault)).splitlines()[-MOST_TRACEBACK_LINES:]:
                world.log.error(line)
        world.cycle_failed(world.clock.now())
    return world.clock.now() + AFTER_A_FAULT


def _asked_to_end() -> bool:
    """Whether somebody wants this task to end, and not only a part of what it waited for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


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
