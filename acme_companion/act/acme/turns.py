"""Whose turn it is to place an order."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from acme_companion.act.acme.answer import Declined
    from acme_companion.decide.problems import AccountStopped


class Turns(asyncio.Semaphore):
    """`count` at the same moment; nobody any more once the CA will have nothing (more) of our account (`stopped`)."""

    def __init__(self, count: int, stopped: Callable[[], AccountStopped | Declined | None]) -> None:
        super().__init__(count)
        self._stopped_by = stopped

    async def __aenter__(self) -> None:
        await super().__aenter__()
        if stopped := self._stopped_by():
            self.release()
            raise stopped
