"""TXT records in a real PowerDNS, through its own HTTP interface."""

import asyncio
import os
from collections.abc import Iterator

import pytest

from acme_companion.act.dns.editor import RecordEditor, TxtRecord
from acme_companion.act.dns.providers import record_editor
from acme_companion.decide.problems import Refused
from acme_companion.decide.settings import DnsZone, Secret
from tests.bed.doors import RealClock, RememberingLog
from tests.bed.powerdns import PowerDns

ZONE = "example.org"
OWNER = "_acme-challenge.mail.example.org"


@pytest.fixture(scope="module")
def powerdns() -> Iterator[PowerDns]:
    with PowerDns(ZONE) as server:
        yield server


def editor(server: PowerDns, token: str) -> RecordEditor:
    options = {"PDNS_Url": server.url, "PDNS_ServerId": "localhost", "PDNS_Token": token, "PDNS_Ttl": "60"}
    zone = DnsZone(provider="dns_pdns", options={key: Secret(value) for key, value in options.items()})
    return record_editor(zone, RealClock(), RememberingLog(), {"PATH": os.environ["PATH"]})


async def test_values_side_by_side(powerdns: PowerDns) -> None:
    """Two of ours beside a foreign one; afterwards the foreign one is there as before (D12)."""
    powerdns.put(OWNER, "foreign")
    ours = [TxtRecord(ZONE, OWNER, value) for value in ("for the name", "for the wildcard")]
    records = editor(powerdns, powerdns.token)

    await asyncio.gather(*(records.add(one) for one in ours))
    published = powerdns.published(OWNER)
    await asyncio.gather(*(records.remove(one) for one in [*ours, TxtRecord(ZONE, OWNER, "never there")]))

    assert published == ["for the name", "for the wildcard", "foreign"]
    assert powerdns.published(OWNER) == ["foreign"]


async def test_the_first_and_the_last_value(powerdns: PowerDns) -> None:
    """A set that is made for us goes when our value goes, at a name below and at the zone itself."""
    ours = [TxtRecord(ZONE, name, "ours") for name in ("_acme-challenge.example.org", ZONE)]
    records = editor(powerdns, powerdns.token)

    await asyncio.gather(*(records.add(one) for one in ours))
    published = [powerdns.published(one.name) for one in ours]
    await asyncio.gather(*(records.remove(one) for one in ours))

    assert published == [["ours"], ["ours"]]
    assert [powerdns.published(one.name) for one in ours] == [[], []]


async def test_a_wrong_key(powerdns: PowerDns) -> None:
    """What PowerDNS says, and where it was said; not the key."""
    with pytest.raises(Refused) as refused:
        await editor(powerdns, "canary-wrong").add(TxtRecord(ZONE, OWNER, "ours"))

    assert str(refused.value) == (
        f"PowerDNS (dns_pdns) did not publish the TXT record of {OWNER}: 401 Unauthorized - Unauthorized: check PDNS_Token, "
        "and what they are allowed to do"
    )
