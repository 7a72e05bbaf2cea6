"""What one cycle did: the log, the command line and (as data) machines are all rendered from this one value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from acme_companion.decide.alarm import ALARM_BEFORE, LOUD, WORDS, Alarm
from acme_companion.decide.deployment import stale_ports
from acme_companion.decide.steps import Archive, Deploy, Hold, Issue, Keep, Plan, Restore, Skip, Step
from acme_companion.decide.verdicts import Readiness

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from acme_companion.decide.deployment import EndpointResult
    from acme_companion.decide.facts import Refusal
    from acme_companion.decide.names import Name
    from acme_companion.decide.steps import LeftOut
    from acme_companion.decide.verdicts import Verdict


MOST_KEPT_LINES = 20
"""More certificates than this with nothing new to say of them are told in one line."""
MOST_LEFT_OUT_LINES = 20


@dataclass(frozen=True, slots=True)
class Done:
    """How a step ended. `left_out` are names that were left out on the way; `next_renewal` is that of a new certificate.

    `look_again`: when somebody is asked for it again.
    """

    step: Step
    ok: bool
    sentence: str
    left_out: tuple[LeftOut, ...] = ()
    next_renewal: datetime | None = None
    look_again: datetime | None = None


@dataclass(frozen=True, slots=True)
class DeploymentReport:
    """How the siblings took the pairs up: a sentence each, and what every endpoint serves. `ok` is None when nobody was touched.

    `warnings`: what an admin should mend although all went well.
    """

    ok: bool | None = None
    sentences: tuple[str, ...] = ()
    endpoints: tuple[EndpointResult, ...] = ()
    rolled_back: bool = False
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """One cycle. `next_look` is when the loop will look again; `incomplete`: the mail domains could not all be learnt."""

    started: datetime
    ended: datetime
    plan: Plan
    done: tuple[Done, ...] = ()
    verdicts: Mapping[Name, Verdict] = field(default_factory=dict)
    refused: tuple[Refusal, ...] = ()
    warnings: tuple[str, ...] = ()
    deployment: DeploymentReport = DeploymentReport()
    next_look: datetime | None = None
    incomplete: bool = False

    @property
    def failed(self) -> bool:
        """Something that was tried did not work, or the server has no certificate, or soon will have none.

        Any other name that is not ready is no failure of the cycle.
        """
        tried = any(not one.ok for one in self.done) or self.deployment.ok is False
        return tried or any(_alarms(step, self.ended) for step in self.plan.steps)


def _alarms(step: Step, now: datetime) -> bool:
    match step:
        case Hold():
            return step.lineage.server and (
                step.served_until is None or (step.alarm in LOUD and step.served_until - now < ALARM_BEFORE)
            )
        case Skip():
            return step.alarm
        case _:
            return False


def lines(report: Report) -> Iterator[tuple[str, str]]:
    """The report as log lines, each with its level (`info`, `warning`, `error`): one line per certificate, then its details."""
    for warning in report.warnings:
        yield "warning", warning
    for refusal in report.refused:
        yield "warning", f"{refusal.where}: {refusal.why}; left out"
    done = {id(one.step): one for one in report.done}
    quiet = [step for step in report.plan.steps if isinstance(step, Keep) and not step.left_out]
    waiting = [step for step in report.plan.steps if isinstance(step, Hold) and _waits_for_names(step)]
    held_up = [group for group in _held_up_alike(report.plan) if len(group) > MOST_KEPT_LINES]
    groups: tuple[Sequence[Step], ...] = (quiet, waiting, *held_up)
    summed_up = {id(step) for group in groups if len(group) > MOST_KEPT_LINES for step in group}
    for step in report.plan.steps:
        if id(step) not in summed_up:
            yield from _step_lines(step, done.get(id(step)))
    if len(quiet) > MOST_KEPT_LINES:
        first = min(quiet, key=lambda step: step.next_renewal)
        when = f"{first.next_renewal:%d %b %Y %H:%M} UTC ({first.lineage})"
        yield "info", f"{len(quiet)} certificates: kept; next renewal {when}"
    if len(waiting) > MOST_KEPT_LINES:
        yield "warning", f"{len(waiting)} certificates: no name is ready; `acme-companion check` lists why"
    for group in held_up:
        until = min(step.until for step in group if step.until)
        because = f"{group[0].because}; next try {until:%d %b %H:%M} UTC"
        yield (
            "warning",
            f"{len(group)} certificates: not issued, {because} ({group[0].lineage} is one of them)",
        )
    yield from _deployment_lines(report.deployment)


def _held_up_alike(plan: Plan) -> Iterable[list[Hold]]:
    """Certificates that wait for the same reason (a limit of the CA, a CA that is down), and are not near their end."""
    alike: dict[str, list[Hold]] = {}
    for step in plan.steps:
        if isinstance(step, Hold) and step.until and not step.lineage.server and step.alarm not in LOUD:
            alike.setdefault(step.because, []).append(step)
    return alike.values()


def _deployment_lines(deployment: DeploymentReport) -> Iterator[tuple[str, str]]:
    if deployment.rolled_back:
        yield "error", "  a service did not come up with the new certificate: the previous one was put back"
    for sentence in deployment.warnings:
        yield "warning", f"  {sentence}"
    for sentence in deployment.sentences:
        yield ("info" if deployment.ok else "warning"), f"  {sentence}"
    for sentence in stale_ports(deployment.endpoints):
        yield "error", f"  {sentence}"
    if deployment.endpoints:
        serving = sum(result.ok for result in deployment.endpoints)
        yield "info", f"  served now: {serving} of {len(deployment.endpoints)} endpoints as expected"


def _waits_for_names(step: Hold) -> bool:
    return step.until is None and not step.lineage.server and step.served_until is None


def plan_lines(plan: Plan) -> Iterator[tuple[str, str]]:
    """A plan that has not been carried out, as `lines`."""
    for step in plan.steps:
        yield from _step_lines(step, None)


def _step_lines(step: Step, done: Done | None) -> Iterator[tuple[str, str]]:
    match step:
        case Keep():
            yield (
                "info",
                f"{step.lineage}: kept, {step.because}; next renewal {step.next_renewal:%d %b %Y %H:%M} UTC",
            )
        case Issue():
            level = "error" if done is not None and not done.ok else "warning" if step.fallback else "info"
            alarm = "" if done is None or done.ok else _alarm(step.alarm)
            yield (
                level,
                f"{step.lineage}: {done.sentence if done else f'to be issued, {step.because}'}{alarm}",
            )
        case Hold():
            until = f"; next try {step.until:%d %b %H:%M} UTC" if step.until else ""
            meanwhile = (
                f"; served meanwhile: valid until {step.served_until:%d %b %Y}" if step.served_until else ""
            )
            loud = step.alarm in LOUD or (step.lineage.server and not step.served_until)
            yield (
                "error" if loud else "warning",
                f"{step.lineage}: not issued, {step.because}{until}{meanwhile}{_alarm(step.alarm)}",
            )
        case Restore():
            level = "info" if done is None or done.ok else "error"
            yield level, f"{step.lineage}: {done.sentence if done else f'to be brought back, {step.because}'}"
        case Archive():
            level = "info" if done is None or done.ok else "error"
            yield level, f"{step.directory}: {done.sentence if done else f'to be archived, {step.because}'}"
        case Deploy():
            yield "info", f"siblings are taken through {', '.join(step.directories)} again: {step.because}"
        case Skip():
            yield ("error" if step.alarm else "info"), step.because
    left_out = (*getattr(step, "left_out", ()), *(done.left_out if done else ()))
    for one in left_out[:MOST_LEFT_OUT_LINES]:
        yield "warning", f"  {one.name} left out: {one.because}"
    if len(left_out) > MOST_LEFT_OUT_LINES:
        yield (
            "warning",
            f"  and {len(left_out) - MOST_LEFT_OUT_LINES} more names left out: `acme-companion check` lists them",
        )


def _alarm(alarm: Alarm) -> str:
    return f"; {WORDS[alarm]}" if WORDS[alarm] else ""


def as_data(report: Report) -> dict[str, Any]:
    """The report for machines: only JSON's own types, times as RFC 3339."""
    done = {id(one.step): one for one in report.done}
    return {
        "started": report.started.isoformat(),
        "ended": report.ended.isoformat(),
        "failed": report.failed,
        "next_look": report.next_look.isoformat() if report.next_look else None,
        "warnings": [*report.warnings, *(f"{one.where}: {one.why}" for one in report.refused)],
        "steps": [step_as_data(step, done.get(id(step))) for step in report.plan.steps],
        "names": verdicts_as_data(report.verdicts),
        "deployment": {
            "ok": report.deployment.ok,
            "rolled_back": report.deployment.rolled_back,
            "sentences": [*report.deployment.warnings, *report.deployment.sentences],
            "endpoints": [result.as_data() for result in report.deployment.endpoints],
        },
    }


