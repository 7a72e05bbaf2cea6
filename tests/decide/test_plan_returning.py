"""An archived certificate whose names are wanted again is brought back, not ordered."""

from __future__ import annotations

from dataclasses import replace

import pytest

from acme_companion.decide.forgetting import without_the_past
from acme_companion.decide.memory import Memory
from acme_companion.decide.report import plan_lines, step_as_data
from acme_companion.decide.steps import Issue, Lineage, Plan, Restore
from tests.builders import (
    CA_URL,
    DAY,
    HOST,
    NOW,
    certificate,
    domains,
    held,
    lineage,
    names,
    naming,
    plan,
    verdicts,
)

A = "autoconfig.a.tld autodiscover.a.tld"
SERVER = lineage(HOST)
KNOWN = {f"fingerprint of {text}": CA_URL for text in (HOST, A)}


def step(archived, *, memory=None, force=False, ready=A):
    """What is planned for the mail domain a.tld."""
    has = replace(held(SERVER, memory=memory or Memory(issued=KNOWN)), archived=(archived,))
    seen = verdicts(f"{HOST} {ready}", not_ready=" ".join(set(A.split()) - set(ready.split())))
    return plan(naming(sni=True), domains("a.tld"), seen, has, force=force)[1]


def test_brought_back():
    """FAULTS N17: it is told, and costs no order."""
    made = step(lineage(A))

    assert made == Restore(Lineage(names(A)), "its names are wanted again", certificate(A))
    assert list(plan_lines(Plan((made,)))) == [
        ("info", "autoconfig.a.tld +1 name: to be brought back, its names are wanted again")
    ]
    assert step_as_data(made) == {
        "step": "restore", "because": "its names are wanted again", "lineage": "autoconfig.a.tld", "names": A.split()
    }  # fmt: skip


def test_the_directory_stays():
    """It returns to the directory that it had, whatever its first name is today."""
    found = step(lineage(A), ready="autodiscover.a.tld")

    assert found.lineage == Lineage(names("autodiscover.a.tld"), directory="autoconfig.a.tld")


@pytest.mark.parametrize(
    ("archived", "more"),
    [
        pytest.param(lineage(A, age_days=61), {}, id="due for renewal"),
        pytest.param(lineage(A, age_days=100), {}, id="expired"),
        pytest.param(lineage("autoconfig.a.tld"), {}, id="without one of the names"),
        pytest.param(lineage("*.a.tld"), {"memory": Memory(issued={**KNOWN, "fingerprint of *.a.tld": CA_URL})}, id="a wildcard, which nothing would continue in"),
        pytest.param(lineage(A), {"memory": Memory(issued={**KNOWN, f"fingerprint of {A}": "https://x.example"})}, id="of another CA"),
        pytest.param(lineage(A), {"memory": Memory()}, id="of a CA that nobody remembers"),
        pytest.param(
            lineage(A), {"memory": Memory(issued=KNOWN, revoked=(f"fingerprint of {A}",))}, id="revoked"
        ),
        pytest.param(lineage(A), {"memory": Memory(issued=KNOWN, compromised=("the key",))}, id="with a key that is not secret"),
        pytest.param(lineage(A), {"force": True}, id="when an admin wants everything renewed"),
        pytest.param(replace(lineage(A), certificate=None), {}, id="damaged"),
    ],
)  # fmt: skip
def test_not_brought_back(archived, more):
    """Whatever is not as good as a new one is ordered anew."""
    assert isinstance(step(archived, **more), Issue)


def test_who_issued_it_is_not_forgotten():
    """As long as its pair lies in the backups."""
    has = replace(held(SERVER, memory=Memory(issued={**KNOWN, "gone": CA_URL})), archived=(lineage(A),))

    assert without_the_past(has, NOW + DAY).issued == KNOWN
