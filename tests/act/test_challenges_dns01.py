"""Publishing and removing TXT records: who shares them, whose credentials they take, and what is left when something fails."""

from __future__ import annotations

import asyncio
import json

import pytest

from acme_companion.act.challenges.leftovers import Leftovers
from acme_companion.decide.dns_challenges import txt_value
from acme_companion.decide.facts import Unanswered
from acme_companion.decide.names import Name
from acme_companion.decide.problems import NotYet, Refused
from acme_companion.decide.settings import ChallengeType, DnsZone
from tests.act.dns_world import DnsWorld, proof

A, B = txt_value("a.thumbprint"), txt_value("b.thumbprint")


async def test_a_name_and_its_wildcard_stand_side_by_side(tmp_path):
    """Two values at one place, changed one after the other, and each removed for itself (STANDARDS H-3)."""
    world = DnsWorld(tmp_path)
    plain, wildcard = proof("example.org", "a"), proof("*.example.org", "b")
    await asyncio.gather(world.solver.present(plain), world.solver.present(wildcard))
    assert {(one.zone, one.name, one.value) for one in world.editor.records} == {
        ("example.org", "_acme-challenge.example.org", A),
        ("example.org", "_acme-challenge.example.org", B),
    }
    assert world.editor.most_of_one_name == 1
    assert await world.solver.wait([plain, wildcard]) == {}
    await world.solver.clean_up(plain)
    assert [one.value for one in world.editor.records] == [B]
    await world.solver.clean_up(wildcard)
    assert world.editor.records == []


async def test_names_of_one_zone_are_changed_side_by_side(tmp_path):
    """Only values of one and the same name wait for each other."""
    world = DnsWorld(tmp_path)
    await asyncio.gather(*(world.solver.present(proof(f"n{number}.example.org")) for number in range(20)))
    assert len(world.editor.records) == 20


async def test_orders_share_a_record(tmp_path):
    """It is published once, and goes when the last order is done with it."""
    world = DnsWorld(tmp_path)
    one = proof("example.org", "a")
    await asyncio.gather(world.solver.present(one), world.solver.present(one))
    await world.solver.clean_up(one)
    assert len(world.editor.records) == 1
    await world.solver.clean_up(one)
    await world.solver.clean_up(one)
    assert world.editor.changes == [
        f"add _acme-challenge.example.org {A}",
        f"remove _acme-challenge.example.org {A}",
    ]


ANY, ORG, ALIAS = DnsZone(provider="dns_cf"), Name("example.org"), Name("alias.example")


@pytest.mark.parametrize(
    ("zones", "whose"),
    [
        pytest.param([ANY], "", id="one for all names"),
        pytest.param([ANY, DnsZone(ALIAS, provider="dns_nsupdate")], "alias.example", id="those of the zone it leads to"),
        pytest.param([DnsZone(ORG, provider="dns_acmedns")], "example.org", id="the name's own, when nothing is set for the target"),
        pytest.param([DnsZone(ORG, provider="dns_cf"), DnsZone(ALIAS, ChallengeType.DNS_PERSIST_01)], "example.org",
                     id="not those of a zone that is only looked at"),
    ],
)  # fmt: skip
async def test_a_delegated_record_is_written_where_it_leads(tmp_path, zones, whose):
    """The CNAME of `_acme-challenge` is followed; credentials are of its target's zone when there are any (FAULTS D14)."""
    world = DnsWorld(tmp_path, *zones, aliases={"_acme-challenge.example.org": "org.alias.example"})
    await world.solver.present(proof("*.example.org", "a"))
    found = {key: [(one.zone, one.name) for one in editor.records] for key, editor in world.by_zone.items()}
    assert found == {**{key: [] for key in world.by_zone}, whose: [("alias.example", "org.alias.example")]}
    assert await world.solver.wait([proof("*.example.org", "a")]) == {}


async def test_a_name_without_a_provider_is_refused(tmp_path):
    """Before anything is looked up or written, as far as DNS is concerned."""
    world = DnsWorld(tmp_path, DnsZone(ORG, ChallengeType.DNS_PERSIST_01))
    with pytest.raises(Refused) as refused:
        await world.solver.present(proof("example.org"))
    assert str(refused.value) == (
        "example.org: no DNS provider is set for it: set ACME_DNS_PROVIDER, or one for its zone"
    )


