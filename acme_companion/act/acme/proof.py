"""Proving that names are ours (RFC 8555 sections 7.5 and 8): all shown, waited for once, all answered, once each."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from acme_companion.act.acme.answer import Declined
from acme_companion.act.acme.network import Unavailable
from acme_companion.act.acme.waiting import Patience, together
from acme_companion.decide.acme_answers import (
    Authorization,
    Challenge,
    NotAnAcmeAnswer,
    authorization_of,
    identifier_of,
)
from acme_companion.decide.acme_problems import ProblemDocument
from acme_companion.decide.problems import NotShown, Problem
from acme_companion.ports import Proof

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from contextlib import AsyncExitStack

    from acme_companion.act.acme.network import Network
    from acme_companion.decide.names import Name
    from acme_companion.ports import Clock, Solver, Solving

SETTLING = 60.0  # seconds that the other names get to fail as well once one has failed
TIDYING = 15.0  # seconds for giving leftover authorizations back
CLEANING = 120.0  # seconds for taking away what was shown: DNS interfaces are slow
FINAL = frozenset({"valid", "invalid", "deactivated", "expired", "revoked"})


class NamesDeclined(Exception):
    """Some names cannot be had now. Inside this package only.

    `by_name`: the CA's sentence, or ours, for each; `documents`: what the CA said, for those of which it said anything.
    """

    def __init__(self, by_name: Mapping[Name, str | ProblemDocument]) -> None:
        super().__init__(", ".join(name.text for name in by_name))
        self.documents = {name: why for name, why in by_name.items() if isinstance(why, ProblemDocument)}
        self.by_name = {
            name: why.advice if isinstance(why, ProblemDocument) else why for name, why in by_name.items()
        }


@dataclass(frozen=True, slots=True)
class OpenChallenge:
    """One challenge that must be met, and who can show what it asks for."""

    challenge: Challenge
    solver: Solver
    proof: Proof


@dataclass(frozen=True)
class Proofs:
    """Answers the challenges of one order. Authorizations are by URL throughout."""

    network: Network
    solving: Solving
    clock: Clock
    thumbprint: str

    def to_meet(
        self, authorizations: Iterable[Authorization], names: Sequence[Name]
    ) -> tuple[OpenChallenge, ...]:
        """The challenges of all pending authorizations, each of the type that is set for its name.

        Raises `NamesDeclined` for names whose type the CA does not offer: nothing was shown then.
        """
        by_text = {identifier_of(name): name for name in names}
        found: list[OpenChallenge] = []
        without: dict[Name, str] = {}
        for one in authorizations:
            if one.status != "pending":
                continue
            name = by_text[one.name]
            kind, solver = self.solving.solver(name)
            if challenge := one.challenge(kind):
                found.append(OpenChallenge(challenge, solver, self._proof(name, challenge)))
            else:
                offered = ", ".join(one.offered) or "none"
                without[name] = f"the CA offers no {kind} challenge for it, only {offered}"
        if without:
            raise NamesDeclined(without)
        return tuple(found)

    def _proof(self, name: Name, challenge: Challenge) -> Proof:
        return Proof(
            name=name,
            token=challenge.token,
            key_authorization=f"{challenge.token}.{self.thumbprint}" if challenge.token else "",
            account_uri=challenge.account_uri or self.network.account_url,
            issuers=challenge.issuer_domain_names,
        )

    async def give(
        self, challenges: Sequence[OpenChallenge], undo: AsyncExitStack, *, proven: bool
    ) -> dict[Name, str]:
        """Show everything, wait until the CA can see it, then answer; `undo` takes it away.

        Returns the names that cannot be shown or seen, each with a sentence: their challenges were not answered, so
        that no validation fails. `proven`: some names of the order need no proof any more. Raises `NotShown` when
        nothing is proven and not a single name could be shown; `NotYet`, `Declined`.
        """
        undo.push_async_callback(self._clean_up, challenges)
        problems = {
            one.proof.name: problem
            for one, problem in zip(
                challenges, await together(_present(one) for one in challenges), strict=True
            )
            if problem
        }
        if problems and not proven and len(problems) == len(challenges):
            # Nothing was learnt about a name in particular: it is our web root, or the interface of the DNS provider.
            problem = next(iter(problems.values()))
            raise NotShown(str(problem), retry_at=getattr(problem, "retry_at", None))
        shown = [one for one in challenges if one.proof.name not in problems]
        unseen = {name: str(problem) for name, problem in problems.items()} | await self._seen(shown)
        # Of a reused order some challenges may be under way already: they need what is shown, not a second answer.
        await together(
            self._answer(one.challenge)
            for one in shown
            if one.challenge.status == "pending" and one.proof.name not in unseen
        )
        return unseen

    async def _seen(self, shown: Sequence[OpenChallenge]) -> dict[Name, str]:
        """Wait once for each solver; the names that stay invisible."""
        solvers = {id(one.solver): one.solver for one in shown}
        waits = [
            solver.wait([one.proof for one in shown if one.solver is solver]) for solver in solvers.values()
        ]
        return {name: why for unseen in await together(waits) for name, why in unseen.items()}

    async def _clean_up(self, challenges: Sequence[OpenChallenge]) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(CLEANING):
                # One that fails must not end the others half way.
                faults = await asyncio.gather(
                    *(one.solver.clean_up(one.proof) for one in challenges), return_exceptions=True
                )
            for fault in faults:
                if isinstance(fault, BaseException):
                    raise fault

    async def outcome(self, authorizations: Mapping[str, Authorization]) -> dict[str, Authorization]:
        """What became of each authorization after the order failed.

        The CA is still checking the others: waiting for them finds all names that fail in this round, and leaves
        the good ones valid for the next order. What stays pending is deactivated.
        """
        settled = dict(
            zip(
                authorizations,
                await together(self._settled(url, one) for url, one in authorizations.items()),
                strict=True,
            )
        )
        await self._deactivate([url for url, one in settled.items() if one.status == "pending"])
        return settled

    async def withdraw(self, authorizations: Mapping[str, Authorization]) -> None:
        """Deactivate authorizations whose challenges were not answered (section 7.5.2)."""
        await self._deactivate([url for url, one in authorizations.items() if one.status == "pending"])

    async def abandon(self, authorizations: Mapping[str, Authorization]) -> list[str]:
        """Deactivate whatever is still pending (section 7.5.2); the names of it."""
        now = await together(self._look(url, one) for url, one in authorizations.items())
        waiting = [
            (url, one.name) for url, one in zip(authorizations, now, strict=True) if one.status == "pending"
        ]
        await self._deactivate([url for url, _ in waiting])
        return [name for _, name in waiting]

    async def _answer(self, challenge: Challenge) -> None:
        try:
            await self._say_ready(challenge, patient=False)
        except Unavailable:
            # It may have arrived. Sending it twice is an error (409), so look first.
            looked = await self.network.fetch(challenge.url)
            if looked.read(lambda value: value.get("status")) == "pending":
                await self._say_ready(challenge, patient=True)

    async def _say_ready(self, challenge: Challenge, *, patient: bool) -> None:
        try:
            await self.network.post(challenge.url, {}, patient=patient)
        except Declined as declined:
            # It is being validated already, or was: what comes of it is seen at the order.
            if declined.kind not in {"conflict", "malformed"}:
                raise

    async def _settled(self, url: str, known: Authorization) -> Authorization:
        patience = Patience(self.clock, SETTLING)
        while known.status not in FINAL:
            answer = await self.network.fetch(url)
            known = answer.read(_again(known))
            # An unknown status is as good as no news, and as little reason to ask at once.
            if known.status not in FINAL and not await patience.pause(answer.retry_after):
                break
        return known

    async def _look(self, url: str, known: Authorization) -> Authorization:
        return (await self.network.fetch(url)).read(_again(known))

    async def _deactivate(self, urls: list[str]) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(TIDYING):
                await together(self._deactivate_one(url) for url in urls)

    async def _deactivate_one(self, url: str) -> None:
        # Only tidiness: a CA that will not, or is away, forgets it by itself.
        with suppress(Problem, Declined):
            await self.network.post(url, {"status": "deactivated"}, patient=False)


async def _present(one: OpenChallenge) -> Problem | None:
    try:
        await one.solver.present(one.proof)
    except Problem as problem:
        return problem
    return None


def _again(known: Authorization) -> Callable[[dict[str, Any]], Authorization]:
    """Reads an authorization that was seen before, whose name cannot have changed since (RFC 8555 section 7.1.4)."""

    def parse(value: dict[str, Any]) -> Authorization:
        found = authorization_of(value)
        if found.name != known.name:
            raise NotAnAcmeAnswer(f"the authorization for {known.name} is now for another name")
        return found

    return parse
