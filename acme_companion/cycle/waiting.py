"""Wait a while for the parts of the stack that start together with us: the database, the resolver, the web server.

Side by side, each within the same limit, and each said once. Whatever is still missing then is a fact like any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from acme_companion.decide.facts import OwnAddresses, Unanswered
from acme_companion.decide.problems import Problem
from acme_companion.decide.settings import Http01Mode

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from acme_companion.decide.facts import MailDomains, NameFacts
    from acme_companion.decide.memory import Held
    from acme_companion.decide.settings import Settings
    from acme_companion.ports import ProbeFile, World

T = TypeVar("T")

WITHOUT_A_CERTIFICATE = 60.0
"""Seconds while siblings have nothing but the pair that we made so that they can start: they could not start before us."""
AFTER_A_START = 30.0
"""Seconds after any other start of ours: the whole host may have started. A web server that cannot be seen from here costs no more."""
LOOK_AGAIN_AFTER = 1.0


def patience(held: Held, *, starting: bool) -> float:
    """How many seconds to wait for what is missing; 0 in a cycle of a stack that runs."""
    if held.server is None or held.server.self_signed:
        return WITHOUT_A_CERTIFICATE
    return AFTER_A_START if starting else 0.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """One wait for all parts. `end` by the monotonic clock."""

    settings: Settings
    world: World
    seconds: float
    end: float

    @classmethod
    def for_at_most(cls, seconds: float, settings: Settings, world: World) -> Waiting:
        return cls(settings, world, seconds, world.clock.monotonic() + seconds)

    async def database(self) -> MailDomains:
        """The mail domains, when they can be read or the time is over."""

        async def ask() -> tuple[MailDomains, str]:
            domains = await self.world.mail_domains()
            return domains, domains.unanswered.why if domains.unanswered else ""

        return await self._patiently("the database", ask)

    async def resolver(self) -> None:
        """Return when DNS answers for the hostname, whatever it says, or the time is over."""
        if self.seconds:
            await self._patiently("the resolver", self._look_at_hostname)

    async def web_server(self, own: OwnAddresses, probe: ProbeFile) -> None:
        """Return when something answers for the hostname over HTTP, whatever it says, or the time is over."""
        webroot = self.settings.http01.mode is Http01Mode.WEBROOT
        if not self.seconds or not webroot or self.settings.checks.skip_http:
            return

        async def ask() -> tuple[None, str]:
            seen = (await self._seen(own, probe)).probe
            return None, seen.why if isinstance(seen, Unanswered) else ""

        try:
            async with self.world.responding() as responder:
                try:
                    responder.present(probe.token, probe.content)
                    await self._patiently(f"the web server of {self.settings.naming.hostname}", ask)
                finally:
                    responder.clean_up(probe.token)
        except Problem:
            return  # the look at all names meets it as well, and says it

    async def _look_at_hostname(self) -> tuple[None, str]:
        seen = await self._seen(OwnAddresses(), None)
        # A name that needs no address has none looked up, and one broken record says nothing of the resolver.
        if isinstance(seen.caa.records, Unanswered) and isinstance(seen.addresses.ipv4, Unanswered):
            return None, seen.caa.records.why
        return None, ""

    async def _seen(self, own: OwnAddresses, probe: ProbeFile | None) -> NameFacts:
        hostname = self.settings.naming.hostname
        return (await self.world.look_at_names((hostname,), own, probe))[hostname]

    async def _patiently(self, part: str, ask: Callable[[], Awaitable[tuple[T, str]]]) -> T:
        """What `ask` gives, once it gives no reason to wait any more or the time is over."""
        clock, said = self.world.clock, False
        while True:
            found, why_not = await ask()
            if not why_not or clock.monotonic() >= self.end:
                return found
            if not said:
                self.world.log.info(f"waiting for {part}, at most {self.seconds:g} s: {why_not}")
                said = True
            await clock.sleep(LOOK_AGAIN_AFTER)
