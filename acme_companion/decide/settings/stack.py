"""The settings about the stack around us: siblings, database, Redis."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from acme_companion.decide.names import quoted
from acme_companion.decide.settings import Database, Deployment, HostPort, Redis, Reloader, Secret, values
from acme_companion.decide.settings.values import ValueRefused
from acme_companion.decide.settings.variables import PORTS

if TYPE_CHECKING:
    from acme_companion.decide.names import Name
    from acme_companion.decide.settings.source import Source

_DOCKER_SOCKET = "unix:///var/run/docker.sock"
_MAILCOW_GATEWAY = "https://dockerapi"
_REDIS_PORT = 6379
_EVERY_ADDRESS = {"", "0.0.0.0", "::"}  # noqa: S104 - compared with, never listened on


def deployment(source: Source, hostname: Name, *, docker_socket_exists: bool) -> Deployment:
    """The siblings and their published ports; a port that is published on every address is looked at as `hostname`."""
    ports = {variable.name: source.get(variable.name, values.published) for variable in PORTS.variables}
    return Deployment(
        project=source.get("COMPOSE_PROJECT_NAME", values.project),
        docker_host=_docker_host(source, docker_socket_exists=docker_socket_exists),
        verify_timeout=source.get("VERIFY_TIMEOUT", values.seconds(1, 3600)),
        ports={
            name: replace(port, host=str(hostname)) if port.host in _EVERY_ADDRESS else port
            for name, port in ports.items()
        },
        https_port=ports["HTTPS_PORT"].port,
    )


def _docker_host(source: Source, *, docker_socket_exists: bool) -> str:
    """Where containers are reached: RELOADER says what is there, DOCKER_HOST says where."""
    reloader = source.get("RELOADER", values.choice(Reloader))
    given = source.get("DOCKER_HOST", values.optional(_door_to_docker))
    usable: tuple[str, ...]
    match reloader:
        case Reloader.AUTO:
            return given or (_DOCKER_SOCKET if docker_socket_exists else _MAILCOW_GATEWAY)
        case Reloader.NONE:
            if given not in {None, "none"}:
                source.warn("DOCKER_HOST", "has no effect, as RELOADER is none: no container is touched")
            return "none"
        case Reloader.DOCKER:
            automatic, usable = _DOCKER_SOCKET, ("unix://", "tcp://")
        case Reloader.DOCKERAPI:
            automatic, usable = _MAILCOW_GATEWAY, ("https://",)
    if given is not None and not given.startswith(usable):
        source.complain(
            "RELOADER",
            f"{reloader} is reached by {' or '.join(usable)}, but DOCKER_HOST is {quoted(given)}: change one of them, or leave "
            f"DOCKER_HOST empty for {automatic}",
        )
    return given or automatic


def _door_to_docker(text: str) -> str:
    """`unix:///path`, `tcp://host:port`, `https://host` or `none`."""
    if text.lower() == "none":
        return "none"
    if text.startswith("unix://") and "@" not in text:
        return "unix://" + values.path(text.removeprefix("unix://"))
    if "@" not in text and not text.startswith(("tcp://", "https://")):
        raise ValueRefused(f"{quoted(text)} is none of unix:///path, tcp://host:port, https://host and none")
    found = values.url("tcp", "https")(text).rstrip("/")
    parts = urlsplit(found)
    if parts.path or parts.query or parts.fragment:
        raise ValueRefused(f"{quoted(text)}: only a host and a port may follow {parts.scheme}://")
    if parts.scheme == "tcp" and parts.port is None:
        raise ValueRefused(f"{quoted(text)} has no port: write tcp://host:port")
    return found


def database(source: Source) -> Database | None:
    """The database, once DBNAME or DBUSER is set."""
    name, user = source.get("DBNAME", str), source.get("DBUSER", str)
    password = source.get("DBPASS", Secret)
    server = source.get("DBHOST", values.optional(values.host_port(3306)))
    socket = source.get("DBSOCKET", values.path)
    for given, missing in (("DBNAME", "DBUSER"), ("DBUSER", "DBNAME")):
        if source.is_set(given) and not source.is_set(missing):
            source.complain(given, f"is set, but {missing} is not: set both, or neither")
    return Database(name, user, password, server, socket) if name and user else None


def redis(source: Source) -> Redis | None:
    """Where mailcow keeps its log: its Redis, or that one's master when it is a replica."""
    password = source.get("REDISPASS", Secret)
    given = source.get("REDIS_HOST", values.optional(values.host_port(_REDIS_PORT)))
    master = source.get("REDIS_SLAVEOF_IP", values.optional(values.host))
    master_port = source.get("REDIS_SLAVEOF_PORT", values.port)
    log_lines = source.get("LOG_LINES", values.whole(1, 1_000_000))
    if master:
        return Redis(HostPort(master, master_port), password, log_lines)
    if given or password:
        return Redis(given or HostPort("redis", _REDIS_PORT), password, log_lines)
    return None
