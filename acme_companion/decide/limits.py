"""What a CA lets us order, and when: asked before every order, so that no mistake of ours or an admin's uses up its limits."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from acme_companion.decide.known_cas import LETS_ENCRYPT, LETS_ENCRYPT_STAGING
from acme_companion.decide.ledger import IN_A_ROW, Attempt, Ledger, Rate
from acme_companion.decide.public_suffixes import registered_domain
from acme_companion.decide.schedule import RETRY_AFTER
from acme_companion.decide.steps import OrderKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from acme_companion.decide.acme_problems import ProblemDocument, Rejection
    from acme_companion.decide.names import Name
    from acme_companion.decide.steps import Lineage

_WORD = re.compile(r"(?:\*\.)?[a-z0-9-]+(?:\.[a-z0-9-]+)+")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one CA. `replaces_is_exempt`: a renewal that names its predecessor in its window counts for none."""

    name: str
    orders: Rate
    domain: Rate
    same_names: Rate
    failed: Rate
    failed_in_a_row: Rate
    replaces_is_exempt: bool = True


LIMITS = {
    # https://letsencrypt.org/docs/rate-limits/ as of 2026-08-05. New accounts (10 in 3 hours) need no entry: there is one
    # account per volume.
    LETS_ENCRYPT: Limits(
        "Let's Encrypt",
        orders=Rate(300, 3 * HOUR),
        domain=Rate(50, 7 * DAY),
        same_names=Rate(5, 7 * DAY),
        failed=Rate(5, HOUR),
        failed_in_a_row=Rate(1152, 1152 * DAY),
    ),
    LETS_ENCRYPT_STAGING: Limits(
        "Let's Encrypt's staging",
        orders=Rate(1500, 3 * HOUR),
        domain=Rate(30_000, 7 * DAY),
        same_names=Rate(30_000, 7 * DAY),
        failed=Rate(200, HOUR),
        failed_in_a_row=Rate(1152, 1152 * DAY),
    ),
}
"""By directory URL. A CA that is not here gets no made-up limits, which could only hold up who runs a CA of their own: what
it says itself (429, Retry-After), the retry schedule and our own limit on wishes and advice hold for every CA."""

OURS = Rate(2, DAY)
"""How often a lineage may be ordered because somebody only wishes it: an admin, or the CA's advice (its bug would never end)."""
KEPT = 10
"""One in so many tokens is kept back for the server's own certificate, and so that an operator can still try by hand."""
BATCH = timedelta(minutes=15)
"""Other certificates than the server's wait at least so long for a token, and are then ordered together."""


@dataclass(frozen=True, slots=True)
class Planned:
    """An order that may be placed. `needed`: what is served meanwhile is due, has expired, or is nothing."""

    lineage: Lineage
    kind: OrderKind = OrderKind.NEW
    needed: bool = True
    wish: bool = False


@dataclass(frozen=True, slots=True)
class Go:
    """It may be placed now."""


@dataclass(frozen=True, slots=True)
class GoBecauseExempt:
    """It may be placed now, as it counts for no limit."""

    because: str


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """It must not be placed before `when`. `closed`: it is the CA's own word to everybody, not a count of ours."""

    when: datetime
    because: str
    closed: bool = False


Decision = Go | GoBecauseExempt | WaitUntil


def decide(limits: Limits | None, ledger: Ledger, order: Planned, hostname: Name, now: datetime) -> Decision:
    """Whether `order` may be placed now. `limits` None: the CA's limits are not known."""
    waits = [one for one in _waits(limits, ledger, order, hostname, now) if one.when > now]
    if waits:
        latest = max(waits, key=lambda one: one.when)
        batched = latest.when if order.lineage.server or latest.closed else max(latest.when, now + BATCH)
        return replace(latest, when=batched)
    if limits and _exempt(limits, order):
        return GoBecauseExempt(f"a renewal that {limits.name} advised counts for none of its limits")
    return Go()


def limits_of(directory_url: str) -> Limits | None:
    return LIMITS.get(directory_url)


def _exempt(limits: Limits, order: Planned) -> bool:
    return order.kind is OrderKind.ADVISED and limits.replaces_is_exempt


