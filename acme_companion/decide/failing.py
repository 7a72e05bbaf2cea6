"""What follows from a failure of one order: how long its lineage waits, and whether somebody else is to be asked meanwhile."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from acme_companion.decide.alarm import LOUD
from acme_companion.decide.choosing import no_hiccup
from acme_companion.decide.emergency import obeyed_until
from acme_companion.decide.limits.remembering import ca_of
from acme_companion.decide.problems import NotShown, NotYet
from acme_companion.decide.schedule import AFTER_MORE_ROLL_BACKS, one_more

if TYPE_CHECKING:
    from datetime import datetime

    from acme_companion.decide.memory import Failures
    from acme_companion.decide.problems import Problem
    from acme_companion.decide.settings import Settings
    from acme_companion.decide.steps import Issue

PAUSED_FOR = timedelta(days=1)
"""What an operator must lift is tried once a day: whoever has done it need not tell us."""


def failures_after(
    settings: Settings,
    step: Issue,
    before: Failures | None,
    problem: Problem,
    said: str,
    now: datetime,
    *,
    spent: bool,
    share: float,
) -> Failures:
    """The lineage's failures after `problem`, which is told as `said`. `spent`: the try cost a certificate; `share`: jitter."""
    rejection = problem.rejection if isinstance(problem, NotYet) else None
    paused = rejection is not None and bool(rejection.document.unpause_url)
    at_least = AFTER_MORE_ROLL_BACKS if spent and before else PAUSED_FOR if paused else timedelta(0)
    failures = one_more(
        before,
        now,
        f"ACTION NEEDED: {said}" if paused else said,
        problem.retry_at if isinstance(problem, NotYet) else None,
        at_least,
        share=share,
        lifetime=step.lifetime,
    )
    temporary = isinstance(problem, NotYet) and not isinstance(problem, NotShown) and not spent
    return replace(failures, temporary=temporary, ca=ca_of(settings, step).directory_url)


def next_try(settings: Settings, step: Issue, failures: Failures) -> datetime:
    """When somebody is asked again: the second CA perhaps at once, and no CA's own wait lets a certificate end."""
    if fallback_at_once(settings, step, failures):
        return failures.last
    if not failures.asked_by_ca:
        return failures.wait_until
    return obeyed_until(failures.wait_until, failures.last, step.ends, step.lifetime)


def fallback_at_once(settings: Settings, step: Issue, failures: Failures) -> bool:
    """Whether the second CA is to be asked now, and not only when the first one may be asked again."""
    missing = step.lineage.server and step.lifetime is None
    return (
        settings.fallback_ca is not None
        and not step.fallback
        and failures.temporary
        and no_hiccup(failures, failures.last)
        and (missing or step.alarm in LOUD)
    )
