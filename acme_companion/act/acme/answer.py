"""One HTTP answer of a CA, and the two ways in which it is not what was asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from acme_companion.decide.acme_answers import NotAnAcmeAnswer, acme_url, object_of
from acme_companion.decide.acme_headers import links
from acme_companion.decide.acme_problems import ProblemDocument, Rejection, legible, problem_of
from acme_companion.decide.problems import NotYet, Problem, Refused

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from multidict import MultiMapping

T = TypeVar("T")

_TEMPORARY = frozenset({"badNonce", "rateLimited", "serverInternal", "conflict"})


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers (any case) and the whole body. `retry_after`: seconds, None when the CA named no time."""

    url: str
    status: int
    headers: MultiMapping[str]
    body: bytes = field(repr=False)
    retry_after: float | None = None

    def read(self, parse: Callable[[dict[str, Any]], T]) -> T:
        """The body as what `parse` makes of it; raises `NotYet` when it is not an ACME answer."""
        try:
            return parse(object_of(self.body))
        except NotAnAcmeAnswer as problem:
            raise NotYet(f"{self.url} gave something that is not an ACME answer: {problem}") from None

    def location(self) -> str:
        """The URL of the resource that was made (section 7.4); raises `NotYet` when the CA told none."""
        try:
            return acme_url(self.headers.get("Location"), "its Location header")
        except NotAnAcmeAnswer as problem:
            raise NotYet(f"{self.url} gave something that is not an ACME answer: {problem}") from None

    def links(self, relation: str) -> tuple[str, ...]:
        """The targets of all links with this relation (RFC 8288); a CA may send one header for each."""
        return links(self.headers.getall("Link", ()), relation)

    def problem(self) -> ProblemDocument:
        """The problem document in it, or one made up from the status when there is none."""
        try:
            document = problem_of(object_of(self.body))
        except NotAnAcmeAnswer:
            document = ProblemDocument("")
        if document.kind or document.detail:
            return document
        if 300 <= self.status < 400:
            target = self.headers.get("Location", "")
            return ProblemDocument("", f"it redirects to {target}, which ACME requests must not follow")
        beginning = self.body[:200].decode("utf-8", "replace")
        return ProblemDocument("", f"HTTP status {self.status}: {beginning}")


class Declined(Exception):
    """The CA answered a request with a problem. Inside this package only: `as_problem` is what leaves it."""

    def __init__(self, answer: Answer) -> None:
        self.document = answer.problem()
        super().__init__(f"{answer.url}: {self.document.sentence}")
        self.answer = answer

    @property
    def kind(self) -> str:
        return self.document.kind

    @property
    def rejection(self) -> Rejection:
        return Rejection(self.answer.url, self.answer.status, self.document, self.answer.retry_after)

    def as_problem(self, now: datetime) -> Problem:
        """`NotYet` when waiting can help, else `Refused`, with the CA's own sentence."""
        # Said of a whole request, "unauthorized" means our account, and not what answers on port 80 of a name.
        words = self.document.sentence if self.kind == "unauthorized" else self.document.advice
        text = f"{self.answer.url}: {words}"
        status = self.answer.status
        if self.kind in _TEMPORARY or not self.kind or status == 429 or status >= 500:
            wait = self.answer.retry_after
            retry_at = None if wait is None else now + timedelta(seconds=wait)
            return NotYet(text, retry_at=retry_at, rejection=self.rejection)
        if terms := self.terms_url():
            text = f"{text}; read and accept the CA's terms at {legible(terms, 300)}"
        return Refused(text, rejection=self.rejection)

    def terms_url(self) -> str:
        """Where the terms are that must be agreed to (section 7.3.3); empty for any other problem."""
        if self.kind != "userActionRequired":
            return ""
        return next(iter(self.answer.links("terms-of-service")), self.document.instance)
