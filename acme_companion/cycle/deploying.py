"""Take the siblings through new pairs, look at what they serve, and put the old pairs back if one does not come up."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from acme_companion.cycle.attempt import Attempt
from acme_companion.cycle.expecting import to_verify
from acme_companion.cycle.progress import remember_now
from acme_companion.decide.deployment import Change, stale_ports
from acme_companion.decide.problems import Problem
from acme_companion.decide.report import DeploymentReport
from acme_companion.decide.schedule import (
    AFTER_A_ROLL_BACK,
    AFTER_MORE_ROLL_BACKS,
    DEPLOY_AGAIN_AFTER,
    one_more,
)
from acme_companion.decide.steps import DEPLOYMENT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from acme_companion.cycle.progress import IssuedAll
    from acme_companion.decide.memory import Failures, Memory
    from acme_companion.decide.report import Done
    from acme_companion.decide.settings import Settings
    from acme_companion.ports import World


async def deploy(
    settings: Settings, world: World, issued: IssuedAll, archived: Sequence[Done], *, again: bool
) -> tuple[DeploymentReport, Memory]:
    """Act on the siblings if anything changed (or `again`: if the last cycle could not finish it), verify, roll back."""
    gone = any(one.ok for one in archived)
    if not issued.switched and not gone and not again:
        return DeploymentReport(), issued.memory
    # Whoever took something else up before has not taken this up.
    memory = replace(issued.memory, touched=()) if issued.switched or gone else issued.memory
    attempt = Attempt(settings, world, memory, to_verify(world, memory))
    try:
        if issued.switched or gone:
            renewed_only = not gone and not again and all(one.renewal for one in issued.switched)
            await attempt.act(Change.RENEWED if renewed_only else Change.CHANGED)
        else:
            await attempt.act_again()
        verification = await attempt.verify()
        if verification.stale and await attempt.act_harder(verification):
            verification = await attempt.verify()
    except Problem as problem:
        attempt.told.append(
            f"the certificates are stored, but the siblings could not be taken through them: {problem}"
        )
        return attempt.report(ok=False), _failed(memory, world, attempt, str(problem))

    if verification.finished and not attempt.faults and not attempt.down:
        return attempt.report(verification, ok=True), _succeeded(memory)
    if attempt.fell:
        before = {one.lineage.directory: one.failures for one in issued.switched if one.failures}
        restored = _restored(settings, world, attempt, memory)
        if restored:
            return await _brought_back(world, attempt, _rolled_back(memory, world, attempt, restored, before))
    because = "; ".join(
        [*attempt.faults, *attempt.down.values(), *verification.unseen, *stale_ports(verification.stale)]
    )
    return attempt.report(verification, ok=False), _failed(memory, world, attempt, because)


def _restored(settings: Settings, world: World, attempt: Attempt, memory: Memory) -> tuple[str, ...]:
    """Put every pair that siblings were not seen to serve back to its previous generation, where it has one."""
    now, hostname = world.clock.now(), settings.naming.hostname.directory
    restored = []
    # One step back, never two: an older generation is no answer to a sibling that falls over the previous one as well.
    for directory in (one for one in memory.undeployed if one not in memory.rolled_back):
        try:
            if world.store.roll_back(directory, server=directory == hostname, now=now):
                restored.append(directory)
        except Problem as problem:
            attempt.told.append(f"{directory} could not be rolled back: {problem}")
    if restored:
        attempt.told.append(
            f"ROLLED BACK to the previous certificate of {', '.join(restored)}: {'; '.join(attempt.down.values())}"
        )
    return tuple(restored)


async def _brought_back(world: World, attempt: Attempt, memory: Memory) -> tuple[DeploymentReport, Memory]:
    """Siblings back to the old pairs. Until they are seen to serve them, the next cycle goes on with it."""
    # Whoever is stopped now neither orders again at the next start nor leaves siblings with the new pair.
    remember_now(world, memory)
    attempt.memory = memory
    try:
        verification = await attempt.bring_back()
    except Problem as problem:
        attempt.told.append(f"the siblings could not be taken back to the previous certificate: {problem}")
        return attempt.report(ok=False, rolled_back=True), _failed(memory, world, attempt, str(problem))
    if verification.finished and not attempt.down:
        return attempt.report(verification, ok=False, rolled_back=True), _succeeded(memory)
    because = "; ".join([*attempt.down.values(), *verification.unseen, *stale_ports(verification.stale)])
    return attempt.report(verification, ok=False, rolled_back=True), _failed(memory, world, attempt, because)


def _succeeded(memory: Memory) -> Memory:
    failures = {key: value for key, value in memory.lineage_failures.items() if key != DEPLOYMENT}
    return replace(
        memory,
        undeployed=(),
        touched=(),
        under_way=(),
        ended=(),
        gone=(),
        rolled_back=(),
        lineage_failures=failures,
    )


def _failed(memory: Memory, world: World, attempt: Attempt, because: str) -> Memory:
    before = memory.lineage_failures.get(DEPLOYMENT)
    failures = one_more(before, world.clock.now(), because, table=DEPLOY_AGAIN_AFTER)
    known = attempt.after(memory)
    return replace(known, lineage_failures={**known.lineage_failures, DEPLOYMENT: failures})


def _rolled_back(
    memory: Memory, world: World, attempt: Attempt, restored: Sequence[str], before: Mapping[str, Failures]
) -> Memory:
    """The old pairs are in place again. The next try waits long: each one costs a certificate."""
    now, because = world.clock.now(), "; ".join(attempt.down.values())
    failures = dict(memory.lineage_failures)
    for directory in restored:
        earlier = before.get(directory, failures.get(directory))
        at_least = AFTER_MORE_ROLL_BACKS if earlier else AFTER_A_ROLL_BACK
        failures[directory] = one_more(earlier, now, because, at_least=at_least)
    left = tuple(dict.fromkeys((*memory.rolled_back, *restored)))
    # Whoever was touched with the new pair has to be taken through the old one.
    known = replace(attempt.after(memory), touched=())
    return replace(known, undeployed=left, rolled_back=left, lineage_failures=failures)
