"""Problem documents: the CA's words for people, and which names they are about."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acme_companion.decide.acme_problems import (
    PREFIX,
    ProblemDocument,
    hint,
    legible,
    problem_of,
    refused_names,
)
from acme_companion.decide.names import Name

NAMES = (Name("a.example.org"), Name("b.example.org"), Name("example.org"))


def below(kind: str, name: str) -> dict[str, Any]:
    return {"type": PREFIX + kind, "detail": f"not {name}", "identifier": {"type": "dns", "value": name}}


@given(st.text(), st.integers(min_value=1, max_value=300))
def test_legible(text: str, most: int) -> None:
    """Any text becomes one printable line of a known length."""
    shown = legible(text, most)
    assert shown.isprintable()
    assert len(shown) <= most + 1


def test_legible_escapes_what_could_deceive() -> None:
    assert legible("no\r\n\x1b[31mred \u202e") == "no \\x1b[31mred \\u202e"


@pytest.mark.parametrize(
    ("value", "document"),
    [
        pytest.param({}, ProblemDocument(""), id="empty"),
        pytest.param("text", ProblemDocument(""), id="not an object"),
        pytest.param(
            {"type": "about:blank", "title": "Gone"}, ProblemDocument("", "Gone"), id="a title only"
        ),
        pytest.param({"type": 7, "detail": ["x"], "subproblems": "no"}, ProblemDocument(""), id="odd types"),
        pytest.param(
            {
                "type": PREFIX + "caa",
                "detail": "d",
                "instance": "https://ca/i",
                "subproblems": [below("caa", "A.b"), 3],
            },
            ProblemDocument(
                "caa", "d", "https://ca/i", "", (ProblemDocument("caa", "not A.b", identifier="a.b"),)
            ),
            id="subproblems",
        ),
    ],
)
def test_problem_of(value: object, document: ProblemDocument) -> None:
    assert problem_of(value) == document


@pytest.mark.parametrize(
    ("value", "refused"),
    [
        pytest.param(
            {"type": PREFIX + "malformed", "subproblems": [below("rejectedIdentifier", "a.example.org")]},
            {"a.example.org": "not a.example.org (rejectedIdentifier)"},
            id="by subproblem",
        ),
        pytest.param(
            {"type": PREFIX + "caa", "detail": "CAA record for b.example.org prevents issuance"},
            {"b.example.org": f"CAA record for b.example.org prevents issuance (caa): {hint('caa')}"},
            id="by the text, whole names only",
        ),
        pytest.param({"type": PREFIX + "caa", "detail": "CAA says no"}, {}, id="nobody singled out"),
        pytest.param(
            {"type": PREFIX + "unauthorized", "detail": "account for a.example.org"},
            {},
            id="not about identifiers",
        ),
        pytest.param(
            {"type": PREFIX + "rateLimited", "subproblems": [below("rateLimited", "a.example.org")]},
            {},
            id="a rate limit is no refusal",
        ),
        pytest.param(
            {"type": PREFIX + "malformed", "subproblems": [below("malformed", "x.example.net")]},
            {},
            id="not our name",
        ),
    ],
)
def test_refused_names(value: object, refused: dict[str, str]) -> None:
    assert refused_names(problem_of(value), NAMES) == {Name(text): why for text, why in refused.items()}


def test_only_name_is_meant() -> None:
    """An order for one name needs no name in the refusal."""
    found = refused_names(ProblemDocument("rejectedIdentifier", "policy"), NAMES[:1])

    assert found == {NAMES[0]: "policy (rejectedIdentifier)"}


@pytest.mark.parametrize(
    "kind", ["caa", "connection", "dns", "dnssec", "incorrectResponse", "tls", "unauthorized"]
)
def test_hint(kind: str) -> None:
    """Whatever an operator can repair comes with what to do."""
    assert hint(kind)
    assert ProblemDocument(kind, "words").advice == f"words ({kind}): {hint(kind)}"


def test_no_hint() -> None:
    assert ProblemDocument("serverInternal").advice == "no reason given (serverInternal)"
