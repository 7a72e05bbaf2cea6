"""Which solver shows which name: opened for the names of one cycle, and only what these need."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from acme_companion.act.challenges.http01 import Http01Solver, responding
from acme_companion.decide.settings import ChallengeType
from acme_companion.problems import Refused

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping

    from acme_companion.decide.names import Name
    from acme_companion.decide.settings import Settings
    from acme_companion.ports import Clock, Solver, Solving


@dataclass(frozen=True, slots=True)
class SolverByName:
    """A `Solving` that was decided before: every name with its type of challenge and its solver."""

    by_name: Mapping[Name, tuple[ChallengeType, Solver]]

    def solver(self, name: Name) -> tuple[ChallengeType, Solver]:
        return self.by_name[name]


@asynccontextmanager
async def solving(settings: Settings, clock: Clock, names: Collection[Name]) -> AsyncIterator[Solving]:
    """The solvers that these `names` need, open while the block runs.

    Raises `NotYet` when one cannot be opened, `Refused` for a type of challenge that nobody here can solve.
    """
    async with AsyncExitStack() as stack:
        by_name: dict[Name, tuple[ChallengeType, Solver]] = {}
        http01: Solver | None = None
        for name in names:
            kind = settings.challenges.type_for(name)
            if kind is ChallengeType.HTTP_01:
                # No web root is needed where all names are validated through DNS.
                if http01 is None:
                    responder = await stack.enter_async_context(responding(settings.http01, clock))
                    http01 = Http01Solver(responder)
                by_name[name] = kind, http01
            else:
                raise Refused(f"{name}: {kind} is not supported")
        yield SolverByName(by_name)
