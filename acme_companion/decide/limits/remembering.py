"""The ledgers in the memory: what is written down before orders are placed, and when they end."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from acme_companion.decide.ledger import Ledger
from acme_companion.decide.limits.buckets import Planned
from acme_companion.decide.limits.counting import begun, issued, refused, told, unknown
from acme_companion.decide.limits.table import limits_of
from acme_companion.decide.open_orders import is_over, placed_ahead
from acme_companion.decide.problems import NameRefusals, NotOrdered, NotYet, Refused

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from acme_companion.decide.memory import Memory
    from acme_companion.decide.names import Name
    from acme_companion.decide.open_orders import OpenOrder
    from acme_companion.decide.problems import Problem
    from acme_companion.decide.settings import Ca, Settings
    from acme_companion.decide.steps import Issue


def ca_of(settings: Settings, step: Issue) -> Ca:
    """The CA that a step is for."""
    return settings.fallback_ca if step.fallback and settings.fallback_ca else settings.ca


def before_orders(
    settings: Settings,
    memory: Memory,
    steps: Iterable[Issue],
    orders: Mapping[str, OpenOrder],
    now: datetime,
) -> Memory:
    """What must be on the disk before the first of these orders is placed: whoever is stopped then has them counted.

    `orders`: those that are open, by directory: they were counted when they were placed.
    """
    for step in steps:
        url = ca_of(settings, step).directory_url
        if goes_on(orders.get(step.lineage.directory), url, step.lineage.names, now):
            continue
        memory = _with(memory, url, begun(limits_of(url), _ledger(memory, url), _planned(step), now), now)
    return memory


def goes_on(order: OpenOrder | None, url: str, names: Iterable[Name], now: datetime) -> bool:
    """Whether an order for `names` at the CA with this directory `url` is the one that is open, so that none is placed."""
    if order is None or order.directory_url != url or is_over(order, now) or placed_ahead(order, now):
        return False
    return {name.text for name in names} - order.refused.keys() == set(order.identifiers)


def after_issue(
    settings: Settings,
    memory: Memory,
    step: Issue,
    names: Iterable[Name],
    now: datetime,
    by_ca: Collection[Name] = (),
) -> Memory:
    """The certificate came, for `names`; of the others the CA itself refused those in `by_ca`."""
    url = ca_of(settings, step).directory_url
    ledger = issued(limits_of(url), _ledger(memory, url), _planned(step), names, now, by_ca)
    return _with(memory, url, ledger, now)


def after_failure(settings: Settings, memory: Memory, step: Issue, problem: Problem, now: datetime) -> Memory:
    """No certificate came. Only a clear refusal gives back what was counted for it: anything else cost one, or may still be issued."""
    url = ca_of(settings, step).directory_url
    limits, ledger, order = limits_of(url), _ledger(memory, url), _planned(step)
    rejection = problem.rejection if isinstance(problem, NotYet | Refused) else None
    if isinstance(problem, NotOrdered):
        ledger = issued(limits, ledger, order, order.lineage.names, now)
    elif isinstance(problem, Refused) or (rejection is not None and not rejection.ca_wide):
        left_out, by_ca = (
            (problem.by_name, problem.documents) if isinstance(problem, NameRefusals) else ((), ())
        )
        ledger = refused(limits, ledger, order, left_out, now, by_ca)
    else:
        ledger = unknown(ledger, order)
    if rejection is not None and isinstance(problem, NotYet) and problem.retry_at:
        ledger = told(limits, ledger, order, rejection, problem.retry_at, now)
    return _with(memory, url, ledger, now)


def _planned(step: Issue) -> Planned:
    return Planned(step.lineage, step.kind, wish=step.wish)


def _ledger(memory: Memory, url: str) -> Ledger:
    return memory.ledgers.get(url, Ledger())


def _with(memory: Memory, url: str, ledger: Ledger, now: datetime) -> Memory:
    return replace(memory, ledgers={**memory.ledgers, url: replace(ledger, noted=now)})
