"""What the Docker API tells of a container, as a `Sibling`. Nothing in the document is taken for granted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from acme_companion.decide.deployment import is_sibling
from acme_companion.decide.facts import Sibling

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
_ONE_OFF = "com.docker.compose.oneoff"
_LONGEST_GRACE = 600
_PORT = re.compile(r"[0-9]{1,5}")


def mapping(document: object, *path: str) -> Mapping[str, Any]:
    """The object at `path` in a JSON document, empty when there is none."""
    for step in path:
        document = document.get(step) if isinstance(document, dict) else None
    return document if isinstance(document, dict) else {}


def text(document: object, *path: str) -> str:
    """The string at `path`, empty when there is none."""
    *above, last = path
    found = mapping(document, *above).get(last)
    return found if isinstance(found, str) else ""


def number(document: object, *path: str) -> int:
    """The whole number at `path`, 0 when there is none."""
    *above, last = path
    found = mapping(document, *above).get(last)
    return found if isinstance(found, int) else 0


def labels(document: object, *path: str) -> dict[str, str]:
    """The labels at `path`: names and values as text."""
    found = mapping(document, *path)
    return {key: value for key, value in found.items() if isinstance(value, str)}


def is_ours(found: Mapping[str, str], project: str) -> bool:
    """Whether the container with these labels is a sibling; not what an admin started with `docker compose run`.

    That one has the labels of its service, serves nobody, and a restart would end somebody's shell.
    """
    one_off = found.get(_ONE_OFF, "").lower() == "true"
    return found.get(PROJECT) == project and not one_off and is_sibling(found.get(SERVICE, ""), found)


def networks(document: object) -> frozenset[str]:
    """The ids of the networks that an inspected container is in."""
    found = mapping(document, "NetworkSettings", "Networks").values()
    return frozenset(filter(None, (text(network, "NetworkID") for network in found)))


def sibling_of(document: object, shared: Collection[str] | None) -> Sibling:
    """An inspected container as a `Sibling`; `shared`: ids of the networks we are in, None when addresses of all will do."""
    found = labels(document, "Config", "Labels")
    return Sibling(
        identity=text(document, "Id"),
        name=text(document, "Name").removeprefix("/") or text(document, "Id")[:12],
        service=found.get(SERVICE, ""),
        state=text(document, "State", "Status"),
        health=_health(text(document, "State", "Health", "Status")),
        restart_count=number(document, "RestartCount"),
        started_at=text(document, "State", "StartedAt"),
        addresses=_addresses(document, shared),
        labels=found,
        https_port=_https_port(document),
    )


def listed_only(entry: object) -> dict[str, Any]:
    """What an entry of the list of containers tells, as if it had been inspected."""
    names = mapping(entry).get("Names")
    name = names[0] if isinstance(names, list) and names else ""
    state = {"Status": text(entry, "State")}
    return {
        "Id": text(entry, "Id"),
        "Name": name,
        "State": state,
        "Config": {"Labels": mapping(entry, "Labels")},
    }


def grace(document: object) -> int:
    """Seconds that an inspected container may take to stop before it is killed (`stop_grace_period`)."""
    asked = mapping(document, "Config").get("StopTimeout")
    return min(asked, _LONGEST_GRACE) if isinstance(asked, int) and asked >= 0 else 10


def _https_port(document: object) -> int:
    """The port that HTTPS was moved to: mailcow tells nginx's container alone."""
    environment = mapping(document, "Config").get("Env")
    for entry in environment if isinstance(environment, list) else ():
        name, _, value = str(entry).partition("=")
        if name == "HTTPS_PORT" and _PORT.fullmatch(value) and 0 < int(value) <= 65535:
            return int(value)
    return 0


def _health(status: str) -> str:
    return status if status in {"healthy", "unhealthy", "starting"} else ""


def _addresses(document: object, shared: Collection[str] | None) -> tuple[str, ...]:
    """IPv4 before IPv6, because every mail stack has it; in the order of network names."""
    found = mapping(document, "NetworkSettings", "Networks")
    usable = [
        network
        for _, network in sorted(found.items())
        if shared is None or text(network, "NetworkID") in shared
    ]
    both = [text(network, key) for key in ("IPAddress", "GlobalIPv6Address") for network in usable]
    return tuple(dict.fromkeys(filter(None, both)))
