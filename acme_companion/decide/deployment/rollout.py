"""Who is acted on, in which order, and whether each of them stands afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from acme_companion.decide.deployment.actions import Action, ActionKind, Change
from acme_companion.decide.deployment.handling import handling, position
from acme_companion.decide.names import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from acme_companion.decide.facts import Sibling


@dataclass(frozen=True, slots=True)
class Rollout:
    """What to do, one after the other: never two services at once. `left_alone`: who is not touched, as sentences.

    `complaints`: labels that were not understood, for their admin.
    """

    steps: tuple[tuple[Sibling, Action], ...] = ()
    left_alone: tuple[str, ...] = ()
    complaints: tuple[str, ...] = ()


def rollout(siblings: Iterable[Sibling], change: Change) -> Rollout:
    """The actions for `change` in their order: nginx, Dovecot, Postfix, then the others by name.

    A container that does not run is not started: it reads the new pair when someone starts it.
    """
    steps: list[tuple[Sibling, Action]] = []
    left_alone: list[str] = []
    complaints: list[str] = []
    for sibling in sorted(siblings, key=position):
        found = handling(sibling)
        if found is None:
            continue
        complaints.extend(found.complaints)
        action = found.action(change)
        if action.kind is ActionKind.NONE:
            continue
        if sibling.state == "running":
            steps.append((sibling, action))
        else:
            left_alone.append(
                f"{sibling.name} is {quoted(sibling.state)}, not running: it is not started by us and reads"
                " the new certificate when it starts"
            )
    return Rollout(tuple(steps), tuple(left_alone), tuple(complaints))


@dataclass(frozen=True, slots=True)
class CameUp:
    """Whether a sibling stands after its action, and why not (empty when it does).

    `by_hand`: somebody pauses it, removes it or is making it anew; no pair does that to a service.
    """

    up: bool
    because: str = ""
    by_hand: bool = False


def came_up(before: Sibling, after: Sibling | None) -> CameUp:
    """Judge a sibling by how it was before the action and how it is now; `after` is None when it is gone.

    A health check that is still starting is not held against it: what it serves is looked at as well.
    """
    if after is None:
        return CameUp(up=False, because=f"{before.name} is gone")
    if _crashed(before.restart_count, after.restart_count):
        return CameUp(
            up=False, because=f"{after.name} crashes: Docker restarted it {after.restart_count} times"
        )
    if after.state != "running":
        because = f"{after.name} is {quoted(after.state)}, not running"
        return CameUp(up=False, because=because, by_hand=after.state in _BY_HAND)
    if after.health == "unhealthy":
        return CameUp(up=False, because=f"{after.name} runs, but its health check fails")
    return CameUp(up=True)


_BY_HAND = frozenset({"created", "paused", "removing"})


def _crashed(before: int, after: int) -> bool:
    # A count that fell was reset by a restart or belongs to a new container: then every count is a crash.
    return after > before or 0 < after < before
