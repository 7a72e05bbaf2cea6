"""When to try or look again."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from acme_companion.decide.memory import Failures, Memory
from acme_companion.decide.steps import Hold, Issue, Keep

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from acme_companion.decide.report import Report
    from acme_companion.decide.steps import LeftOut

RETRY_AFTER = (  # after this many failures in a row: Let's Encrypt's own advice to its clients
    timedelta(minutes=1),  # a typo in DNS, just repaired
    timedelta(minutes=10),  # 11 min: three failed validations in the first hour, of the five that it allows
    timedelta(minutes=100),  # 1 h 51 min: four on the first day
    timedelta(
        days=1
    ),  # then as fast as the 1,152 failures that pause a name are forgiven, one a day: never paused
)
DEPLOY_AGAIN_AFTER = (  # siblings have no limits, and Docker may be back soon
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=12),
)
SHARE_OF_A_LIFETIME = 20
"""A certificate of six days is not tried once a day only, but every eight hours: a twentieth of its life."""
CYCLE_EVERY = timedelta(days=1)
LOOK_AGAIN_WITHOUT_CERTIFICATE = timedelta(minutes=30)
LOOK_AGAIN_AT_LISTS = timedelta(minutes=5)  # a database that starts after us, or restarts
LOOK_AGAIN_AT_NAMES = (  # by how long the name that is newest among them has not looked ready
    (timedelta(days=1), timedelta(hours=1)),  # somebody is setting it up
    (timedelta(days=7), timedelta(hours=6)),
)
AFTER_A_ROLL_BACK = timedelta(hours=12)
AFTER_MORE_ROLL_BACKS = timedelta(hours=36)
"""Each try costs a certificate, and Let's Encrypt gives five of the same names a week: one in 34 hours."""
ASK_FOR_ADVICE_AT_MOST = timedelta(hours=6)
"""However often a CA wants to be asked about renewals: a cycle looks at every name as well."""
SOONEST = MINUTE = timedelta(minutes=1)
FORGET_AFTER = timedelta(days=2)
"""A refusal of a name counts as one more in a row until this long after its waiting time."""
JITTER = 0.1
"""Share of a waiting time by which it may be longer: a CA wants its clients spread."""


def one_more(
    before: Failures | None,
    now: datetime,
    because: str,
    retry_at: datetime | None = None,
    at_least: timedelta = timedelta(0),
    *,
    share: float = 0.0,
    lifetime: timedelta | None = None,
    table: Sequence[timedelta] = RETRY_AFTER,
) -> Failures:
    """The record after one more failure in a row; `retry_at` is the other side's own wish, never undercut.

    `share` (0..1) is the jitter's; `lifetime` that of the certificate that is valid meanwhile; `table`: the waits
    after so many failures in a row.
    """
    count = (before.count if before else 0) + 1
    wait = table[min(count, len(table)) - 1]
    if lifetime is not None:
        wait = min(wait, max(lifetime / SHARE_OF_A_LIFETIME, SOONEST))
    wait_until = now + max(wait, at_least)
    if retry_at is not None:
        wait_until = max(wait_until, retry_at)
    wait_until = _spread(wait_until, wait_until - now, share)
    return Failures(count, now, wait_until, because, asked_by_ca=retry_at is not None)


def _spread(moment: datetime, wait: timedelta, share: float) -> datetime:
    """Later by up to a tenth of the waiting time and to any second, and never at midnight, when everybody comes."""
    later = moment + wait * (JITTER * share) + MINUTE * share
    if (later.hour, later.minute) == (0, 0):
        later += MINUTE * (1 + 9 * share)
    return later


def next_look(report: Report, memory: Memory, now: datetime, share: float) -> datetime:
    """When the loop should wake up: within a day, sooner if something fails, waits or becomes due. `share` (0..1) is the jitter's."""
    waits = [CYCLE_EVERY]
    left_out: list[LeftOut] = []
    for step in report.plan.steps:
        if isinstance(step, Keep):
            waits.append(step.next_renewal - now)
        if isinstance(step, Hold) and step.until:
            waits.append(step.until - now)
        elif isinstance(step, Hold) and step.lineage.server and step.served_until is None:
            waits.append(LOOK_AGAIN_WITHOUT_CERTIFICATE)
        if isinstance(step, Keep | Issue | Hold):
            left_out += step.left_out
    if report.incomplete:
        waits.append(LOOK_AGAIN_AT_LISTS)
    waits += _again_at(left_out, memory, now)
    waits += [one.next_renewal - now for one in report.done if one.next_renewal]
    waits += [one.look_again - now for one in report.done if one.look_again]
    waits += [max(window.ask_again - now, ASK_FOR_ADVICE_AT_MOST) for window in memory.windows.values()]
    if memory.advice_failures:
        waits.append(ASK_FOR_ADVICE_AT_MOST)
    failures = (*memory.lineage_failures.values(), *memory.name_failures.values())
    waits += [one.wait_until - now for one in failures if one.wait_until > now]
    wait = max(min(waits), SOONEST)
    return now + wait * (1 + JITTER * share)


def _again_at(left_out: Sequence[LeftOut], memory: Memory, now: datetime) -> Iterator[timedelta]:
    if left_out:
        since = {**memory.unknown_since, **memory.not_ready_since}
        youngest = min(now - since.get(one.name.text, now) for one in left_out)
        yield from (wait for age, wait in LOOK_AGAIN_AT_NAMES if youngest < age)
