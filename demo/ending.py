"""However the demo ends, it ends in order: a signal cancels the play, and its parts are ended one after the other."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import traceback
from typing import TYPE_CHECKING

from acme_companion.decide.problems import Problem
from demo.play import play
from demo.telling import Teller
from tests.bed.process import StartFailedError

if TYPE_CHECKING:
    from types import FrameType

    from demo.play import Outcome

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run() -> int:
    """The exit code: 0, 1, or 128 and the number of the signal that ended it."""
    interruption = Interruption()
    teller = Teller()
    try:
        return _closed(teller, asyncio.run(interruption.unless_heard(teller)))
    except asyncio.CancelledError:
        teller.close("demo interrupted: everything that it started was ended and removed", ok=False)
        return 128 + interruption.number
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
    finally:
        interruption.over()


def _closed(teller: Teller, outcome: Outcome) -> int:
    if outcome.failures:
        teller.close("demo failed: " + "; ".join(outcome.failures), ok=False)
        return 1
    teller.close(
        f"demo ok: {outcome.certificates} certificates, {outcome.endpoints} endpoints serve them", ok=True
    )
    return 0


class Interruption:
    """The first signal cancels the play. Later ones do not disturb the tidying up, which has its own limits.

    The event loop's own signal handlers would be gone before the last line is printed.
    """

    def __init__(self) -> None:
        """Listen from now on."""
        self.number = 0
        self._playing: tuple[asyncio.AbstractEventLoop, asyncio.Task[Outcome]] | None = None
        for number in SIGNALS:
            signal.signal(number, self._heard)

    async def unless_heard(self, teller: Teller) -> Outcome:
        """The play's outcome; raises `CancelledError` when a signal came."""
        playing = asyncio.create_task(play(teller))
        self._playing = asyncio.get_running_loop(), playing
        if self.number:
            playing.cancel()
        return await playing

    def over(self) -> None:
        """Listen no more: there is nothing left to be interrupted."""
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    def _heard(self, number: int, _: FrameType | None) -> None:
        if self.number:
            return
        self.number = number
        if self._playing and not self._playing[1].done():
            loop, playing = self._playing
            loop.call_soon_threadsafe(playing.cancel)
