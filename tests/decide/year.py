"""Time that passes, a CA that counts, and a companion that decides: everything that is not a decision is as short as can be."""

from __future__ import annotations

import heapq
import random
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from acme_companion.decide.acme_headers import AHEAD_TOO_FAR
from acme_companion.decide.acme_problems import ProblemDocument
from acme_companion.decide.facts import MailDomains
from acme_companion.decide.forgetting import without_the_past
from acme_companion.decide.known_cas import LETS_ENCRYPT
from acme_companion.decide.limits.remembering import after_failure, after_issue, before_orders
from acme_companion.decide.limits.table import LIMITS
from acme_companion.decide.memory import Held, HeldLineage, Memory
from acme_companion.decide.names import Name
from acme_companion.decide.pair import Certificate
from acme_companion.decide.plan import make_plan
from acme_companion.decide.problems import NameRefusals, NotYet, Problem
from acme_companion.decide.public_suffixes import registered_domain
from acme_companion.decide.renewal import RenewalAdvice, window_from
from acme_companion.decide.schedule import LOOK_AGAIN_WITHOUT_CERTIFICATE, one_more
from acme_companion.decide.settings import Ca, Naming, Settings
from acme_companion.decide.steps import Hold, Issue, Keep
from acme_companion.decide.verdicts import Readiness, Verdict
from acme_companion.decide.wanted import Wanted, WantedCertificate
from tests.builders import DAY, NOW

HOST = Name.parse("mail.example.org")
SETTINGS = Settings(Naming(HOST), Ca(LETS_ENCRYPT))
READY = Verdict(Readiness.READY, "")


class Counting:
    """Let's Encrypt's limits from its own side, written down a second time: real numbers of tokens. `broken`: what was exceeded."""

    def __init__(self) -> None:
        self._tokens: dict[str, tuple[float, datetime]] = {}
        self.broken: list[str] = []
        self.orders = self.exempt = self.failures = 0

    def take(self, bucket: str, most: int, period: timedelta, now: datetime) -> None:
        tokens, at = self._tokens.get(bucket, (float(most), now))
        tokens = min(float(most), tokens + (now - at) / (period / most)) - 1
        self._tokens[bucket] = (tokens, now)
        if tokens < -1e-6:
            self.broken.append(f"{now}: {bucket}")

    def order(self, step: Issue, *, in_window: bool, known: bool, now: datetime) -> None:
        self.orders += 1
        if step.replaces and in_window:
            self.exempt += 1
            return
        names = step.lineage.names
        self.take(f"the set {names[0]}", 5, timedelta(days=7), now)
        if not known:
            self.take("new orders", 300, timedelta(hours=3), now)
            for domain in {registered_domain(name) for name in names}:
                self.take(f"certificates for {domain}", 50, timedelta(days=7), now)

    def no_certificate(self, step: Issue, now: datetime, *, counted: bool) -> None:
        """An order that fails takes none of the certificates after all."""
        for bucket in (
            f"the set {step.lineage.names[0]}",
            *(f"certificates for {registered_domain(n)}" for n in step.lineage.names),
        ):
            if counted and bucket in self._tokens:
                tokens, at = self._tokens[bucket]
                self._tokens[bucket] = (tokens + 1, at)

    def failed(self, name: Name, now: datetime) -> None:
        self.failures += 1
        self.take(f"failed validations of {name}", 5, timedelta(hours=1), now)
        self.take(f"failures of {name} in a row", 1152, timedelta(days=1152), now)