def _waits(
    limits: Limits | None, ledger: Ledger, order: Planned, hostname: Name, now: datetime
) -> Iterator[WaitUntil]:
    if ledger.closed_until:
        yield WaitUntil(ledger.closed_until, f"the CA: {ledger.closed_because}", closed=True)
    attempt = ledger.attempts.get(order.lineage.directory)
    if attempt and attempt.cut_off > 1:
        # One cut is a power failure. More of them are a loop, and each of them may cost an order.
        wait = RETRY_AFTER[min(attempt.cut_off - 1, len(RETRY_AFTER)) - 1]
        because = f"the last {attempt.cut_off} tries were cut off before they ended: what ends the container?"
        yield WaitUntil(attempt.at + wait, because)
    if order.wish:
        when = ledger.ready_at(_of_ours(order), OURS, now)
        yield WaitUntil(when, "it was renewed twice within a day already, and each time costs a certificate")
    if limits is None or _exempt(limits, order):
        return
    begun = attempt is not None and attempt.names == digest(order.lineage.names)
    for bucket, rate, keep, what in _buckets(limits, order, hostname):
        if begun and not bucket.startswith("orders"):
            continue  # it is counted already
        yield WaitUntil(ledger.ready_at(bucket, rate, now, keep), f"{limits.name} allows {what}")


def _buckets(limits: Limits, order: Planned, hostname: Name) -> Iterator[tuple[str, Rate, int, str]]:
    """Which buckets the order takes a token of, how many it leaves there, and the limit in words."""
    server = order.lineage.server
    if order.kind is OrderKind.NEW:
        kept = 0 if server else limits.orders.most // KEPT
        yield (
            "orders",
            limits.orders,
            kept,
            f"{limits.orders.most} new orders in {_shown(limits.orders.period)}",
        )
        own = registered_domain(hostname)
        for domain in registered_domains(order.lineage.names):
            kept = limits.domain.most // KEPT if domain == own and not server else 0
            what = f"{limits.domain.most} new certificates for {domain} in {_shown(limits.domain.period)}"
            yield _of_domain(domain), limits.domain, kept, what
    # The last one is for who has nothing else: a valid certificate can wait.
    rate = limits.same_names
    what = f"{rate.most} certificates with the same names in {_shown(rate.period)}"
    yield _of_names(order.lineage.names), rate, 0 if order.needed else 1, what


