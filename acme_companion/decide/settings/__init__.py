"""The settings: parsed once at the door, trusted inside. Each room is given its own group only."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ipaddress import IPv4Address, IPv6Address

    from acme_companion.decide.names import Name


class KeyType(StrEnum):
    """Kinds of private key that public CAs accept."""

    RSA2048 = "rsa2048"
    RSA4096 = "rsa4096"
    EC256 = "ec256"
    EC384 = "ec384"


class Http01Mode(StrEnum):
    """Who serves the challenge files: the stack's web server from a shared volume, or we ourselves."""

    WEBROOT = "webroot"
    STANDALONE = "standalone"


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that no log, representation or error shows. `reveal` is the only way to it."""

    _value: str = field(repr=False)

    def reveal(self) -> str:
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __str__(self) -> str:
        return "(secret)"


@dataclass(frozen=True, slots=True)
class HostPort:
    """Where something listens; `host` is a name or an address without brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Naming:
    """Which names belong into which certificate."""

    hostname: Name
    additional: tuple[Name, ...] = ()
    prefixes: tuple[str, ...] = ()
    autodiscover: bool = True
    only_hostname: bool = False
    sni: bool = False
    mail_domains: tuple[Name, ...] = ()
    mta_sts_domains: tuple[Name, ...] = ()
    most_names: int = 100


@dataclass(frozen=True, slots=True)
class Database:
    """mailcow's MariaDB. `host` None: the UNIX socket."""

    name: str
    user: str
    password: Secret
    host: HostPort | None = None
    socket: str = "/var/run/mysqld/mysqld.sock"


@dataclass(frozen=True, slots=True)
class Checks:
    """How names are looked at before a CA is asked. Empty `resolvers`: the system's. `timeout` in seconds per name.

    `challenge_type`: how names will be validated (RFC 8555 section 8); with `dns-01` only CAA is judged.
    """

    skip_ip: bool = False
    skip_http: bool = False
    accept_other_ipv4: bool = False
    accept_other_ipv6: bool = False
    public_ipv4: IPv4Address | None = None
    public_ipv6: IPv6Address | None = None
    public_ip_services: tuple[str, ...] = ()
    ipv6: bool = True
    resolvers: tuple[HostPort, ...] = ()
    timeout: float = 10.0
    http_port: int = 80
    challenge_type: str = "http-01"


@dataclass(frozen=True, slots=True)
class Ca:
    """The CA and our account there. `ca_bundle`: a PEM file to trust for the ACME API instead of the system's.

    `orders_at_once`: how many orders are being placed at the same moment (any number may be under way).
    `timeout`: seconds until an order that makes no progress is left for the next cycle.
    """

    directory_url: str
    contact: str | None = None
    profile: str | None = None
    ca_bundle: str | None = None
    key_type: KeyType = KeyType.RSA2048
    orders_at_once: int = 4
    timeout: float = 600.0


@dataclass(frozen=True, slots=True)
class Http01:
    """How the challenge files are served. `port` is the port of our own listener in standalone mode."""

    mode: Http01Mode = Http01Mode.WEBROOT
    webroot: str = "/var/www/acme"
    port: int = 80


@dataclass(frozen=True, slots=True)
class Deployment:
    """The siblings and how they are reached.

    `docker_host`: `unix://…` or `tcp://…` (Docker Engine API, perhaps through a socket proxy), `https://dockerapi`
    (mailcow's gateway), or `none`. `verify_timeout`: seconds until every endpoint must serve the new certificate.
    `ports`: the published ports by variable name (`SMTP_PORT`, …), for `expiry-dates`; `https_port` is the port nginx
    itself listens on, which mailcow makes the same as the published one.
    """

    project: str = "mailcowdockerized"
    docker_host: str = "unix:///var/run/docker.sock"
    verify_timeout: float = 120.0
    ports: Mapping[str, HostPort] = field(default_factory=dict)
    https_port: int = 443


@dataclass(frozen=True, slots=True)
class Redis:
    """mailcow's Redis lists (`ACME_LOG`, `ACME_FAIL_TIME`)."""

    server: HostPort
    password: Secret
    log_lines: int = 9999


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything an admin can set. `warnings` are sentences for the log about values that were tolerated."""

    naming: Naming
    ca: Ca
    database: Database | None = None
    checks: Checks = field(default_factory=Checks)
    http01: Http01 = field(default_factory=Http01)
    deployment: Deployment = field(default_factory=Deployment)
    redis: Redis | None = None
    volume: str = "/var/lib/acme"
    example_volume: str = "/var/lib/ssl-example"
    skip_acme: bool = False
    time_zone: str = ""
    warnings: tuple[str, ...] = ()
