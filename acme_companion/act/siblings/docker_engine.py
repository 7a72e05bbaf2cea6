"""Siblings through the Docker Engine API: its socket, or a socket proxy in front of it."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

import requests
from docker import APIClient
from docker.errors import APIError, DockerException, NotFound

from acme_companion.act.siblings.docker_exec import run
from acme_companion.act.siblings.docker_faults import one_line, sentence, socket_fault
from acme_companion.act.siblings.inspection import (
    PROJECT,
    grace,
    is_ours,
    labels,
    listed_only,
    networks,
    sibling_of,
    text,
)
from acme_companion.decide.deployment import Action, ActionKind
from acme_companion.decide.names import quoted
from acme_companion.decide.problems import NotYet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from acme_companion.decide.facts import Sibling
    from acme_companion.decide.settings import Deployment
    from acme_companion.ports import Clock, Log

T = TypeVar("T")

_TIMEOUT = 30
"""Seconds for one answer; a restart gets the container's own time to stop on top."""
_LIMIT = 900.0
"""Seconds for everything that one `list` or `act` does: above the longest restart."""
_OLDEST, _NEWEST = (1, 24), (1, 45)
"""The API versions that this module is written for."""
_PAUSE = 0.05
# How shells and container runtimes say that there is no such command, or that it may not be run.
_CANNOT_RUN = {126, 127}
# What docker-py stumbles with over an answer that it does not expect: an error without a message, a list for an object.
_NO_PROPER_ANSWER = (ValueError, KeyError, TypeError, AttributeError, RecursionError)


class _CannotRun(NotYet):
    """The command could not be run at all: `Action.instead` may be done."""


