"""One row of the catalogue of faults: what a scripted CA does, and what must come of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from acme_companion.decide.problems import NotYet, Problem
from tests.act.acme_world import CERTIFICATE_KEY, StepClock, names, session_with
from tests.act.scripted_ca import scripted_ca
from tests.act.scripted_certificates import Mould

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from acme_companion.ports import Issued
    from tests.act.acme_proxy import Fault
    from tests.act.scripted_ca import ScriptedCa

    Script = Callable[[ScriptedCa], None]

LONGEST = 1500  # characters of a sentence for people, with the longest page to open in it
NO_MATTER: Any = object()


@dataclass(frozen=True)
class Row:
    """`id`: the catalogue's, and what is special here. `said`: what the problem's sentence matches; empty when all goes well.

    `asked`: exactly how often a path is asked. `wait`: when the CA wants to be asked again, as the problem tells.
    `without`: names that the certificate comes without, with what is said of them. `settings` as in `session_with`.
    """

    id: str
    script: Script
    said: str = ""
    kind: type[Problem] = NotYet
    asked: Mapping[str, int] = field(default_factory=dict)
    wait: timedelta | None = NO_MATTER
    without: Mapping[str, str] = field(default_factory=dict)
    names: str = "a.example.org"
    required: str = ""
    replaces: str = ""
    mould: Mould = field(default_factory=Mould)
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.id


@dataclass
class Played:
    """What came of a row."""

    ca: ScriptedCa
    clock: StepClock
    issued: Issued | None = None
    problem: Problem | None = None


def at(path: str, *faults: Fault) -> Script:
    """Spend one fault on each of the next requests to `path`."""
    return lambda ca: ca.on(path, *faults)


def all_of(*scripts: Script) -> Script:
    def script(ca: ScriptedCa) -> None:
        for one in scripts:
            one(ca)

    return script


def well(ca: ScriptedCa) -> None:
    """No fault at all."""


def in_table(*rows: Row) -> pytest.MarkDecorator:
    """Every row is one test, named after it."""
    return pytest.mark.parametrize("row", [pytest.param(row, id=row.id) for row in rows])


async def play(row: Row) -> Played:
    """One certificate, ordered from a CA that follows the script; everything that the row says is checked."""
    clock = StepClock()
    async with scripted_ca(row.mould) as ca:
        row.script(ca)
        played = Played(ca, clock)
        try:
            async with session_with(ca, clock=clock, **row.settings) as session:
                played.issued = await session.issue(
                    names(*row.names.split()), names(*row.required.split()), CERTIFICATE_KEY, row.replaces
                )
        except Problem as problem:
            played.problem = problem
        _check(row, played)
        return played


def _check(row: Row, played: Played) -> None:
    problem = played.problem
    if row.said:
        assert problem is not None
        assert isinstance(problem, row.kind)
        text = str(problem)
        with pytest.raises(Problem, match=row.said):
            raise problem
        assert text.isprintable()
        assert len(text) <= LONGEST
    elif problem:
        raise problem
    if row.wait is not NO_MATTER:
        retry_at = getattr(problem, "retry_at", None)
        wait = retry_at and round((retry_at - datetime.now(UTC)).total_seconds() / 60)
        assert wait == (None if row.wait is None else round(row.wait.total_seconds() / 60))
    counted = {path: len(played.ca.asked(path)) for path in row.asked}
    assert counted == row.asked, f"asked {counted}, not {row.asked}"
    left_out = played.issued.left_out if played.issued else getattr(problem, "by_name", {})
    assert {name.text for name in left_out} == set(row.without)
    for name, because in left_out.items():
        assert row.without[name.text] in because
