"""A real CA in every mood it has, and our clock in every zone: whatever meets, every certificate comes."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from acme_companion.decide.pair import leaf_of
from tests.act.acme_world import CERTIFICATE_KEY, RealClock, session_with, some_names
from tests.bed.pebble import Pebble

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.bed.challtest import ChallengeTestServer

ISSUANCES, NAMES = 3, 2
"""Certificates in each scene, all for the same names so that authorizations can be reused: 108 for each share of nonces."""
RETRY_AFTER = 2
"""Seconds. Pebble's dates are whole ones, so the second may change between this one and `Date`: it still asks for a pause."""
LIMIT = 120.0  # seconds for one scene; all scenes of a zone are played at the same time
ZONES = ("UTC", "Asia/Kathmandu", "America/New_York")


@dataclass(frozen=True)
class Scene:
    """Per cent of good nonces rejected and of authorizations reused, naps before validations, `-strict`."""

    nonces_rejected: int
    authorizations_reused: int
    naps: bool
    strict: bool

    def __str__(self) -> str:
        return (
            f"{self.nonces_rejected} % of nonces rejected, {self.authorizations_reused} % of authorizations reused"
            f"{', with naps' * self.naps}{', strict' * self.strict}"
        )


SCENES = tuple(
    Scene(*moods) for moods in itertools.product((0, 20, 90), (0, 50, 100), (False, True), (False, True))
)


@dataclass(frozen=True)
class Played:
    """What came of a scene: certificates, pauses that the CA asked for, requests it got, and validations it made."""

    serials: frozenset[int]
    pauses_asked_for: int
    requests: int
    validations: int


class RememberingClock(RealClock):
    """The real one, and every sleep; our own pauses are never exactly one second or two."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await super().sleep(seconds)


async def play(scene: Scene, dns: ChallengeTestServer) -> Played:
    clock, serials = RememberingClock(), set()
    with Pebble(
        dns_server=dns.dns_address,
        nonce_reject=scene.nonces_rejected,
        authz_reuse=scene.authorizations_reused,
        sleep=2 if scene.naps else None,
        strict=scene.strict,
        retry_after=(RETRY_AFTER, RETRY_AFTER),
    ) as ca:
        try:
            async with asyncio.timeout(LIMIT), session_with(ca, clock=clock) as session:
                # One after the other: orders placed at once can end in Pebble's deadlock.
                for _ in range(ISSUANCES):
                    issued = await session.issue(some_names(NAMES), (), CERTIFICATE_KEY, "")
                    serials.add(leaf_of(issued.chain_pem).serial_number)
        except Exception as problem:
            problem.add_note(f"the CA's log ended with:\n{ca.log[-3000:]}")
            raise
        return Played(
            serials=frozenset(serials),
            pauses_asked_for=sum(pause in {RETRY_AFTER - 1, RETRY_AFTER} for pause in clock.slept),
            requests=ca.log.count(" POST /"),
            validations=ca.log.count("Pulled a task"),
        )


async def play_all(dns: ChallengeTestServer) -> dict[Scene, Played | BaseException]:
    done = await asyncio.gather(*(play(scene, dns) for scene in SCENES), return_exceptions=True)
    return dict(zip(SCENES, done, strict=True))


@pytest.fixture(scope="module", params=ZONES)
def played(
    request: pytest.FixtureRequest, names_dns: ChallengeTestServer
) -> dict[Scene, Played | BaseException]:
    """All scenes of one zone, of which a process has one; a scene that failed has its error here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        try:
            return asyncio.run(play_all(names_dns))
        finally:
            patch.undo()
            time.tzset()


@pytest.mark.parametrize("scene", SCENES, ids=str)
def test_every_certificate_comes(scene: Scene, played: Mapping[Scene, Played | BaseException]) -> None:
    """P-5, P-19, P-25, A01, A16, T05: and each waited as long as the CA asked, in seconds or by a date."""
    found = played[scene]
    if isinstance(found, BaseException):
        raise found

    assert len(found.serials) == ISSUANCES
    assert found.pauses_asked_for >= ISSUANCES
    if scene.authorizations_reused == 100:
        assert found.validations == NAMES


def test_the_moods_were_there(played: Mapping[Scene, Played | BaseException]) -> None:
    """Nine of ten nonces rejected make many more requests, and the more authorizations are reused the fewer validations."""
    requests, validations = Counter[int](), Counter[int]()
    for scene, found in played.items():
        assert isinstance(found, Played), scene
        requests[scene.nonces_rejected] += found.requests
        validations[scene.authorizations_reused] += found.validations

    assert requests[90] > 3 * max(requests[0], requests[20])
    assert validations[100] < validations[50] < validations[0]
