"""A ledger that was lost, or is older than the certificates: these tell what was ordered lately."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from acme_companion.decide.known_cas import LETS_ENCRYPT
from acme_companion.decide.ledger import Ledger
from acme_companion.decide.limits import Go, Planned, WaitUntil, decide
from acme_companion.decide.limits.buckets import of_domain, of_names
from acme_companion.decide.limits.recounting import found_again, recounted
from acme_companion.decide.limits.table import LIMITS
from acme_companion.decide.memory import Memory
from acme_companion.decide.steps import Lineage
from tests.builders import CA_URL, DAY, HOST, NOW, certificate, held, lineage, names

if TYPE_CHECKING:
    from acme_companion.decide.pair import Certificate

LE = LIMITS[LETS_ENCRYPT]
NEW = Planned(Lineage(names("new.hoster.example")))


def issued(count: int, *, days: float) -> list[Certificate]:
    return [certificate(f"c{number}.hoster.example", age_days=days + 1 / 24) for number in range(count)]


@pytest.mark.parametrize(
    ("count", "days", "decision"),
    [
        pytest.param(49, 1, Go(), id="49 of 50"),
        pytest.param(
            50,
            0,
            WaitUntil(
                NOW + 7 * DAY / 50, "Let's Encrypt allows 50 new certificates for hoster.example in 7 days"
            ),
            id="50 just now",
        ),
        pytest.param(50, 1, Go(), id="50 a day ago, of which seven have come back"),
        pytest.param(
            90,
            0,
            WaitUntil(
                NOW + 7 * DAY / 50, "Let's Encrypt allows 50 new certificates for hoster.example in 7 days"
            ),
            id="more than there can be: no emptier than empty",
        ),
        pytest.param(90, 8, Go(), id="longer ago than the limit looks back"),
    ],
)
def test_what_certificates_tell(count, days, decision):
    """S15, S17: a state that is lost does not make a CA's limits new."""
    ledger = recounted(LE, Ledger(), issued(count, days=days), NOW)

    assert decide(LE, ledger, NEW, names(HOST)[0], NOW) == decision


def test_it_is_counted_once():
    """However often it is looked at, and also when the ledger knows it all."""
    once = recounted(LE, Ledger(), issued(30, days=1), NOW)

    assert recounted(LE, once, issued(30, days=1), NOW) is once
    full = recounted(LE, Ledger(), issued(90, days=1), NOW)
    assert recounted(LE, full, issued(90, days=1), NOW + DAY) is full


@pytest.mark.parametrize(
    ("known", "counted"),
    [
        pytest.param("", True, id="nobody knows where it came from: the state was lost, or it was adopted"),
        pytest.param(LETS_ENCRYPT, False, id="from this CA: it was counted, or was exempt"),
        pytest.param(CA_URL, False, id="from another one"),
    ],
)
def test_whose_certificates(known, counted):
    """What is known to come from somewhere was counted when it was ordered."""
    has = held(lineage(HOST, age_days=1 / 24), memory=Memory(issued={certificate(HOST).fingerprint: known}))
    memory = found_again(has, LETS_ENCRYPT, NOW)

    buckets = {of_names(names(HOST)): NOW + 7 * DAY / 5, of_domain("example.org"): NOW + 7 * DAY / 50}
    assert memory.ledgers == ({LETS_ENCRYPT: Ledger(buckets)} if counted else {})
    assert found_again(has, CA_URL, NOW) is has.memory, "a CA without limits that are known"


def test_a_pair_of_the_admins_own_is_not_counted():
    """Nor is a self-signed one: no CA of ours made it."""
    mine = lineage(HOST, age_days=0)
    for one in (replace(mine, ours=False), lineage(HOST, age_days=0, self_signed=True)):
        has = held(one, memory=Memory())
        assert found_again(has, LETS_ENCRYPT, NOW) is has.memory
