"""However the demo ends, it ends in order: a signal cancels the play, and its parts are ended one after the other."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import traceback
from typing import TYPE_CHECKING

from acme_companion.problems import Problem
from demo.play import play
from demo.telling import Teller
from tests.bed.process import StartFailedError

if TYPE_CHECKING:
    from demo.play import Outcome

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run() -> int:
    """The exit code: 0, 1, or 128 and the number of the signal that ended it."""
    teller = Teller()
    try:
        outcome = asyncio.run(_unless_interrupted(teller))
    except BrokenPipeError:
        # Nobody reads us any more; Python's own last flush must not complain about that.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (Problem, StartFailedError, OSError) as problem:
        teller.close(f"demo failed: {problem}", ok=False)
        return 1
    except Exception as fault:  # noqa: BLE001 - the last line is promised, whatever goes wrong
        traceback.print_exc()
        teller.close(f"demo failed: {type(fault).__name__}: {fault}", ok=False)
        return 1
    if isinstance(outcome, int):
        teller.close("demo interrupted: everything that it started was ended and removed", ok=False)
        return 128 + outcome
    if outcome.failures:
        teller.close("demo failed: " + "; ".join(outcome.failures), ok=False)
        return 1
    teller.close(
        f"demo ok: {outcome.certificates} certificates, {outcome.endpoints} endpoints serve them", ok=True
    )
    return 0


async def _unless_interrupted(teller: Teller) -> Outcome | int:
    """The outcome, or the number of the first signal. Later ones do not disturb the tidying up, which has its limits."""
    playing = asyncio.create_task(play(teller))
    heard: list[int] = []

    def stop(number: int) -> None:
        if not heard:
            heard.append(number)
            playing.cancel()

    for number in SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stop, number)
    try:
        return await playing
    except asyncio.CancelledError:
        if not heard:
            raise
        return heard[0]
