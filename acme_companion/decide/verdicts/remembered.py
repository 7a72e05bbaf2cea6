"""Since when names have looked as they do: a moment decides nothing, days do."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from acme_companion.decide.verdicts.verdict import Readiness

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from acme_companion.decide.memory import Memory
    from acme_companion.decide.names import Name
    from acme_companion.decide.verdicts.verdict import Verdict


def remember_readiness(memory: Memory, verdicts: Mapping[Name, Verdict], now: datetime) -> Memory:
    """Since when each name has looked not ready (a ready look ends it, an unknown one changes nothing), or nobody could tell."""
    since, unknown = {}, {}
    for name, verdict in verdicts.items():
        known = memory.not_ready_since.get(name.text)
        if verdict.readiness is Readiness.NOT_READY:
            since[name.text] = known or now
        elif verdict.readiness is Readiness.UNKNOWN:
            unknown[name.text] = memory.unknown_since.get(name.text, now)
            if known:
                since[name.text] = known
    return replace(memory, not_ready_since=since, unknown_since=unknown)
