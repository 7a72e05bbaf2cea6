"""What a rehearsal says when the staging directory was never asked about a name: a decision, with a stage that is told what to say."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from acme_companion.cycle.authorities import rehearse
from acme_companion.decide.acme_problems import ProblemDocument
from acme_companion.decide.problems import NameRefusals, NotShown, Problem
from acme_companion.decide.steps import Issue, Lineage
from tests.act.acme_world import HeardLog
from tests.builders import HOST, names

NAMES = names(HOST)
STEP = Issue(Lineage(NAMES, server=True), "no certificate yet", rehearse=NAMES)


async def rehearsed(problem: Problem, step: Issue = STEP) -> NameRefusals:
    async def issue(*_: object, **__: object) -> None:
        raise problem

    world = SimpleNamespace(log=HeardLog())
    refusals, worked = await rehearse(step, SimpleNamespace(issue=issue), b"", world)  # type: ignore[arg-type]  # all that it needs
    assert worked == ()
    return refusals


async def test_a_provider_that_is_down_is_down_for_the_ca_as_well():
    """So no order is placed there either."""
    with pytest.raises(NotShown, match=r"^the provider says 503$"):
        await rehearsed(NotShown("the provider says 503"))


async def test_a_new_name_keeps_no_renewal_that_is_due_from_the_ca():
    """Those that are certified already are not rehearsed, and may well be shown in another way."""
    new = names("new.example.org")
    due = Issue(Lineage((*NAMES, *new), server=True), "two thirds of its lifetime are over", rehearse=new)
    found = await rehearsed(NotShown("the provider says 503"), due)

    assert found.by_name == {new[0]: "at the rehearsal: the provider says 503"}
    assert found.documents == {}
    with pytest.raises(NotShown):
        await rehearsed(NotShown("the provider says 503"), replace(due, only_for=new))


@pytest.mark.parametrize(
    ("documents", "begins"),
    [
        pytest.param(
            {NAMES[0]: ProblemDocument("dns")}, "the CA's staging directory refused mail", id="it refused"
        ),
        pytest.param({}, "at the rehearsal was not to be had: mail", id="our solver could not show it"),
    ],
)
async def test_who_declined(documents, begins):
    """Only what the staging directory said is told as its refusal."""
    found = await rehearsed(NameRefusals("no", {NAMES[0]: "why"}, documents))
    assert (
        str(found)
        == f"{begins}{HOST.removeprefix('mail')}: why, so the CA itself was not asked, and nothing is used up"
    )
    assert (found.by_name, found.documents) == ({NAMES[0]: "at the rehearsal: why"}, {})
