"""Which CA is asked for a certificate, and whether now: settings, failures and limits of both CAs, held together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from acme_companion.decide.alarm import URGENT
from acme_companion.decide.emergency import explained, open_sooner, sooner
from acme_companion.decide.known_cas import TEST_DIRECTORIES, is_test_certificate
from acme_companion.decide.ledger import Ledger
from acme_companion.decide.limits import Planned, WaitUntil, decide, limits_of, name_waits_until
from acme_companion.decide.limits.counting import begun
from acme_companion.decide.limits.remembering import goes_on
from acme_companion.decide.settings import ChallengeType
from acme_companion.decide.steps import OrderKind

if TYPE_CHECKING:
    from datetime import datetime

    from acme_companion.decide.memory import Failures, Held, Memory
    from acme_companion.decide.names import Name
    from acme_companion.decide.pair import Certificate
    from acme_companion.decide.settings import Ca, Settings

FAILURES_BEFORE_THE_FALLBACK = 2
"""One failure is a hiccup."""
LONG_WAIT = timedelta(hours=1)
"""What a limit of the first CA may take before the second one is asked for a certificate that nears its end."""


@dataclass(frozen=True, slots=True)
class Ask:
    """The CA to ask now. `because`: why it is the fallback, empty when it is the first one. `despite`: a wait that it asked for."""

    ca: Ca
    because: str = ""
    despite: str = ""


class Chooser:
    """Decides order by order while a plan is made: what one takes of a CA's limits, the next one does not find there."""

    def __init__(self, settings: Settings, held: Held, now: datetime, *, force: bool) -> None:
        self._settings, self._memory, self._now, self._force = settings, held.memory, now, force
        self._orders = held.orders
        self._ledgers = dict(held.memory.ledgers)

    def ask(self, order: Planned, last: Certificate | None, failed: Failures | None) -> Ask | WaitUntil:
        """Who to ask for `order` now, or until when to wait. `last`: the newest certificate, also an expired one."""
        first, fallback = self._settings.ca, self._settings.fallback_ca
        waits, stopped = self._waits(first, order, failed), self._stopped(first)
        if fallback is not None and (waits or stopped):
            because = needs_fallback(
                order, last, failed, waits or WaitUntil(self._now, ""), fallback, self._now, stopped=stopped
            )
            # Its wait was for the other CA, unless it is this one that failed.
            own = failed if failed and failed.ca == fallback.directory_url else None
            new = replace(order, kind=OrderKind.NEW)
            if because and self._waits(fallback, new, own) is None:
                return Ask(fallback, because)
        if waits is None or not waits.closed or last is None:
            return waits or Ask(first)
        earlier = self._waits(first, order, sooner(failed, last, self._now), last)
        if earlier is None:
            return Ask(first, despite=explained(waits, last))
        if earlier.when < waits.when:
            return replace(earlier, because=f"{earlier.because}; {explained(waits, last)}")
        return waits

    def _stopped(self, ca: Ca) -> str:
        """Why the CA has nothing of our account until somebody acts; its session says so itself, and asks nothing."""
        known = self._memory.authorities.get(ca.directory_url)
        return known.stopped.because if known and known.stopped else ""

    def name_waits(self, name: Name) -> WaitUntil | None:
        """Whether one more failed validation of `name` could be one too many for the CA."""
        url = self._settings.ca.directory_url
        ledger = self._ledgers.get(url)
        return name_waits_until(limits_of(url), ledger, name, self._now) if ledger else None

    def _waits(
        self, ca: Ca, order: Planned, failed: Failures | None, last: Certificate | None = None
    ) -> WaitUntil | None:
        """Until when `ca` must not be asked; None: the order is on its way there, and counted.

        `last`: a certificate that a CA which is closed must not let end without another try.
        """
        if failed and failed.wait_until > self._now and (not self._force or failed.asked_by_ca):
            return WaitUntil(failed.wait_until, _after_failures(failed), closed=failed.asked_by_ca)
        url = ca.directory_url
        limits, known = limits_of(url), self._ledgers.get(url, Ledger())
        ledger = open_sooner(known, last, self._now)
        if goes_on(self._orders.get(order.lineage.directory), url, order.lineage.names, self._now):
            # It was placed and counted; only a CA that is closed keeps us from going on with it.
            limits, ledger = (
                None,
                Ledger(closed_until=ledger.closed_until, closed_because=ledger.closed_because),
            )
        decision = decide(limits, ledger, order, self._settings.naming.hostname, self._now)
        if isinstance(decision, WaitUntil):
            return decision
        if limits is not None:
            self._ledgers[url] = begun(limits, known, order, self._now)
        return None


def needs_fallback(
    order: Planned,
    last: Certificate | None,
    failed: Failures | None,
    waits: WaitUntil,
    fallback: Ca,
    now: datetime,
    *,
    stopped: str = "",
) -> str:
    """Why the second CA is to be asked instead of waiting for the first, or an empty text.

    Only for a certificate that nears its end: less than a sixth of its life is left, it has expired, or it is the
    server's and there is none. And only for what waiting would help with: a CA that is down or limits us, never one
    that refuses.
    """
    if not _nears_its_end(order, last, now):
        return ""
    ends = f"ends on {last.not_after:%d %b %H:%M} UTC" if last and last.not_after > now else "is missing"
    why = _why_not_the_first(order, failed, waits, fallback, now, stopped)
    return f"FALLBACK: the certificate {ends}, and the first CA {why}" if why else ""


