"""What a cycle will do: what is wanted, held against what is there and what was seen."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from acme_companion.decide.renewal import Due, due
from acme_companion.decide.steps import (
    DEPLOYMENT,
    Archive,
    Deploy,
    Hold,
    Issue,
    Keep,
    LeftOut,
    Lineage,
    Plan,
    Skip,
    Step,
)
from acme_companion.decide.verdicts import Readiness, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from acme_companion.decide.facts import MailDomains
    from acme_companion.decide.memory import Held, HeldLineage, Memory
    from acme_companion.decide.names import Name
    from acme_companion.decide.pair import Certificate
    from acme_companion.decide.settings import Settings
    from acme_companion.decide.wanted import Wanted, WantedCertificate

NOT_READY_LEAVES_AFTER = timedelta(days=3)
"""A name that has looked not ready for this long is left out of a renewal that is due anyway."""


def make_plan(
    settings: Settings,
    domains: MailDomains,
    wanted: Wanted,
    verdicts: Mapping[Name, Verdict],
    held: Held,
    now: datetime,
    *,
    force: bool = False,
) -> Plan:
    """Hold what is wanted against what is held and what was seen."""
    reason = reason_to_issue_nothing(settings, held)
    if reason:
        return Plan((Skip(reason),))
    planner = _Planner(settings.ca.directory_url, verdicts, held.memory, now, force)
    matched = dict(_matches(wanted.certificates, held.lineages))
    steps: list[Step] = [planner.step(one, matched.get(one)) for one in wanted.certificates]
    steps += _archives(domains, wanted, held, set(matched.values()))
    steps += _deploys(held, now, force=force)
    return Plan(tuple(steps))


def reason_to_issue_nothing(settings: Settings, held: Held) -> str:
    """Why a cycle leaves the CA alone altogether, or an empty text. Then no name needs to be looked at either."""
    if settings.skip_acme:
        return "SKIP_LETS_ENCRYPT=y: no certificate is asked for"
    if held.server is not None and not held.server_is_ours:
        return (
            f"cert.pem (issued by {held.server.issuer}, valid until {held.server.not_after:%d %b %Y}) was not issued by "
            "this companion: it belongs to you and stays. To hand it over, move cert.pem and key.pem away and restart"
        )
    return ""


def remember_readiness(memory: Memory, verdicts: Mapping[Name, Verdict], now: datetime) -> Memory:
    """Since when each name has looked not ready; a ready look ends it, an unknown one changes nothing."""
    since = {}
    for name, verdict in verdicts.items():
        known = memory.not_ready_since.get(name.text)
        if verdict.readiness is Readiness.NOT_READY:
            since[name.text] = known or now
        elif verdict.readiness is Readiness.UNKNOWN and known:
            since[name.text] = known
    return replace(memory, not_ready_since=since)


@dataclass(frozen=True, slots=True)
class _Planner:
    directory_url: str
    verdicts: Mapping[Name, Verdict]
    memory: Memory
    now: datetime
    force: bool

    def step(self, wanted: WantedCertificate, held: HeldLineage | None) -> Keep | Issue | Hold:
        certificate = held.certificate if held else None
        current = certificate if certificate and certificate.not_after > self.now else None
        when = due(current, self.memory.windows.get(current.fingerprint)) if current else None
        is_due = when is not None and when.at <= self.now
        left_out = tuple(self._left_out(wanted, current, is_due=is_due))
        names = tuple(name for name in wanted.names if name not in {one.name for one in left_out})
        lineage = _lineage(names or wanted.names, wanted, held)
        if not names or (wanted.server and wanted.names[0] not in names):
            return Hold(lineage, _nothing_ready(wanted, left_out), left_out=left_out)
        forced = self.force or lineage.directory in self.memory.forced
        reason, only_for = self._reason(names, certificate, current, when, forced=forced)
        if current and when and not reason:
            return Keep(lineage, f"valid until {current.not_after:%d %b %Y}", when.at, left_out)
        failed = self.memory.lineage_failures.get(lineage.directory)
        if failed and failed.wait_until > self.now and (not self.force or failed.asked_by_ca):
            return Hold(lineage, _waiting(failed.count, failed.because), failed.wait_until, left_out)
        same_ca = current and self.memory.issued.get(current.fingerprint) == self.directory_url
        return Issue(
            lineage,
            reason,
            replaces=current.renewal_id if current and same_ca else "",
            renewal=current is not None and set(current.names) == set(names),
            left_out=left_out,
            only_for=only_for,
        )

    def _left_out(
        self, wanted: WantedCertificate, current: Certificate | None, *, is_due: bool
    ) -> Iterator[LeftOut]:
        for name in wanted.names:
            verdict = self.verdicts[name]
            failed = self.memory.name_failures.get(name.text)
            refused = failed is not None and failed.wait_until > self.now and not self.force
            if verdict.readiness is Readiness.READY and not refused:
                continue
            because = f"refused by the CA: {failed.because}" if failed and refused else verdict.because
            if current is None or not any(one.covers(name) for one in current.names):
                yield LeftOut(name, because)
            elif (
                is_due
                and verdict.readiness is Readiness.NOT_READY
                and not (wanted.server and name == wanted.names[0])
            ):
                since = self.memory.not_ready_since.get(name.text)
                if since and self.now - since >= NOT_READY_LEAVES_AFTER:
                    yield LeftOut(name, f"{because} (for {(self.now - since).days} days)")

    def _reason(
        self,
        names: tuple[Name, ...],
        certificate: Certificate | None,
        current: Certificate | None,
        when: Due | None,
        *,
        forced: bool,
    ) -> tuple[str, tuple[Name, ...]]:
        """Why to issue (empty: no reason), and the new names if they are the only one."""
        if current is None or when is None:
            expired = f"the certificate expired on {certificate.not_after:%d %b %Y}" if certificate else ""
            return expired or "no certificate yet", ()
        if forced:
            return "force_renew was asked for", ()
        issued_by = self.memory.issued.get(current.fingerprint, "")
        if issued_by and issued_by != self.directory_url:
            return f"the certificate comes from another CA ({issued_by})", ()
        is_due = when.at <= self.now
        new = tuple(name for name in names if not any(one.covers(name) for one in current.names))
        if new:
            return "new: " + ", ".join(str(name) for name in new), () if is_due else new
        return when.because if is_due else "", ()


def _lineage(names: tuple[Name, ...], wanted: WantedCertificate, held: HeldLineage | None) -> Lineage:
    """The directory stays over renewals, also when a name that sorts before its first name joins."""
    keeps = held is not None and not wanted.server and any(name.directory == held.directory for name in names)
    if held is None or not keeps:
        return Lineage(names, wanted.server)
    first = next(name for name in names if name.directory == held.directory)
    return Lineage((first, *(name for name in names if name != first)), wanted.server, held.directory)


def _matches(
    wanted: Iterable[WantedCertificate], lineages: Iterable[HeldLineage]
) -> Iterator[tuple[WantedCertificate, HeldLineage]]:
    """Each wanted certificate and the lineage that continues in it: the hostname's, else the one that shares most names."""
    by_directory = {lineage.directory: lineage for lineage in lineages if lineage.ours}
    by_name: dict[Name, list[str]] = {}
    for lineage in by_directory.values():
        for name in lineage.certificate.names if lineage.certificate else ():
            by_name.setdefault(name, []).append(lineage.directory)
    taken: set[str] = set()
    for one in wanted:
        if one.server:
            best = one.names[0].directory
        else:
            shared = Counter(d for name in one.names for d in by_name.get(name, ()) if d not in taken)
            own = next((name.directory for name in one.names if name.directory in by_directory), "")
            best = max(shared, key=lambda d: (shared[d], d == own, d), default=own)
        if best in by_directory and best not in taken:
            taken.add(best)
            yield one, by_directory[best]


