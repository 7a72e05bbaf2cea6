"""What can be done to a sibling so that it reads a pair again."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ActionKind(StrEnum):
    """What can be done to a container so that it reads the pair again."""

    RESTART = "restart"
    EXEC = "exec"
    SIGNAL = "signal"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Action:
    """`argument`: the command of `exec` as an argument list, or the name of the `signal`.

    `instead`: what to do when the command cannot be run at all. A command that runs and says no is an answer: then
    nothing is done instead, because a restart with a broken configuration would end a service that still serves.
    `also_stopped`: also to a container that does not run, because it ran before an action of ours.
    """

    kind: ActionKind
    argument: tuple[str, ...] = ()
    instead: Action | None = None
    also_stopped: bool = False

    def __str__(self) -> str:
        return " ".join([self.kind, *self.argument])


RESTART = Action(ActionKind.RESTART)
BRING_BACK = Action(ActionKind.RESTART, also_stopped=True)
NGINX_RELOAD = Action(ActionKind.EXEC, ("nginx", "-s", "reload"), instead=RESTART)
NOTHING = Action(ActionKind.NONE)


class Change(StrEnum):
    """What happened to the pairs: new content for the same names, or certificates that are new or gone."""

    RENEWED = "renewed"
    CHANGED = "changed"


def escalated(action: Action) -> Action | None:
    """What to try once when the service still serves another certificate after `action`; None when nothing is stronger."""
    return RESTART if action.kind in {ActionKind.EXEC, ActionKind.SIGNAL} else None
