"""Waiting for a CA: how often to ask, for how long, and for many things at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

    from acme_companion.ports import Clock

T = TypeVar("T")

FIRST = 0.1  # seconds between the first two questions
GROWTH = 1.5
LONGEST = 5.0


class Patience:
    """Pauses that grow from a tenth of a second to five, unless the CA names one, within `limit` seconds in all."""

    def __init__(self, clock: Clock, limit: float) -> None:
        self._clock = clock
        self._end = clock.monotonic() + limit
        self._next = FIRST

    async def pause(self, asked: float | None) -> bool:
        """Sleep for what the CA `asked`, else our own step; False, and no sleep, when the time is over."""
        left = self._end - self._clock.monotonic()
        if left <= 0:
            return False
        wait, self._next = self._next, min(self._next * GROWTH, LONGEST)
        # A CA that says 0 leaves the pace to us; one that names a time beyond our limit gets a last look at its end.
        await self._clock.sleep(min(asked or wait, left))
        return True


async def together(work: Iterable[Coroutine[object, object, T]]) -> list[T]:
    """All results in order, or the first error after the others were cancelled."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one) for one in work]
    except BaseExceptionGroup as problems:
        raise problems.exceptions[0] from None
    return [task.result() for task in tasks]
