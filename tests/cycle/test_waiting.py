"""Parts of the stack that start together with us are waited for: side by side, not for long, and each said once."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, cast

import pytest

from acme_companion.cycle import survey
from acme_companion.cycle.waiting import AFTER_A_START, WITHOUT_A_CERTIFICATE, patience
from acme_companion.decide.facts import (
    Addresses,
    CaaLook,
    MailDomains,
    NameFacts,
    OwnAddresses,
    ProbeReached,
    Unanswered,
)
from acme_companion.decide.settings import Checks, Http01, Http01Mode, Settings
from tests.builders import HOST, certificate, domains, held, lineage, naming, settings
from tests.service_world import StillClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from acme_companion.decide.memory import Held
    from acme_companion.decide.names import Name
    from acme_companion.ports import ProbeFile, World

OURS = IPv4Address("192.0.2.1")
NEVER = 1e9


@dataclass
class Starting:
    """A stack whose parts answer from some second on; `asked`: when the outside was asked for our addresses."""

    database: float = 0.0
    resolver: float = 0.0
    web_server: float = 0.0
    clock: StillClock = field(default_factory=StillClock)
    said: list[str] = field(default_factory=list)
    asked: list[float] = field(default_factory=list)
    laid_out: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.store = self.log = self.dice = self
        self.info = self.warning = self.said.append

    def read(self) -> Held:
        return held()

    async def mail_domains(self) -> MailDomains:
        up = self.clock.seconds >= self.database
        return domains() if up else domains(unanswered=Unanswered("the database cannot be read"))

    async def own_addresses(self, _: OwnAddresses) -> OwnAddresses:
        self.asked.append(self.clock.seconds)
        return OwnAddresses(OURS)

    async def directory(self, ca: object) -> Unanswered:
        return Unanswered("nobody is asked")

    @asynccontextmanager
    async def responding(self) -> AsyncIterator[Starting]:
        yield self
        assert not self.laid_out

    def present(self, token: str, _: str) -> None:
        self.laid_out.add(token)

    def clean_up(self, token: str) -> None:
        self.laid_out.discard(token)

    async def look_at_names(
        self, names: Iterable[Name], _: OwnAddresses, probe: ProbeFile | None
    ) -> dict[Name, NameFacts]:
        if self.clock.seconds < self.resolver:
            no = Unanswered("no resolver answers")
            return {name: NameFacts(name, Addresses(no, no), CaaLook(no)) for name in names}
        answered = self.clock.seconds >= self.web_server
        seen = ProbeReached(str(OURS)) if answered else Unanswered("connection refused")
        return {
            name: NameFacts(name, Addresses((OURS,)), CaaLook(), seen if probe else None) for name in names
        }


async def survey_of(stack: Starting, known: Settings, seconds: float) -> float:
    """How long it took."""
    task = asyncio.create_task(survey(known, cast("World", stack), patience=lambda _: seconds))
    while not task.done():
        await stack.clock.run(0.5)
    await task
    return stack.clock.seconds


WAITING = [
    "waiting for the database, at most 60 s: the database cannot be read",
    "waiting for the resolver, at most 60 s: no resolver answers",
    f"waiting for the web server of {HOST}, at most 60 s: connection refused",
]


@pytest.mark.parametrize(
    ("stack", "lines", "took"),
    [
        pytest.param(Starting(), [], 0, id="all is there: nothing is said, and nothing waited for"),
        pytest.param(Starting(database=20), WAITING[:1], 20, id="the database is late"),
        pytest.param(Starting(resolver=20), WAITING[1:2], 20, id="the resolver is late"),
        pytest.param(Starting(web_server=20), WAITING[2:], 20, id="the web server is late"),
        pytest.param(
            Starting(database=30, resolver=10, web_server=25), WAITING, 30, id="all are late: side by side"
        ),
        pytest.param(
            Starting(database=NEVER, web_server=NEVER), [WAITING[0], WAITING[2]], 60, id="some never come"
        ),
        pytest.param(Starting(NEVER, NEVER, NEVER), WAITING[:2], 60, id="nothing ever comes"),
    ],
)
async def test_side_by_side(stack: Starting, lines: list[str], took: float) -> None:
    """All parts have the same limit, and whatever keeps a part from us is said once."""
    spent = await survey_of(stack, settings(), 60)

    assert took <= spent <= took + 2
    assert sorted(line for line in stack.said if line.startswith("waiting")) == lines


async def test_nobody_outside_is_asked_before_names_resolve() -> None:
    """Services that tell our addresses have names, too: an answer missed at the start would be missed for the whole cycle."""
    stack = Starting(resolver=20)
    await survey_of(stack, settings(), 60)

    assert [second >= 20 for second in stack.asked] == [True]


@pytest.mark.parametrize(
    "known",
    [
        pytest.param(settings(http01=Http01(Http01Mode.STANDALONE)), id="we are the web server ourselves"),
        pytest.param(settings(checks=Checks(skip_http=True)), id="no name is looked at over HTTP"),
        pytest.param(settings(skip_acme=True), id="nothing is issued at all"),
    ],
)
async def test_no_web_server_is_needed(known: Settings) -> None:
    """Nobody waits for what is not used."""
    stack = Starting(web_server=NEVER)

    assert await survey_of(stack, known, 60) <= 1
    assert not any("web server" in line for line in stack.said)


async def test_no_patience() -> None:
    """A cycle of a stack that runs takes what it sees."""
    stack = Starting(NEVER, NEVER, NEVER)

    assert await survey_of(stack, settings(naming()), 0) <= 1
    assert not any(line.startswith("waiting") for line in stack.said)


SELF_SIGNED = replace(certificate(HOST), self_signed=True)


@pytest.mark.parametrize(
    ("has", "starting", "seconds"),
    [
        pytest.param(held(), False, WITHOUT_A_CERTIFICATE, id="no pair at all"),
        pytest.param(held(server=SELF_SIGNED), False, WITHOUT_A_CERTIFICATE, id="only our own pair"),
        pytest.param(held(lineage(HOST), server=certificate(HOST)), True, AFTER_A_START, id="our start"),
        pytest.param(held(lineage(HOST), server=certificate(HOST)), False, 0.0, id="any later cycle"),
    ],
)
def test_patience(has: Held, starting: bool, seconds: float) -> None:
    """Longest while siblings could not start without us, a while when we start, and no more in a stack that runs."""
    assert patience(has, starting=starting) == seconds
