"""The demo's tables, made of what was really seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from acme_companion.decide.steps import Issue
from demo.watching import ISSUING, LOOKING, RESTARTING, VERIFYING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from acme_companion.decide.memory import Held
    from acme_companion.decide.report import Report
    from demo.clients import Visits
    from demo.stage import Stage
    from demo.watching import Watch

Row = tuple[str, ...]

SHOWN = 6  # hexadecimal digits of a fingerprint
CERTIFICATES = ("CERTIFICATE", "SHA-256", "VALID UNTIL", "TOOK", "NAMES")
CYCLES = ("CYCLE", "TOOK", "LOOKING", "ISSUING", "RESTARTING", "VERIFYING", "CA REQUESTS", "RESULT")


@dataclass(frozen=True)
class Cycle:
    """One cycle: how long it took in all (seconds), where the time went, and the paths it asked the CA for."""

    name: str
    took: float
    watch: Watch
    requests: Sequence[str]
    report: Report

    def row(self) -> Row:
        """The cycle as a row of `CYCLES`."""
        spent = [self.watch.seconds.get(what) for what in (LOOKING, ISSUING, RESTARTING, VERIFYING)]
        return (
            self.name,
            seconds(self.took),
            *("-" if one is None else seconds(one) for one in spent),
            self.asked(),
            self.result(),
        )

    def asked(self) -> str:
        """How many requests the CA got, and whether it was only asked when to renew (RFC 9773)."""
        advice = sum("renewalInfo" in path for path in self.requests)
        only = " (when to renew?)" if advice and advice == len(self.requests) else ""
        return f"{len(self.requests)}{only}"

    def result(self) -> str:
        """What came of it, in a few words."""
        issued = sum(done.ok for done in self.report.done if isinstance(done.step, Issue))
        if not self.report.plan.issues:
            return "nothing to do"
        if self.report.deployment.rolled_back:
            return f"{issued} issued, a service stayed down, the old ones put back"
        serving = sum(result.ok for result in self.report.deployment.endpoints)
        return f"{issued} issued, {serving} of {len(self.report.deployment.endpoints)} endpoints verified"


def seconds(value: float) -> str:
    """Two digits after the point are as exact as it gets."""
    return f"{value:.2f} s"


def names(report: Report) -> list[Row]:
    """Every name that was looked at, with its verdict."""
    return [(name.text, one.readiness.value, one.because) for name, one in sorted(report.verdicts.items())]


def certificates(held: Held, watch: Watch) -> list[Row]:
    """Every certificate on the volume."""
    return [
        (
            lineage.directory,
            lineage.certificate.fingerprint[:SHOWN],
            f"{lineage.certificate.not_after:%d %b %Y}",
            seconds(watch.orders.get(lineage.certificate.names[0].text, 0.0)),
            " ".join(sorted(name.text for name in lineage.certificate.names)),
        )
        for lineage in held.lineages
        if lineage.certificate
    ]


def protocols(stage: Stage) -> list[str]:
    """The columns of `endpoints`: one for each port."""
    return [what for service in stage.siblings.services.values() for what in service.ports.values()]


def endpoints(stage: Stage, before: Visits, after: Visits) -> list[Row]:
    """By name: what was served before, and what each port serves now; a `!` where a client turns away."""
    ports = [port for service in stage.siblings.services.values() for port in service.ports]
    return [
        (name, "/".join(_seen(before, name)), *(one for port in ports for one in _seen(after, name, port)))
        for name in sorted({endpoint.sni for endpoint in after})
    ]


def _seen(visits: Visits, name: str, port: int | None = None) -> Iterator[str]:
    """What is served for `name`, each once: the beginning of its fingerprint."""
    yield from dict.fromkeys(
        (visit.fingerprint[:SHOWN] or "nothing") + ("!" if visit.complaint else "")
        for endpoint, visit in visits.items()
        if endpoint.sni == name and port in {None, endpoint.port}
    )
