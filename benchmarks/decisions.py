"""What a pass with nothing to do decides, with every look answered at once: the CPU of judging and planning alone.

    python -m benchmarks.decisions

takes its settings from the environment as the companion does, reads the volume, and prints one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from dataclasses import replace
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, cast

from acme_companion.cli.configuration import load_settings
from acme_companion.cli.wiring import open_world
from acme_companion.cycle import survey
from acme_companion.decide.facts import Addresses, CaaLook, NameFacts, ProbeReached
from acme_companion.tell.log import LOGGER
from benchmarks.measured import memory_mb
from tests.bed.process import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from acme_companion.decide.facts import MailDomains, OwnAddresses
    from acme_companion.decide.memory import Held
    from acme_companion.decide.names import Name
    from acme_companion.ports import ProbeFile, Store

HERE = Addresses((IPv4Address(LOOPBACK),))


async def _at_once(
    names: Iterable[Name],
    own: OwnAddresses,  # noqa: ARG001 - the door's
    probe: ProbeFile | None,  # noqa: ARG001 - the door's
) -> Mapping[Name, NameFacts]:
    return {name: NameFacts(name, HERE, CaaLook(), ProbeReached(LOOPBACK)) for name in names}


async def _main() -> None:
    settings = load_settings(None)
    async with open_world(settings, LOGGER) as world:
        held, domains = world.store.read(), await world.mail_domains()

        async def known() -> MailDomains:
            return domains

        still = replace(
            world,
            store=cast("Store", _Held(world.store, held)),
            mail_domains=known,
            look_at_names=_at_once,
        )
        seconds, cpu = time.perf_counter(), time.process_time()
        seen = await survey(settings, still)
        seconds, cpu = time.perf_counter() - seconds, time.process_time() - cpu
    told = {
        "seconds": seconds,
        "cpu_seconds": cpu,
        "memory_mb": memory_mb(os.getpid()),
        "names": len(seen.verdicts),
        "kept": len(seen.plan.steps),
        "issues": len(seen.plan.issues),
    }
    print(json.dumps(told))


class _Held:
    """The volume as it was read once."""

    def __init__(self, store: Store, held: Held) -> None:
        self._store, self._held = store, held

    def read(self) -> Held:
        """What was read."""
        return self._held

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)


if __name__ == "__main__":
    asyncio.run(_main())
