"""Account keys stopped at every single system call: one that the CA may know is never lost, and the next time goes on."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from acme_companion.act.store.accounts import AccountKeys
from acme_companion.decide.problems import Damaged
from acme_companion.decide.settings import KeyType
from tests.act.store_faults import MOST_CALLS, die, dies, disk_in_memory, faulty
from tests.act.store_parts import DIRECTORY_URL, KEY, left_over, pem_of, secrets_others_can_read

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OTHER_CA = "https://other.example/acme"


@dataclass(frozen=True)
class Scenario:
    """`step` is stopped. `changes`: it puts the next key in the place of the present one."""

    prepare: Callable[[AccountKeys], object]
    step: Callable[[AccountKeys], object]
    url: str = DIRECTORY_URL
    changes: bool = False


def changing(store: AccountKeys, url: str) -> None:
    store.key(url)
    store.begin_change(url)


SCENARIOS = {
    "made for the first CA": Scenario(lambda _: None, lambda store: store.key(DIRECTORY_URL)),
    "made for another CA": Scenario(lambda _: None, lambda store: store.key(OTHER_CA), url=OTHER_CA),
    "adopted": Scenario(lambda _: None, lambda store: store.key(DIRECTORY_URL)),
    "another key is made": Scenario(
        lambda store: store.key(DIRECTORY_URL), lambda store: store.begin_change(DIRECTORY_URL)
    ),
    "the CA took the other key": Scenario(
        lambda store: changing(store, DIRECTORY_URL),
        lambda store: store.end_change(DIRECTORY_URL, changed=True),
        changes=True,
    ),
    "the CA did not take it": Scenario(
        lambda store: changing(store, OTHER_CA),
        lambda store: store.end_change(OTHER_CA, changed=False),
        url=OTHER_CA,
    ),
    "moved": Scenario(lambda store: store.key(DIRECTORY_URL), lambda store: list(store.move())),
}


def prepared(path: Path, name: str) -> tuple[AccountKeys, AccountKeys]:
    """The store of the step, and the one that prepares it: what is moved was made without a private volume."""
    root, private = path / "volume", path / "private"
    (root / "acme").mkdir(parents=True)
    private.mkdir()
    if name == "adopted":
        (root / "acme/account.pem").write_bytes(pem_of(KEY))
        (root / "acme/account.pem").chmod(0o600)
    before = AccountKeys(root, None, DIRECTORY_URL, KeyType.EC256)
    store = AccountKeys(root, private, DIRECTORY_URL, KeyType.EC256) if name == "moved" else before
    SCENARIOS[name].prepare(before)
    return store, before


def broken(_: str) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def killed(store: AccountKeys, step: Callable[[AccountKeys], object], at: int) -> bool:
    def run() -> None:
        with faulty(at, die):
            step(store)

    return dies(run)


def failed(store: AccountKeys, step: Callable[[AccountKeys], object], at: int) -> bool:
    with faulty(at, broken) as calls:
        try:
            step(store)
        except Damaged:
            return True
    return len(calls) > at


@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize("strike", [killed, failed], ids=["killed", "the disk says no"])
def test_every_single_call(strike: Callable[..., bool], name: str) -> None:
    """Whichever call it is: the keys that there were are there, the repeated step ends it, nothing is left over."""
    scenario = SCENARIOS[name]
    for at in range(MOST_CALLS):
        with disk_in_memory() as path:
            store, _ = prepared(path, name)
            present, following = store.look(scenario.url), store.next_key(scenario.url)
            struck = strike(store, scenario.step, at)
            now = {store.look(scenario.url), store.next_key(scenario.url)}
            if present is not None and not scenario.changes:
                assert present in now, at
            if scenario.changes:
                assert following in now, at
            store.sweep()
            scenario.step(store)
            after = store.key(scenario.url)
            assert after == (following if scenario.changes else present or after)
            assert left_over(path) == []
            assert secrets_others_can_read(path) == []
        if not struck:
            return
    raise AssertionError(f"more than {MOST_CALLS} calls")