class DockerEngine:
    """Every call opens its own connection: days lie between them, and the daemon may be another one by then."""

    def __init__(
        self,
        deployment: Deployment,
        clock: Clock,
        log: Log,
        own_container: str = "",
        timeout: int = _TIMEOUT,
    ) -> None:
        self._host = deployment.docker_host
        self._project = deployment.project
        self._clock = clock
        self._log = log
        self._own_container = own_container
        self._timeout = timeout

    async def list(self) -> tuple[Sibling, ...]:
        """The project's containers that use the pairs, running or not; raises `NotYet`."""
        return await self._in_thread("list the containers", self._list)

    async def act(self, sibling: Sibling, action: Action) -> None:
        """Carry `action` out; raises `NotYet`, with the output of a command that said no."""
        if action.kind is ActionKind.NONE:
            return
        loop = asyncio.get_running_loop()

        def pause() -> None:
            asyncio.run_coroutine_threadsafe(self._clock.sleep(_PAUSE), loop).result(self._timeout)

        remark = await self._in_thread(f"{action} {sibling.name}", lambda: self._act(sibling, action, pause))
        if remark:
            self._log.warning(remark)

    async def _in_thread(self, what: str, work: Callable[[], T]) -> T:
        try:
            async with asyncio.timeout(_LIMIT):
                return await _in_thread_of_its_own(work)
        except TimeoutError:
            raise NotYet(f"the Docker API at {self._host}: to {what} took too long") from None

    # ---- what runs in the thread -----------------------------------------------------------------------------

    @contextmanager
    def _connected(self) -> Iterator[APIClient]:
        # docker-py leaves a socket open when it cannot connect, and does not tell why.
        if fault := socket_fault(self._host, self._timeout):
            raise NotYet(fault)
        with self._translated("tell its version"), self._client(".".join(map(str, _NEWEST))) as client:
            version = _negotiated(client.version(api_version=False))
        with self._translated("use it"), self._client(version) as client:
            yield client

    def _client(self, version: str) -> APIClient:
        # An explicit address and version: neither a Docker context, nor DOCKER_HOST, nor DOCKER_TLS_VERIFY is read.
        client = APIClient(base_url=self._host, version=version, timeout=self._timeout)
        client.trust_env = False  # nor a proxy for the web
        return client

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        try:
            yield
        except (DockerException, requests.RequestException, *_NO_PROPER_ANSWER) as problem:
            raise NotYet(sentence(problem, self._host, what)) from None

    def _list(self) -> tuple[Sibling, ...]:
        with self._connected() as client:
            return self._siblings(client)

    def _siblings(self, client: APIClient) -> tuple[Sibling, ...]:
        with self._translated("list the containers"):
            listed = client.containers(all=True, filters={"label": [f"{PROJECT}={self._project}"]})
        if not isinstance(listed, list):
            raise NotYet(f"{self._host} answered no list of containers: is that the Docker API?")
        own = self._inspected(client, self._own_container) if self._own_container else None
        shared = networks(own) if own is not None else None
        found = {}
        for entry in listed:
            # Again exactly: an API in between (a proxy, another engine) might not know the filter.
            if text(entry, "Id") != text(own, "Id") and is_ours(labels(entry, "Labels"), self._project):
                document = self._inspected_or_listed(client, entry)
                if document is not None:  # else it went away since the list was made
                    found[text(entry, "Id")] = sibling_of(document, shared)
        return tuple(found.values())

    def _inspected_or_listed(self, client: APIClient, entry: object) -> Mapping[str, Any] | None:
        try:
            return self._inspected(client, text(entry, "Id"))
        except NotYet:
            # An engine may have lost what a dead container was made of: that must not keep us from the others.
            if text(entry, "State") in {"", "running"}:
                raise
            return listed_only(entry)

    def _inspected(self, client: APIClient, identity: str) -> dict[str, Any] | None:
        with self._translated(f"inspect {identity[:12]}"):
            try:
                return dict(client.inspect_container(identity))
            except NotFound:
                return None

    def _act(self, sibling: Sibling, action: Action, pause: Callable[[], None]) -> str:
        """Do it; a remark for the log when something else was done instead."""
        with self._connected() as client:
            document = self._found_again(client, sibling, also_stopped=action.also_stopped)
            try:
                self._carry_out(client, document, sibling.name, action, pause)
            except _CannotRun as problem:
                if action.instead is None:
                    raise
                self._carry_out(client, document, sibling.name, action.instead, pause)
                return f"{problem}; done instead: {action.instead}"
        return ""

    def _found_again(self, client: APIClient, sibling: Sibling, *, also_stopped: bool) -> dict[str, Any]:
        """The container as it is now. One that was made anew since the list is looked for again, once."""
        document = self._inspected(client, sibling.identity)
        if document is None:
            same = [one for one in self._siblings(client) if one.service == sibling.service]
            named = [one for one in same if one.name == sibling.name] or same
            document = self._inspected(client, named[0].identity) if len(named) == 1 else None
        if document is None:
            raise NotYet(f"{sibling.name} is gone: it was removed or made anew while we worked")
        state = text(document, "State", "Status")
        if state != "running" and not also_stopped:
            raise NotYet(f"{sibling.name} is {quoted(state)}, not running; it is not started by us")
        return document

    def _carry_out(
        self,
        client: APIClient,
        document: dict[str, Any],
        name: str,
        action: Action,
        pause: Callable[[], None],
    ) -> None:
        identity = text(document, "Id")
        match action.kind:
            case ActionKind.RESTART:
                with self._translated(f"restart {name}"):
                    client.restart(identity, timeout=grace(document))
            case ActionKind.SIGNAL:
                with self._translated(f"send {action.argument[0]} to {name}"):
                    client.kill(identity, signal=action.argument[0])
            case ActionKind.EXEC:
                self._exec(client, identity, name, action.argument, pause)
            case ActionKind.NONE:
                pass

    def _exec(
        self, client: APIClient, identity: str, name: str, command: tuple[str, ...], pause: Callable[[], None]
    ) -> None:
        what = f"run {quoted(' '.join(command))} in {name}"
        with self._translated(what):
            try:
                code, output = run(client, identity, command, pause)
            except APIError as problem:
                if problem.status_code in {400, 403, 501}:
                    raise _CannotRun(sentence(problem, self._host, what)) from None
                raise
        if code in _CANNOT_RUN:
            raise _CannotRun(f"{what}: there is no such command, or it may not be run: {one_line(output)}")
        if code is None:
            raise NotYet(f"{what}: it has not ended: {one_line(output)}")
        if code:
            raise NotYet(f"{what}: it said no (exit code {code}): {one_line(output) or 'without a word'}")


async def _in_thread_of_its_own(work: Callable[[], T]) -> T:
    """What `work` gives. Who is cancelled does not wait for it, and neither does the end of the process.

    A container may take minutes to restart, and who is asked to stop has ten seconds.
    """
    outcome: Future[T] = Future()
    outcome.set_running_or_notify_cancel()  # from now on it takes a result, wanted or not

    def work_and_tell() -> None:
        try:
            outcome.set_result(work())
        except BaseException as problem:  # noqa: BLE001 - whatever it is belongs to who waits
            outcome.set_exception(problem)

    Thread(target=work_and_tell, daemon=True).start()
    return await asyncio.wrap_future(outcome)


def _negotiated(version: object) -> str:
    """The API version to speak: the newest that both sides know; raises `NotYet` when there is none."""
    newest = _version(text(version, "ApiVersion"))
    oldest = _version(text(version, "MinAPIVersion")) or (1, 0)
    if newest is None:
        raise NotYet("whoever answers at DOCKER_HOST names no ApiVersion: is that the Docker API?")
    if newest < _OLDEST:
        raise NotYet(
            f"the Docker API is version {newest[0]}.{newest[1]}; 1.24 (Docker 1.12) or newer is needed"
        )
    # A server that has dropped our newest is asked in its oldest: what is used here has not changed for years.
    spoken = max(min(newest, _NEWEST), oldest)
    return f"{spoken[0]}.{spoken[1]}"


def _version(found: str) -> tuple[int, int] | None:
    major, _, minor = found.partition(".")
    return (int(major), int(minor)) if major.isdecimal() and minor.isdecimal() else None
