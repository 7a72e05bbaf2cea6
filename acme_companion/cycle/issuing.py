"""Certificates from the CA: all lineages under way at the same time, each switched as soon as it is there."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from acme_companion.cycle.authorities import Authorities, rehearse
from acme_companion.cycle.journal import LineageJournal
from acme_companion.cycle.progress import Fault, IssuedAll, Progress, remember_now
from acme_companion.decide.limits.counting import paused
from acme_companion.decide.limits.remembering import ca_of
from acme_companion.decide.problems import AccountStopped, NameRefusals, NotYet, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from acme_companion.decide.acme_problems import ProblemDocument
    from acme_companion.decide.memory import Memory
    from acme_companion.decide.names import Name
    from acme_companion.decide.open_orders import OpenOrder
    from acme_companion.decide.settings import Ca, Settings
    from acme_companion.decide.steps import Issue, Plan
    from acme_companion.ports import CertificateAuthority, Issued, Journal, World


GATHER_FOR = 0.5
"""Seconds in which certificates that arrive after one another are put in place in one go."""
TELL_EVERY = 5.0
"""Seconds between two lines about how far it is: a thousand certificates need not fill the log."""


async def issue(
    settings: Settings, world: World, plan: Plan, memory: Memory, orders: Mapping[str, OpenOrder]
) -> IssuedAll:
    """Carry out every `Issue` step. One that fails never stops the others, and none is ordered twice.

    `orders`: those that are open, by directory.
    """
    if not plan.issues:
        return IssuedAll(memory)
    progress = Progress(settings, world, memory)
    names = {name for step in plan.issues for name in step.lineage.names}
    try:
        # A full disk must not cost a certificate.
        world.store.write_probe()
        async with world.solving(names) as solving, AsyncExitStack() as opened:
            cas = Authorities(world, memory, solving, opened)
            # A new RSA key takes a second: made beside the questions to the CA, never before them.
            steps, key_pem = await asyncio.gather(
                _signed_in(settings, plan, cas, progress),
                asyncio.to_thread(world.store.certificate_key, memory.compromised),
            )
            progress.knows(await cas.learnt(progress.memory))
            journals = {
                step: LineageJournal(world.store, step.lineage.directory, orders.get(step.lineage.directory))
                for step in steps
                if progress.can_be_put_in_place(step)
            }
            stage = await _stage(settings, world, list(journals), cas, progress)
            progress.begin(journals, orders)
            await _all(journals, _Shared(settings, world, cas, progress, key_pem, stage))
            # An account that the CA had lost was replaced on the way.
            progress.knows(await cas.learnt(progress.memory))
            # Whoever is stopped over the siblings, which may take minutes, has fulfilled the wish and keeps the waits.
            remember_now(world, progress.memory)
    except Problem as problem:
        for step in progress.open_of(plan.issues):
            progress.note_failure(step, problem)
    return progress.result()


async def _signed_in(settings: Settings, plan: Plan, cas: Authorities, progress: Progress) -> list[Issue]:
    """The steps whose CA can be asked. The others fail now, and have cost nothing."""
    by_ca: dict[Ca, list[Issue]] = {}
    for step in plan.issues:
        by_ca.setdefault(ca_of(settings, step), []).append(step)
    problems = await asyncio.gather(*(cas.sign_in(ca) for ca in by_ca))
    for steps, problem in zip(by_ca.values(), problems, strict=True):
        if problem:
            progress.take(dict.fromkeys(steps, problem), b"")
    return [
        step for steps, problem in zip(by_ca.values(), problems, strict=True) if not problem for step in steps
    ]


async def _stage(
    settings: Settings, world: World, steps: Sequence[Issue], cas: Authorities, progress: Progress
) -> CertificateAuthority | None:
    """The staging directory, if there is something to rehearse and it lets us in."""
    ca = settings.rehearsal_ca
    if ca is None or not any(step.rehearse for step in steps):
        return None
    problem = await cas.sign_in(ca)
    if problem is None:
        return cas.session(ca)
    if isinstance(problem, AccountStopped):
        progress.note_stopped(problem)
    # Nobody may be left without a certificate because a place for trying is closed.
    world.log.warning(f"no rehearsal, the CA is asked without it: {problem}")
    return None


@dataclass(frozen=True, slots=True)
class _Shared:
    """What all orders of a cycle share. `stage`: where to rehearse, None when there is nothing to or no way."""

    settings: Settings
    world: World
    cas: Authorities
    progress: Progress
    key_pem: bytes
    stage: CertificateAuthority | None


async def _all(steps: Mapping[Issue, Journal], shared: _Shared) -> None:
    tasks = {asyncio.create_task(_one(step, journal, shared)): step for step, journal in steps.items()}
    waiting = set(tasks)
    clock = shared.world.clock
    told = clock.monotonic() - TELL_EVERY
    try:
        while waiting:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            # What arrives together is written down together: the memory is written whole each time.
            await asyncio.wait(waiting, timeout=GATHER_FOR)
            ready = {task for task in waiting if task.done()}
            waiting -= ready
            shared.progress.take({tasks[task]: task.result() for task in ready}, shared.key_pem)
            if len(tasks) > 1 and (not waiting or clock.monotonic() - told >= TELL_EVERY):
                told = clock.monotonic()
                done = len(tasks) - len(waiting)
                shared.world.log.info(f"{done} of {len(tasks)} certificates are through at the CA")
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def _one(step: Issue, journal: Journal, shared: _Shared) -> Issued | Problem:
    left = _Left(step, step.lineage.names, step.only_for, {}, {})
    try:
        if step.rehearse and shared.stage is not None:
            refused, worked = await rehearse(step, shared.stage, shared.key_pem, shared.world)
            shared.progress.note_rehearsed(worked)
            left = left.without(refused)
        ca = shared.cas.session(ca_of(shared.settings, step))
        while True:  # each time with one name less, at least
            try:
                # Required, or the CA would do without it, and deliver again what is there already.
                issued = await ca.issue(
                    left.names,
                    (*left.required, *left.new),
                    shared.key_pem,
                    step.replaces,
                    journal,
                    keeps=step.keeps,
                )
            except NameRefusals as problem:
                if not left.new:
                    raise NameRefusals(
                        str(problem),
                        {**left.refused, **problem.by_name},
                        {**left.documents, **problem.documents},
                    ) from None
                left = left.without(problem)
            except NotYet as problem:
                left = left.without(_paused(problem, left))
            else:
                return replace(
                    issued,
                    left_out={**left.refused, **issued.left_out},
                    documents={**left.documents, **issued.documents},
                )
    except Problem as problem:
        return problem
    except Exception as fault:  # noqa: BLE001 - one certificate with a fault of ours must not cost the others theirs
        return Fault(fault)


@dataclass(frozen=True, slots=True)
class _Left:
    """What is left of the names of a step. `new`: those without which the present certificate will do."""

    step: Issue
    names: tuple[Name, ...]
    new: tuple[Name, ...]
    refused: Mapping[Name, str]
    documents: Mapping[Name, ProblemDocument]

    @property
    def required(self) -> tuple[Name, ...]:
        return self.step.lineage.names[:1] if self.step.lineage.server else ()

    def without(self, problem: NameRefusals) -> _Left:
        """Without the names that were refused; raises `NameRefusals` when the rest is not worth an order."""
        refused = {**self.refused, **problem.by_name}
        documents = {**self.documents, **problem.documents}
        names = tuple(name for name in self.names if name not in refused)
        new = tuple(name for name in self.new if name not in refused)
        nothing_new = bool(self.step.only_for) and not new
        if not names or nothing_new or any(name in refused for name in self.required):
            raise NameRefusals(str(problem), refused, documents)
        return _Left(self.step, names, new, refused, documents)


def _paused(problem: NotYet, left: _Left) -> NameRefusals:
    """The names that the CA paused for our account: the others need not wait until somebody lifts that. Raises `problem`."""
    document = problem.rejection.document if problem.rejection else None
    names = paused(left.names, document) if document else ()
    if document is None or not names or set(names) & set(left.required) or len(names) == len(left.names):
        raise problem
    sentences = dict.fromkeys(names, f"ACTION NEEDED: {problem}")
    return NameRefusals(str(problem), sentences, dict.fromkeys(names, document))
