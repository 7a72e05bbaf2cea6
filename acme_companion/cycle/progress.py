"""What comes back from the CA: put in place, remembered, told."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from acme_companion.decide.failing import PAUSED_FOR, failures_after, next_try
from acme_companion.decide.limits.remembering import after_failure, after_issue, before_orders, ca_of
from acme_companion.decide.memory import Authority
from acme_companion.decide.pair import Pair
from acme_companion.decide.problems import AccountStopped, NameRefusals, NotOrdered, NotYet, Problem
from acme_companion.decide.renewal import due
from acme_companion.decide.report import Done
from acme_companion.decide.schedule import FORGET_AFTER, one_more
from acme_companion.decide.steps import LeftOut

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from acme_companion.decide.acme_problems import ProblemDocument
    from acme_companion.decide.memory import Failures, Memory
    from acme_companion.decide.names import Name
    from acme_companion.decide.open_orders import OpenOrder
    from acme_companion.decide.pair import Certificate
    from acme_companion.decide.settings import Settings
    from acme_companion.decide.steps import Issue, Lineage
    from acme_companion.ports import Issued, World


@dataclass(frozen=True, slots=True)
class Switched:
    """A lineage whose new pair is in place. `renewal`: siblings know the directory and its names already.

    `failures`: those in a row before this one; they go on counting if it is rolled back.
    """

    lineage: Lineage
    certificate: Certificate
    renewal: bool
    failures: Failures | None = None


@dataclass(frozen=True, slots=True)
class IssuedAll:
    """What came of all `Issue` steps, and the memory after them."""

    memory: Memory
    done: tuple[Done, ...] = ()
    switched: tuple[Switched, ...] = field(default=())


def remember_now(world: World, memory: Memory) -> None:
    """What must outlive a stop in the middle of a cycle. A disk that says no is told, and stops nothing."""
    try:
        world.store.remember(memory)
    except Problem as problem:
        world.log.error(str(problem))  # the end of the cycle tries again, and fails it


class Fault(NotYet):
    """A fault of our own. Nobody knows what it costs, so every try counts as a certificate."""

    def __init__(self, fault: Exception) -> None:
        super().__init__(
            f"a fault of acme-companion itself, please report it: {type(fault).__name__}: {fault}"
        )


@dataclass(frozen=True, slots=True)
class _Fresh:
    """What came back for one step. `lineage` is the planned one without the names that were left out."""

    step: Issue
    issued: Issued
    lineage: Lineage
    pair: Pair
    certificate: Certificate


def _fresh(step: Issue, issued: Issued, key_pem: bytes) -> _Fresh:
    names = tuple(name for name in step.lineage.names if name not in issued.left_out)
    pair = Pair(key_pem, issued.chain_pem)
    return _Fresh(step, issued, replace(step.lineage, names=names), pair, pair.certificate())


class Progress:
    """Collects results, puts pairs in place, and keeps the memory in step with the disk."""

    def __init__(self, settings: Settings, world: World, memory: Memory) -> None:
        self._settings, self._world, self._memory = settings, world, memory
        self._done: list[Done] = []
        self._switched: list[Switched] = []

    def result(self) -> IssuedAll:
        return IssuedAll(self._memory, tuple(self._done), tuple(self._switched))

    @property
    def memory(self) -> Memory:
        return self._memory

    def knows(self, memory: Memory) -> None:
        """Go on with `memory`, which is the present one and more."""
        self._memory = memory

    def open_of(self, steps: Iterable[Issue]) -> tuple[Issue, ...]:
        """Those of `steps` that have not ended yet."""
        ended = {id(one.step) for one in self._done}
        return tuple(step for step in steps if id(step) not in ended)

    def begin(self, steps: Iterable[Issue], orders: Mapping[str, OpenOrder]) -> None:
        """Before any of these orders is placed, all are counted on the disk: no crash makes a CA's limits forgotten.

        Not those that are open already. Raises `Damaged` when the disk says no; then no order may be placed.
        """
        self._memory = before_orders(self._settings, self._memory, steps, orders, self._world.clock.now())
        self._world.store.remember(self._memory)

    def note_rehearsed(self, names: Iterable[Name]) -> None:
        """These need no rehearsal for a while."""
        now = self._world.clock.now()
        rehearsed = {**self._memory.rehearsed, **{name.text: now for name in names}}
        self._memory = replace(self._memory, rehearsed=rehearsed)

    def can_be_put_in_place(self, step: Issue) -> bool:
        """Asked before the order: what the disk will refuse must not cost a certificate."""
        try:
            self._world.store.check_targets(step.lineage.directory, server=step.lineage.server)
        except Problem as problem:
            self.note_failure(step, problem)
            return False
        return True

    def take(self, results: Mapping[Issue, Issued | Problem], key_pem: bytes) -> None:
        """Everything that arrived together: remembered first, then switched, so that no crash makes our own pair look foreign."""
        fresh: list[_Fresh] = []
        now = self._world.clock.now()
        for step, result in results.items():
            if isinstance(result, Problem):
                self._memory = after_failure(self._settings, self._memory, step, result, now)
                self.note_failure(step, result)
                continue
            names = (name for name in step.lineage.names if name not in result.left_out)
            self._memory = after_issue(self._settings, self._memory, step, names, now, result.documents)
            try:
                fresh.append(_fresh(step, result, key_pem))
            except ValueError as fault:
                self.note_failure(step, Fault(fault))
        if not fresh:
            remember_now(self._world, self._memory)
            return
        memory = self._memory
        ours = {one.certificate.fingerprint: ca_of(self._settings, one.step).directory_url for one in fresh}
        self._memory = replace(
            memory,
            issued={**memory.issued, **ours},
            undeployed=tuple(dict.fromkeys((*memory.undeployed, *(one.lineage.directory for one in fresh)))),
        )
        try:
            self._world.store.remember(self._memory)
        except Problem as problem:
            self._memory = memory
            for one in fresh:
                self.note_failure(one.step, problem)
            return
        for one in fresh:
            self._switch(one, memory.undeployed)
        if self._memory.forced != memory.forced:
            remember_now(self._world, self._memory)  # a wish is granted once, whatever happens next

    def _switch(self, one: _Fresh, undeployed: tuple[str, ...]) -> None:
        """Put one pair in place; `undeployed`: what was waiting for its deployment before."""
        step, lineage = one.step, one.lineage
        now = self._world.clock.now()
        try:
            self._world.store.switch(
                lineage.directory, one.pair, lineage.names, one.issued.csr_pem, server=lineage.server, now=now
            )
        except Problem as problem:
            # What is in place is the old pair still: a roll-back must not reach behind it.
            waiting = (d for d in self._memory.undeployed if d != lineage.directory or d in undeployed)
            self._memory = replace(self._memory, undeployed=tuple(waiting))
            self.note_failure(step, problem)
            return
        renewal = step.renewal and not one.issued.left_out
        self._refused(one.issued.left_out, one.issued.documents, accepted=lineage.names)
        planned = step.lineage.directory
        memory = self._memory
        failures = memory.lineage_failures.get(planned)
        self._switched.append(Switched(lineage, one.certificate, renewal, failures))
        self._memory = replace(
            memory,
            lineage_failures={key: value for key, value in memory.lineage_failures.items() if key != planned},
            forced=tuple(directory for directory in memory.forced if directory != planned),
            rolled_back=tuple(directory for directory in memory.rolled_back if directory != planned),
        )
        sentence = (
            f"{'renewed' if step.replaces or step.renewal else 'issued'}, {step.because}; "
            f"valid until {one.certificate.not_after:%d %b %Y}"
        )
        self._done.append(
            Done(
                step,
                ok=True,
                sentence=sentence,
                left_out=_left_out(one.issued.left_out, one.issued.documents),
                next_renewal=due(one.certificate, None).at,
            )
        )

    def note_failure(self, step: Issue, problem: Problem) -> None:
        """The lineage waits before it tries again, longer with every failure in a row; what is served stays.

        A certificate that could not be put in place is fetched again then, and costs no other one.
        """
        if isinstance(problem, AccountStopped):
            self.note_stopped(problem)
            # The account waits, and no certificate: once it is put right, all of them are ordered at once.
            self._done.append(Done(step, ok=False, sentence=f"not issued: {problem}; what is served stays"))
            return
        by_name = problem.by_name if isinstance(problem, NameRefusals) else {}
        documents = problem.documents if isinstance(problem, NameRefusals) else {}
        if step.only_for and set(step.only_for) <= set(by_name):
            self._note_nothing_new(step, by_name, documents)
            return
        directory = step.lineage.directory
        failures = failures_after(
            self._settings,
            step,
            self._memory.lineage_failures.get(directory),
            problem,
            f"{problem}{self._aside(directory, problem)}",
            self._world.clock.now(),
            spent=isinstance(problem, Fault | NotOrdered),
            share=self._world.dice.between(0, 1),
        )
        self._memory = replace(
            self._memory, lineage_failures={**self._memory.lineage_failures, directory: failures}
        )
        self._refused(by_name, documents)
        again = next_try(self._settings, step, failures)
        sentence = f"not issued: {failures.because}; next try {again:%d %b %H:%M} UTC; what is served stays"
        left_out = _left_out(by_name, documents)
        self._done.append(Done(step, ok=False, sentence=sentence, left_out=left_out, look_again=again))

    def _aside(self, directory: str, problem: Problem) -> str:
        """Where a certificate that was not ordered can be looked at."""
        if not isinstance(problem, NotOrdered):
            return ""
        try:
            path = self._world.store.set_aside(directory, problem.chain, self._world.clock.now())
        except Problem as unwritten:
            return f" ({unwritten})"
        return f" (it lies in {path} to be looked at)"

    def note_stopped(self, problem: AccountStopped) -> None:
        """The CA is not asked again until something changes."""
        known = self._memory.authorities
        stopped = replace(known.get(problem.directory_url, Authority()), stopped=problem.stop)
        self._memory = replace(self._memory, authorities={**known, problem.directory_url: stopped})

    def _note_nothing_new(
        self, step: Issue, by_name: Mapping[Name, str], documents: Mapping[Name, ProblemDocument]
    ) -> None:
        """The new names wait, each on its own; their certificate waits for nothing."""
        self._refused(by_name, documents)
        sentence = f"kept, as no new name is to be had now ({', '.join(map(str, step.only_for))})"
        self._done.append(Done(step, ok=True, sentence=sentence, left_out=_left_out(by_name, documents)))

    def _refused(
        self,
        by_name: Mapping[Name, str],
        documents: Mapping[Name, ProblemDocument],
        accepted: tuple[Name, ...] = (),
    ) -> None:
        """A name that was left out waits on its own; the others of its certificate do not wait with it."""
        now = self._world.clock.now()
        past = {name.text for name in accepted}
        kept = {
            key: value
            for key, value in self._memory.name_failures.items()
            if key not in past and now - value.wait_until < FORGET_AFTER
        }
        for name, because in ((one.name, one.because) for one in _left_out(by_name, documents)):
            share = self._world.dice.between(0, 1)
            paused = name in documents and bool(documents[name].unpause_url)
            at_least = PAUSED_FOR if paused else timedelta(0)
            kept[name.text] = one_more(kept.get(name.text), now, because, at_least=at_least, share=share)
        self._memory = replace(self._memory, name_failures=kept)


def _left_out(by_name: Mapping[Name, str], documents: Mapping[Name, ProblemDocument]) -> tuple[LeftOut, ...]:
    """What was said of each name, and by whom: a sentence of our own says so itself."""
    return tuple(
        LeftOut(name, f"the CA refused it: {because}" if name in documents else because)
        for name, because in by_name.items()
    )
