"""Look at names: what DNS, CAA and a probe say of each, all names at the same time."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, TypeVar

from acme_companion.decide.dns_challenges import persist_owner
from acme_companion.decide.facts import Addresses, CaaLook, NameFacts, Probe, Unanswered
from acme_companion.decide.names import quoted
from acme_companion.decide.settings import ChallengeType
from acme_companion.decide.verdicts import worth_probing
from acme_companion.look.dns_records import addresses, caa
from acme_companion.look.reachability import Prober
from acme_companion.look.resolvers import Resolvers
from acme_companion.look.txt_records import TxtLooks

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from acme_companion.decide.facts import OwnAddresses, TxtLook
    from acme_companion.decide.names import Name
    from acme_companion.decide.settings import Checks
    from acme_companion.ports import ProbeFile

T = TypeVar("T")

_AT_ONCE = 200
"""Names looked at together. More gains nothing on a fast network; a thousand names whose servers keep silent then take
five time limits."""
_NO_ADDRESS_NEEDED = Unanswered(
    "not asked, because a wildcard or a name validated through DNS needs no address"
)


async def look_at_names(
    checks: Checks,
    names: Iterable[Name],
    own: OwnAddresses,
    probe_file: ProbeFile | None,
    type_for: Callable[[Name], ChallengeType] = lambda _: ChallengeType.HTTP_01,
) -> Mapping[Name, NameFacts]:
    """What is seen of each name, in at most `checks.timeout` seconds for each. Never raises.

    `type_for`: how each name will be validated; only over HTTP its addresses are asked for. Probed are only names whose addresses would make them ready: nothing is sent to strangers' servers.
    """
    unique = list(dict.fromkeys(names))
    async with AsyncExitStack() as stack:
        resolvers = await stack.enter_async_context(Resolvers(checks.resolvers, checks.timeout))
        prober = (
            await stack.enter_async_context(Prober(checks, own, probe_file, resolvers))
            if probe_file
            else None
        )
        look = _Look(checks, own, resolvers, prober, type_for)
        facts = await asyncio.gather(*(look.at(name) for name in unique))
    return dict(zip(unique, facts, strict=True))


class _Look:
    def __init__(
        self,
        checks: Checks,
        own: OwnAddresses,
        resolvers: Resolvers,
        prober: Prober | None,
        type_for: Callable[[Name], ChallengeType],
    ) -> None:
        self._checks = checks
        self._own = own
        self._resolvers = resolvers
        self._prober = prober
        self._type_for = type_for
        self._seats = asyncio.Semaphore(_AT_ONCE)

    async def at(self, name: Name) -> NameFacts:
        """Waiting for a seat does not count against the name's time."""
        async with self._seats:
            deadline = asyncio.get_running_loop().time() + self._checks.timeout
            over_http = self._type_for(name) is ChallengeType.HTTP_01 and not name.is_wildcard
            if name.address is not None:
                found, records = _of_address(name.address), CaaLook()
            elif not over_http:
                found = Addresses(_NO_ADDRESS_NEEDED, _NO_ADDRESS_NEEDED)
                records = await self._until(deadline, caa(self._resolvers, name.host), CaaLook)
            else:
                found, records = await asyncio.gather(
                    self._until(
                        deadline, addresses(self._resolvers, name.host), lambda why: Addresses(why, why)
                    ),
                    self._until(deadline, caa(self._resolvers, name.host), CaaLook),
                )
            probe: Probe | None = None
            if self._prober and over_http and worth_probing(name, found, self._own, self._checks):
                probe = await self._until(deadline, self._prober.probe(name, found), lambda why: why)
            return NameFacts(name, found, records, probe, await self._lasting(name, deadline))

    async def _lasting(self, name: Name, deadline: float) -> TxtLook | None:
        if self._type_for(name) is not ChallengeType.DNS_PERSIST_01:
            return None
        looks = TxtLooks(self._checks, self._resolvers)
        return await self._until(deadline, looks.latest(persist_owner(name)), lambda why: why)

    async def _until(self, deadline: float, look: Awaitable[T], unanswered: Callable[[Unanswered], T]) -> T:
        """What `look` sees, or the fact that it saw nothing in time."""
        try:
            async with asyncio.timeout_at(deadline):
                return await look
        except TimeoutError:
            return unanswered(Unanswered(f"no answer within {self._checks.timeout:g} s"))
        except Exception as problem:  # noqa: BLE001  (one name with a hostile answer must not cost the others their look)
            return unanswered(Unanswered(f"the look failed: {type(problem).__name__} {quoted(str(problem))}"))


def _of_address(address: IPv4Address | IPv6Address) -> Addresses:
    """A name that is an address has no records: neither is DNS asked for it, nor for CAA (RFC 8738)."""
    return Addresses((address,)) if isinstance(address, IPv4Address) else Addresses((), (address,))
