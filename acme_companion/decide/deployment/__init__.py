"""How siblings take a new pair up: which action for whom, in which order, and which endpoints must then serve it."""

from acme_companion.decide.deployment.actions import (
    BRING_BACK,
    NGINX_RELOAD,
    NOTHING,
    RESTART,
    Action,
    ActionKind,
    Change,
    escalated,
)
from acme_companion.decide.deployment.handling import Handling, Port, handling, is_sibling
from acme_companion.decide.deployment.rollout import CameUp, Rollout, came_up, rollout
from acme_companion.decide.deployment.verification import (
    EndpointResult,
    Expected,
    Verification,
    expected,
    judge,
    stale_ports,
)

__all__ = [
    "BRING_BACK",
    "NGINX_RELOAD",
    "NOTHING",
    "RESTART",
    "Action",
    "ActionKind",
    "CameUp",
    "Change",
    "EndpointResult",
    "Expected",
    "Handling",
    "Port",
    "Rollout",
    "Verification",
    "came_up",
    "escalated",
    "expected",
    "handling",
    "is_sibling",
    "judge",
    "rollout",
    "stale_ports",
]
