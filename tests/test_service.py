"""The loop that keeps it: when it cycles, what ends it, and what does not."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from acme_companion import service
from acme_companion.decide.problems import Busy, Damaged
from acme_companion.decide.report import Done, Report
from acme_companion.decide.steps import Issue, Lineage, Plan
from acme_companion.service import ALIVE_FOR, tell
from tests.builders import HOST, NOW, names
from tests.service_world import HALF_HOUR, MINUTE, FakeWorld, running

if TYPE_CHECKING:
    from acme_companion.ports import World


def raising(problem: Exception) -> Any:
    def at_start() -> None:
        raise problem

    return at_start


async def test_a_cycle_now_and_then_when_it_said():
    """The first one begins at once; the next when the last one said, by the wall clock."""
    world = FakeWorld()
    async with running(world):
        assert world.cycles == [(HOST, 0)]
        assert world.said[-1] == "next look 22 Nov 2026 12:00 UTC"
        await world.clock.run(MINUTE)
        assert len(world.cycles) == 1
        world.clock.ahead = timedelta(days=1)  # the host slept
        await world.clock.run(2)
        assert len(world.cycles) == 2


async def test_sighup_reads_the_settings_anew():
    """A wish opens the world again, and the next cycle has the new settings."""
    world = FakeWorld()
    async with running(world):
        world.hostname = "mx.example.org"
        world.wishes.ask_again()
        await world.clock.run()

        assert world.cycles == [(HOST, 0), ("mx.example.org", 0)]
        assert world.opened_times == 2


async def test_sighup_during_a_cycle_is_not_lost():
    """The cycle ends as it should, and another one with the new settings follows at once."""
    world = FakeWorld(slow=True)
    async with running(world):
        await world.clock.run(10)
        world.wishes.ask_again()
        await world.clock.run(30)
        assert len(world.cycles) == 1
        await world.clock.run(20)

        assert world.cycles == [(HOST, 0), (HOST, 60)]
        assert world.opened_times == 2


async def test_force_renew_appears():
    """A file that an admin makes starts a cycle within seconds, once."""
    world = FakeWorld()
    async with running(world):
        await world.clock.run(10)
        world.wish = True
        await world.clock.run(MINUTE)

        assert len(world.cycles) == 2
        assert 10 < world.cycles[1][1] <= 12


async def test_force_renew_appears_during_a_cycle():
    """Too late for that cycle, it is seen as soon as it is over."""
    world = FakeWorld(slow=True)
    async with running(world):
        await world.clock.run(MINUTE / 2)
        world.wish, world.slow = True, False
        await world.clock.run(MINUTE)

        assert [round(at) for _, at in world.cycles] == [0, 60]


async def test_force_renew_that_stays():
    """A cycle that fails before it can take the wish away does not run in a circle."""
    world = FakeWorld(at_start=raising(Damaged("/var/lib/acme: read-only file system")), wish=True)
    async with running(world):
        await world.clock.run(601)

        assert [round(at) for _, at in world.cycles] == [0, 300, 600]


@pytest.mark.parametrize("slow", [False, True], ids=["asleep", "in a cycle"])
async def test_stop(slow):
    """SIGTERM ends the loop without any time passing, wherever it is, and gives the lock back."""
    world = FakeWorld(slow=slow)
    async with running(world) as loop:
        assert world.locked
        world.wishes.ask_to_stop()
        await world.clock.run()

        assert loop.done()


async def test_stop_before_the_start():
    """A signal that comes first leaves everything closed."""
    world = FakeWorld()
    world.wishes.ask_to_stop()
    async with running(world):
        assert world.opened_times == 0


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        pytest.param(Damaged("cert.pem: cannot be read"), "cert.pem: cannot be read", id="foreseen"),
        pytest.param(
            KeyError("x"),
            "a fault of acme-companion itself, please report it: KeyError: 'x'",
            id="a fault of ours",
        ),
        pytest.param(
            TimeoutError("y"),
            "a fault of acme-companion itself, please report it: TimeoutError: y",
            id="a time limit that nobody handled is not the cycle's own",
        ),
        pytest.param(
            asyncio.CancelledError(),
            "a fault of acme-companion itself, please report it: CancelledError: ",
            id="something cancelled, and not by us",
        ),
    ],
)
async def test_a_cycle_that_fails(problem, said):
    """It is told, line by line, the watchdog hears of it, and half an hour later there is another."""
    world = FakeWorld(at_start=raising(problem))
    async with running(world):
        assert world.said[0] == said
        assert all("\n" not in line for line in world.said)
        assert world.failed == [NOW]
        await world.clock.run(HALF_HOUR - 2)
        assert len(world.cycles) == 1
        await world.clock.run(4)

        assert len(world.cycles) == 2
        assert len(world.failed) == 2


async def test_a_foreseen_problem_has_no_traceback():
    """One clear sentence, and when the next look is."""
    world = FakeWorld(at_start=raising(Damaged("cert.pem: cannot be read")))
    async with running(world):
        assert world.said == ["cert.pem: cannot be read", "next look 21 Nov 2026 12:30 UTC"]


async def test_a_cycle_without_end(monkeypatch):
    """It is given up, told, and followed by another."""
    monkeypatch.setattr(service, "LONGEST_CYCLE", timedelta(seconds=0.05))
    world = FakeWorld(slow=True)
    async with running(world):
        async with asyncio.timeout(5):
            while not world.failed:  # real time: the limit is the event loop's own
                await asyncio.sleep(0.01)

        assert world.said[-2] == "the cycle was given up after 0:00:00.050000: what is served stays"


async def test_a_clock_set_back():
    """A wall clock that jumps back by years does not put the next look off by years."""
    world = FakeWorld(at_start=raising(Damaged("broken")))
    async with running(world):
        world.clock.ahead = timedelta(days=-3650)
        await world.clock.run(HALF_HOUR + 2)

        assert len(world.cycles) == 2


async def test_the_heart_beats_through_a_long_cycle():
    """Who waits for the world is alive: the time that is vouched for is always ahead."""
    world = FakeWorld(slow=True)
    async with running(world):
        await world.clock.run(50)

        assert world.beats == [NOW + timedelta(seconds=at) + ALIVE_FOR for at in (0, 20, 40)]


async def test_the_heart_stops_when_the_loop_is_blocked():
    """Who never comes back to the event loop is not vouched for any longer."""
    world = FakeWorld()
    overdue = []

    def block() -> None:
        world.clock.seconds += 600
        overdue.append(world.beats[-1] < world.clock.now())

    world.at_start = block
    async with running(world):
        assert overdue == [True]


BUSY = "/var/lib/acme/.companion/lock: held by process 1 on other; stop the other one"


async def test_the_lock_is_waited_for():
    """A volume that is not ours yet costs one sentence, no restart, no heartbeat, and a word to the watchdog when it lasts."""
    world = FakeWorld(busy=[Busy(BUSY)] * 2)
    async with running(world):
        assert world.said == [f"{BUSY}; trying again from time to time"]
        assert (world.failed, world.beats, world.cycles) == ([], [], [])
        await world.clock.run(74)
        assert len(world.said) == 1
        assert world.failed == [NOW + timedelta(seconds=15)]
        assert (world.beats, world.cycles) == ([], [])
        await world.clock.run(1)

        assert world.cycles == [(HOST, 75)]
        assert world.beats == [NOW + timedelta(seconds=75) + ALIVE_FOR]


async def test_another_reason_is_told():
    """The same sentence is told once, a new one at once."""
    world = FakeWorld(busy=[Busy(BUSY), Busy(BUSY), Damaged("/var/lib/acme: no such directory")])
    async with running(world):
        await world.clock.run(80)

        assert [line.partition(";")[0] for line in world.said] == [
            BUSY.partition(";")[0],
            "/var/lib/acme: no such directory",
        ]


async def test_waiting_for_the_lock_hears_wishes():
    """SIGHUP reads the settings anew (the volume may be another one), and stopping needs no lock."""
    world = FakeWorld(busy=[Busy(BUSY)] * 3)
    async with running(world) as loop:
        world.wishes.ask_again()
        await world.clock.run()
        assert world.opened_times == 2
        world.wishes.ask_to_stop()
        await world.clock.run()

        assert loop.done()


def test_a_report_of_a_failure_reaches_the_watchdog():
    """What failed within a cycle is told as lines, and counts as a failed cycle."""
    world = FakeWorld()
    step = Issue(Lineage(names(HOST), server=True), "new")
    done = (Done(step, ok=False, sentence="not issued: the CA is down"),)
    tell(Report(NOW, NOW + timedelta(minutes=1), Plan((step,)), done), cast("World", world))

    assert world.said == [f"{HOST}: not issued: the CA is down"]
    assert world.failed == [NOW + timedelta(minutes=1)]
