"""Proving that names are ours (RFC 8555 sections 7.5 and 8.3): all challenges answered side by side, once each."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from acme_companion.act.acme.answer import Declined
from acme_companion.act.acme.network import Unavailable
from acme_companion.act.acme.waiting import Patience, together
from acme_companion.decide.acme_answers import Authorization, Challenge, NotAnAcmeAnswer, authorization_of
from acme_companion.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import ExitStack

    from acme_companion.act.acme.network import Network
    from acme_companion.ports import Clock, Responder

SETTLING = 60.0  # seconds that the other names get to fail as well once one has failed
TIDYING = 15.0  # seconds for giving leftover authorizations back
FINAL = frozenset({"valid", "invalid", "deactivated", "expired", "revoked"})


@dataclass(frozen=True)
class Proofs:
    """Answers the http-01 challenges of one order. Authorizations are by URL throughout."""

    network: Network
    responder: Responder
    clock: Clock
    thumbprint: str

    async def give(self, authorizations: Mapping[str, Authorization], undo: ExitStack) -> None:
        """Present every file that is needed, then answer; `undo` takes the files away. Raises `NotYet`, `Declined`."""
        open_challenges = [
            one.http01 for one in authorizations.values() if one.status == "pending" and one.http01
        ]
        for challenge in open_challenges:
            undo.callback(self.responder.clean_up, challenge.token)
            self.responder.present(challenge.token, f"{challenge.token}.{self.thumbprint}")
        # Of a reused order some challenges may be under way already: they need the file, not a second answer.
        await together(self._answer(one) for one in open_challenges if one.status == "pending")

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


def _again(known: Authorization) -> Callable[[dict[str, Any]], Authorization]:
    """Reads an authorization that was seen before, whose name cannot have changed since (RFC 8555 section 7.1.4)."""

    def parse(value: dict[str, Any]) -> Authorization:
        found = authorization_of(value)
        if found.name != known.name:
            raise NotAnAcmeAnswer(f"the authorization for {known.name} is now for another name")
        return found

    return parse