def step_as_data(step: Step, done: Done | None = None) -> dict[str, Any]:
    """One step for machines."""
    data: dict[str, Any] = {"step": type(step).__name__.lower(), "because": step.because}
    if isinstance(step, Keep | Issue | Hold):
        data |= {
            "lineage": step.lineage.directory,
            "server": step.lineage.server,
            "names": [name.text for name in step.lineage.names],
            "left_out": {
                one.name.text: one.because for one in (*step.left_out, *(done.left_out if done else ()))
            },
        }
    if isinstance(step, Issue | Hold):
        data["alarm"] = step.alarm.value
    if isinstance(step, Issue):
        data |= {"fallback": step.fallback, "rehearse": [name.text for name in step.rehearse]}
    if isinstance(step, Keep):
        data["next_renewal"] = step.next_renewal.isoformat()
    if isinstance(step, Hold):
        data["until"] = step.until.isoformat() if step.until else None
    if isinstance(step, Restore):
        data |= {"lineage": step.lineage.directory, "names": [name.text for name in step.lineage.names]}
    if isinstance(step, Archive):
        data["lineage"] = step.directory
    if isinstance(step, Deploy):
        data["lineages"] = list(step.directories)
    if done is not None:
        data |= {"ok": done.ok, "result": done.sentence}
    return data


def verdicts_as_data(verdicts: Mapping[Name, Verdict]) -> dict[str, Any]:
    """Verdicts for machines, by name."""
    return {
        name.text: {"readiness": verdict.readiness.value, "because": verdict.because}
        for name, verdict in sorted(verdicts.items())
    }


def readiness_counts(verdicts: Mapping[Name, Verdict]) -> str:
    """`3 ready, 1 not ready, 0 unknown`."""
    counts = {kind: sum(v.readiness is kind for v in verdicts.values()) for kind in Readiness}
    return ", ".join(f"{count} {kind.value}" for kind, count in counts.items())
