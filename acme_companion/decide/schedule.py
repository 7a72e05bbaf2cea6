"""When to try or look again."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from acme_companion.decide.memory import Failures

if TYPE_CHECKING:
    from datetime import datetime

RETRY_AFTER = (  # after this many failures in a row
    timedelta(minutes=5),  # a typo in DNS, just repaired
    timedelta(minutes=30),  # 35 min
    timedelta(hours=2),  # 2 h 35 min: below Let's Encrypt's five failed validations per name and hour
    timedelta(hours=12),  # then twice a day: a year of it stays below the 1,152 failures that pause a name
)
CYCLE_EVERY = timedelta(days=1)
LOOK_AGAIN_WITHOUT_CERTIFICATE = timedelta(minutes=30)
LOOK_AGAIN_AT_NAMES = timedelta(hours=6)
JITTER = 0.1
"""Share of a waiting time by which it may be longer: a CA wants its clients spread."""


def one_more(before: Failures | None, now: datetime, because: str, retry_at: datetime | None = None) -> Failures:
    """The record after one more failure in a row; `retry_at` is the other side's own wish, never undercut."""
    count = (before.count if before else 0) + 1
    wait_until = now + RETRY_AFTER[min(count, len(RETRY_AFTER)) - 1]
    asked = retry_at is not None and retry_at > wait_until
    return Failures(count, now, retry_at if asked and retry_at else wait_until, because, asked_by_ca=retry_at is not None)