def _nears_its_end(order: Planned, last: Certificate | None, now: datetime) -> bool:
    if last is None:
        return order.lineage.server
    return last.not_after - now < (last.not_after - last.not_before) / URGENT


def _why_not_the_first(
    order: Planned, failed: Failures | None, waits: WaitUntil, fallback: Ca, now: datetime, stopped: str
) -> str:
    if stopped:
        return f"has nothing of our account: {stopped}"
    if failed and failed.wait_until > now:
        # A wait after the fallback's own failure is for both.
        temporary = failed.temporary and failed.ca != fallback.directory_url
        if not temporary or not no_hiccup(failed, now):
            return ""
        if failed.count < FAILURES_BEFORE_THE_FALLBACK:
            return f"must not be asked before {failed.wait_until:%d %b %H:%M} UTC: {failed.because}"
        return f"failed {failed.count} times in a row: {failed.because}"
    if order.wish or waits.when - now < LONG_WAIT:
        return ""
    return f"must not be asked before {waits.when:%d %b %H:%M} UTC: {waits.because}"


def no_hiccup(failed: Failures, since: datetime) -> bool:
    """Whether waiting on may take long: it failed more than once, or the CA itself named a time long after `since`."""
    long = failed.asked_by_ca and failed.wait_until - since >= LONG_WAIT
    return failed.count >= FAILURES_BEFORE_THE_FALLBACK or long


def same_account(memory: Memory, certificate: Certificate, ca: Ca) -> bool:
    """Whether this CA issued `certificate` to the account that we have there now: only then may a successor name it (RFC 9773)."""
    url = ca.directory_url
    if memory.issued.get(certificate.fingerprint) != url:
        return False
    known = memory.authorities.get(url)
    return known is None or known.since is None or known.since <= certificate.not_before + _BACKDATED


_BACKDATED = timedelta(hours=2)
"""CAs let a certificate begin an hour before it was made, for clocks that are late."""


def of_no_ca_of_ours(settings: Settings, issued_by: str) -> bool:
    """Whether a certificate comes from a CA that is not set (any more). One whose CA is not known was adopted, and stays."""
    ours = {
        settings.ca.directory_url,
        *([settings.fallback_ca.directory_url] if settings.fallback_ca else []),
    }
    return bool(issued_by) and issued_by not in ours


def kept_from_a_test_ca(settings: Settings, current: Certificate | None, issued_by: str) -> str:
    """Why a trusted certificate is not replaced by one that nobody trusts, or an empty text.

    Who sets LE_STAGING on a new server gets a certificate from there; on a live one, mail programs would complain at once.
    """
    if settings.ca.directory_url not in TEST_DIRECTORIES or current is None:
        return ""
    if is_test_certificate(current, issued_by):
        return ""
    return (
        f"the present certificate is trusted ({current.issuer}, until {current.not_after:%d %b %Y}), and {settings.ca.directory_url} "
        "is for trying only: what it issues would have every mail program complain. The live pair stays; set LE_STAGING=n "
        "to have it renewed, or move it away to try on this server"
    )


def would_be_lost(settings: Settings, held: Held) -> str:
    """Why nothing is ordered for a volume that does not outlive the container, or an empty text.

    A CA for trying, or of one's own, may be asked: nothing is used up there.
    """
    limits = limits_of(settings.ca.directory_url)
    if limits is None or settings.ca.directory_url in TEST_DIRECTORIES or settings.allow_ephemeral_volume:
        return ""
    if not held.ephemeral:
        return ""
    rate = limits.same_names
    return (
        f"nothing is ordered: {held.ephemeral}, so every new container would order again, and {limits.name} issues the same names "
        f"{rate.most} times in {rate.period.days} days only, whatever is lost. Mount a volume there, or set ALLOW_EPHEMERAL_VOLUME=y"
    )


def to_rehearse(
    settings: Settings, memory: Memory, names: tuple[Name, ...], last: Certificate | None
) -> tuple[Name, ...]:
    """The names that no CA is known to have validated: a staging directory is asked for them first, whose failures cost nothing.

    Those of the lineage's last certificate, expired or not, and those rehearsed lately are proven. Those whose records let
    only our account at the CA itself issue (RFC 8657 section 3) would be refused there whatever else is right, and so would
    those of dns-persist-01: their one lasting record names that account as well.
    """
    if settings.rehearsal_ca is None:
        return ()
    proven = set(last.names) if last and not last.self_signed else set()
    known = memory.authorities.get(settings.ca.directory_url)
    passed_over = {*memory.rehearsed, *(known.pinned_by if known else ())}
    lasting = (name for name in names if settings.challenges.type_for(name) is ChallengeType.DNS_PERSIST_01)
    proven.update(lasting)
    return tuple(name for name in names if name not in proven and name.text not in passed_over)


def _after_failures(failed: Failures) -> str:
    count = failed.count
    return f"waits after {count} failure{'s' if count > 1 else ''} in a row: {failed.because}"