def _archives(domains: MailDomains, wanted: Wanted, held: Held, kept: set[HeldLineage]) -> Iterator[Archive]:
    if domains.unanswered is not None or not domains.domains:
        return  # an incomplete list of mail domains says nothing about who left, and an empty one looks like a mishap
    certificates = [lineage.certificate for lineage in kept if lineage.certificate]
    secured = {name for certificate in certificates for name in certificate.names}
    for lineage in held.lineages:
        if lineage in kept or not lineage.ours or lineage.certificate is None:
            continue
        still_needed = set(wanted.names) & set(lineage.certificate.names) - secured
        if not still_needed:
            yield Archive(
                lineage.directory, "its names are not wanted any more, or another certificate has them"
            )


def _deploys(held: Held, now: datetime, *, force: bool) -> Iterator[Deploy]:
    if not held.memory.undeployed:
        return
    failed = held.memory.lineage_failures.get(DEPLOYMENT)
    if force or failed is None or failed.wait_until <= now:
        because = (
            failed.because if failed else "the last cycle ended before the siblings were seen to serve it"
        )
        yield Deploy(held.memory.undeployed, because)


def _nothing_ready(wanted: WantedCertificate, left_out: tuple[LeftOut, ...]) -> str:
    if wanted.server and left_out and left_out[0].name == wanted.names[0]:
        return f"{wanted.names[0]}, without which there is no server certificate: {left_out[0].because}"
    return f"no name is ready: {left_out[0].name}: {left_out[0].because}" if left_out else "no name is wanted"


def _waiting(count: int, because: str) -> str:
    return f"waits after {count} failure{'s' if count > 1 else ''} in a row: {because}"
