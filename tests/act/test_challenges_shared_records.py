"""Orders side by side that hold the same pending challenge share its record, and one that fails takes nothing from the others."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from acme_companion.act.acme.proof import OpenChallenge, Proofs
from acme_companion.act.challenges.leftovers import Editors
from acme_companion.decide.acme_answers import Challenge
from acme_companion.decide.dns_challenges import txt_value
from acme_companion.decide.facts import Unanswered
from acme_companion.decide.names import Name
from acme_companion.decide.problems import NotShown, NotYet, Refused
from acme_companion.decide.settings import ChallengeType, DnsZone, Secret
from tests.act.acme_world import OneSolver
from tests.act.dns_world import DnsWorld, FakeEditor, proof
from tests.builders import NOW

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from acme_companion.ports import Proof

ONE = proof("example.org", "a")
ADD, REMOVE = (
    f"{what} _acme-challenge.example.org {txt_value('a.thumbprint')}" for what in ("add", "remove")
)


async def test_an_order_that_cannot_begin_takes_no_record_of_another(tmp_path):
    """Its look at DNS failed, so it published nothing; what it cleans up is nothing."""
    world = DnsWorld(tmp_path)
    await world.solver.present(ONE)
    world.looks.unanswered = Unanswered("SERVFAIL")
    with pytest.raises(NotYet):
        await world.solver.present(ONE)
    await world.solver.clean_up(ONE)
    assert world.editor.changes == [ADD]
    await world.solver.clean_up(ONE)
    assert world.editor.changes == [ADD, REMOVE]


async def test_cleaning_up_too_often_costs_nobody_a_record(tmp_path):
    """Whatever was cleaned up before, a record stays while an order has it shown."""
    world = DnsWorld(tmp_path)
    for _ in range(2):
        await world.solver.present(ONE)
        await world.solver.clean_up(ONE)
        await world.solver.clean_up(ONE)
    await world.solver.present(ONE)
    await world.solver.present(ONE)
    await world.solver.clean_up(ONE)
    assert world.editor.changes == [ADD, REMOVE, ADD, REMOVE, ADD]


async def test_what_failed_for_one_order_is_tried_by_the_next(tmp_path):
    """An interface that failed is asked again: the other order must not wait for a record that is not there."""
    world = DnsWorld(tmp_path)
    world.editor.problem = NotYet("the provider says 500")
    first = asyncio.create_task(world.solver.present(ONE))
    second = asyncio.create_task(world.solver.present(ONE))
    with pytest.raises(NotYet, match="the provider says 500"):
        await first
    world.editor.problem = None
    await second
    assert [one.name for one in world.editor.records] == ["_acme-challenge.example.org"]
    await asyncio.gather(world.solver.clean_up(ONE), world.solver.clean_up(ONE))
    assert world.editor.records == []


@dataclass
class CountingSolver:
    """Counts per name what was begun and what was cleaned up."""

    begun: list[str] = field(default_factory=list)
    cleaned: list[str] = field(default_factory=list)

    async def present(self, proof: Proof) -> None:
        self.begun.append(proof.name.text)
        await asyncio.Event().wait()

    async def wait(self, proofs: Sequence[Proof]) -> Mapping[Name, str]:
        raise AssertionError(proofs)

    async def clean_up(self, proof: Proof) -> None:
        self.cleaned.append(proof.name.text)


@pytest.mark.parametrize("turns", range(5))
async def test_only_what_was_begun_is_cleaned_up(tmp_path, turns):
    """An order that is stopped before it showed anything may hold the challenge that another one is showing."""
    world, solver = DnsWorld(tmp_path), CountingSolver()
    proofs = Proofs(None, OneSolver(solver), world.clock, "thumbprint")  # type: ignore[arg-type]  # no CA is asked
    challenges = [
        OpenChallenge(
            Challenge(ChallengeType.DNS_01, "https://ca.example/1", "a", "pending"), solver, proof(name)
        )
        for name in ("a.example.org", "b.example.org")
    ]

    async def order() -> None:
        async with AsyncExitStack() as undo:
            await proofs.give(challenges, undo, proven=False)

    task = asyncio.create_task(order())
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (solver.cleaned, bool(solver.begun)) == (solver.begun, turns > 0)


async def test_zones_with_the_same_credentials_share_an_editor(tmp_path):
    """Many interfaces rewrite a whole zone or record set, so two processes for one account would undo each other's changes."""
    token = {"CF_Token": Secret("t")}
    same = [
        DnsZone(Name(text), provider="dns_cf", options=dict(token)) for text in ("a.example", "b.a.example")
    ]
    other = DnsZone(Name("c.example"), provider="dns_cf", options={"CF_Token": Secret("u")})
    world = DnsWorld(tmp_path, *same, other)
    one, two, three = (world.editors.of(zone) for zone in (*same, other))
    assert one is two
    assert one is not three


@pytest.mark.parametrize("broken", ["one.example", "two.example"])
async def test_what_is_left_over_of_one_zone_does_not_keep_that_of_another(tmp_path, broken):
    """An editor that cannot be made, or that never answers, costs its own records only."""
    world = DnsWorld(
        tmp_path, *(DnsZone(Name(f"{one}.example"), provider=f"dns_{one}") for one in ("one", "two"))
    )
    for name in ("one.example", "two.example"):
        await world.solver.present(proof(name, "a"))

    def make(zone: DnsZone) -> FakeEditor:
        if zone.zone == Name(broken):
            raise Refused("NSUPDATE_TTL is not a number")
        return world.by_zone[str(zone.zone)]

    await world.leftovers.sweep(world.challenges, Editors(make))
    assert [record.zone for record in world.leftovers.records] == [broken]
    assert world.log.warnings == [
        f"the TXT record _acme-challenge.{broken} could not be removed, which is tried again after the next issuance: "
        "NSUPDATE_TTL is not a number"
    ]


async def test_many_left_over_records_go_side_by_side(tmp_path):
    """What a crash left of a hundred names goes in the time that there is, and values of one name one after the other."""
    world = DnsWorld(tmp_path)
    proofs = [proof(f"{star}n{number}.example.org", star) for number in range(20) for star in ("", "*.")]
    await asyncio.gather(*(world.solver.present(one) for one in proofs))
    world.editor.most_at_once = world.editor.most_of_one_name = 0
    await world.leftovers.sweep(world.challenges, world.editors)
    assert (world.editor.records, world.editor.most_of_one_name, world.editor.most_at_once) == ([], 1, 20)


@pytest.mark.parametrize(
    ("problem", "retry_at"),
    [
        pytest.param(NotYet("the provider says it", retry_at=NOW), NOW, id="it is down"),
        pytest.param(Refused("the provider says it"), None, id="the token is wrong"),
    ],
)
async def test_what_we_cannot_show_is_not_the_fault_of_the_ca(tmp_path, problem, retry_at):
    """What a provider refuses us it refuses for every CA: nobody asks the second one over it, and the order stays as it is."""
    world = DnsWorld(tmp_path)
    world.editor.problem = problem
    proofs = Proofs(None, OneSolver(world.solver), world.clock, "thumbprint")  # type: ignore[arg-type]  # no CA is asked
    challenge = Challenge(ChallengeType.DNS_01, "https://ca.example/1", "a", "pending")
    with pytest.raises(NotShown, match=r"^the provider says it$") as raised:
        async with AsyncExitStack() as undo:
            await proofs.give([OpenChallenge(challenge, world.solver, ONE)], undo, proven=False)
    assert raised.value.retry_at == retry_at
