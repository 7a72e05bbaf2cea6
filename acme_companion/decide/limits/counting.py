"""Keeping the ledger: before an order is placed, when it ends, and when the CA names a time."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from acme_companion.decide.ledger import Attempt, Ledger
from acme_companion.decide.limits.buckets import (
    ORDERS,
    Planned,
    buckets_of,
    digest,
    is_exempt,
    of_domain,
    of_failures,
    of_failures_in_a_row,
    of_names,
    of_ours,
    registered_domains,
)
from acme_companion.decide.limits.table import OURS
from acme_companion.decide.steps import OrderKind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from acme_companion.decide.acme_problems import ProblemDocument, Rejection
    from acme_companion.decide.limits.table import Limits
    from acme_companion.decide.names import Name

_EXACT_SET = "exact set"
_WORD = re.compile(r"(?:\*\.)?[a-z0-9-]+(?:\.[a-z0-9-]+)+")


def begun(limits: Limits | None, ledger: Ledger, order: Planned, now: datetime) -> Ledger:
    """The ledger to be on the disk before `order` is placed: as if it had its certificate, and had been cut off."""
    directory, names = order.lineage.directory, digest(order.lineage.names)
    before = ledger.attempts.get(directory)
    if order.wish and not (before and before.names == names):
        ledger = ledger.spent(of_ours(order), OURS, now)
    if limits and not is_exempt(limits, order):
        for bucket, rate, _, _ in buckets_of(limits, order, order.lineage.names[0]):
            # Going on with what was begun gets the same order again, or at least no second certificate.
            if bucket == ORDERS or not (before and before.names == names):
                ledger = ledger.spent(bucket, rate, now)
    cut_off = before.cut_off + 1 if before and before.names == names else 1
    return replace(ledger, attempts={**ledger.attempts, directory: Attempt(now, names, cut_off)})


def issued(
    limits: Limits | None,
    ledger: Ledger,
    order: Planned,
    names: Iterable[Name],
    now: datetime,
    by_ca: Collection[Name] = (),
) -> Ledger:
    """After the certificate came, for `names`: those of the order without the ones that were left out, `by_ca` or by us."""
    got = tuple(names)
    ledger = _without_attempt(_opened(ledger, order), order)
    if limits is None:
        return ledger
    left_out = set(order.lineage.names) - set(got)
    if left_out and not is_exempt(limits, order):
        ledger = ledger.given_back(of_names(order.lineage.names), limits.same_names)
        ledger = ledger.spent(of_names(got), limits.same_names, now)
        if order.kind is OrderKind.NEW:
            for domain in set(registered_domains(order.lineage.names)) - set(registered_domains(got)):
                ledger = ledger.given_back(of_domain(domain), limits.domain)
    ledger = _failures(limits, ledger, left_out, by_ca, now)
    return ledger.filled(*map(of_failures_in_a_row, got))


def refused(
    limits: Limits | None,
    ledger: Ledger,
    order: Planned,
    left_out: Iterable[Name],
    now: datetime,
    by_ca: Collection[Name] = (),
) -> Ledger:
    """After a clear no, perhaps because of names that were left out, `by_ca` or by us: no certificate was used up."""
    attempt = ledger.attempts.get(order.lineage.directory)
    counted = attempt is not None and attempt.names == digest(order.lineage.names)
    ledger = _without_attempt(ledger, order)
    if order.wish and counted:
        ledger = ledger.given_back(of_ours(order), OURS)
    if limits is None:
        return ledger
    if counted and not is_exempt(limits, order):
        for bucket, rate, _, _ in buckets_of(limits, order, order.lineage.names[0]):
            if bucket != ORDERS:
                ledger = ledger.given_back(bucket, rate)
    return _failures(limits, ledger, left_out, by_ca, now)


def told(
    limits: Limits | None,
    ledger: Ledger,
    order: Planned,
    rejection: Rejection,
    until: datetime,
    now: datetime,
) -> Ledger:
    """After the CA itself named a time: for everybody or all of our account, or for what its sentence names."""
    if concerns_all(rejection, order.lineage.names):
        if ledger.closed_until and ledger.closed_until > until:
            return replace(ledger, closed_at=now)
        because = rejection.document.sentence
        return replace(ledger, closed_until=until, closed_because=because, closed_at=now)
    if limits is None or rejection.kind != "rateLimited":
        return ledger
    detail, words = _words(rejection)
    if _EXACT_SET in detail:
        return ledger.empty_until(of_names(order.lineage.names), limits.same_names, until)
    failed = [name for name in order.lineage.names if name.text in words and "failed" in detail]
    for name in failed:
        ledger = ledger.empty_until(of_failures(name), limits.failed, until)
    for domain in words.intersection(registered_domains(order.lineage.names)) if not failed else ():
        ledger = ledger.empty_until(of_domain(domain), limits.domain, until)
    return ledger


def concerns_all(rejection: Rejection, names: Collection[Name]) -> bool:
    """Whether the CA said no to everybody or to all of our account, and not to an order for `names` because of these."""
    if rejection.ca_wide or rejection.kind != "rateLimited":
        return rejection.ca_wide
    detail, words = _words(rejection)
    ours = {name.text for name in names} | set(registered_domains(names))
    return _EXACT_SET not in detail and words.isdisjoint(ours)


def _words(rejection: Rejection) -> tuple[str, set[str]]:
    detail = rejection.document.detail.lower()
    return detail, set(_WORD.findall(detail))


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


def _failures(
    limits: Limits, ledger: Ledger, left_out: Iterable[Name], by_ca: Collection[Name], now: datetime
) -> Ledger:
    """Each order that a name sank was followed by one without it. What our solver could not show, no CA looked at."""
    for name in left_out:
        if name in by_ca:
            ledger = ledger.spent(of_failures(name), limits.failed, now)
            ledger = ledger.spent(of_failures_in_a_row(name), limits.failed_in_a_row, now)
        ledger = ledger.spent(ORDERS, limits.orders, now)
    return ledger


def _opened(ledger: Ledger, order: Planned) -> Ledger:
    """A CA that gave a certificate for what was begun after it said that it is closed is not closed any more."""
    attempt = ledger.attempts.get(order.lineage.directory)
    if attempt is None or ledger.closed_at is None or attempt.at <= ledger.closed_at:
        return ledger
    return replace(ledger, closed_until=None, closed_because="", closed_at=None)


def _without_attempt(ledger: Ledger, order: Planned) -> Ledger:
    attempts = {key: value for key, value in ledger.attempts.items() if key != order.lineage.directory}
    return replace(ledger, attempts=attempts)
