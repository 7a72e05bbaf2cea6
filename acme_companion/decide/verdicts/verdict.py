"""What a judgement is: three values, and a reason in one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Readiness(StrEnum):
    """`UNKNOWN` counts as unchanged: a resolver that hiccups costs no name."""

    READY = "ready"
    NOT_READY = "not ready"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A judgement with its reason in one sentence, which says for which record or address, and what to change."""

    readiness: Readiness
    because: str

    @property
    def is_ready(self) -> bool:
        return self.readiness is Readiness.READY


def ready(because: str) -> Verdict:
    return Verdict(Readiness.READY, because)


def not_ready(because: str) -> Verdict:
    return Verdict(Readiness.NOT_READY, because)


def unknown(because: str) -> Verdict:
    return Verdict(Readiness.UNKNOWN, because)
