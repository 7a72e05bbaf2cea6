"""Take the siblings through new pairs, look at what they serve, and put the old pairs back if one does not come up."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from acme_companion.cycle.issuing import remember_now
from acme_companion.decide.deployment import (
    BRING_BACK,
    Change,
    Verification,
    came_up,
    escalated,
    expected,
    handling,
    judge,
    rollout,
)
from acme_companion.decide.facts import ServedCertificate
from acme_companion.decide.report import DeploymentReport
from acme_companion.decide.schedule import AFTER_A_ROLL_BACK, AFTER_MORE_ROLL_BACKS, one_more
from acme_companion.decide.steps import DEPLOYMENT
from acme_companion.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from acme_companion.cycle.issuing import IssuedAll, Switched
    from acme_companion.decide.deployment import Action
    from acme_companion.decide.facts import Endpoint, Served, Sibling
    from acme_companion.decide.memory import Memory
    from acme_companion.decide.pair import Certificate
    from acme_companion.decide.report import Done
    from acme_companion.decide.settings import Settings
    from acme_companion.ports import World

FIRST_LOOK_AGAIN = 0.2
LONGEST_LOOK_AGAIN = 3.0
NOT_UP_FOR = 30.0
"""Seconds that a sibling may be down after its action before the old pair returns: mail must not wait for the whole limit."""
CLOSED_FOR = 5.0
"""Seconds after which a port that does not answer, while others of its sibling do, counts as closed by choice."""


async def deploy(
    settings: Settings, world: World, issued: IssuedAll, archived: Sequence[Done], *, again: bool
) -> tuple[DeploymentReport, Memory]:
    """Act on the siblings if anything changed (or `again`: if the last cycle could not finish it), verify, roll back."""
    gone = any(one.ok for one in archived)
    if not issued.switched and not gone and not again:
        return DeploymentReport(), issued.memory
    renewed_only = not gone and not again and all(one.renewal for one in issued.switched)
    change = Change.RENEWED if renewed_only else Change.CHANGED
    attempt = _Attempt(settings, world, issued.memory, _to_verify(world, issued.memory))
    try:
        await attempt.act(change)
        verification = await attempt.verify()
        if verification.stale and await attempt.act_harder(verification):
            verification = await attempt.verify()
    except Problem as problem:
        attempt.told.append(
            f"the certificates are stored, but the siblings could not be taken through them: {problem}"
        )
        return attempt.report(ok=False), _failed(issued.memory, world, str(problem))

    if verification.finished and not attempt.faults and not attempt.down:
        return attempt.report(verification, ok=True), _succeeded(issued.memory)
    if attempt.down and _roll_back(world, attempt, issued.switched):
        memory = _rolled_back(issued.memory, world, issued.switched, "; ".join(attempt.down))
        # Whoever is stopped now neither orders again at the next start nor leaves siblings with the new pair.
        remember_now(world, replace(memory, undeployed=issued.memory.undeployed))
        verification = await attempt.bring_back()
        return attempt.report(verification, ok=False, rolled_back=True), memory
    because = "; ".join([*attempt.faults, *attempt.down, *verification.unseen, *map(str, verification.stale)])
    return attempt.report(verification, ok=False), _failed(issued.memory, world, because)


@dataclass(frozen=True, slots=True)
class _ToVerify:
    """What must be served: the server pair, and the lineages whose deployment is not finished."""

    server: Certificate | None
    lineages: tuple[Certificate, ...]


def _to_verify(world: World, memory: Memory) -> _ToVerify:
    held = world.store.read()
    return _ToVerify(
        held.server,
        tuple(
            lineage.certificate
            for lineage in held.lineages
            if lineage.certificate and lineage.directory in memory.undeployed
        ),
    )


@dataclass(slots=True)
class _Attempt:
    """One deployment under way. `told`: sentences for the report; `faults`: actions that failed.

    `refused`: identities of siblings whose action failed; `down`: who is not up, as sentences.
    """

    settings: Settings
    world: World
    memory: Memory
    to_verify: _ToVerify
    acted: list[tuple[Sibling, Action]] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    told: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    down: list[str] = field(default_factory=list)

    async def act(self, change: Change) -> None:
        siblings = await self.world.siblings.list()
        steps = rollout(siblings, change)
        self.told += steps.left_alone
        if not siblings and self.settings.deployment.docker_host != "none":
            self.told.append(
                f"no container of the compose project {self.settings.deployment.project} uses the certificates: "
                "nothing was restarted (is COMPOSE_PROJECT_NAME right?)"
            )
        for sibling, action in steps.steps:
            await self._one(sibling, action)

    async def act_harder(self, verification: Verification) -> bool:
        """Restart whom a reload did not convince; False when there is nobody.

        Not who refused to reload: with a configuration that is broken, a restart would end what still serves.
        """
        stale = {result.endpoint.service for result in verification.stale}
        harder = [
            (s, stronger)
            for s, action in self.acted
            if s.service in stale and s.identity not in self.refused and (stronger := escalated(action))
        ]
        for sibling, action in harder:
            self.told.append(f"{sibling.name} still serves another certificate: {action}")
            await self._one(sibling, action)
        return bool(harder)

    async def bring_back(self) -> Verification:
        """Take everybody whom we touched back to the pair that is in place again, also who stopped over the new one."""
        self.to_verify = _to_verify(self.world, self.memory)
        for sibling in {sibling.identity: sibling for sibling, _ in reversed(self.acted)}.values():
            await self._one(sibling, BRING_BACK)
        return await self.verify()

    async def _one(self, sibling: Sibling, action: Action) -> None:
        self.acted.append((sibling, action))
        try:
            await self.world.siblings.act(sibling, action)
        except Problem as problem:
            self.refused.add(sibling.identity)
            self.faults.append(f"{sibling.name}: {action} failed: {problem}")
            self.told.append(self.faults[-1])
        else:
            self.told.append(f"{sibling.name}: {action} done")

    async def verify(self) -> Verification:
        """Look at every endpoint until all serve what they should, a sibling stays down, or the limit passes."""
        clock = self.world.clock
        end = clock.monotonic() + self.settings.deployment.verify_timeout
        down_since = whole_since = None
        wait = FIRST_LOOK_AGAIN
        known: dict[Endpoint, Served] = {}
        while True:
            siblings = await self._listed()
            self.down = self._down(siblings)
            known, verification = await self._look(siblings, known)
            now = clock.monotonic()
            whole_since = (whole_since or now) if verification.finished and not self.down else None
            # A crashing sibling runs for a moment now and then: its time counts until everything is whole.
            down_since = None if whole_since else down_since or (now if self.down else None)
            settled = whole_since is not None and (
                not verification.unanswered or now - whole_since >= CLOSED_FOR
            )
            given_up = now >= end or (down_since is not None and now - down_since >= NOT_UP_FOR)
            if settled or given_up:
                self.down = [] if settled else self._down(siblings, crashed_too=True)
                return verification
            await clock.sleep(min(wait, max(end - now, 0.0)))
            wait = min(wait * 1.5, LONGEST_LOOK_AGAIN)

    async def _look(
        self, siblings: Iterable[Sibling], known: dict[Endpoint, Served]
    ) -> tuple[dict[Endpoint, Served], Verification]:
        wanted = expected(
            siblings,
            self.settings.naming.hostname,
            self.to_verify.server,
            self.to_verify.lineages,
            self.settings.deployment.https_port,
        )
        right = {endpoint: print_ for one in wanted for endpoint, print_ in one.by_endpoint.items()}
        # Who serves the right certificate already is not asked again.
        good = {
            endpoint: look
            for endpoint, look in known.items()
            if isinstance(look, ServedCertificate) and right.get(endpoint) == look.fingerprint
        }
        looks = {**good, **await self.world.served(endpoint for endpoint in right if endpoint not in good)}
        return looks, judge(wanted, looks)

    async def _listed(self) -> tuple[Sibling, ...]:
        """The siblings as they are now: after a restart their addresses may have changed."""
        siblings = await self.world.siblings.list()
        return tuple(s for s in siblings if handling(s, self.settings.deployment.https_port))

    def _down(self, siblings: Iterable[Sibling], *, crashed_too: bool = False) -> list[str]:
        """Who stood before our action and does not stand now; with `crashed_too` also who crashed in between."""
        now = {sibling.identity: sibling for sibling in siblings}
        judged = []
        for before in {sibling.identity: sibling for sibling, _ in reversed(self.acted)}.values():
            after = now.get(before.identity)
            if came_up(before, before).up:
                judged.append(came_up(before if crashed_too or after is None else after, after))
        return [one.because for one in judged if not one.up]

    def report(
        self, verification: Verification | None = None, *, ok: bool, rolled_back: bool = False
    ) -> DeploymentReport:
        seen = verification or Verification()
        sentences = (*self.told, *seen.unanswered, *seen.unseen, *self.down)
        return DeploymentReport(ok, tuple(dict.fromkeys(sentences)), seen.results, rolled_back)


def _roll_back(world: World, attempt: _Attempt, switched: Sequence[Switched]) -> bool:
    """Put every pair of this cycle back to its previous generation; False when none has one."""
    now = world.clock.now()
    restored = [
        one.lineage.directory
        for one in switched
        if world.store.roll_back(one.lineage.directory, server=one.lineage.server, now=now)
    ]
    if not restored:
        return False
    attempt.told.append(
        f"ROLLED BACK to the previous certificate of {', '.join(restored)}: {'; '.join(attempt.down)}"
    )
    return True


def _succeeded(memory: Memory) -> Memory:
    failures = {key: value for key, value in memory.lineage_failures.items() if key != DEPLOYMENT}
    return replace(memory, undeployed=(), lineage_failures=failures)


def _failed(memory: Memory, world: World, because: str) -> Memory:
    failures = one_more(memory.lineage_failures.get(DEPLOYMENT), world.clock.now(), because)
    return replace(memory, lineage_failures={**memory.lineage_failures, DEPLOYMENT: failures})


def _rolled_back(memory: Memory, world: World, switched: Sequence[Switched], because: str) -> Memory:
    """The old pairs are served again. The next try waits long: each one costs a certificate."""
    now = world.clock.now()
    failures = {key: value for key, value in memory.lineage_failures.items() if key != DEPLOYMENT}
    for one in switched:
        at_least = AFTER_MORE_ROLL_BACKS if one.failures else AFTER_A_ROLL_BACK
        failures[one.lineage.directory] = one_more(one.failures, now, because, at_least=at_least)
    return replace(memory, undeployed=(), lineage_failures=failures)
