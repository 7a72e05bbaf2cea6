"""Certificates by the DNS challenges, all parts real: Pebble asks a BIND that we change by signed updates."""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import pytest

from acme_companion.act.challenges.solving import SolvingDoors, solving
from acme_companion.act.dns.rfc2136 import Rfc2136
from acme_companion.decide.names import Name
from acme_companion.decide.problems import NameRefusals
from acme_companion.decide.settings import (
    Ca,
    Challenges,
    ChallengeType,
    Checks,
    DnsZone,
    HostPort,
    Naming,
    Secret,
    Settings,
)
from acme_companion.look.txt_records import open_txt_looks
from tests.act.acme_world import CERTIFICATE_KEY, HeardLog, RealClock, names, session_with
from tests.bed.bind import Bind, Zone
from tests.bed.pebble import Pebble
from tests.bed.process import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from acme_companion.act.acme.authority import Session

LATE = Zone("late.example", {"ns1": LOOPBACK, "ns2": "::1"})


@pytest.fixture(scope="module")
def bind() -> Iterator[Bind]:
    delegated = ("_acme-challenge.away CNAME away.elsewhere.example.", "*.wild CNAME www.stranger.example.")
    with Bind(Zone("names.example", records=delegated), Zone("elsewhere.example"), LATE) as running:
        yield running


@pytest.fixture(scope="module")
def secondary(bind: Bind) -> Iterator[Bind]:
    with Bind(LATE, address="::1", port=bind.port, primary=LOOPBACK) as running:
        yield running


@pytest.fixture(scope="module")
def pebble(bind: Bind) -> Iterator[Pebble]:
    with Pebble(dns_server=bind.dns_address, retry_after=(0, 0)) as running:
        yield running


@pytest.fixture
def installation(bind: Bind, pebble: Pebble, tmp_path: Path) -> Installation:
    return Installation(bind, pebble, tmp_path)


class Installation:
    """Our side: settings for one type of challenge, and a session whose names are proven by it."""

    def __init__(self, bind: Bind, pebble: Pebble, folder: Path) -> None:
        self.bind, self.pebble, self.folder, self.log = bind, pebble, folder, HeardLog()

    @asynccontextmanager
    async def session(
        self, kind: ChallengeType, *wanted: str, timeout: float = 30.0
    ) -> AsyncIterator[Session]:
        options = {
            "NSUPDATE_SERVER": Secret(LOOPBACK),
            "NSUPDATE_SERVER_PORT": Secret(str(self.bind.port)),
            "NSUPDATE_KEY": Secret(self.bind.key_file),
        }
        resolver = HostPort(LOOPBACK, self.bind.port)
        settings = Settings(
            Naming(Name("mail.example")),
            Ca(self.pebble.directory_url),
            challenges=Challenges((DnsZone(None, kind, "dns_nsupdate", options),), timeout),
            checks=Checks(resolvers=(resolver,), dns_port=self.bind.port),
        )
        clock = RealClock()
        doors = SolvingDoors(
            clock=clock,
            log=self.log,
            looks=partial(open_txt_looks, settings.checks),
            editor=lambda zone: Rfc2136(zone.options, clock),
            leftovers=self.folder / "dns-records.json",
        )
        async with (
            solving(settings, doors, names(*wanted)) as solvers,
            session_with(self.pebble, solving=solvers, log=self.log) as session,
        ):
            yield session

    async def issue(self, kind: ChallengeType, *wanted: str, timeout: float = 30.0) -> set[str]:
        """Order and check; the names that were left out."""
        async with self.session(kind, *wanted, timeout=timeout) as session:
            issued = await session.issue(names(*wanted), (), CERTIFICATE_KEY, "")
        return {name.text for name in issued.left_out}


@pytest.mark.parametrize("kind", [ChallengeType.DNS_01, ChallengeType.DNS_ACCOUNT_01])
async def test_a_name_with_its_wildcard_and_a_delegated_one(installation, bind, kind):
    """Two values at one place and one in another zone; afterwards only what others published is there (FAULTS D12, D14)."""
    owner = "_acme-challenge.names.example"
    bind.add("names.example", f"{owner}.", "TXT", '"foreign"')
    delegated = [] if kind is ChallengeType.DNS_ACCOUNT_01 else ["away.names.example"]
    assert await installation.issue(kind, "names.example", "*.names.example", *delegated) == set()
    assert (bind.txt(owner), bind.txt("away.elsewhere.example")) == ({"foreign"}, set())
    assert installation.log.warnings == []
    assert not (installation.folder / "dns-records.json").exists()


async def test_an_alias_of_a_wildcard_does_not_lead_us_away(installation, bind):
    """`*.example.org CNAME …` is for visitors: our record is published at its own name, where it hides the alias (RFC 4592)."""
    bind.add("names.example", "wild.names.example.", "A", LOOPBACK)
    assert (
        await installation.issue(ChallengeType.DNS_01, "wild.names.example", "*.wild.names.example") == set()
    )
    assert bind.txt("_acme-challenge.wild.names.example") == set()


async def test_the_ca_is_asked_when_the_last_server_shows_it(installation, bind, pebble, secondary):
    """A secondary that is late holds the validation back, and only that (FAULTS D11)."""
    owner = "_acme-challenge.mail.late.example"
    issuing = asyncio.create_task(installation.issue(ChallengeType.DNS_01, "mail.late.example"))
    async with asyncio.timeout(20):
        while not any("waiting" in line for line in installation.log.others):
            await asyncio.sleep(0.05)
    assert (len(bind.txt(owner)), secondary.txt(owner)) == (1, set())
    assert not re.search(r"Pulled a task.*mail\.late\.example", pebble.log)
    secondary.refresh("late.example")
    async with asyncio.timeout(20):
        assert await issuing == set()
    assert bind.txt(owner) == set()


async def test_a_server_that_stays_late_costs_its_names_and_no_validation(installation, secondary):
    """The sentence names the server and what it said; the CA is not asked to validate what it cannot see."""
    with pytest.raises(NameRefusals) as refused:
        await installation.issue(ChallengeType.DNS_01, "imap.late.example", timeout=1.0)
    assert refused.value.by_name == {
        Name(
            "imap.late.example"
        ): "the TXT record _acme-challenge.imap.late.example is not on all name servers of late.example "
        "after 1 s: ns2.late.example (::1) says that there is no TXT record: see why that server is late (zone transfer, the "
        "provider's status), or set ACME_DNS_TIMEOUT higher"
    }


async def test_a_lasting_record_is_only_looked_at(installation, bind):
    """The first refusal tells the exact record; once the admin has published that, the certificate is there (FAULTS D15)."""
    wanted = ("persist.names.example", "*.persist.names.example")
    with pytest.raises(NameRefusals) as refused:
        await installation.issue(ChallengeType.DNS_PERSIST_01, *wanted)
    sentences = list(refused.value.by_name.values())
    lines = [re.search(r"publish (\S+) IN TXT (\".*\")$", sentence) for sentence in sentences]
    assert len(lines) == 2
    for line in lines:
        assert line, sentences
        bind.add("names.example", line[1], "TXT", line[2])

    assert await installation.issue(ChallengeType.DNS_PERSIST_01, *wanted) == set()
    assert len(bind.txt("_validation-persist.persist.names.example")) == 2
