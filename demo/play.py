"""The play: a stack gets its certificates, nothing is to be done, and a service that refuses a new one is rescued."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from acme_companion.cli.wiring import open_world
from acme_companion.cycle import once
from acme_companion.decide.steps import Issue, Keep
from demo import rows
from demo.clients import content, endpoints_of, trusting, visit_all
from demo.stage import FORBIDDEN, HOSTNAME, MAIL_DOMAINS, set_up
from demo.watching import Watch, watched

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from acme_companion.decide.report import Report
    from acme_companion.decide.settings import Settings
    from acme_companion.ports import World
    from demo.clients import Visits
    from demo.stage import Stage
    from demo.telling import Teller

REFUSES = "dovecot-mailcow"
PATIENCE = 1.0  # seconds for a service to come up, in the last act only; the setting's default is 120
CERTIFICATES = 1 + len(MAIL_DOMAINS)


@dataclass(frozen=True)
class Outcome:
    """What was really seen: certificates and endpoints that a client is content with, and everything that went wrong."""

    certificates: int
    endpoints: int
    failures: tuple[str, ...]


@dataclass
class Play:
    """The acts, one after the other; `failures` collects what is not as it should be."""

    stage: Stage
    world: World
    teller: Teller
    trust: ssl.SSLContext
    failures: list[str] = field(default_factory=list)
    cycles: list[rows.Cycle] = field(default_factory=list)

    async def raise_the_curtain(self) -> Visits:
        """Services start as after an installation: with a self-signed pair. Gives what clients see of it."""
        # In this thread: one of its own would go on writing after an interruption.
        made = self.world.store.bootstrap(self.stage.settings.naming.hostname, self.world.clock.now())
        for sentence in made:
            self.teller.now(sentence.replace(self.stage.settings.volume, "volume"))
        services = self.stage.siblings.services.values()
        await asyncio.gather(*(self.stage.siblings.start(service) for service in services))
        for service in services:
            self.teller.now(
                f"{service.name} runs: " + ", ".join(f"{p}/{what}" for p, what in service.ports.items())
            )
        hoped = (
            HOSTNAME,
            *(f"{prefix}.{d}" for d in MAIL_DOMAINS for prefix in ("autoconfig", "autodiscover", "imap")),
        )
        return await self.visits([name for name in hoped if name != FORBIDDEN])

    async def first(self, before: Visits) -> None:
        """Issue, deploy, restart, verify."""
        self.teller.title("First cycle: from self-signed to certificates that clients trust")
        report, watch = await self.cycle("first")
        after = await self.visits(sorted(self.held()))
        self.teller.table(("NAME", "READINESS", "WHY"), rows.names(report))
        self.teller.table(rows.CERTIFICATES, rows.certificates(self.world.store.read(), watch))
        headings = ("CLIENTS ASK FOR", "BEFORE", *(what.upper() for what in rows.protocols(self.stage)))
        self.teller.table(headings, rows.endpoints(self.stage, before, after))
        for complaint in dict.fromkeys(visit.complaint for visit in before.values()):
            self.teller.note(f"! clients turned away: {complaint}")
        if report.failed:
            self.failures.append("the first cycle failed")
        self.check(after)

    async def quiet(self, name: str) -> None:
        """Nothing to do."""
        report, _ = await self.cycle(name)
        kept = [step for step in report.plan.steps if isinstance(step, Keep)]
        if report.failed or len(kept) != CERTIFICATES or len(report.plan.steps) != CERTIFICATES:
            self.failures.append(f"the {name} cycle found something to do")
            return
        self.teller.now(
            f"nothing to do until {min(step.next_renewal for step in kept):%d %b %Y}: "
            f"{rows.seconds(self.cycles[-1].took)}, requests to the CA: {self.cycles[-1].asked()}"
        )

    async def refusal(self) -> None:
        """A service does not come up with its new certificate: the old one returns to everybody."""
        old = self.held()
        self.stage.siblings.services[REFUSES].accepts = old[HOSTNAME]
        self.teller.title(f"A renewal is forced, and {REFUSES} refuses to start with the new certificate")
        deployment = replace(self.stage.settings.deployment, verify_timeout=PATIENCE)
        report, _ = await self.cycle(
            "forced", replace(self.stage.settings, deployment=deployment), force=True
        )
        if not report.deployment.rolled_back or self.held() != old:
            self.failures.append("the old certificates were not put back")
        else:
            self.teller.now("the old certificates are back on the volume")

    async def cycle(
        self, name: str, settings: Settings | None = None, *, force: bool = False
    ) -> tuple[Report, Watch]:
        """One real cycle, told, timed, and with the CA's own count of requests."""
        watch, began, asked = Watch(), time.monotonic(), len(self.stage.requests())
        world = watched(self.world, self.teller, watch)
        report = await once(settings or self.stage.settings, world, force=force)
        for done in report.done:
            if not done.ok:
                self.teller.now(
                    f"{done.step.lineage if isinstance(done.step, Issue) else done.step}: {done.sentence}"
                )
        requests = self.stage.requests()[asked:]
        self.cycles.append(rows.Cycle(name, time.monotonic() - began, watch, requests, report))
        return report, watch

    def held(self) -> Mapping[str, str]:
        """The fingerprint by name of what the volume holds."""
        found = self.world.store.read()
        return {
            name.text: lineage.certificate.fingerprint
            for lineage in found.lineages
            if lineage.certificate
            for name in lineage.certificate.names
        }

    async def visits(self, names: list[str]) -> Visits:
        """What clients see on every port for every name."""
        endpoints = endpoints_of(self.stage.siblings.services.values(), names)
        self.teller.now(f"clients that trust the CA only visit {len(endpoints)} endpoints")
        return await visit_all(endpoints, self.trust)

    def check(self, visits: Visits) -> Outcome:
        """Count where clients are content; an endpoint where they are not is a failure, and so is a missing certificate."""
        held = self.held()
        good = content(visits, held)
        for endpoint, visit in visits.items():
            if endpoint not in good:
                place = f"{endpoint.service} {endpoint.port} for {endpoint.sni}"
                self.failures.append(
                    f"{place}: {visit.complaint or 'another certificate than the volume holds'}"
                )
        served = len({held[endpoint.sni] for endpoint in good})
        if served != CERTIFICATES:
            self.failures.append(f"{served} certificates are served, not {CERTIFICATES}")
        return Outcome(served, len(good), tuple(self.failures))


async def play(teller: Teller) -> Outcome:
    """All acts. Raises what the parts raise when one of them cannot be had."""
    teller.title("A mail stack on loopback, with a real ACME CA")
    with set_up(teller) as stage:
        async with open_world(stage.settings, teller) as opened:
            trust = trusting(stage.ca.root_pem())
            acts = Play(stage, replace(opened, siblings=stage.siblings), teller, trust)
            with acts.world.store.lock():
                return await _all(acts)


async def _all(acts: Play) -> Outcome:
    before = await acts.raise_the_curtain()
    await acts.first(before)
    if acts.failures:  # nothing that follows would mean anything
        return Outcome(0, 0, tuple(acts.failures))
    acts.teller.title("Second and third cycle: nothing to do")
    await acts.quiet("second")
    await acts.quiet("third")
    await acts.refusal()
    outcome = acts.check(await acts.visits(sorted(acts.held())))
    acts.teller.table(rows.CYCLES, [one.row() for one in acts.cycles])
    return outcome
