"""What was asked of one CA, as far as its limits look back: token buckets, each kept as one moment."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Rate:
    """A token bucket: `most` at once, and as many more, evenly, in every `period`."""

    most: int
    period: timedelta

    @property
    def refill(self) -> timedelta:
        return self.period / self.most


@dataclass(frozen=True, slots=True)
class Attempt:
    """An order that was begun for a lineage, and of which no certificate and no refusal is known.

    `names`: which names, as a digest. `cut_off`: so many tries in a row began, and nobody lived to see their end; 0 when
    the CA's answer was that it takes longer.
    """

    at: datetime
    names: str
    cut_off: int


@dataclass(frozen=True, slots=True)
class Ledger:
    """What was asked of one CA. `full_at`: by bucket, when it is full again; a bucket that is not in it is full.

    `attempts`: by directory of the lineage. `closed_until`: the CA's own word that it serves nobody, or not us, before
    then, with its sentence `closed_because`, said at `closed_at`. `noted`: when something was written down here last.
    """

    full_at: Mapping[str, datetime] = field(default_factory=dict)
    attempts: Mapping[str, Attempt] = field(default_factory=dict)
    closed_until: datetime | None = None
    closed_because: str = ""
    closed_at: datetime | None = None
    noted: datetime | None = None

    def ready_at(self, bucket: str, rate: Rate, now: datetime, keep: int = 0) -> datetime:
        """From when on one token can be taken such that `keep` remain; not after `now` when it can be taken at once."""
        full_at = self.full_at.get(bucket, now)
        return full_at - rate.period + (1 + min(keep, rate.most - 1)) * rate.refill

    def spent(self, bucket: str, rate: Rate, now: datetime, tokens: int = 1) -> Ledger:
        """After so many tokens more; what a CA granted it still had, so that no bucket is ever emptier than empty."""
        full_at = max(self.full_at.get(bucket, now), now) + tokens * rate.refill
        return replace(self, full_at={**self.full_at, bucket: min(full_at, now + rate.period)})

    def given_back(self, bucket: str, rate: Rate) -> Ledger:
        """After a token came back that was not used after all."""
        if bucket not in self.full_at:
            return self
        return replace(self, full_at={**self.full_at, bucket: self.full_at[bucket] - rate.refill})

    def empty_until(self, bucket: str, rate: Rate, moment: datetime) -> Ledger:
        """After the CA said that it gives nothing before `moment`: others may have taken from the same bucket."""
        full_at = max(self.full_at.get(bucket, moment), moment + rate.period - rate.refill)
        return replace(self, full_at={**self.full_at, bucket: full_at})

    def filled(self, *buckets: str) -> Ledger:
        """After these buckets were set back."""
        if self.full_at.keys().isdisjoint(buckets):
            return self
        return replace(
            self, full_at={key: value for key, value in self.full_at.items() if key not in buckets}
        )
