"""Names that are left out of a certificate: what counts as the CA's refusal, and what is only ours."""

from __future__ import annotations

from dataclasses import replace

import pytest

from acme_companion.decide.acme_problems import ProblemDocument
from acme_companion.decide.known_cas import LETS_ENCRYPT
from acme_companion.decide.limits.buckets import ORDERS, of_failures, of_failures_in_a_row
from acme_companion.decide.limits.remembering import after_failure, after_issue, before_orders
from acme_companion.decide.limits.table import LIMITS
from acme_companion.decide.memory import Memory
from acme_companion.decide.problems import NameRefusals
from acme_companion.decide.steps import Issue, Lineage
from tests.builders import HOST, NOW, names, settings

NAMES = names(f"{HOST} imap.example.org")
STEP = Issue(Lineage(NAMES, server=True), "no certificate yet")
SETTINGS = replace(settings(), ca=replace(settings().ca, directory_url=LETS_ENCRYPT))
SAID = {NAMES[1]: ProblemDocument("dns", "NXDOMAIN")}


def used(memory: Memory) -> tuple[int, ...]:
    """Failed validations of the second name, those in a row, and orders: how many the ledger has seen."""
    limits, ledger = LIMITS[LETS_ENCRYPT], memory.ledgers[LETS_ENCRYPT]
    buckets = (
        (of_failures(NAMES[1]), limits.failed),
        (of_failures_in_a_row(NAMES[1]), limits.failed_in_a_row),
        (ORDERS, limits.orders),
    )
    return tuple(round((ledger.full_at.get(bucket, NOW) - NOW) / rate.refill) for bucket, rate in buckets)


@pytest.mark.parametrize(
    ("documents", "counted"),
    [
        pytest.param(SAID, (1, 1, 2), id="the CA looked and refused it"),
        pytest.param({}, (0, 0, 2), id="our solver could not show it, so the CA never looked"),
    ],
)
def test_only_what_the_ca_looked_at_is_a_failed_validation(documents, counted):
    """A record that did not become visible costs an order, and none of the failures that a CA allows."""
    begun = before_orders(SETTINGS, Memory(), [STEP], {}, NOW)
    issued = after_issue(SETTINGS, begun, STEP, NAMES[:1], NOW, by_ca=documents)
    assert used(issued) == counted
    problem = NameRefusals("not to be had", {NAMES[1]: "why"}, documents)
    assert used(after_failure(SETTINGS, begun, STEP, problem, NOW)) == counted
