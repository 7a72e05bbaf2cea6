"""Bring archived certificates back whose names are wanted again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from acme_companion.cycle.progress import Switched
from acme_companion.decide.problems import Problem
from acme_companion.decide.renewal import due
from acme_companion.decide.report import Done
from acme_companion.decide.steps import Restore

if TYPE_CHECKING:
    from acme_companion.cycle.progress import IssuedAll
    from acme_companion.decide.steps import Plan
    from acme_companion.ports import World


def bring_back(world: World, plan: Plan, issued: IssuedAll) -> tuple[IssuedAll, tuple[Done, ...]]:
    """Carry out every `Restore` step; the siblings learn of them with what was issued."""
    done: list[Done] = []
    for step in plan.steps:
        if isinstance(step, Restore):
            issued, one = _one(world, step, issued)
            done.append(one)
    return issued, tuple(done)


def _one(world: World, step: Restore, issued: IssuedAll) -> tuple[IssuedAll, Done]:
    directory, memory = step.lineage.directory, issued.memory
    waiting = replace(memory, undeployed=tuple(dict.fromkeys((*memory.undeployed, directory))))
    try:
        # Remembered first: whoever is stopped in between takes the siblings through it all the same.
        world.store.remember(waiting)
        world.store.bring_back(directory)
    except Problem as problem:
        return issued, Done(step, ok=False, sentence=f"cannot be brought back: {problem}")
    switched = Switched(step.lineage, step.certificate, renewal=False)
    until = f"{step.certificate.not_after:%d %b %Y}"
    return (
        replace(issued, memory=waiting, switched=(*issued.switched, switched)),
        Done(
            step,
            ok=True,
            sentence=f"brought back from backups/, {step.because}; valid until {until}",
            next_renewal=due(step.certificate, None).at,
        ),
    )
