"""What siblings must serve once a deployment is finished."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from acme_companion.decide.memory import Memory
    from acme_companion.decide.pair import Certificate
    from acme_companion.ports import World


@dataclass(frozen=True, slots=True)
class ToVerify:
    """What must be served: the server pair, and the lineages whose deployment is not finished. `others`: that are there besides."""

    server: Certificate | None
    lineages: tuple[Certificate, ...]
    others: tuple[Certificate, ...] = ()


def to_verify(world: World, memory: Memory) -> ToVerify:
    """What the volume holds now of what `memory` says is not deployed yet."""
    held, undeployed = world.store.read(), frozenset(memory.undeployed)
    here = [(one.directory in undeployed, one.certificate) for one in held.lineages if one.certificate]
    return ToVerify(
        held.server,
        tuple(certificate for wanted, certificate in here if wanted),
        tuple(certificate for wanted, certificate in here if not wanted),
    )
