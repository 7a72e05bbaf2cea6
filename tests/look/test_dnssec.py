"""Broken DNSSEC is told from other failures, by a real validating resolver."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import TYPE_CHECKING

import pytest

from acme_companion.decide.facts import Addresses, CaaLook, CaaRecord, Unanswered
from acme_companion.look.dns_records import addresses, caa
from acme_companion.look.resolvers import Resolvers
from tests.look.dnssec_bed import EXPIRED, GOOD, UNSIGNED, Validating

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module", params=[True, False], ids=["with extended errors", "without"])
def validating(request: pytest.FixtureRequest) -> Iterator[Validating]:
    with Validating(explains=request.param) as running:
        yield running


@pytest.mark.parametrize("apex", [GOOD, UNSIGNED])
async def test_signed_and_unsigned_zones(validating: Validating, apex: str) -> None:
    """Both are answered: only signatures that do not hold are a fault."""
    async with Resolvers((validating.server,), 20) as resolvers:
        assert await addresses(resolvers, f"mail.{apex}") == Addresses((IPv4Address("192.0.2.1"),))
        assert await caa(resolvers, f"mail.{apex}") == CaaLook((CaaRecord(0, "issue", "ca.example"),), apex)


async def test_expired_signatures(validating: Validating) -> None:
    """FAULTS D03, D10, STANDARDS C-5: CAs refuse, and the zone is named, whether the resolver explains itself or not."""
    async with Resolvers((validating.server,), 20) as resolvers:
        found = await addresses(resolvers, f"mail.{EXPIRED}")
        records = await caa(resolvers, f"mail.{EXPIRED}")

    begins = f"DNSSEC of {EXPIRED} is broken (or of a zone above it), and CAs validate it too: repair its keys, signatures or DS record: "
    assert isinstance(found.ipv4, Unanswered)
    assert found.ipv4.why.startswith(f"{begins}A of mail.{EXPIRED}: ")
    assert "SERVFAIL" in found.ipv4.why
    assert isinstance(records.records, Unanswered)
    assert records.records.why.startswith(f"{begins}CAA of mail.{EXPIRED}: ")
