"""What a CA says when it says no: problem documents (RFC 7807; RFC 8555 section 6.7), made readable."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from acme_companion.decide.names import Name

PREFIX = "urn:ietf:params:acme:error:"
LONGEST_URL = 2000
_MOST_SHOWN = 600
_MOST_SUBPROBLEMS = 200
_SINGLES_OUT_NAMES = frozenset({"caa", "dns", "dnssec", "rejectedIdentifier", "unsupportedIdentifier"})
"""Kinds whose `detail` may name the identifier it is about where a CA sends no subproblems."""
_BEFORE_VALIDATION = frozenset({"malformed", "rejectedIdentifier", "unsupportedIdentifier", "rateLimited"})

_CREDENTIALS = re.compile(r"[^\s'\"]*@")
_MOST_SEARCHED = 10_000  # characters
_URL = re.compile(r"https://[!#-;=?-Z_a-z~\[\]@&+%]+")

_HINTS = {
    "caa": "change the CAA records of the domain so that they allow this CA, or remove them",
    "connection": "let port 80 of this host be reached from everywhere: look at firewall, port forwarding and the AAAA record",
    "dns": "look at the A, AAAA and CAA records of the name, and whether all its name servers answer",
    "dnssec": "repair DNSSEC of the domain: its signatures do not validate",
    "incorrectResponse": "something else answers on port 80 of this name: look at its A and AAAA records and at proxies in front",
    "tls": "the name redirects to HTTPS and TLS fails there: look at the web server, or take the redirect away",
    "unauthorized": "something else answers on port 80 of this name: look at its A and AAAA records and at proxies in front",
}


def legible(text: str, most: int = _MOST_SHOWN) -> str:
    """Untrusted text on one line, control and format characters escaped, cut to `most` characters."""
    line = " ".join(text[: 4 * most].split())
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line[: most + 1])
    return f"{safe[:most]}…" if len(safe) > most or len(text) > 4 * most else safe


def without_credentials(text: str) -> str:
    """The text of an error without what stands before an @: that of a proxy's URL holds its password."""
    return _CREDENTIALS.sub("", text)


def hint(kind: str) -> str:
    """One sentence on what an operator can do about a refused name; empty when there is nothing to say."""
    return _HINTS.get(kind, "")


@dataclass(frozen=True, slots=True)
class ProblemDocument:
    """One problem document. `kind` is its type without the ACME prefix, empty when there was none.

    `detail`, `instance` and `identifier` are untrusted: show `sentence` only.
    """

    kind: str
    detail: str = ""
    instance: str = ""
    identifier: str = ""
    subproblems: tuple[ProblemDocument, ...] = ()

    @property
    def sentence(self) -> str:
        """The CA's own words with the kind of problem, on one line."""
        words = legible(self.detail) or "no reason given"
        return f"{words} ({legible(self.kind, 60)})" if self.kind else words

    @property
    def advice(self) -> str:
        """The CA's own words, and what to do about it."""
        if page := self.unpause_url:
            return f"{self.sentence}: the CA has paused this account and name, open {page} to go on"
        return f"{self.sentence}: {todo}" if (todo := hint(self.kind)) else self.sentence

    @property
    def failed_validation(self) -> bool:
        """Whether, said of a name, it means that a validation failed, which CAs count and limit."""
        return self.kind not in _BEFORE_VALIDATION

    @property
    def unpause_url(self) -> str:
        """The page where an operator must lift a pause (Let's Encrypt pauses who fails for months); empty without a pause."""
        if self.kind != "rateLimited":
            return ""
        found = (one.rstrip(".,;)") for one in _URL.findall(self.detail[:_MOST_SEARCHED]))
        return next((one for one in found if "unpause" in one and len(one) <= LONGEST_URL), "")


@dataclass(frozen=True, slots=True)
class Rejection:
    """A request that a CA said no to, for whoever decides what follows. `retry_after`: seconds that it asked for."""

    url: str
    status: int
    document: ProblemDocument
    retry_after: float | None = None

    @property
    def kind(self) -> str:
        """The problem's type without the ACME prefix; empty when the CA sent none."""
        return self.document.kind

    @property
    def ca_wide(self) -> bool:
        """Whether the CA itself is in trouble or closed, so that no other certificate would come either."""
        return self.status >= 500


def problem_of(value: object) -> ProblemDocument:
    """Read a problem document as far as it makes sense; whatever does not is left out, never an error."""
    given = value if isinstance(value, dict) else {}
    below = given.get("subproblems")
    identifier = given.get("identifier")
    return ProblemDocument(
        kind=_text(given.get("type")).removeprefix(PREFIX).replace("about:blank", ""),
        detail=_text(given.get("detail")) or _text(given.get("title")),
        instance=_text(given.get("instance")),
        identifier=_text(identifier.get("value")).lower() if isinstance(identifier, dict) else "",
        # Section 6.7.1: subproblems have none of their own.
        subproblems=tuple(
            problem_of({**one, "subproblems": None})
            for one in (below if isinstance(below, list) else [])[:_MOST_SUBPROBLEMS]
            if isinstance(one, dict)
        ),
    )


def refused_names(problem: ProblemDocument, names: Iterable[Name]) -> dict[Name, ProblemDocument]:
    """Which of `names` a refused order is about, each with what was said of it; empty when the CA singled out none.

    A rate limit is never about a name alone: waiting helps, and leaving the name out does not.
    """
    if problem.kind == "rateLimited":
        return {}
    by_text = {name.text: name for name in names}
    found = {by_text[below.identifier]: below for below in problem.subproblems if below.identifier in by_text}
    if found or problem.kind not in _SINGLES_OUT_NAMES:
        return found
    mentioned = set(re.findall(r"(?:\*\.)?[a-z0-9-]+(?:\.[a-z0-9-]+)+", problem.detail.lower()))
    singled_out = [name for text, name in by_text.items() if text in mentioned]
    if not singled_out and len(by_text) == 1:
        singled_out = list(by_text.values())
    return dict.fromkeys(singled_out, problem)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
