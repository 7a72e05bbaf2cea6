"""Verdicts: which of several faults and doubts is told, and whom it is worth to probe."""

import pytest

from acme_companion.decide.facts import Addresses, CaaLook, NameFacts, OwnAddresses, ProbeWrong, Unanswered
from acme_companion.decide.settings import Checks
from acme_companion.decide.verdicts import judge, worth_probing
from tests.decide.verdict_facts import (
    CHECKS,
    HOST,
    LE,
    NOBODY,
    OTHERS,
    OWN,
    REMEMBERED,
    SILENT,
    SKIP,
    at,
    seen,
)


@pytest.mark.parametrize(
    ("facts", "begins"),
    [
        pytest.param(
            seen(at("9.9.9.9"), ProbeWrong("x", "y"), OTHERS), "CAA at", id="CAA before addresses and probe"
        ),
        pytest.param(seen(at("9.9.9.9"), ProbeWrong("x", "y")), "A 9.9.9.9", id="addresses before the probe"),
        pytest.param(
            seen(at("9.9.9.9"), SILENT, CaaLook(Unanswered("SERVFAIL"))), "A 9.9.9.9", id="a fault before a doubt"
        ),
        pytest.param(
            seen(at("172.22.1.2"), SILENT, CaaLook(Unanswered("SERVFAIL"))), "the CAA records", id="the first doubt"
        ),
    ],
)  # fmt: skip
def test_which_one_wins(facts: NameFacts, begins: str) -> None:
    """The first fault is told; without one the first doubt."""
    assert judge(facts, OWN, CHECKS, LE).because.startswith(begins)


@pytest.mark.parametrize(
    ("addresses", "own", "checks", "worth"),
    [
        pytest.param(at("1.2.3.4"), OWN, CHECKS, True, id="ours"),
        pytest.param(at("1.2.3.4"), NOBODY, CHECKS, True, id="perhaps ours: the probe decides"),
        pytest.param(at("1.2.3.4", "2620:fe::fe"), NOBODY, CHECKS, True, id="an AAAA that is perhaps ours"),
        pytest.param(at("9.9.9.9"), REMEMBERED, CHECKS, True, id="perhaps our new address"),
        pytest.param(at("9.9.9.9"), OWN, CHECKS, False, id="a stranger's: nothing is sent there"),
        pytest.param(at("9.9.9.9"), OWN, SKIP, True, id="not compared"),
        pytest.param(at("10.0.0.1"), OWN, CHECKS, False, id="inside our networks: nothing is sent there"),
        pytest.param(at(), OWN, CHECKS, False, id="no address"),
    ],
)  # fmt: skip
def test_worth_probing(addresses: Addresses, own: OwnAddresses, checks: Checks, worth: bool) -> None:
    """FAULTS N19: a customer's domains that point elsewhere cost no request."""
    assert worth_probing(HOST, addresses, own, checks) is worth
