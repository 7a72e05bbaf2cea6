"""What was seen of the world, as plain values. A look that got no answer is `Unanswered`, with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

    from acme_companion.decide.names import Name


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A look without an answer: a time limit passed, a server failed. It says nothing about the name."""

    why: str


@dataclass(frozen=True, slots=True)
class Addresses:
    """All A and AAAA records of a name, CNAMEs followed (`via`: the chain of canonical names, in order).

    An empty tuple means that DNS says there is none (NXDOMAIN or NODATA; `missing` has the sentence).
    """

    ipv4: tuple[IPv4Address, ...] | Unanswered = ()
    ipv6: tuple[IPv6Address, ...] | Unanswered = ()
    via: tuple[str, ...] = ()
    missing: str = ""


@dataclass(frozen=True, slots=True)
class CaaRecord:
    """One CAA resource record (RFC 8659 section 4.1): `flags` 0..255, `tag` as published, `value` as text."""

    flags: int
    tag: str
    value: str


@dataclass(frozen=True, slots=True)
class CaaLook:
    """The CAA RRset that governs a name, found by climbing from it towards the root (RFC 8659 section 3).

    `found_at` is the domain that holds it, empty when no ancestor has any. `records` is `Unanswered` when a step of
    the climb failed before a set was found: a CA then refuses as well.
    """

    records: tuple[CaaRecord, ...] | Unanswered = ()
    found_at: str = ""


@dataclass(frozen=True, slots=True, order=True)
class AuthoritativeServer:
    """A server of a DNS zone, by its name (NS) and one of its addresses."""

    name: str
    address: str

    def __str__(self) -> str:
        return f"{self.name} ({self.address})"


@dataclass(frozen=True, slots=True)
class ZoneLook:
    """The DNS zone that holds a name: its apex (SOA) as text without a final dot, and every address of its servers."""

    apex: str
    servers: tuple[AuthoritativeServer, ...]


TxtLook = tuple[str, ...] | Unanswered
"""The values of a TXT record set, empty when there is none."""


@dataclass(frozen=True, slots=True)
class ProbeReached:
    """The probe file came back through `address`, unchanged: that proves nothing about other addresses of the name."""

    address: str


@dataclass(frozen=True, slots=True)
class ProbeWrong:
    """Something answered, but not with the probe file: `why` says what (status, other content, redirect)."""

    address: str
    why: str


@dataclass(frozen=True, slots=True)
class ProbeImpossible:
    """We could not lay the probe file out at all, for a reason of our own: it says nothing about the name's way to us."""

    why: str


Probe = ProbeReached | ProbeWrong | ProbeImpossible | Unanswered


@dataclass(frozen=True, slots=True)
class OwnAddresses:
    """The public addresses of this host, `None` where the host has none or nobody could tell (`why` says which).

    `remembered`: those of them that were ours before, and that nobody could confirm now (`why` says so too).
    """

    ipv4: IPv4Address | None = None
    ipv6: IPv6Address | None = None
    why: str = ""
    remembered: tuple[IPv4Address | IPv6Address, ...] = ()


@dataclass(frozen=True, slots=True)
class NameFacts:
    """Everything that was seen of one name. `probe` is None when the probe was skipped.

    `validation_records`: the TXT values where dns-persist-01 looks, None for names that are validated otherwise.
    """

    name: Name
    addresses: Addresses
    caa: CaaLook
    probe: Probe | None = None
    validation_records: TxtLook | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row or entry that is not a usable name: where it stands and why it was refused, safe to print."""

    where: str
    why: str


@dataclass(frozen=True, slots=True)
class MailDomains:
    """The mail domains, and which names below them need `mta-sts.` (their own or, for alias domains, their target's policy).

    `unanswered` is set when a source could not be read: the lists are then not complete, and nothing may be archived.
    """

    domains: tuple[Name, ...] = ()
    mta_sts: tuple[Name, ...] = ()
    refused: tuple[Refusal, ...] = ()
    unanswered: Unanswered | None = None


# ---- what services serve -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, order=True)
class Endpoint:
    """One TLS service: where to connect, how TLS begins there, and which SNI name to send.

    `protocol` is `tls` (from the first byte), `smtp`, `imap`, `pop3` or `sieve` (STARTTLS). `service` is the sibling's
    compose service, for people.
    """

    service: str
    host: str
    port: int
    protocol: str
    sni: str


@dataclass(frozen=True, slots=True)
class ServedCertificate:
    """The leaf that an endpoint presented: SHA-256 of its DER in lower-case hex, and its DER."""

    fingerprint: str
    der: bytes = field(repr=False)


Served = ServedCertificate | Unanswered
ServedByEndpoint = Mapping[Endpoint, Served]


@dataclass(frozen=True, slots=True)
class Sibling:
    """A container that uses the pair. `identity` is what the Docker API calls it; labels decide the rest.

    `state` is Docker's (`running`, `exited`, …), `health` is `healthy`, `unhealthy`, `starting` or empty when the
    container has no health check. `addresses` are its addresses on the networks we share, best first. `https_port` is
    what its own environment sets as `HTTPS_PORT`, 0 when it does not.
    """

    identity: str
    name: str
    service: str
    state: str = "running"
    health: str = ""
    restart_count: int = 0
    started_at: str = ""
    addresses: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    https_port: int = 0
