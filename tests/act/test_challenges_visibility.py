"""Waiting for the servers of a zone, on a clock that only sleeping moves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from acme_companion.decide.names import Name
from tests.act.dns_world import ONE, SILENT, TWO, DnsWorld, proof

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from acme_companion.decide.facts import AuthoritativeServer, TxtLook

WHO = "the TXT record _acme-challenge.example.org is not on all name servers of example.org after 60 s: "
TODO = ": see why that server is late (zone transfer, the provider's status), or set ACME_DNS_TIMEOUT higher"


async def waited(tmp_path: Path, **looks: Any) -> tuple[DnsWorld, dict[str, str]]:
    world = DnsWorld(tmp_path, **looks)
    await world.solver.present(proof("example.org"))
    missing = await world.solver.wait([proof("example.org")])
    return world, {name.text: why for name, why in missing.items()}


@pytest.mark.parametrize(
    ("lag", "missing", "seconds", "warnings"),
    [
        pytest.param({}, {}, (0, 0), [], id="all show it: nobody waits"),
        pytest.param({TWO: 10.0}, {}, (10, 15), [], id="one is late"),
        pytest.param({TWO: 1000.0},
                     {"example.org": f"{WHO}ns2.example (192.0.2.2) says only 'foreign'{TODO}"}, (60, 60), [],
                     id="one never shows it"),
        pytest.param({TWO: None}, {}, (20, 25),
                     ["example.org: not waited for: ns2.example (192.0.2.2) does not answer (no answer within 4 s)"],
                     id="one never answers and is passed over"),
        pytest.param({ONE: 1000.0, TWO: None},
                     {"example.org": f"{WHO}ns1.example (192.0.2.1) says only 'foreign'{TODO}"}, (60, 60), [],
                     id="one never shows it, and the other never answers"),
        pytest.param({ONE: None, TWO: None}, {}, (10, 15),
                     ["example.org: none of its name servers answers from here, so the resolvers are asked instead, which may remember "
                      "for a while that there was nothing: let this container reach port 53 of name servers"],
                     id="nobody answers: the resolvers show it"),
        pytest.param({ONE: None, TWO: None, None: 1000.0}, {}, (60, 60),
                     ["example.org: none of its name servers answers from here, so the resolvers are asked instead, which may remember "
                      "for a while that there was nothing: let this container reach port 53 of name servers",
                      "_acme-challenge.example.org: nobody could tell whether it is published; the CA is asked now"],
                     id="nobody can tell: the CA is asked after the whole wait"),
    ],
)  # fmt: skip
async def test_waiting(tmp_path, lag, missing, seconds, warnings):
    """All authoritative servers before the CA is asked, with a deadline and a sentence (STANDARDS H-3, FAULTS D11)."""
    world, found = await waited(tmp_path, lag=lag)
    assert found == missing
    assert seconds[0] <= sum(world.clock.slept) <= seconds[1]
    assert world.log.warnings == warnings


async def test_looks_are_quick_at_first(tmp_path):
    """A fast zone costs a fraction of a second, a slow one a question every few seconds."""
    world, _ = await waited(tmp_path, lag={ONE: 1000.0})
    assert world.clock.slept[0] <= 0.25
    assert max(world.clock.slept) <= 5
    assert len(world.clock.slept) < 25


async def test_a_server_that_showed_it_is_not_asked_again(tmp_path):
    """Only who is late is."""
    world, _ = await waited(tmp_path, lag={TWO: 10.0})
    assert world.looks.asked.count(ONE) == 1


async def test_what_is_waited_for_is_told_once(tmp_path):
    """One line for a zone, however many names and rounds."""
    world = DnsWorld(tmp_path, lag={TWO: 10.0})
    proofs = [proof(f"n{number}.example.org") for number in range(5)]
    for one in proofs:
        await world.solver.present(one)
    assert await world.solver.wait(proofs) == {}
    said = [line for line in world.log.others if "waiting" in line]
    assert said == [
        "example.org: waiting up to 60 s for its name servers (_acme-challenge.n0.example.org: ns2.example (192.0.2.2) says only 'foreign')"
    ]


async def test_a_late_zone_costs_only_its_own_names(tmp_path):
    """The others are returned as seen."""
    world = DnsWorld(tmp_path, timeout=5.0)
    for name in ("example.org", "other.example"):
        await world.solver.present(proof(name))
    world.editor.records = [one for one in world.editor.records if one.zone == "example.org"]
    missing = await world.solver.wait([proof("example.org"), proof("other.example")])
    assert list(missing) == [Name("other.example")]


async def test_a_server_that_is_away_is_waited_for_once(tmp_path):
    """The next order of the session does not wait for it again, nor is it told again."""
    world, _ = await waited(tmp_path, lag={TWO: None})
    slept = sum(world.clock.slept)
    await world.solver.present(proof("www.example.org"))
    assert await world.solver.wait([proof("www.example.org")]) == {}
    assert sum(world.clock.slept) == slept
    assert len(world.log.warnings) == 1


async def test_a_server_that_only_knows_one_of_two_zones(tmp_path):
    """A lame delegation is passed over for its own zone, also while the same server is waited for over another one."""
    world = DnsWorld(tmp_path, lag={TWO: 1000.0})
    txt = world.looks.txt

    async def lame(
        owners: Collection[str], server: AuthoritativeServer | None = None
    ) -> Mapping[str, TxtLook]:
        found = await txt(owners, server)
        values = {r.name: (r.value,) for r in world.editor.records}
        return {
            name: (SILENT if server is TWO else values[name]) if name.endswith(".lame.example") else value
            for name, value in found.items()
        }

    world.looks.txt = lame  # type: ignore[method-assign]  # as a server does that lost one of its zones
    proofs = [proof("example.org"), proof("lame.example")]
    for one in proofs:
        await world.solver.present(one)
    assert [name.text for name in await world.solver.wait(proofs)] == ["example.org"]
