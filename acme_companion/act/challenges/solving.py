"""Which solver shows which name: opened for the names of one cycle, and only what these need."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from acme_companion.act.challenges.dns01 import Dns01
from acme_companion.act.challenges.dns_persist import DnsPersist01
from acme_companion.act.challenges.http01 import Http01Solver, responding
from acme_companion.act.challenges.leftovers import Editors, Leftovers
from acme_companion.decide.dns_challenges import dns01_owner, dns_account01_owner
from acme_companion.decide.problems import Problem
from acme_companion.decide.settings import ChallengeType

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from acme_companion.act.dns.editor import RecordEditor
    from acme_companion.decide.names import Name
    from acme_companion.decide.settings import DnsZone, Settings
    from acme_companion.ports import Clock, Log, Proof, Solver, Solving, TxtLooks


@dataclass(frozen=True)
class SolvingDoors:
    """What solvers need of the outside. `leftovers`: the file that knows which records a crash left published."""

    clock: Clock
    log: Log
    looks: Callable[[], AbstractAsyncContextManager[TxtLooks]]
    editor: Callable[[DnsZone], RecordEditor]
    leftovers: Path


@dataclass(frozen=True, slots=True)
class SolverByName:
    """A `Solving` that was decided before: every name with its type of challenge and its solver."""

    by_name: Mapping[Name, tuple[ChallengeType, Solver]]

    def solver(self, name: Name) -> tuple[ChallengeType, Solver]:
        return self.by_name[name]


@asynccontextmanager
async def solving(settings: Settings, doors: SolvingDoors, names: Collection[Name]) -> AsyncIterator[Solving]:
    """The solvers that these `names` need, open while the block runs. One that cannot be opened costs its own names only."""
    kinds = {name: settings.challenges.type_for(name) for name in names}
    async with AsyncExitStack() as stack:
        opening = _Opening(settings, doors, stack)
        solvers = {kind: await opening.solver(kind) for kind in dict.fromkeys(kinds.values())}
        yield SolverByName({name: (kind, solvers[kind]) for name, kind in kinds.items()})


class _Opening:
    """Opens the solvers, and once only what several of them share."""

    def __init__(self, settings: Settings, doors: SolvingDoors, stack: AsyncExitStack) -> None:
        self._settings, self._doors, self._stack = settings, doors, stack
        self._looks: TxtLooks | None = None
        self._published: tuple[Editors, Leftovers] | None = None

    async def solver(self, kind: ChallengeType) -> Solver:
        match kind:
            case ChallengeType.HTTP_01:
                return await self._http01()
            case ChallengeType.DNS_01:
                return await self._dns(lambda proof: dns01_owner(proof.name))
            case ChallengeType.DNS_ACCOUNT_01:
                return await self._dns(lambda proof: dns_account01_owner(proof.name, proof.account_uri))
            case ChallengeType.DNS_PERSIST_01:
                return DnsPersist01(await self._txt_looks(), self._doors.clock)
            case _:
                assert_never(kind)

    async def _http01(self) -> Solver:
        try:
            return Http01Solver(
                await self._stack.enter_async_context(responding(self._settings.http01, self._doors.clock))
            )
        except Problem as problem:
            return _Unable(problem)

    async def _dns(self, owner_of: Callable[[Proof], str]) -> Solver:
        looks = await self._txt_looks()
        editors, leftovers = self._records()
        challenges = self._settings.challenges
        return Dns01(owner_of, challenges, editors, looks, leftovers, self._doors.clock, self._doors.log)

    async def _txt_looks(self) -> TxtLooks:
        if self._looks is None:
            self._looks = await self._stack.enter_async_context(self._doors.looks())
        return self._looks

    def _records(self) -> tuple[Editors, Leftovers]:
        if self._published is None:
            editors, leftovers = (
                Editors(self._doors.editor),
                Leftovers(self._doors.leftovers, self._doors.log),
            )
            leftovers.load()
            self._stack.push_async_callback(leftovers.sweep, self._settings.challenges, editors)
            self._published = editors, leftovers
        return self._published


@dataclass(frozen=True, slots=True)
class _Unable:
    """A solver that could not be opened, for a reason that every name is told."""

    problem: Problem

    async def present(self, proof: Proof) -> None:  # noqa: ARG002 - whatever it is
        raise self.problem

    async def wait(self, proofs: Sequence[Proof]) -> Mapping[Name, str]:
        return {proof.name: str(self.problem) for proof in proofs}

    async def clean_up(self, proof: Proof) -> None:
        """Nothing was shown."""
