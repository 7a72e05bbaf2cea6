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
    RSA3072 = "rsa3072"
    RSA4096 = "rsa4096"
    EC256 = "ec256"
    EC384 = "ec384"


class Http01Mode(StrEnum):
    """Who serves the challenge files: the stack's web server from a shared volume, or we ourselves."""

    WEBROOT = "webroot"
    STANDALONE = "standalone"


class Reloader(StrEnum):
    """Through whom siblings are reloaded and restarted; `auto`: whom `DOCKER_HOST` names, or who is there."""

    AUTO = "auto"
    DOCKER = "docker"
    DOCKERAPI = "dockerapi"
    NONE = "none"


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


class ChallengeType(StrEnum):
    """How a CA sees that a name is ours (RFC 8555 section 8, and the drafts on dns-account-01 and dns-persist-01)."""

    HTTP_01 = "http-01"
    DNS_01 = "dns-01"
    DNS_ACCOUNT_01 = "dns-account-01"
    DNS_PERSIST_01 = "dns-persist-01"


@dataclass(frozen=True, slots=True)
class HostPort:
    """Where something listens; `host` is a name or an address without brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Naming:
    """Which names belong into which certificate. `additional`: full names, wildcards, IP addresses."""

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

    `http_port` and `dns_port` are those of web servers and of authoritative name servers: others are for closed networks.

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
    dns_port: int = 53


@dataclass(frozen=True, slots=True)
class ExternalAccount:
    """The account at the CA's own site to which ours is bound (RFC 8555 section 7.3.4). `hmac_key`: base64url."""

    key_id: str
    hmac_key: Secret


@dataclass(frozen=True, slots=True)
class Ca:
    """The CA and our account there. `ca_bundle`: a PEM file to trust for the ACME API instead of the system's.

    `orders_at_once`: how many orders are being placed at the same moment (any number may be under way).
    `timeout`: seconds until an order that makes no progress is left for the next cycle. `preferred_chain`: the
    issuer's common name or the SHA-256 fingerprint of the root that an alternate chain (RFC 8555 section 7.4.2) should end in.
    `account_key_type`: of a new account key, None for what suits the place where it will lie.
    """

    directory_url: str
    contact: str | None = None
    profile: str | None = None
    ca_bundle: str | None = None
    key_type: KeyType = KeyType.RSA2048
    account_key_type: KeyType | None = None
    orders_at_once: int = 4
    timeout: float = 600.0
    external_account: ExternalAccount | None = None
    preferred_chain: str = ""


@dataclass(frozen=True, slots=True)
class DnsZone:
    """How names at and below `zone` are validated through DNS; `zone` None: all names that no other zone has.

    `provider`: acme.sh's name for the DNS provider's interface (`dns_nsupdate`, `dns_cf`, …) or `exec`. `options`: acme.sh's
    variable names and their values, every one of them a secret.
    """

    zone: Name | None = None
    challenge_type: ChallengeType = ChallengeType.DNS_01
    provider: str = ""
    options: Mapping[str, Secret] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Challenges:
    """Which names are validated how: through the DNS zone with the longest match, else over HTTP.

    `timeout`: seconds until all servers of a zone must show what was published in it.
    """

    zones: tuple[DnsZone, ...] = ()
    timeout: float = 180.0

    def zone_of(self, name: Name) -> DnsZone | None:
        """The zone whose settings validate `name`, None when it is validated over HTTP, as an IP address always is (RFC 8738)."""
        if name.is_address:
            return None
        below = [
            one for one in self.zones if one.zone is None or f".{name.host}".endswith(f".{one.zone.text}")
        ]
        return max(below, key=lambda one: len(one.zone.text) if one.zone else 0, default=None)

    def zone_above(self, domain: str) -> DnsZone | None:
        """The zone that was named for `domain` or one above it; never the one for all other names."""
        above = [one for one in self.zones if one.zone and f".{domain}".endswith(f".{one.zone.text}")]
        return max(above, key=lambda one: len(one.zone.text) if one.zone else 0, default=None)

    def type_for(self, name: Name) -> ChallengeType:
        zone = self.zone_of(name)
        return zone.challenge_type if zone else ChallengeType.HTTP_01

    def types_at(self, domain: Name) -> tuple[tuple[ChallengeType, ...], tuple[ChallengeType, ...]]:
        """Every type by which names at and below `domain` are validated, and those of them that prove wildcards."""
        below = (
            one.challenge_type
            for one in self.zones
            if one.zone is not None and f".{one.zone.text}".endswith(f".{domain.host}")
        )
        found = tuple(dict.fromkeys((self.type_for(domain), *below)))
        return found, tuple(one for one in found if one is not ChallengeType.HTTP_01)


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
    """Everything an admin can set. `warnings` are sentences for the log about values that were tolerated.

    `fallback_ca`: asked when `ca` is down or limits us while a certificate nears its end. `rehearsal_ca`: where a set of
    names that never succeeded is ordered first, None without rehearsal. `private_volume`: where secrets lie that siblings
    need not see (account keys), empty when nothing is mounted there and they lie in `volume`; `move_account_key`: those
    that lie in `volume` shall move there. `allow_ephemeral_volume`: order although `volume` is lost with the container.
    """

    naming: Naming
    ca: Ca
    fallback_ca: Ca | None = None
    rehearsal_ca: Ca | None = None
    challenges: Challenges = field(default_factory=Challenges)
    database: Database | None = None
    checks: Checks = field(default_factory=Checks)
    http01: Http01 = field(default_factory=Http01)
    deployment: Deployment = field(default_factory=Deployment)
    redis: Redis | None = None
    volume: str = "/var/lib/acme"
    private_volume: str = ""
    move_account_key: bool = False
    allow_ephemeral_volume: bool = False
    example_volume: str = "/var/lib/ssl-example"
    skip_acme: bool = False
    time_zone: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def over_http(self) -> bool:
        """Whether any name can be one that is validated over HTTP."""
        kinds = {one.zone: one.challenge_type for one in self.challenges.zones}
        addresses = any(name.is_address for name in (self.naming.hostname, *self.naming.additional))
        return addresses or None not in kinds or ChallengeType.HTTP_01 in kinds.values()
