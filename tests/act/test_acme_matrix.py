"""A real CA in every mood it has, and our clock in every zone: whatever the two meet, every certificate comes."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

import pytest

from acme_companion.decide.pair import leaf_of
from tests.act.acme_world import CERTIFICATE_KEY, session_with, some_names
from tests.bed.pebble import Pebble

if TYPE_CHECKING:
    from tests.bed.challtest import ChallengeTestServer

ISSUANCES = 7
"""Certificates in each scene: with three scenes for each share of rejected nonces, 21 of 21."""
UTC, EAST, WEST = "UTC", "Asia/Kathmandu", "America/New_York"


@dataclass(frozen=True)
class Scene:
    """Per cent of good nonces rejected and of authorizations reused, our zone, naps before validations, `-strict`."""

    nonces_rejected: int
    authorizations_reused: int
    zone: str
    naps: bool
    strict: bool

    def __str__(self) -> str:
        return (
            f"{self.nonces_rejected} % of nonces rejected, {self.authorizations_reused} % of authorizations reused, "
            f"{self.zone}{', with naps' * self.naps}{', strict' * self.strict}"
        )


SCENES = (
    Scene(0, 0, UTC, naps=True, strict=True),
    Scene(0, 50, EAST, naps=False, strict=False),
    Scene(0, 100, WEST, naps=False, strict=True),
    Scene(20, 0, EAST, naps=False, strict=True),
    Scene(20, 50, WEST, naps=True, strict=True),
    Scene(20, 100, UTC, naps=False, strict=False),
    Scene(90, 0, WEST, naps=False, strict=False),
    Scene(90, 50, UTC, naps=False, strict=True),
    Scene(90, 100, EAST, naps=True, strict=False),
)


def test_every_two_moods_meet() -> None:
    """Nine scenes instead of 108: most faults need two moods at the same time, hardly any needs three."""
    columns = list(zip(*map(astuple, SCENES), strict=True))

    for one, other in itertools.combinations(columns, 2):
        assert set(zip(one, other, strict=True)) == set(itertools.product(one, other))


@pytest.mark.parametrize("scene", SCENES, ids=str)
async def test_every_certificate_comes(
    scene: Scene, names_dns: ChallengeTestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P-5, P-19, P-25, A01, A16, T05: the same two names again and again, so that authorizations can be reused."""
    monkeypatch.setitem(os.environ, "TZ", scene.zone)
    time.tzset()
    try:
        with Pebble(
            dns_server=names_dns.dns_address,
            nonce_reject=scene.nonces_rejected,
            authz_reuse=scene.authorizations_reused,
            sleep=2 if scene.naps else None,
            strict=scene.strict,
            retry_after=(0, 0),
        ) as ca:
            serials = set()
            async with asyncio.timeout(120), session_with(ca) as session:
                for _ in range(ISSUANCES):
                    issued = await session.issue(some_names(2), (), CERTIFICATE_KEY, "")
                    serials.add(leaf_of(issued.chain_pem).serial_number)
    finally:
        monkeypatch.undo()
        time.tzset()

    assert len(serials) == ISSUANCES
