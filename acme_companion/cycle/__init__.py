"""One pass: look, decide, act, tell. Read this first."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from acme_companion.cycle.archiving import archive
from acme_companion.cycle.deploying import deploy
from acme_companion.cycle.issuing import issue
from acme_companion.cycle.returning import bring_back
from acme_companion.cycle.surveying import survey
from acme_companion.cycle.waiting import patience
from acme_companion.decide.accounts import retried, stopped
from acme_companion.decide.report import Report
from acme_companion.decide.schedule import next_look
from acme_companion.decide.steps import Deploy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from acme_companion.decide.report import Done
    from acme_companion.decide.settings import Settings
    from acme_companion.ports import World

__all__ = ["once", "survey"]


async def once(settings: Settings, world: World, *, force: bool = False, starting: bool = False) -> Report:
    """One cycle. The caller holds the volume's lock. Raises `Damaged` when the volume cannot be read or written.

    `starting`: the stack may be starting with us, and is waited for a little longer. Not before a broken pair is mended.
    """
    started = world.clock.now()
    made = world.store.bootstrap(settings.naming.hostname, started)
    for sentence in made:
        world.log.info(sentence)
    seen = await survey(settings, world, force=force, patience=partial(patience, starting=starting))
    memory = seen.memory
    if force or seen.held.force_renew:
        # The wish becomes memory before any order: whoever is stopped over it goes on with what is left of it, once.
        memory = replace(retried(memory), forced=tuple(step.lineage.directory for step in seen.plan.issues))
        world.store.remember(memory)
        world.store.end_force_renew()

    issued = await issue(settings, world, seen.plan, memory, seen.held.orders)
    issued, archived = archive(world, seen.plan, issued)
    issued, returned = bring_back(world, seen.plan, issued)
    again = any(isinstance(step, Deploy) for step in seen.plan.steps)
    deployment, memory = await deploy(settings, world, issued, archived, again=again)

    ended = world.clock.now()
    report = Report(
        started=started,
        ended=ended,
        plan=seen.plan,
        done=(*issued.done, *returned, *archived),
        verdicts=seen.verdicts,
        refused=(*seen.domains.refused, *seen.wanted.refused),
        warnings=(*seen.warnings, *_unsaid(stopped(settings, memory, seen.plan), issued.done)),
        deployment=deployment,
        incomplete=seen.domains.unanswered is not None,
    )
    if not report.failed:
        memory = replace(memory, last_success=ended)
    world.store.remember(memory)
    return replace(report, next_look=next_look(report, memory, ended, world.dice.between(0, 1)))


def _unsaid(sentences: Iterable[str], done: Iterable[Done]) -> Iterator[str]:
    """What no step has said with its own sentence."""
    said = "\n".join(one.sentence for one in done)
    return (sentence for sentence in sentences if sentence not in said)
