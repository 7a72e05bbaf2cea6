"""What a plan is made of: one step per certificate, each with its reason in one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from acme_companion.decide.alarm import Alarm

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from acme_companion.decide.names import Name
    from acme_companion.decide.pair import Certificate

DEPLOYMENT = "(deployment)"
"""The key of the deployment's own failures beside those of lineages; no directory can have this name."""


class OrderKind(StrEnum):
    """What an order is to the limits of a CA: other names than ever before, the same again, or what the CA itself advised."""

    NEW = "new"
    SAME_NAMES = "same names"
    ADVISED = "advised"


@dataclass(frozen=True, slots=True)
class Lineage:
    """A certificate over its renewals: its directory, and the names that its next generation has (first name first)."""

    names: tuple[Name, ...]
    server: bool = False
    directory: str = ""

    def __post_init__(self) -> None:
        if not self.directory and self.names:
            object.__setattr__(self, "directory", self.names[0].directory)

    def __str__(self) -> str:
        more = len(self.names) - 1
        return self.directory + (f" +{more} name{'s' if more > 1 else ''}" if more > 0 else "")


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A wanted name that the certificate does without for now, and why."""

    name: Name
    because: str


@dataclass(frozen=True, slots=True)
class Keep:
    """Nothing to do until `next_renewal`."""

    lineage: Lineage
    because: str
    next_renewal: datetime
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True, slots=True)
class Issue:
    """Ask the CA. `replaces` is the predecessor's CertID (RFC 9773) or empty; `renewal`: same directory and same names as now.

    `only_for`: new names without which the present certificate will do; empty when there are other reasons. `rehearse`:
    names to be ordered at the CA's staging directory before. `fallback`: it is the second CA that is asked. `wish`:
    nothing but an admin's wish, or the CA's advice, is the reason. `alarm`: how near its end is what is served meanwhile,
    `lifetime` its length if it is valid, and `ends` its end, past or to come. `keeps`: names that the present certificate has; while there is time it
    goes on being served rather than that a new one lacks one of them, because our own side cannot show it now.
    """

    lineage: Lineage
    because: str
    replaces: str = ""
    renewal: bool = False
    left_out: tuple[LeftOut, ...] = ()
    only_for: tuple[Name, ...] = ()
    kind: OrderKind = OrderKind.NEW
    rehearse: tuple[Name, ...] = ()
    fallback: bool = False
    wish: bool = False
    alarm: Alarm = Alarm.NONE
    lifetime: timedelta | None = None
    ends: datetime | None = None
    keeps: tuple[Name, ...] = ()


@dataclass(frozen=True, slots=True)
class Hold:
    """A certificate would be issued, but not now. `until` is the earliest next try, None: as soon as the cause is gone.

    `served_until`: the end of the certificate that the lineage has meanwhile, None when it has none that is valid.
    """

    lineage: Lineage
    because: str
    until: datetime | None = None
    left_out: tuple[LeftOut, ...] = ()
    served_until: datetime | None = None
    alarm: Alarm = Alarm.NONE


@dataclass(frozen=True, slots=True)
class Deploy:
    """The siblings have not been seen to serve what the volume holds: take them through it again."""

    directories: tuple[str, ...]
    because: str


@dataclass(frozen=True, slots=True)
class Archive:
    """Nobody wants this lineage any more: out of the siblings' sight, below `backups/`."""

    directory: str
    because: str


@dataclass(frozen=True, slots=True)
class Restore:
    """A lineage that was archived is wanted again, and its certificate is still good: no order is needed."""

    lineage: Lineage
    because: str
    certificate: Certificate


@dataclass(frozen=True, slots=True)
class Skip:
    """The whole cycle asks the CA for nothing. `alarm`: what is served meanwhile has expired or soon will."""

    because: str
    alarm: bool = False


Step = Keep | Issue | Hold | Restore | Deploy | Archive | Skip


@dataclass(frozen=True, slots=True)
class Plan:
    """All steps, in the order in which they are told."""

    steps: tuple[Step, ...]

    @property
    def issues(self) -> tuple[Issue, ...]:
        return tuple(step for step in self.steps if isinstance(step, Issue))
