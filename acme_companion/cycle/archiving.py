"""Take certificates that nobody wants any more out of the siblings' sight."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from acme_companion.decide.problems import Problem
from acme_companion.decide.report import Done
from acme_companion.decide.steps import Archive

if TYPE_CHECKING:
    from acme_companion.cycle.progress import IssuedAll
    from acme_companion.decide.steps import Plan
    from acme_companion.ports import World


def archive(world: World, plan: Plan, issued: IssuedAll) -> tuple[IssuedAll, tuple[Done, ...]]:
    """Carry out every `Archive` step; the siblings learn of them with what was issued."""
    done: list[Done] = []
    for step in plan.steps:
        if isinstance(step, Archive):
            issued, one = _one(world, step, issued)
            done.append(one)
    return issued, tuple(done)


def _one(world: World, step: Archive, issued: IssuedAll) -> tuple[IssuedAll, Done]:
    gone = tuple(dict.fromkeys((*issued.memory.gone, step.directory)))
    waiting = replace(issued.memory, gone=gone)
    try:
        # Remembered first: a service that still lists the directory could not reload any more.
        world.store.remember(waiting)
        world.store.archive(step.directory, world.clock.now())
    except Problem as problem:
        return issued, Done(step, ok=False, sentence=f"cannot be archived: {problem}")
    return replace(issued, memory=waiting), Done(step, ok=True, sentence=f"archived, {step.because}")