@dataclass
class Year:
    """`lineages`: names by number. `lifetimes` of what the CA issues, to one after the other. `failing`: the share of orders that fail.

    `wrong`: from when, and by how much this host's clock is ahead. `now` is the right time, and everything at the CA goes by it.
    """

    lineages: list[tuple[Name, ...]]
    lifetimes: tuple[timedelta, ...]
    advice: bool = True
    failing: float = 0.05
    outages: tuple[tuple[datetime, datetime], ...] = ()
    wrong: tuple[tuple[datetime, timedelta], ...] = ()
    chance: random.Random = field(default_factory=lambda: random.Random(1))
    ca: Counting = field(default_factory=Counting)
    expired: list[str] = field(default_factory=list)
    issued: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    memory: Memory = field(default_factory=Memory)
    held: dict[int, HeldLineage] = field(default_factory=dict)
    now: datetime = NOW
    _made: int = 0
    _ahead: timedelta = timedelta(0)

    @property
    def shown(self) -> datetime:
        """What this host's clock says: all that is decided and remembered goes by it."""
        return self.now + self._ahead

    def pass_(self, time: timedelta) -> None:
        """Look at each lineage whenever the plan says so, and carry the plan out."""
        end, cleaned = self.now + time, self.now
        heap = [(self.now, number) for number in range(len(self.lineages))]
        while heap and heap[0][0] < end:
            at, number = heapq.heappop(heap)
            self.now = max(at, self.now)
            before, self._ahead = self._ahead, self._ahead_now()
            if self.now - cleaned > DAY or before != self._ahead:
                cleaned = self.now
                self._forget()
            # Slept by the other clock, which nobody sets, and not for longer than a day.
            again = self._look(number) - self._ahead
            if self.wrong:
                again = min(again, self.now + DAY)
            heapq.heappush(heap, (max(again, self.now + timedelta(minutes=1)), number))
        self.now = end
        self.expired += [
            one.directory
            for one in self.held.values()
            if one.certificate and one.certificate.not_after <= end
        ]

    def _ahead_now(self) -> timedelta:
        return next((by for begin, by in reversed(self.wrong) if begin <= self.now), timedelta(0))

    def _forget(self) -> None:
        """As each survey does."""
        held = tuple(self.held.values())
        memory = without_the_past(Held(lineages=held, memory=self.memory), self.shown)
        present = {one.certificate.fingerprint for one in held if one.certificate}
        windows = {key: one for key, one in memory.windows.items() if key in present}
        self.memory = replace(memory, windows=windows)

    def _look(self, number: int) -> datetime:
        names = self.lineages[number]
        mine = self.held.get(number)
        if mine and mine.certificate and mine.certificate.not_after <= self.now:
            self.expired.append(f"{mine.directory} at {self.now}")
        held = Held(lineages=(mine,) if mine else (), memory=self.memory)
        wanted = Wanted((WantedCertificate(names, server=number == 0),))
        verdicts = dict.fromkeys(names, READY)
        [step] = make_plan(SETTINGS, MailDomains(), wanted, verdicts, held, self.shown).steps
        match step:
            case Keep():
                return step.next_renewal
            case Hold():
                return step.until or self.shown + LOOK_AGAIN_WITHOUT_CERTIFICATE
            case Issue():
                return self._issue(number, step)
        raise AssertionError(step)

    def _issue(self, number: int, step: Issue) -> datetime:
        if not -DAY < self._ahead < AHEAD_TOO_FAR:
            return self._fail(
                step, NotYet("the CA's own time, or its TLS certificate, says that our clock is wrong")
            )
        self.memory = before_orders(SETTINGS, self.memory, [step], {}, self.shown)
        if any(begin <= self.now < end for begin, end in self.outages):
            return self._fail(step, NotYet("the CA is down"))
        old = self.held.get(number)
        certificate = old.certificate if old else None
        window = self.memory.windows.get(certificate.fingerprint) if certificate else None
        in_window = bool(window and window.start <= self.now < window.end)
        exempt = bool(step.replaces) and in_window
        self.ca.order(step, in_window=in_window, known=certificate is not None, now=self.now)
        if self.chance.random() < self.failing:
            self.ca.no_certificate(step, self.now, counted=not exempt)
            if self.chance.random() < 0.5:
                return self._fail(step, NotYet("the CA has trouble"))
            name = self.chance.choice(step.lineage.names)
            self.ca.failed(name, self.now)
            documents = {name: ProblemDocument("unauthorized")}
            return self._fail(step, NameRefusals("a name failed", {name: "no"}, documents))
        return self._put_in_place(number, step)

    def _fail(self, step: Issue, problem: Problem) -> datetime:
        memory = after_failure(SETTINGS, self.memory, step, problem, self.shown)
        directory, share = step.lineage.directory, self.chance.random()
        failures = one_more(
            memory.lineage_failures.get(directory),
            self.shown,
            str(problem),
            share=share,
            lifetime=step.lifetime,
        )
        self.memory = replace(memory, lineage_failures={**memory.lineage_failures, directory: failures})
        return failures.wait_until

    def _put_in_place(self, number: int, step: Issue) -> datetime:
        self._made += 1
        lifetime = self.lifetimes[number % len(self.lifetimes)]
        self.issued[number] += 1
        begin = self.now - timedelta(minutes=58)
        certificate = Certificate(
            step.lineage.names,
            begin,
            begin + lifetime,
            f"leaf {self._made}",
            "spki",
            "CN=CA",
            False,
            f"id.{self._made}",
        )
        memory = after_issue(SETTINGS, self.memory, step, step.lineage.names, self.shown)
        windows = dict(memory.windows)  # what is gone leaves once a day
        if self.advice:
            share = 1 / 2 if lifetime < 10 * DAY else 2 / 3
            middle = begin + lifetime * share
            advice = RenewalAdvice(middle - lifetime / 100, middle + lifetime / 100, DAY / 4)
            windows[certificate.fingerprint] = window_from(None, advice, self.shown, self.chance.random())
        failures = dict(memory.lineage_failures)
        failures.pop(step.lineage.directory, None)
        self.memory = replace(
            memory,
            issued={**memory.issued, certificate.fingerprint: LETS_ENCRYPT},
            windows=windows,
            lineage_failures=failures,
        )
        self.held[number] = HeldLineage(step.lineage.directory, certificate)
        return self.shown + timedelta(minutes=1)


def lineages(count: int, *, below_one_domain: int = 0) -> list[tuple[Name, ...]]:
    """The server's, then one for each of so many domains; some of these are below one that somebody registered."""
    made: list[tuple[Name, ...]] = [(HOST,)]
    for number in range(1, count):
        domain = f"c{number}.hoster.example" if number <= below_one_domain else f"d{number}.example"
        made.append((Name(f"autodiscover.{domain}"), Name(f"imap.{domain}")))
    return made


assert LIMITS[LETS_ENCRYPT].orders.most == 300  # the table that is tried here
