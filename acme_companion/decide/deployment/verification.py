"""Which endpoints must serve which certificate after a switch, and what their answers mean. Served is the truth."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from acme_companion.decide.deployment.handling import handling
from acme_companion.decide.facts import Endpoint, Unanswered

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from acme_companion.decide.deployment.handling import Handling
    from acme_companion.decide.facts import ServedByEndpoint, Sibling
    from acme_companion.decide.names import Name
    from acme_companion.decide.pair import Certificate

_MADE_UP = "acme-companion-check"
"""The label below a wildcard by which its certificate is asked for."""
_MOST_REASONS = 3


@dataclass(frozen=True, slots=True)
class Expected:
    """What one sibling must serve: the SHA-256 fingerprint (lower-case hex) by endpoint."""

    sibling: Sibling
    by_endpoint: Mapping[Endpoint, str]


@dataclass(frozen=True, slots=True)
class EndpointResult:
    """What an endpoint that answered serves, and what it should serve (SHA-256 fingerprints, lower-case hex)."""

    endpoint: Endpoint
    expected: str
    served: str

    @property
    def ok(self) -> bool:
        return self.served == self.expected

    def __str__(self) -> str:
        place = f"{_place(self.endpoint)} for {self.endpoint.sni}"
        if self.ok:
            return f"{place} serves the certificate it should"
        hint = _WHY_STALE.get(self.endpoint.protocol, "")
        return f"{place} serves another certificate ({self.served[:16]}…, not {self.expected[:16]}…){hint}"

    def as_data(self) -> dict[str, Any]:
        """The result for machines."""
        return {
            "service": self.endpoint.service,
            "host": self.endpoint.host,
            "port": self.endpoint.port,
            "protocol": self.endpoint.protocol,
            "sni": self.endpoint.sni,
            "ok": self.ok,
            "served": self.served,
            "expected": self.expected,
        }


def stale_ports(results: Iterable[EndpointResult]) -> tuple[str, ...]:
    """Those of `results` that serve another certificate: a sentence for each port, however many names it serves."""
    ports: defaultdict[str, list[EndpointResult]] = defaultdict(list)
    for result in results:
        if not result.ok:
            ports[_place(result.endpoint)].append(result)
    told = []
    for first, *others in ports.values():
        told.append(f"{first}{f'; the same for {len(others)} other names' if others else ''}")
    return tuple(told)


_WHY_STALE = {
    "smtp": "; Postfix keeps certificates in a map that is built when it starts",
    "imap": "; Dovecot reads certificates when it starts or reloads",
    "pop3": "; Dovecot reads certificates when it starts or reloads",
    "sieve": "; Dovecot reads certificates when it starts or reloads",
}


@dataclass(frozen=True, slots=True)
class Verification:
    """What was seen after a deployment. `results`: every endpoint that answered.

    `unanswered`: endpoints that did not (a port closed by choice, no STARTTLS offered): one sentence per sibling, no
    failure. `unseen`: siblings of which no endpoint answered at all, so that nothing is known of them.
    """

    results: tuple[EndpointResult, ...] = ()
    unanswered: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()

    @property
    def stale(self) -> tuple[EndpointResult, ...]:
        """The failures: endpoints that serve another certificate."""
        return tuple(result for result in self.results if not result.ok)

    def of(self, sibling: Sibling) -> tuple[EndpointResult, ...]:
        """What this one of perhaps several containers of its service was seen to serve."""
        return tuple(
            result
            for result in self.results
            if result.endpoint.service == sibling.service and result.endpoint.host in sibling.addresses
        )

    @property
    def finished(self) -> bool:
        """Every sibling that can be asked serves what it should, on every endpoint that answers."""
        return not self.stale and not self.unseen


def expected(
    siblings: Iterable[Sibling],
    hostname: Name,
    server: Certificate | None,
    lineages: Sequence[Certificate],
    https_port: int = 443,
    others: Sequence[Certificate] = (),
) -> tuple[Expected, ...]:
    """What the running `siblings` must serve: the server pair by `hostname`, each of `lineages` by one of its names.

    By one that only it has: `others` are certificates that siblings see as well.

    Every address is asked for the server pair, the best one for the lineages: the map from SNI names to
    certificates belongs to the service, not to the address. `server` is None when only `lineages` are to be looked at.
    """
    found = []
    asked_by = _asked_by(hostname, server, lineages, others)
    for sibling in siblings:
        how = handling(sibling, https_port)
        if how is not None and how.ports and sibling.state == "running":
            wanted = dict(_wanted(sibling, how, hostname, server, lineages, asked_by))
            if wanted or not sibling.addresses:
                found.append(Expected(sibling, wanted))
    return tuple(found)


def judge(expectations: Iterable[Expected], served: ServedByEndpoint) -> Verification:
    """What the looks in `served` say about `expectations`. An endpoint that was not looked at counts as unanswered."""
    results: list[EndpointResult] = []
    unanswered: list[str] = []
    unseen: list[str] = []
    for expectation in expectations:
        name = expectation.sibling.name
        if not expectation.sibling.addresses:
            # By the stack's own make (host network, another network): no failure, and nothing that a restart would mend.
            unanswered.append(
                f"{name} has no address in a network that we share: what it serves cannot be verified"
            )
            continue
        silent: dict[Endpoint, str] = {}
        for endpoint, fingerprint in expectation.by_endpoint.items():
            match served.get(endpoint, Unanswered("not looked at")):
                case Unanswered(why):
                    silent[endpoint] = why
                case look:
                    results.append(EndpointResult(endpoint, fingerprint, look.fingerprint))
        if silent and len(silent) == len(expectation.by_endpoint):
            unseen.append(f"{name} serves nothing that can be verified: {_reasons(silent)}")
        elif silent:
            unanswered.append(f"{name}: not verified: {_reasons(silent)}")
    return Verification(tuple(results), tuple(unanswered), tuple(unseen))


def _wanted(
    sibling: Sibling,
    how: Handling,
    hostname: Name,
    server: Certificate | None,
    lineages: Sequence[Certificate],
    asked_by: Mapping[str, str],
) -> Iterator[tuple[Endpoint, str]]:
    # mailcow's nginx takes only directories that do not list the hostname.
    leaves_out_hostname = sibling.service == "nginx-mailcow"
    for index, address in enumerate(sibling.addresses):
        for lineage in lineages if how.sni and index == 0 else ():
            if leaves_out_hostname and hostname in lineage.names:
                continue
            name = asked_by.get(lineage.fingerprint)
            if name is not None:
                for port in how.ports:
                    yield (
                        Endpoint(sibling.service, address, port.number, port.protocol, name),
                        lineage.fingerprint,
                    )
        if server is not None:
            for port in how.ports:
                yield (
                    Endpoint(sibling.service, address, port.number, port.protocol, hostname.text),
                    server.fingerprint,
                )


def _asked_by(
    hostname: Name,
    server: Certificate | None,
    lineages: Sequence[Certificate],
    others: Sequence[Certificate],
) -> dict[str, str]:
    """The SNI name by which each lineage is asked for, by its fingerprint: one that no other of these certificates has.

    While a name moves from one certificate to another, both have it until the next renewal, and services differ in which of them
    they take: either is right. A lineage without any name of its own is not asked for.
    """
    certificates = {one.fingerprint: one for one in (*((server,) if server else ()), *lineages, *others)}
    times = Counter(name for one in certificates.values() for name in one.names)
    found = {}
    for one in lineages:
        own = [name for name in one.names if name != hostname and times[name] == 1]
        exact = (name.text for name in own if not name.is_wildcard and not name.is_address)
        made_up = (f"{_MADE_UP}.{name.host}" for name in own if name.is_wildcard)
        if name := next(exact, None) or next(made_up, None):
            found[one.fingerprint] = name
    return found


def _reasons(silent: Mapping[Endpoint, str]) -> str:
    """Ports by reason, each reason once."""
    ports: defaultdict[str, set[str]] = defaultdict(set)
    for endpoint, why in silent.items():
        ports[why].add(f"{endpoint.port}/{endpoint.protocol}")
    told = [f"{', '.join(sorted(where))} ({why})" for why, where in list(ports.items())[:_MOST_REASONS]]
    return "; ".join(told) + ("; …" if len(ports) > _MOST_REASONS else "")


def _place(endpoint: Endpoint) -> str:
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    return f"{endpoint.service} {host}:{endpoint.port}/{endpoint.protocol}"
