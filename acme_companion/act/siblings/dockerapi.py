"""Siblings through mailcow's own gateway, for stacks that give us no socket: it restarts, and reloads three services."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import aiohttp

from acme_companion.act.siblings.docker_faults import one_line
from acme_companion.act.siblings.inspection import is_ours, labels, networks, sibling_of, text
from acme_companion.decide.deployment import Action, ActionKind
from acme_companion.decide.names import quoted
from acme_companion.decide.problems import NotYet

if TYPE_CHECKING:
    from acme_companion.decide.facts import Sibling
    from acme_companion.decide.settings import Deployment
    from acme_companion.ports import Log

_TIMEOUT = aiohttp.ClientTimeout(total=120, connect=10)
_MOST_BYTES = 8 * 1024 * 1024
_RELOADS = {
    ("nginx", "-s", "reload"): "nginx",
    ("dovecot", "reload"): "dovecot",
    ("doveadm", "reload"): "dovecot",
    ("postfix", "reload"): "postfix",
}
"""The commands that the gateway has a task for."""


class DockerApi:
    """The gateway at `deployment.docker_host` (`https://dockerapi`). Older ones list running containers only."""

    def __init__(self, deployment: Deployment, log: Log, own_container: str = "") -> None:
        self._url = deployment.docker_host.rstrip("/")
        self._project = deployment.project
        self._log = log
        self._own_container = own_container

    async def list(self) -> tuple[Sibling, ...]:
        """The project's containers that use the pairs; raises `NotYet`."""
        answered = await self._ask("GET", "/containers/json?all=true")
        if not isinstance(answered, dict) or "type" in answered:
            raise NotYet(f"{self._url} answered no list of containers: {_shown(answered)}")
        own = answered.pop(self._own_container, None)
        shared = networks(own) if own is not None else None
        return tuple(
            sibling_of({"Id": identity, **document}, shared)
            for identity, document in answered.items()
            if isinstance(document, dict) and is_ours(labels(document, "Config", "Labels"), self._project)
        )

    async def act(self, sibling: Sibling, action: Action) -> None:
        """Carry `action` out, as far as the gateway can; raises `NotYet`."""
        match action.kind:
            case ActionKind.NONE:
                pass
            case ActionKind.RESTART:
                await self._command(sibling, action, "restart", None)
            case ActionKind.EXEC if action.argument in _RELOADS:
                body = {"cmd": "reload", "task": _RELOADS[action.argument]}
                await self._command(sibling, action, "exec", body)
            case _:
                await self._instead(sibling, action)

    async def _instead(self, sibling: Sibling, action: Action) -> None:
        cannot = f"{sibling.name}: mailcow's dockerapi cannot do {quoted(str(action))}"
        if action.instead is None:
            raise NotYet(f"{cannot}: set DOCKER_HOST to a socket proxy, or the label to restart")
        await self.act(sibling, action.instead)
        self._log.warning(f"{cannot}; done instead: {action.instead}")

    async def _command(
        self, sibling: Sibling, action: Action, command: str, body: dict[str, str] | None
    ) -> None:
        answered = await self._ask("POST", f"/containers/{sibling.identity}/{command}", body)
        if text(answered, "type") != "success":
            said = one_line(text(answered, "msg")) or _shown(answered)
            raise NotYet(f"{sibling.name}: mailcow's dockerapi could not do {quoted(str(action))}: {said}")

    async def _ask(self, method: str, path: str, body: dict[str, str] | None = None) -> Any:
        try:
            # Its certificate is self-signed and made anew at every start, so it says nothing; only this host is asked.
            async with (
                aiohttp.ClientSession(timeout=_TIMEOUT) as session,
                session.request(
                    method, self._url + path, json=body, ssl=False, allow_redirects=False
                ) as response,
            ):
                content = await _body(response)
        except TimeoutError:
            raise NotYet(f"{self._url} did not answer {method} {path} in time") from None
        except (aiohttp.ClientError, OSError) as problem:
            raise NotYet(
                f"{self._url} cannot be reached ({one_line(str(problem))}): is dockerapi-mailcow up, and are we in"
                " its network?"
            ) from None
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            raise NotYet(
                f"{self._url} gave no JSON to {method} {path} (status {response.status}):"
                f" {one_line(content[:200].decode('utf-8', errors='replace'))}"
            ) from None


def _shown(answered: object) -> str:
    try:
        return one_line(json.dumps(answered))
    except RecursionError:
        return "an answer that is nested too deeply"


async def _body(response: aiohttp.ClientResponse) -> bytes:
    content = b""
    async for chunk in response.content.iter_chunked(65536):
        content += chunk
        if len(content) > _MOST_BYTES:
            raise aiohttp.ClientPayloadError(f"an answer of more than {_MOST_BYTES} bytes")
    return content
