"""Which buckets an order takes from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from acme_companion.decide.limits.table import DAY, HOUR, KEPT, OURS
from acme_companion.decide.public_suffixes import registered_domain
from acme_companion.decide.steps import OrderKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import timedelta

    from acme_companion.decide.ledger import Rate
    from acme_companion.decide.limits.table import Limits
    from acme_companion.decide.names import Name
    from acme_companion.decide.steps import Lineage

ORDERS = "orders"


@dataclass(frozen=True, slots=True)
class Planned:
    """An order that may be placed. `needed`: what is served meanwhile is due, has expired, or is nothing."""

    lineage: Lineage
    kind: OrderKind = OrderKind.NEW
    needed: bool = True
    wish: bool = False


def is_exempt(limits: Limits, order: Planned) -> bool:
    return order.kind is OrderKind.ADVISED and limits.replaces_is_exempt


def buckets_of(limits: Limits, order: Planned, hostname: Name) -> Iterator[tuple[str, Rate, int, str]]:
    """Which buckets the order takes a token of, how many it leaves there, and the limit in words."""
    server = order.lineage.server
    if order.kind is OrderKind.NEW:
        kept = 0 if server else limits.orders.most // KEPT
        yield (
            "orders",
            limits.orders,
            kept,
            f"{limits.orders.most} new orders in {shown(limits.orders.period)}",
        )
        own = registered_domain(hostname)
        for domain in registered_domains(order.lineage.names):
            kept = limits.domain.most // KEPT if domain == own and not server else 0
            what = f"{limits.domain.most} new certificates for {domain} in {shown(limits.domain.period)}"
            yield of_domain(domain), limits.domain, kept, what
    # The last one is for who has nothing else: a valid certificate can wait.
    rate = limits.same_names
    what = f"{rate.most} certificates with the same names in {shown(rate.period)}"
    yield of_names(order.lineage.names), rate, 0 if order.needed else 1, what


def registered_domains(names: Iterable[Name]) -> tuple[str, ...]:
    return tuple(sorted({registered_domain(name) for name in names}))


def digest(names: Iterable[Name]) -> str:
    """An exact set of names, short."""
    return hashlib.sha256(" ".join(sorted(name.text for name in names)).encode()).hexdigest()[:32]


def of_ours(order: Planned) -> str:
    return f"ours:{order.lineage.directory}"


def of_domain(domain: str) -> str:
    return f"domain:{domain}"


def of_names(names: Iterable[Name]) -> str:
    return f"names:{digest(names)}"


def of_failures(name: Name) -> str:
    return f"failed:{name}"


def of_failures_in_a_row(name: Name) -> str:
    return f"row:{name}"


def rate_of(limits: Limits | None, bucket: str) -> Rate | None:
    """The rate of a bucket by its name; None when no limit that is known has such a one."""
    kind = bucket.partition(":")[0]
    if kind == "ours" or limits is None:
        return OURS if kind == "ours" else None
    return {
        ORDERS: limits.orders,
        "domain": limits.domain,
        "names": limits.same_names,
        "failed": limits.failed,
        "row": limits.failed_in_a_row,
    }.get(kind)


def shown(period: timedelta) -> str:
    if period >= DAY:
        return f"{period // DAY} days"
    return f"{period // HOUR} hours" if period > HOUR else "an hour"