async def test_a_resolver_that_fails_is_told(tmp_path):
    """Nothing is published then, and cleaning up is nothing."""
    world = DnsWorld(tmp_path, unanswered=Unanswered("SERVFAIL"))
    with pytest.raises(NotYet) as refused:
        await world.solver.present(proof("example.org"))
    assert str(refused.value) == (
        "example.org: where _acme-challenge.example.org leads to is not known: SERVFAIL"
    )
    await world.solver.clean_up(proof("example.org"))
    assert world.editor.changes == []


async def test_what_may_have_been_written_is_removed(tmp_path):
    """An interface that failed may have published all the same (FAULTS D13)."""
    world = DnsWorld(tmp_path)
    world.editor.problem = NotYet("the provider says 500")
    with pytest.raises(NotYet, match="the provider says 500"):
        await world.solver.present(proof("example.org", "a"))
    world.editor.problem = None
    await world.solver.clean_up(proof("example.org", "a"))
    assert world.editor.changes[-1] == f"remove _acme-challenge.example.org {A}"
    assert world.leftovers.records == {}


async def test_whoever_is_stopped_while_publishing_can_clean_up(tmp_path):
    """The change may have arrived: SIGTERM in the middle of it leaves nothing."""
    world = DnsWorld(tmp_path)
    world.editor.turns = 1000
    task = asyncio.create_task(world.solver.present(proof("example.org", "a")))
    while not world.editor.changes:
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await world.solver.clean_up(proof("example.org", "a"))
    assert world.editor.changes[-1] == f"remove _acme-challenge.example.org {A}"


async def test_a_record_that_cannot_be_removed_is_tried_again(tmp_path):
    """It costs a warning, and the file remembers it for the next process."""
    world = DnsWorld(tmp_path)
    await world.solver.present(proof("example.org", "a"))
    world.editor.problem = Refused("the provider says 401")
    await world.solver.clean_up(proof("example.org", "a"))
    await world.leftovers.sweep(world.challenges, world.editors)
    assert world.log.warnings == [
        "the TXT record _acme-challenge.example.org could not be removed, which is tried again after the next issuance: the "
        "provider says 401"
    ] * 2  # fmt: skip

    after = Leftovers(world.file, world.log)
    after.load()
    world.editor.problem = None
    await after.sweep(world.challenges, world.editors)
    assert world.editor.records == []
    assert not world.file.exists()


async def test_a_crash_leaves_a_note_of_what_is_published(tmp_path):
    """Noted before it is published, without any credential."""
    world = DnsWorld(tmp_path)
    await asyncio.gather(*(world.solver.present(proof(f"n{number}.example.org", "a")) for number in range(3)))
    assert json.loads(world.file.read_text())[0] == {
        "zone": "example.org",
        "name": "_acme-challenge.n0.example.org",
        "value": A,
        "settings": "",
    }
    assert len(json.loads(world.file.read_text())) == 3


async def test_a_left_over_record_without_a_provider_is_told_once(tmp_path):
    """Nobody has the credentials any more, so the admin has to remove it."""
    world = DnsWorld(tmp_path)
    await world.solver.present(proof("example.org", "a"))
    later = DnsWorld(tmp_path, DnsZone(Name("other.example"), provider="dns_cf"))
    later.leftovers.load()
    await later.leftovers.sweep(later.challenges, later.editors)
    assert later.log.warnings == [
        "the TXT record _acme-challenge.example.org was left over, and no provider is set for its zone any more: remove it"
    ]
    assert not later.file.exists()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"[{", id="half a file"),
        pytest.param(b'{"zone": 1}', id="another thing"),
        pytest.param(b'[{"zone": "a"}]', id="half an entry"),
        pytest.param(b"\xff\xfe", id="no text"),
    ],
)
async def test_a_damaged_note_is_as_good_as_none(tmp_path, content):
    """It costs a warning, never a certificate."""
    world = DnsWorld(tmp_path)
    world.file.parent.mkdir()
    world.file.write_bytes(content)
    world.leftovers.load()
    assert len(world.log.warnings) == 1
    await world.solver.present(proof("example.org", "a"))
    assert len(world.editor.records) == 1


async def test_a_disk_that_refuses_costs_a_warning(tmp_path):
    """The certificate goes on."""
    world = DnsWorld(tmp_path)
    world.file.parent.write_text("a file in the directory's place")
    await world.solver.present(proof("example.org", "a"))
    assert len(world.editor.records) == 1
    assert world.log.warnings[0].startswith("TXT records that a crash would leave over cannot be noted: ")
