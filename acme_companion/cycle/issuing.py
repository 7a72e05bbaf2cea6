"""Certificates from the CA: all lineages under way at the same time, each switched as soon as it is there."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from acme_companion.cycle.account import account_key
from acme_companion.cycle.journal import LineageJournal
from acme_companion.cycle.progress import Fault, IssuedAll, Progress, remember_now
from acme_companion.decide.memory import Authority
from acme_companion.problems import NameRefusals, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from acme_companion.decide.acme_problems import ProblemDocument
    from acme_companion.decide.memory import Memory
    from acme_companion.decide.names import Name
    from acme_companion.decide.open_orders import OpenOrder
    from acme_companion.decide.settings import Settings
    from acme_companion.decide.steps import Issue, Plan
    from acme_companion.ports import CertificateAuthority, Issued, Journal, World


GATHER_FOR = 0.5
"""Seconds in which certificates that arrive after one another are put in place in one go."""


async def issue(
    settings: Settings, world: World, plan: Plan, memory: Memory, orders: Mapping[str, OpenOrder]
) -> IssuedAll:
    """Carry out every `Issue` step. One that fails never stops the others, and none is ordered twice.

    `orders`: those that are open, by directory.
    """
    if not plan.issues:
        return IssuedAll(memory)
    try:
        # A full disk must not cost a certificate.
        world.store.write_probe()
        key = await account_key(settings.ca, world)
        known = memory.authorities.get(settings.ca.directory_url, Authority())
        names = {name for step in plan.issues for name in step.lineage.names}
        async with (
            world.solving(names) as solving,
            world.authority(settings.ca, known, key, solving) as ca,
        ):
            # A new RSA key takes a second: made beside the questions to the CA, never before them.
            knowledge, key_pem = await asyncio.gather(
                ca.knowledge(), asyncio.to_thread(world.store.certificate_key, memory.compromised)
            )
            memory = _knowing(settings, memory, knowledge)
            progress = Progress(settings, world, memory)
            steps = {
                step: LineageJournal(world.store, step.lineage.directory, orders.get(step.lineage.directory))
                for step in plan.issues
                if progress.can_be_put_in_place(step)
            }
            issued = await _all(world, steps, progress, ca, key_pem)
            # An account that the CA had lost was replaced on the way.
            issued = replace(issued, memory=_knowing(settings, issued.memory, await ca.knowledge()))
            # Whoever is stopped over the siblings, which may take minutes, has fulfilled the wish and keeps the waits.
            remember_now(world, issued.memory)
            return issued
    except Problem as problem:
        failed = Progress(settings, world, memory)
        for step in plan.issues:
            failed.note_failure(step, problem)
        return failed.result()


def _knowing(settings: Settings, memory: Memory, knowledge: Authority) -> Memory:
    return replace(memory, authorities={**memory.authorities, settings.ca.directory_url: knowledge})


async def _all(
    world: World,
    steps: Mapping[Issue, Journal],
    progress: Progress,
    ca: CertificateAuthority,
    key_pem: bytes,
) -> IssuedAll:
    tasks = {asyncio.create_task(_one(step, ca, key_pem, journal)): step for step, journal in steps.items()}
    waiting = set(tasks)
    try:
        while waiting:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            # What arrives together is written down together: the memory is written whole each time.
            await asyncio.wait(waiting, timeout=GATHER_FOR)
            ready = {task for task in waiting if task.done()}
            waiting -= ready
            progress.take({tasks[task]: task.result() for task in ready}, key_pem)
            if len(tasks) > 1:
                done = len(tasks) - len(waiting)
                world.log.info(f"{done} of {len(tasks)} certificates are through at the CA")
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    return progress.result()


async def _one(step: Issue, ca: CertificateAuthority, key_pem: bytes, journal: Journal) -> Issued | Problem:
    required = step.lineage.names[:1] if step.lineage.server else ()
    names, new = step.lineage.names, step.only_for
    refused: dict[Name, str] = {}
    documents: dict[Name, ProblemDocument] = {}
    try:
        while True:  # each time with one new name less, at least
            try:
                # Required, or the CA would do without it, and deliver again what is there already.
                issued = await ca.issue(names, (*required, *new), key_pem, step.replaces, journal)
            except NameRefusals as problem:
                refused |= problem.by_name
                documents |= problem.documents
                names = tuple(name for name in names if name not in refused)
                new = tuple(name for name in new if name not in refused)
                if not new or any(name in refused for name in required):
                    raise NameRefusals(str(problem), refused, documents) from None
            else:
                return replace(
                    issued,
                    left_out={**refused, **issued.left_out},
                    documents={**documents, **issued.documents},
                )
    except Problem as problem:
        return problem
    except Exception as fault:  # noqa: BLE001 - one certificate with a fault of ours must not cost the others theirs
        return Fault(fault)
