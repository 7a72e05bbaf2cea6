"""The CAs that one cycle asks: each signed in to when it is needed, and known to the memory afterwards."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from acme_companion.cycle.account import account_key
from acme_companion.decide.memory import Authority
from acme_companion.decide.problems import NameRefusals, NotShown, Problem

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from contextlib import AsyncExitStack

    from acme_companion.decide.memory import Memory
    from acme_companion.decide.names import Name
    from acme_companion.decide.settings import Ca
    from acme_companion.decide.steps import Issue
    from acme_companion.ports import CertificateAuthority, Solving, World


class Authorities:
    """Sessions by directory URL, open until `opened` ends."""

    def __init__(self, world: World, memory: Memory, solving: Solving, opened: AsyncExitStack) -> None:
        self._world, self._memory, self._solving, self._opened = world, memory, solving, opened
        self._sessions: dict[str, CertificateAuthority] = {}

    async def sign_in(self, ca: Ca) -> Problem | None:
        """Open a session and see that our account is known there; what stands in the way, if anything does."""
        url = ca.directory_url
        try:
            key = await account_key(ca, self._world)
            known = self._memory.authorities.get(url, Authority())
            opening = self._world.authority(ca, known, key, self._solving)
            session = await self._opened.enter_async_context(opening)
            await session.knowledge()
        except Problem as problem:
            return problem
        self._sessions[url] = session
        return None

    def session(self, ca: Ca) -> CertificateAuthority:
        """The session with a CA that was signed in to."""
        return self._sessions[ca.directory_url]

    async def learnt(self, memory: Memory) -> Memory:
        """`memory` with what the CAs said of themselves and of our accounts. Raises `NotYet`, `Refused`."""
        known = dict(memory.authorities)
        for url, session in self._sessions.items():
            known[url] = self._since(known.get(url, Authority()), await session.knowledge())
        return replace(memory, authorities=known)

    def _since(self, before: Authority, now: Authority) -> Authority:
        """An account that the CA had lost was replaced: what the old one got, the new one cannot say that it replaces."""
        another = bool(before.account_uri) and before.account_uri != now.account_uri
        return replace(now, since=self._world.clock.now() if another else before.since)


async def rehearse(
    step: Issue, stage: CertificateAuthority, key_pem: bytes, world: World
) -> tuple[NameRefusals, tuple[Name, ...]]:
    """Order the names that no CA has validated yet at the staging directory: what it refused, and the names that worked.

    The certificate is thrown away. A stage that is down, slow or odd proves nothing, and stops nothing: the CA itself is
    asked then, at a pace that stays below its limits also if every try fails. Raises `NotShown`, unless names that need
    no rehearsal are due as well: they may be shown in another way, and must not wait for new ones.
    """
    names = step.rehearse
    try:
        issued = await stage.issue(names, (), key_pem, "")
    except NameRefusals as problem:
        return _refusals(problem.by_name, problem.documents), ()
    except NotShown as problem:
        if step.only_for or set(step.lineage.names) <= set(names):
            raise  # not to the CA either
        return _refusals(dict.fromkeys(names, str(problem)), {}), ()
    except Problem as problem:
        world.log.warning(
            f"{step.lineage}: the rehearsal told nothing, the CA is asked without it: {problem}"
        )
        return _refusals({}, {}), ()
    world.log.info(
        f"{step.lineage}: the rehearsal worked for {len(names) - len(issued.left_out)} of {len(names)} names"
    )
    return _refusals(issued.left_out, issued.documents), tuple(
        name for name in names if name not in issued.left_out
    )


def _refusals(by_name: Mapping[Name, str], documents: Collection[Name]) -> NameRefusals:
    """`documents`: of which names the staging directory itself said something."""
    who = (
        "the CA's staging directory refused"
        if set(by_name) <= set(documents)
        else "at the rehearsal was not to be had:"
    )
    told = {name: f"at the rehearsal: {why}" for name, why in by_name.items()}
    listed = "; ".join(f"{name}: {why}" for name, why in list(by_name.items())[:_MOST_LISTED])
    return NameRefusals(
        f"{who} {listed}, so the CA itself was not asked, and nothing is used up",
        told,
    )


_MOST_LISTED = 3
