"""The containers that use the pairs, reached through a Docker Engine, through mailcow's gateway, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acme_companion.decide.problems import NotYet

if TYPE_CHECKING:
    from acme_companion.decide.deployment import Action
    from acme_companion.decide.facts import Sibling
    from acme_companion.decide.settings import Deployment
    from acme_companion.ports import Clock, Log, Siblings


def open_siblings(deployment: Deployment, clock: Clock, log: Log, own_container: str = "") -> Siblings:
    """The siblings behind `deployment.docker_host`; nothing is asked yet.

    `own_container`: the id of the container we run in (`own_container_id`), empty outside of one.
    """
    match deployment.docker_host.partition("://"):
        case ("none", "", ""):
            return NoSiblings()
        case ("https", "://", _):
            from acme_companion.act.siblings.dockerapi import DockerApi  # noqa: PLC0415 - only when it is used

            return DockerApi(deployment, log, own_container)
        case _:
            from acme_companion.act.siblings.docker_engine import DockerEngine  # noqa: PLC0415 - a slow import

            return DockerEngine(deployment, clock, log, own_container)


class NoSiblings:
    """Nobody is restarted: `docker_host` is `none`, and the admin sees to it."""

    async def list(self) -> tuple[Sibling, ...]:
        return ()

    async def act(self, sibling: Sibling, action: Action) -> None:
        raise NotYet(f"{sibling.name}: {action} is left to you, because RELOADER or DOCKER_HOST is none")
