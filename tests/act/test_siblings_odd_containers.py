"""Containers that a Docker Engine lists, and that are not what they look like. A fake engine, because a real one rarely has them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from acme_companion.decide.problems import NotYet
from tests.act.test_siblings_docker_faults import VERSION, engine, fake_engine

if TYPE_CHECKING:
    from pathlib import Path

    from acme_companion.decide.facts import Sibling
    from tests.act.test_siblings_docker_faults import Answer


def entry(identity: str, service: str, state: str = "running", **labels: str) -> dict[str, Any]:
    """What the list tells of a container."""
    project = {"com.docker.compose.project": "mailcowdockerized", "com.docker.compose.service": service}
    return {"Id": identity, "Names": [f"/{service}-1"], "State": state, "Labels": project | labels}


async def listed(tmp_path: Path, *entries: dict[str, Any], broken: str = "") -> tuple[Sibling, ...]:
    """The siblings that these entries become; the engine cannot inspect the container `broken`."""

    def answer(_: str, path: str) -> Answer:
        if path == "/version":
            return (200, VERSION)
        if path.endswith("/containers/json"):
            return (200, json.dumps(entries).encode())
        identity = path.split("/")[-2]
        if identity == broken:
            return (500, b'{"message": "RWLayer of container is unexpectedly nil"}')
        (found,) = {json.dumps(one): one for one in entries if one["Id"] == identity}.values()
        document = {
            "Id": identity,
            "Name": found["Names"][0],
            "State": {"Status": found["State"]},
            "Config": {"Labels": found["Labels"]},
        }
        return (200, json.dumps(document).encode())

    with fake_engine(tmp_path / "socket", answer):
        return await engine(f"unix://{tmp_path}/socket").list()


async def test_what_an_admin_runs_beside_the_service(tmp_path: Path) -> None:
    """`docker compose run dovecot-mailcow sh` has the service's labels, and is somebody's shell: it is not restarted."""
    one_off = {"com.docker.compose.oneoff": "True"}
    no_one_off = {"com.docker.compose.oneoff": "False"}
    found = await listed(
        tmp_path, entry("a", "dovecot-mailcow", **no_one_off), entry("b", "dovecot-mailcow", **one_off)
    )

    assert [one.identity for one in found] == ["a"]


async def test_a_container_that_is_listed_twice(tmp_path: Path) -> None:
    """One sibling, so that it is not restarted twice."""
    twice = entry("a", "postfix-mailcow")

    assert [one.identity for one in await listed(tmp_path, twice, twice)] == ["a"]


async def test_a_dead_container_that_cannot_be_inspected(tmp_path: Path) -> None:
    """It is told of as dead; the others are taken through their certificate all the same."""
    found = await listed(
        tmp_path, entry("a", "dovecot-mailcow", "dead"), entry("b", "postfix-mailcow"), broken="a"
    )

    assert [(one.name, one.service, one.state) for one in found] == [
        ("dovecot-mailcow-1", "dovecot-mailcow", "dead"),
        ("postfix-mailcow-1", "postfix-mailcow", "running"),
    ]


async def test_a_running_container_that_cannot_be_inspected(tmp_path: Path) -> None:
    """Without its address and health nobody could tell whether it took the pair up: the list is asked for again later."""
    with pytest.raises(NotYet, match="could not inspect a: RWLayer"):
        await listed(tmp_path, entry("a", "dovecot-mailcow"), entry("b", "postfix-mailcow"), broken="a")
