"""How siblings take a new pair up: which action for whom, in which order, and which endpoints must then serve it."""

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
    """`argument`: the command of `exec` as an argument list, or the name of the `signal`."""

    kind: ActionKind
    argument: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join([self.kind, *self.argument])


RESTART = Action(ActionKind.RESTART)
NGINX_RELOAD = Action(ActionKind.EXEC, ("nginx", "-s", "reload"))