def name_waits_until(limits: Limits | None, ledger: Ledger, name: Name, now: datetime) -> WaitUntil | None:
    """Whether validating `name` once more could use up what the CA allows it to fail; None: it may be ordered."""
    if limits is None or not ledger.full_at:
        return None
    soon = ledger.ready_at(_failed(name), limits.failed, now, keep=1)
    row = limits.failed_in_a_row
    later = ledger.ready_at(_in_a_row(name), row, now, keep=row.most // KEPT)
    if max(soon, later) <= now:
        return None
    if soon >= later:
        what = f"{limits.failed.most} failed validations of a name in {_shown(limits.failed.period)}"
    else:
        what = f"{limits.failed_in_a_row.most} failed validations of a name in a row"
    return WaitUntil(max(soon, later), f"{limits.name} allows {what}, and this name is close to it")


# ---- keeping the ledger --------------------------------------------------------------------------------------


def begun(limits: Limits | None, ledger: Ledger, order: Planned, now: datetime) -> Ledger:
    """The ledger to be on the disk before `order` is placed: as if it had its certificate, and had been cut off."""
    directory, names = order.lineage.directory, digest(order.lineage.names)
    before = ledger.attempts.get(directory)
    if order.wish and not (before and before.names == names):
        ledger = ledger.spent(_of_ours(order), OURS, now)
    if limits and not _exempt(limits, order):
        for bucket, rate, _, _ in _buckets(limits, order, order.lineage.names[0]):
            # Going on with what was begun gets the same order again, or at least no second certificate.
            if bucket == "orders" or not (before and before.names == names):
                ledger = ledger.spent(bucket, rate, now)
    cut_off = before.cut_off + 1 if before and before.names == names else 1
    return replace(ledger, attempts={**ledger.attempts, directory: Attempt(now, names, cut_off)})


def issued(
    limits: Limits | None, ledger: Ledger, order: Planned, names: Iterable[Name], now: datetime
) -> Ledger:
    """After the certificate came, for `names`: those of the order without the ones that the CA refused."""
    got = tuple(names)
    ledger = _without_attempt(ledger, order)
    if limits is None:
        return ledger
    refused = set(order.lineage.names) - set(got)
    if refused and not _exempt(limits, order):
        ledger = ledger.given_back(_of_names(order.lineage.names), limits.same_names)
        ledger = ledger.spent(_of_names(got), limits.same_names, now)
        if order.kind is OrderKind.NEW:
            for domain in set(registered_domains(order.lineage.names)) - set(registered_domains(got)):
                ledger = ledger.given_back(_of_domain(domain), limits.domain)
    ledger = _failures(limits, ledger, refused, now)
    return ledger.filled(*map(_in_a_row, got))


def refused(
    limits: Limits | None, ledger: Ledger, order: Planned, by_name: Iterable[Name], now: datetime
) -> Ledger:
    """After the CA said no, perhaps because validations of `by_name` failed: no certificate was used up."""
    ledger = _without_attempt(ledger, order)
    if order.wish:
        ledger = ledger.given_back(_of_ours(order), OURS)
    if limits is None:
        return ledger
    if not _exempt(limits, order):
        for bucket, rate, _, _ in _buckets(limits, order, order.lineage.names[0]):
            if bucket != "orders":
                ledger = ledger.given_back(bucket, rate)
    return _failures(limits, ledger, by_name, now)


def told(
    limits: Limits | None, ledger: Ledger, order: Planned, rejection: Rejection, until: datetime
) -> Ledger:
    """After the CA itself named a time: for everybody or all of our account, or for what its sentence names."""
    detail = rejection.document.detail.lower()
    words = set(_WORD.findall(detail))
    domains = words.intersection(registered_domains(order.lineage.names))
    failed = [name for name in order.lineage.names if name.text in words and "failed" in detail]
    if not rejection.ca_wide and (
        rejection.kind != "rateLimited"
        or "exact set" in detail
        or domains
        or any(name.text in words for name in order.lineage.names)
    ):
        if limits and rejection.kind == "rateLimited":
            if "exact set" in detail:
                names = _of_names(order.lineage.names)
                return ledger.empty_until(names, limits.same_names, until)
            for name in failed:
                ledger = ledger.empty_until(_failed(name), limits.failed, until)
            for domain in domains if not failed else ():
                ledger = ledger.empty_until(_of_domain(domain), limits.domain, until)
        return ledger
    if ledger.closed_until and ledger.closed_until > until:
        return ledger
    return replace(ledger, closed_until=until, closed_because=rejection.document.sentence)


def paused(names: Iterable[Name], document: ProblemDocument) -> tuple[Name, ...]:
    """Which of `names` the CA has paused (Let's Encrypt, after months of failures): an operator must lift it on its page."""
    words = set(_WORD.findall(document.detail.lower())) if document.unpause_url else set()
    return tuple(name for name in names if name.text in words)


def unknown(ledger: Ledger, order: Planned) -> Ledger:
    """After a try without an end that is known: what was counted stays counted, for the next try as well."""
    attempt = ledger.attempts.get(order.lineage.directory)
    if attempt is None:
        return ledger
    kept = replace(attempt, cut_off=0)
    return replace(ledger, attempts={**ledger.attempts, order.lineage.directory: kept})


def _failures(limits: Limits, ledger: Ledger, names: Iterable[Name], now: datetime) -> Ledger:
    """Each order that a name sank was followed by one without it."""
    for name in names:
        ledger = ledger.spent(_failed(name), limits.failed, now)
        ledger = ledger.spent(_in_a_row(name), limits.failed_in_a_row, now)
        ledger = ledger.spent("orders", limits.orders, now)
    return ledger


def _without_attempt(ledger: Ledger, order: Planned) -> Ledger:
    attempts = {key: value for key, value in ledger.attempts.items() if key != order.lineage.directory}
    return replace(ledger, attempts=attempts)


def registered_domains(names: Iterable[Name]) -> tuple[str, ...]:
    return tuple(sorted({registered_domain(name) for name in names}))


def digest(names: Iterable[Name]) -> str:
    """An exact set of names, short."""
    return hashlib.sha256(" ".join(sorted(name.text for name in names)).encode()).hexdigest()[:32]


def _of_ours(order: Planned) -> str:
    return f"ours:{order.lineage.directory}"


def _of_domain(domain: str) -> str:
    return f"domain:{domain}"


def _of_names(names: Iterable[Name]) -> str:
    return f"names:{digest(names)}"


def _failed(name: Name) -> str:
    return f"failed:{name}"


def _in_a_row(name: Name) -> str:
    return f"{IN_A_ROW}{name}"


def _shown(period: timedelta) -> str:
    if period >= DAY:
        return f"{period // DAY} days"
    return f"{period // HOUR} hours" if period > HOUR else "an hour"
