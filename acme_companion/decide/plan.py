"""What a cycle will do: what is wanted, held against what is there and what was seen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from acme_companion.decide.alarm import Alarm, alarm_of, ends_soon
from acme_companion.decide.choosing import (
    Ask,
    Chooser,
    kept_from_a_test_ca,
    of_no_ca_of_ours,
    same_account,
    to_rehearse,
    would_be_lost,
)
from acme_companion.decide.issuance_policy import profile_refused
from acme_companion.decide.limits import Planned, WaitUntil
from acme_companion.decide.lineages import archives, lineage_of, matches, returning, unwanted
from acme_companion.decide.renewal import Due, due, exempt, last_call, only_advised
from acme_companion.decide.steps import (
    DEPLOYMENT,
    Deploy,
    Hold,
    Issue,
    Keep,
    LeftOut,
    Lineage,
    OrderKind,
    Plan,
    Restore,
    Skip,
    Step,
)
from acme_companion.decide.verdicts import Readiness, Verdict
from acme_companion.decide.wanted import with_names_in_transit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
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
        lost = reason == would_be_lost(settings, held)
        alarm = lost or (held.server is not None and ends_soon(held.server, now))
        return Plan((Skip(reason, alarm=alarm),))
    chooser = Chooser(settings, held, now, force=force)
    planner = _Planner(settings, chooser, verdicts, held, held.occupied, now, force)
    wanted = with_names_in_transit(wanted, held, now)
    matched = dict(matches(wanted.certificates, held.lineages))
    steps: list[Step] = [planner.step(one, matched.get(one)) for one in wanted.certificates]
    steps += archives(unwanted(domains, wanted, held, now), held, now)
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
    return would_be_lost(settings, held)


@dataclass(frozen=True, slots=True)
class _Planner:
    settings: Settings
    chooser: Chooser
    verdicts: Mapping[Name, Verdict]
    held: Held
    occupied: Mapping[str, bool]
    now: datetime
    force: bool

    @property
    def memory(self) -> Memory:
        return self.held.memory

    def step(self, wanted: WantedCertificate, held: HeldLineage | None) -> Keep | Issue | Hold | Restore:
        last = held.certificate if held else None
        current = last if last and last.not_after > self.now else None
        when = due(current, self.memory.windows.get(current.fingerprint)) if current else None
        left_out = tuple(self._left_out(wanted, last, current, when))
        out = {one.name for one in left_out}
        names = tuple(name for name in wanted.names if name not in out)
        lineage = lineage_of(names or wanted.names, wanted, held, self.occupied)
        served_until = current.not_after if current else None
        alarm = alarm_of(last, self.now) if last else Alarm.NONE
        reason, only_for = self._reason(lineage, last, current, when)
        if not names or (wanted.server and wanted.names[0] not in names):
            because = _nothing_ready(wanted, left_out)
            return Hold(lineage, because, left_out=left_out, served_until=served_until, alarm=alarm)
        if current and when and not reason:
            return Keep(lineage, f"valid until {current.not_after:%d %b %Y}", when.at, left_out)
        archived = returning(lineage, self.held, self.settings.ca.directory_url, self.now)
        if held is None and archived and not self.force:
            return archived
        wish = current is not None and when is not None and self._is_wish(lineage, current, when)
        order = Planned(
            lineage,
            self._kind(lineage, last, current),
            needed=when is None or when.at <= self.now,
            wish=wish,
        )
        asked = self._asked(wanted, order, held, current)
        if not isinstance(asked, Ask):
            return Hold(lineage, *asked, left_out, served_until, alarm)
        first = not asked.because
        same_ca = current is not None and same_account(self.memory, current, asked.ca)
        return Issue(
            lineage,
            ". ".join(filter(None, (reason, asked.because, asked.despite))),
            replaces=current.renewal_id if current and same_ca else "",
            renewal=current is not None and set(current.names) == set(names),
            left_out=left_out,
            only_for=only_for,
            kind=order.kind if first else OrderKind.NEW,
            rehearse=to_rehearse(self.settings, self.memory, lineage.names, last) if first else (),
            fallback=not first,
            wish=wish,
            alarm=alarm,
            lifetime=current.not_after - current.not_before if current else None,
            ends=last.not_after if last else None,
            keeps=self._keeps(current, names),
        )

    def _keeps(self, current: Certificate | None, names: tuple[Name, ...]) -> tuple[Name, ...]:
        if current is None or self.now >= last_call(current) or self._unfit(current):
            return ()
        return tuple(name for name in names if _covers(current, name))

    def _kind(self, lineage: Lineage, last: Certificate | None, current: Certificate | None) -> OrderKind:
        """What the order is to the limits of the first CA."""
        url = self.settings.ca.directory_url
        if last is None or self.memory.issued.get(last.fingerprint) != url:
            return OrderKind.NEW
        window = self.memory.windows.get(last.fingerprint)
        if (
            current
            and same_account(self.memory, current, self.settings.ca)
            and exempt(current, window, self.now)
        ):
            return OrderKind.ADVISED
        return OrderKind.SAME_NAMES if set(last.names) == set(lineage.names) else OrderKind.NEW

    def _is_wish(self, lineage: Lineage, current: Certificate, when: Due) -> bool:
        if when.at <= self.now:
            return only_advised(current, when, self.now)
        return self.force or lineage.directory in self.memory.forced

    def _left_out(
        self,
        wanted: WantedCertificate,
        last: Certificate | None,
        current: Certificate | None,
        when: Due | None,
    ) -> Iterator[LeftOut]:
        is_due = when is not None and when.at <= self.now
        for name in wanted.names:
            verdict = self.verdicts[name]
            failed = self.memory.name_failures.get(name.text)
            refused = failed is not None and failed.wait_until > self.now and not self.force
            limited = None if refused else self.chooser.name_waits(name)
            if verdict.readiness is Readiness.READY and not refused and not limited:
                continue
            because = failed.because if failed and refused else verdict.because
            because = limited.because if limited else because
            # Not knowing costs nothing that was certified, not even after it expired; what is known to be wrong does.
            known = last if verdict.readiness is Readiness.UNKNOWN and not refused else current
            if known is None or not _covers(known, name):
                yield LeftOut(name, because)
            elif is_due and verdict.readiness is Readiness.NOT_READY and name not in wanted.required:
                since = self.memory.not_ready_since.get(name.text)
                if since and self.now - since >= NOT_READY_LEAVES_AFTER:
                    yield LeftOut(name, f"{because} (for {(self.now - since).days} days)")

    def _asked(
        self,
        wanted: WantedCertificate,
        order: Planned,
        held: HeldLineage | None,
        current: Certificate | None,
    ) -> Ask | tuple[str, datetime | None]:
        """The CA to ask now; else why an order must wait, and until when."""
        if held is None and order.lineage.directory in self.occupied:
            return (
                f"the pair in {order.lineage.directory}/ was not issued by this companion: it belongs to you and stays. "
                "To hand it over, move the directory away",
                None,
            )
        issued_by = self.memory.issued.get(current.fingerprint, "") if current else ""
        kept = kept_from_a_test_ca(self.settings, current, issued_by)
        if kept:
            return kept, None
        ca = self.settings.ca
        if unknown_profile := profile_refused(ca, self.memory.authorities.get(ca.directory_url)):
            return unknown_profile, None
        # Of all names: the directory of a first certificate is called by whatever name is ready first. Not another one's.
        free = (name.directory for name in wanted.names if name.directory not in self.occupied)
        directories = {order.lineage.directory, *free}
        failures = [
            self.memory.lineage_failures[one] for one in directories if one in self.memory.lineage_failures
        ]
        failed = max(failures, key=lambda one: one.wait_until, default=None)
        asked = self.chooser.ask(order, held.certificate if held else None, failed)
        return (asked.because, asked.when) if isinstance(asked, WaitUntil) else asked

    def _reason(
        self, lineage: Lineage, last: Certificate | None, current: Certificate | None, when: Due | None
    ) -> tuple[str, tuple[Name, ...]]:
        """Why to issue (empty: no reason), and the new names if they are the only one."""
        if current is None or when is None:
            return (
                f"the certificate expired on {last.not_after:%d %b %Y}" if last else "no certificate yet",
                (),
            )
        if self.force or lineage.directory in self.memory.forced:
            return "force_renew was asked for", ()
        if unfit := self._unfit(current):
            return unfit, ()
        if lineage.server and self.held.server and self.held.server.fingerprint != current.fingerprint:
            return "cert.pem holds another certificate", ()
        is_due = when.at <= self.now
        new = tuple(name for name in lineage.names if not _covers(current, name))
        if new:
            return "new: " + ", ".join(str(name) for name in new), () if is_due else new
        return when.because if is_due else "", ()

    def _unfit(self, current: Certificate) -> str:
        """Why a certificate must go whatever its dates say, or an empty text."""
        if current.fingerprint in self.memory.revoked:
            return "the certificate was revoked"
        if current.spki in self.memory.compromised:
            return "its private key is not secret any more"
        issued_by = self.memory.issued.get(current.fingerprint, "")
        if of_no_ca_of_ours(self.settings, issued_by):
            return f"the certificate comes from another CA ({issued_by})"
        return ""


def _covers(certificate: Certificate, name: Name) -> bool:
    return any(one.covers(name) for one in certificate.names)


def _deploys(held: Held, now: datetime, *, force: bool) -> Iterator[Deploy]:
    memory = held.memory
    if not (memory.undeployed or memory.gone or memory.under_way):
        return
    failed = memory.lineage_failures.get(DEPLOYMENT)
    # Who fell while nobody looked is not left down until an older failure's wait is over.
    if force or failed is None or failed.wait_until <= now or memory.under_way:
        cut_off = "the last cycle ended before the siblings were seen to serve it"
        changed = (*memory.undeployed, *memory.gone)
        yield Deploy(changed, failed.because if failed else cut_off)


def _nothing_ready(wanted: WantedCertificate, left_out: tuple[LeftOut, ...]) -> str:
    if wanted.server and left_out and left_out[0].name == wanted.names[0]:
        return f"{wanted.names[0]}, without which there is no server certificate: {left_out[0].because}"
    return f"no name is ready: {left_out[0].name}: {left_out[0].because}" if left_out else "no name is wanted"
