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
    found = refused_names(problem_of(value), NAMES)

    assert {name.text: said.advice for name, said in found.items()} == refused


def test_only_name_is_meant() -> None:
    """An order for one name needs no name in the refusal."""
    policy = ProblemDocument("rejectedIdentifier", "policy")

    assert refused_names(policy, NAMES[:1]) == {NAMES[0]: policy}


@pytest.mark.parametrize(
    "kind", ["caa", "connection", "dns", "dnssec", "incorrectResponse", "tls", "unauthorized"]
)
def test_hint(kind: str) -> None:
    """Whatever an operator can repair comes with what to do."""
    assert hint(kind)
    assert ProblemDocument(kind, "words").advice == f"words ({kind}): {hint(kind)}"


def test_no_hint() -> None:
    assert ProblemDocument("serverInternal").advice == "no reason given (serverInternal)"


@pytest.mark.parametrize(
    ("detail", "page"),
    [
        pytest.param(
            "Your account is temporarily prevented from requesting certificates for a.example.org and possibly "
            "others. Please visit: https://portal.ca.example/sfe/v1/unpause?jwt=" + "eyJ.-_" * 150,
            "https://portal.ca.example/sfe/v1/unpause?jwt=" + "eyJ.-_" * 150,
            id="Let's Encrypt's own words, with a page longer than what is shown of other texts",
        ),
        pytest.param("see (https://ca.example/unpause).", "https://ca.example/unpause", id="in brackets"),
        pytest.param("see https://ca.example/docs/rate-limits/", "", id="a page about limits is none"),
        pytest.param("see http://ca.example/unpause", "", id="without TLS"),
        pytest.param("see https://ca.example/unpause?" + "a" * 3000, "", id="endless"),
        pytest.param("see https://ca.example/\x1b[31munpause", "", id="with control characters"),
    ],
)
def test_paused(detail: str, page: str) -> None:
    """B-5: the page where somebody must lift a pause is found, shown whole, and never anything that is not printable."""
    document = ProblemDocument("rateLimited", detail)

    assert document.unpause_url == page
    assert page in document.advice
    assert document.advice.isprintable()
    assert ProblemDocument("malformed", detail).unpause_url == ""


@pytest.mark.parametrize(
    ("kind", "counts"),
    [
        ("dns", True),
        ("unauthorized", True),
        ("", True),
        ("rejectedIdentifier", False),
        ("rateLimited", False),
    ],
)
def test_failed_validation(kind: str, counts: bool) -> None:
    """A name that was never looked at costs none of the few failed validations that a CA allows."""
    assert ProblemDocument(kind).failed_validation == counts
