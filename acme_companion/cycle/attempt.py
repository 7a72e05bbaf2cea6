"""One deployment under way: act on siblings, one after the other, and look at what they serve."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from acme_companion.cycle.expecting import to_verify
from acme_companion.cycle.progress import remember_now
from acme_companion.decide.deployment import (
    BRING_BACK,
    ActionKind,
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
from acme_companion.decide.problems import Problem
from acme_companion.decide.report import DeploymentReport

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from acme_companion.cycle.expecting import ToVerify
    from acme_companion.decide.deployment import Action
    from acme_companion.decide.facts import Endpoint, Served, Sibling
    from acme_companion.decide.memory import Memory
    from acme_companion.decide.settings import Settings
    from acme_companion.ports import World

FIRST_LOOK_AGAIN = 0.2
LONGEST_LOOK_AGAIN = 3.0
LOOK_BEFORE_ACTING = 10.0
"""Seconds for a look at what an unfinished deployment left behind, before anybody is touched again."""
NOT_UP_FOR = 30.0
"""Seconds that a sibling may be down after its action before the old pair returns: mail must not wait for the whole limit."""
CLOSED_FOR = 5.0
"""Seconds after which a port that does not answer, while others of its sibling do, counts as closed by choice."""


@dataclass(slots=True)
class Attempt:
    """One deployment under way. `told`, `warnings`: sentences for the report; `faults`: actions that failed.

    `refused`: identities of siblings whose action failed; `down`: who is not up, as sentences by name; `fell`: one of these stood
    before our action. `touched`, `under_way`, `ended`: as in `Memory`.
    """

    settings: Settings
    world: World
    memory: Memory
    expected: ToVerify
    acted: list[tuple[Sibling, Action]] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    told: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    down: dict[str, str] = field(default_factory=dict)
    fell: bool = False
    touched: list[str] = field(init=False)
    under_way: list[str] = field(init=False)
    ended: tuple[str, ...] = field(init=False)
    _cut_off: list[Sibling] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.touched, self.under_way = list(self.memory.touched), list(self.memory.under_way)
        self.ended = self.memory.ended

    async def act(self, change: Change) -> None:
        """Take every sibling through its action, one after the other."""
        siblings = await self._some_siblings()
        steps = rollout(await self._start_whom_we_stopped(siblings), change)
        self.told += steps.left_alone
        self.warnings += steps.complaints
        if steps.steps:
            names = ", ".join(sibling.name for sibling, _ in steps.steps)
            self.world.log.info(f"taking {names} through the new certificates")
        await self._one_after_the_other(steps.steps)

    async def act_again(self) -> None:
        """Only on whom an unfinished deployment left down, out or serving something else: the others have done their part."""
        siblings = await self._some_siblings()
        steps = rollout(await self._start_whom_we_stopped(siblings), Change.CHANGED)
        self.warnings += steps.complaints
        verification = await self._until_settled(LOOK_BEFORE_ACTING)
        await self._one_after_the_other(
            [(one, action) for one, action in steps.steps if self._has_to_act(one, verification)]
        )

    def _has_to_act(self, sibling: Sibling, verification: Verification) -> bool:
        # Of who shows nothing (out of our sight, or started with a pair that was broken) only our own actions are known,
        # and nobody shows what is gone.
        shown = verification.of(sibling)
        hidden = not shown or bool(self.memory.gone)
        return any(not one.ok for one in shown) or (hidden and sibling.name not in self.touched)

    async def _one_after_the_other(self, steps: Iterable[tuple[Sibling, Action]]) -> None:
        for sibling, action in steps:
            if await self._somebody_fell():
                self.told.append(f"{sibling.name}: left alone, because {'; '.join(self.down.values())}")
            else:
                await self._one(sibling, action)

    async def _somebody_fell(self) -> bool:
        """Whether one that we acted on does not stand: then the others go on with what they have. Waits for nobody."""
        if not self._watched():
            return False
        try:
            siblings = await self.world.siblings.list()
        except Problem:
            return False  # who fell is seen when what is served is looked at
        self.down = self._down(siblings, crashed_too=True)
        return self.fell

    async def _start_whom_we_stopped(self, siblings: Iterable[Sibling]) -> list[Sibling]:
        """Who does not run is its admin's business, unless an unfinished deployment of ours ended it; the others are given back.

        Before anything else is done: whoever is down is not kept waiting for those who stand.
        """
        ours, others = {*self.memory.under_way, *self.memory.ended}, []
        for sibling in siblings:
            if sibling.name in ours and sibling.state != "running" and not came_up(sibling, sibling).by_hand:
                await self._one(sibling, BRING_BACK)
            else:
                others.append(sibling)
        return others

    async def _some_siblings(self) -> tuple[Sibling, ...]:
        siblings = await self.world.siblings.list()
        if not siblings and self.settings.deployment.docker_host != "none":
            self.faults.append(
                f"no container of the compose project {self.settings.deployment.project} uses the certificates, so "
                "nothing was restarted: set COMPOSE_PROJECT_NAME right, or RELOADER=none if that is meant"
            )
            self.told.append(self.faults[-1])
        self._cut_off = [one for one in siblings if one.name in self.under_way]
        return siblings

    async def act_harder(self, verification: Verification) -> bool:
        """Restart whom a reload did not convince; False when there is nobody.

        Not who refused to reload: with a configuration that is broken, a restart would end what still serves.
        """
        harder = [
            (s, stronger)
            for s, action in self.acted
            if any(not one.ok for one in verification.of(s))
            and s.identity not in self.refused
            and (stronger := escalated(action))
        ]
        self.told += [f"{one.name} still serves another certificate: {action}" for one, action in harder]
        await self._one_after_the_other(harder)
        return bool(harder)

    async def bring_back(self) -> Verification:
        """Take everybody whom we touched back to the pair that is in place again, also who stopped over the new one.

        Not who refused to reload, and stands: it serves what it served, and a restart would end that.
        """
        self.expected, self.touched = to_verify(self.world, self.memory), []
        # Mail comes first: whoever is down is not kept waiting for those who stand.
        for sibling, action in sorted(self._watched(), key=lambda one: one[0].name not in self.down):
            by_command = action.kind in {ActionKind.EXEC, ActionKind.SIGNAL}
            if not (by_command and sibling.identity in self.refused and sibling.name not in self.down):
                await self._one(sibling, BRING_BACK)
        return await self.verify()

    async def _one(self, sibling: Sibling, action: Action) -> None:
        self.acted.append((sibling, action))
        # Whoever is stopped before the outcome is seen looks for it at the next start.
        if self._stood(sibling) and sibling.name not in self.under_way:
            self.under_way.append(sibling.name)
        self._remember()
        try:
            await self.world.siblings.act(sibling, action)
        except Problem as problem:
            self.refused.add(sibling.identity)
            self.faults.append(f"{sibling.name}: {action} failed: {problem}")
            self.told.append(self.faults[-1])
        else:
            self.told.append(f"{sibling.name}: {action} done")
            if sibling.name not in self.touched:
                self.touched.append(sibling.name)
            self._remember()

    def _remember(self) -> None:
        remember_now(self.world, self.after(self.memory))

    def after(self, memory: Memory) -> Memory:
        """`memory` with what is known now of the containers that we acted on."""
        return replace(memory, touched=tuple(self.touched), under_way=tuple(self.under_way), ended=self.ended)

    async def verify(self) -> Verification:
        """Look at every endpoint until all serve what they should, a sibling stays down, or the limit passes."""
        verification = await self._until_settled(self.settings.deployment.verify_timeout)
        self.under_way, self.ended = [], tuple(self.down)
        return verification

    async def _until_settled(self, limit: float) -> Verification:
        clock = self.world.clock
        end = clock.monotonic() + limit
        down_since = whole_since = None
        wait = FIRST_LOOK_AGAIN
        known: dict[Endpoint, Served] = {}
        while True:
            siblings = await self._listed(end)
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
                self.down = {} if settled else self._down(siblings, crashed_too=True)
                return verification
            await clock.sleep(min(wait, max(end - now, 0.0)))
            wait = min(wait * 1.5, LONGEST_LOOK_AGAIN)

    async def _look(
        self, siblings: Iterable[Sibling], known: dict[Endpoint, Served]
    ) -> tuple[dict[Endpoint, Served], Verification]:
        wanted = expected(
            siblings,
            self.settings.naming.hostname,
            self.expected.server,
            self.expected.lineages,
            self.settings.deployment.https_port,
            self.expected.others,
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

    async def _listed(self, end: float) -> tuple[Sibling, ...]:
        """The siblings as they are now: after a restart their addresses may have changed.

        Docker may be away for a moment, just when somebody fell: that is a `Problem` only when the time is over.
        """
        clock = self.world.clock
        while True:
            try:
                siblings = await self.world.siblings.list()
            except Problem:
                if clock.monotonic() >= end:
                    raise
                await clock.sleep(min(LONGEST_LOOK_AGAIN, max(end - clock.monotonic(), 0.0)))
            else:
                return tuple(s for s in siblings if handling(s, self.settings.deployment.https_port))

    def _watched(self) -> Collection[tuple[Sibling, Action]]:
        """Whom we acted on, each with its first action, and whom an attempt that was cut off had acted on."""
        acted = [*((one, BRING_BACK) for one in self._cut_off), *reversed(self.acted)]
        return {sibling.identity: (sibling, action) for sibling, action in acted}.values()

    def _stood(self, before: Sibling) -> bool:
        # One whose health check was still starting, or that we found down, did not fall over our pair.
        found_up = came_up(before, before).up and before.health != "starting"
        return found_up or before.name in self.memory.under_way

    def _down(self, siblings: Iterable[Sibling], *, crashed_too: bool = False) -> dict[str, str]:
        """Who does not stand now of those who should, by name; with `crashed_too` also who crashed in between."""
        # A container that somebody makes anew while we look has another identity, and is the same to its users.
        now = {(one.service, one.name): one for one in siblings} | {one.identity: one for one in siblings}
        down = {}
        self.fell = False
        for before, action in self._watched():
            after = now.get(before.identity, now.get((before.service, before.name)))
            stood = self._stood(before)
            same = after is not None and after.identity == before.identity
            verdict = came_up(before if after is None or (crashed_too and same and stood) else after, after)
            if not verdict.up and (stood or action.also_stopped):
                down[before.name] = verdict.because
                self.fell = self.fell or (stood and not verdict.by_hand)
        return down

    def report(
        self, verification: Verification | None = None, *, ok: bool, rolled_back: bool = False
    ) -> DeploymentReport:
        seen = verification or Verification()
        sentences = (*self.told, *seen.unanswered, *seen.unseen, *self.down.values())
        told = tuple(dict.fromkeys(sentences))
        return DeploymentReport(ok, told, seen.results, rolled_back, tuple(self.warnings))
