"""Every step on the volume, stopped at every single system call: by a kill, by a broken disk, by a full one."""

from __future__ import annotations

import errno
import os
import shutil
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from acme_companion.decide.memory import Memory
from acme_companion.decide.names import Name
from acme_companion.decide.problems import Damaged
from tests.act.store_faults import MOST_CALLS, NEED_ROOM, die, dies, disk_in_memory, faulty
from tests.act.store_parts import (
    CSR,
    HOST,
    KEY,
    NOW,
    OTHER_KEY,
    issued,
    left_over,
    pair_in,
    pem_of,
    secrets_others_can_read,
    seen_by_siblings,
    volume,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from acme_companion.act.store import Volume

MAIL, NEW = "mail.example.org", "imap.example.net"
PAIRS = [issued(MAIL, "imap.example.org") for _ in range(4)]
CHANGED = issued(MAIL, key=OTHER_KEY)
FIRST = issued(NEW)


@dataclass(frozen=True)
class Scenario:
    """A volume as it is before, and the step that is stopped. `whole`: readers see whole pairs even while it is stopped."""

    prepare: Callable[[Volume], object]
    step: Callable[[Volume], object]
    whole: bool = True


def server_switches(*pairs: int) -> Callable[[Volume], None]:
    def prepare(store: Volume) -> None:
        for number in pairs:
            moment = NOW - timedelta(days=90 - number)
            store.switch(MAIL, PAIRS[number], PAIRS[number].certificate().names, CSR, server=True, now=moment)

    return prepare


def changed_key(store: Volume) -> None:
    store.switch(MAIL, CHANGED, [HOST], b"another request", server=True, now=NOW)


def first_switch(store: Volume) -> None:
    store.switch(NEW, FIRST, [Name(NEW)], CSR, server=False, now=NOW)


def eleven_switches(store: Volume) -> None:
    for _ in range(11):
        store.switch(NEW, issued(NEW), [Name(NEW)], CSR, server=False, now=NOW)


def first_of_server(store: Volume) -> None:
    store.bootstrap(HOST, NOW)
    server_switches(0)(store)


SCENARIOS = {
    "a renewal with the same key": Scenario(server_switches(0, 1), server_switches(2)),
    "a renewal with a new key": Scenario(server_switches(0, 1), changed_key, whole=False),
    "the first certificate of a lineage": Scenario(server_switches(0), first_switch),
    "the first certificate of the server": Scenario(lambda s: s.bootstrap(HOST, NOW), server_switches(0)),
    "a roll-back": Scenario(server_switches(0, 1, 2), lambda s: s.roll_back(MAIL, server=True, now=NOW)),
    "a roll-back to the stopgap": Scenario(
        first_of_server, lambda s: s.roll_back(MAIL, server=True, now=NOW)
    ),
    "an archived lineage": Scenario(first_switch, lambda s: s.archive(NEW, NOW)),
    "a memory that is written": Scenario(
        lambda s: s.remember(Memory(undeployed=("a",))), lambda s: s.remember(Memory(undeployed=("b",)))
    ),
    "the eleventh generation": Scenario(eleven_switches, first_switch),
}


@pytest.fixture
def disk() -> Iterator[Path]:
    with disk_in_memory() as path:
        yield path


@pytest.fixture(params=SCENARIOS.values(), ids=list(SCENARIOS))
def scenario(request: pytest.FixtureRequest) -> Scenario:
    found: Scenario = request.param
    return found


def prepared(scenario: Scenario, disk: Path) -> Path:
    before = disk / "before"
    store = volume(before)
    with store.lock():
        # The keys are made beforehand: a step that makes one would make another each time.
        (before / "acme").mkdir()
        (before / "acme" / "key.pem").write_bytes(pem_of(KEY))
        (before / "acme" / "key.pem").chmod(0o600)
        scenario.prepare(store)
    return before


def visible(root: Path) -> dict[str, object]:
    """All that siblings and the next cycle go by."""
    directories = {name: (names, pair_in(root / name)) for name, names in seen_by_siblings(root).items()}
    return {"top": pair_in(root), "undeployed": volume(root).read().memory.undeployed, **directories}


def generations(root: Path) -> set[bytes]:
    return {path.read_bytes() for path in root.glob("backups/*/*/cert.pem")}


def after_the_stop(scenario: Scenario, root: Path) -> None:
    """What holds at every moment."""
    assert secrets_others_can_read(root) == []
    if scenario.whole:
        seen_by_siblings(root)
        top = pair_in(root)
        if top is not None:
            top.certificate()
    for path in (root / ".companion").iterdir():
        assert b"PRIVATE KEY" not in path.read_bytes()


@dataclass(frozen=True)
class Moment:
    """What a volume showed, and the generations on it."""

    visible: dict[str, object]
    generations: set[bytes]


def moment(root: Path) -> Moment:
    return Moment(visible(root), generations(root))


def recovers(scenario: Scenario, root: Path, before: Moment, after: Moment) -> None:
    """The next process finds the old or the new, all of it; a second run ends where an undisturbed one does."""
    store = volume(root)
    with store.lock():
        found = visible(root)
        assert found in (before.visible, after.visible)
        assert generations(root) >= before.generations or found == after.visible
        assert left_over(root) == []
        assert [one.damage for one in store.read().lineages if one.damage] == []
        if found == before.visible:
            scenario.step(store)
        assert visible(root) == after.visible
        assert left_over(root) == []
        assert generations(root) >= after.generations
    assert secrets_others_can_read(root) == []


def stopped_everywhere(
    scenario: Scenario, disk: Path, run: Callable[[Scenario, Path, int], bool]
) -> Iterator[tuple[Path, Moment, Moment]]:
    """Each volume on which the step was stopped, from the first system call to the last."""
    original, root = prepared(scenario, disk), disk / "volume"
    before = moment(original)
    shutil.copytree(original, root)
    store = volume(root)
    with store.lock():
        scenario.step(store)
    after = moment(root)
    for at in range(MOST_CALLS):
        shutil.rmtree(root)
        shutil.copytree(original, root)
        if not run(scenario, root, at):
            assert at > 5
            return
        yield root, before, after
    pytest.fail("the step never ends")


def killed(scenario: Scenario, root: Path, at: int) -> bool:
    """Run the step in a child that dies at one system call; whether it died."""

    def run() -> None:
        store = volume(root)
        with store.lock(), faulty(at, die):
            scenario.step(store)

    return dies(run)


def broken(scenario: Scenario, root: Path, at: int) -> bool:
    """Run the step on a disk that fails once; whether there was a call to fail. Nothing but `Damaged` is raised."""
    struck: list[str] = []

    def strike(name: str) -> None:
        if not struck:
            struck.append(name)
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    return _refused(scenario, root, at, strike, struck)


def full(scenario: Scenario, root: Path, at: int) -> bool:
    """Run the step on a disk that is full from one call on."""
    struck: list[str] = []

    def strike(name: str) -> None:
        if name in NEED_ROOM:
            struck.append(name)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    return _refused(scenario, root, at, strike, struck)


def _refused(
    scenario: Scenario, root: Path, at: int, strike: Callable[[str], None], struck: list[str]
) -> bool:
    store, said = volume(root), "/volume: no complaint"
    with store.lock(), faulty(at, strike):
        try:
            scenario.step(store)
        except Damaged as problem:
            said = str(problem)
    assert "/volume" in said
    return bool(struck)


def test_kill(scenario: Scenario, disk: Path) -> None:
    """Killed between any two system calls: whole pairs for every reader, and the next process finishes."""
    for root, before, after in stopped_everywhere(scenario, disk, killed):
        after_the_stop(scenario, root)
        recovers(scenario, root, before, after)


@pytest.mark.parametrize("run", [broken, full])
def test_disk_error(scenario: Scenario, disk: Path, run: Callable[[Scenario, Path, int], bool]) -> None:
    """A disk that fails or is full at any system call: one sentence, and nothing is lost."""
    for root, before, after in stopped_everywhere(scenario, disk, run):
        after_the_stop(scenario, root)
        recovers(scenario, root, before, after)
