"""What a CA answers is read tolerantly where RFC 8555 says so, and strictly where harm could come of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acme_companion.decide.acme_answers import (
    Authorization,
    Challenge,
    Directory,
    NotAnAcmeAnswer,
    Order,
    authorization_of,
    directory_of,
    object_of,
    order_of,
)
from acme_companion.decide.acme_problems import ProblemDocument
from acme_companion.decide.settings import ChallengeType

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
URLS = {"newNonce": "https://ca/n", "newAccount": "https://ca/a", "newOrder": "https://ca/o"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


def complaint(read: Callable[[Any], object], value: object) -> str:
    """What `read` has against the value; empty when nothing."""
    try:
        read(value)
    except NotAnAcmeAnswer as problem:
        return str(problem) or "without words"
    return ""


@given(st.binary(max_size=200))
def test_any_bytes(body: bytes) -> None:
    """Either an object or a refusal that is safe to print."""
    said = complaint(object_of, body)
    assert said.isprintable()
    assert len(said) < 150


@given(
    st.dictionaries(
        st.sampled_from(["status", "finalize", "identifier", "identifiers", "meta", "challenges"]), JSON
    )
)
def test_any_object(value: dict[str, Any]) -> None:
    """Odd types in any place are refused or ignored, never a crash."""
    for read in (directory_of, order_of, authorization_of):
        assert complaint(read, {**URLS, **value}).isprintable()


def test_directory() -> None:
    """Whatever is optional may be missing or odd; renewal information and profiles are kept."""
    assert directory_of(URLS) == Directory("https://ca/n", "https://ca/a", "https://ca/o")
    meta = {
        "termsOfService": "https://ca/terms",
        "caaIdentities": ["ca.example", 7],
        "profiles": {"classic": "https://ca/classic", "odd": 1},
        "externalAccountRequired": True,
    }
    full = URLS | {"renewalInfo": "https://ca/r", "newAuthz": 3, "a": "b", "meta": meta}
    assert directory_of(full) == Directory(
        "https://ca/n",
        "https://ca/a",
        "https://ca/o",
        renewal_info="https://ca/r",
        terms_of_service="https://ca/terms",
        caa_identities=("ca.example",),
        profiles={"classic": "https://ca/classic", "odd": ""},
        external_account_required=True,
    )


@pytest.mark.parametrize(
    "url", ["http://ca/o", "//ca/o", "/o", "https://", "https://ca/a b", "https://[", "", 7, None]
)
def test_url_that_is_not_https(url: object) -> None:
    with pytest.raises(NotAnAcmeAnswer, match=r"^newOrder is '.*', not an absolute https URL$"):
        directory_of(URLS | {"newOrder": url})


def test_order() -> None:
    value = {
        "status": "mumbling",
        "identifiers": [
            {"type": "dns", "value": "A.example"},
            {"type": "ip", "value": "192.0.2.1"},
            {"type": "ip", "value": "2001:DB8:0::1"},
            {"type": "ip", "value": "odd"},
        ],
        "authorizations": ["https://ca/1"],
        "finalize": "https://ca/f",
        "error": {"type": "urn:ietf:params:acme:error:caa", "detail": "no"},
    }
    assert order_of(value) == Order(
        "mumbling",
        frozenset({"a.example", "ip:192.0.2.1", "ip:2001:db8::1", "ip:odd"}),
        ("https://ca/1",),
        "https://ca/f",
        "",
        ProblemDocument("caa", "no"),
    )


def test_authorization() -> None:
    """Every type that we know is kept with what is its own; types nobody has heard of are passed over."""
    token = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
    value = {
        "status": "pending",
        "wildcard": True,
        "identifier": {"type": "dns", "value": "example.org"},
        "challenges": [
            {
                "type": "dns-persist-01",
                "url": "https://ca/p",
                "status": "pending",
                "issuer-domain-names": ["ca.example", 7],
                "accounturi": "https://ca/account/1",
            },
            "nonsense",
            {"type": "carrier-pigeon-01", "url": 7, "token": "../x"},
            {"type": "http-01", "url": "https://ca/c", "token": token, "status": "pending"},
            {"type": "dns-01", "url": "https://ca/d", "token": token, "status": "pending"},
            {"type": "dns-account-01", "url": "https://ca/a", "token": token, "status": "processing"},
        ],
    }
    read = authorization_of(value)

    http01 = Challenge(ChallengeType.HTTP_01, "https://ca/c", token, "pending")
    persist = Challenge(
        ChallengeType.DNS_PERSIST_01, "https://ca/p", "", "pending", ("ca.example",), "https://ca/account/1"
    )
    assert read == Authorization(
        "*.example.org",
        "pending",
        (
            persist,
            http01,
            Challenge(ChallengeType.DNS_01, "https://ca/d", token, "pending"),
            Challenge(ChallengeType.DNS_ACCOUNT_01, "https://ca/a", token, "processing"),
        ),
        ("dns-persist-01", "carrier-pigeon-01", "http-01", "dns-01", "dns-account-01"),
    )
    assert read.challenge(ChallengeType.HTTP_01) == http01


@pytest.mark.parametrize("kind", ["dns-account-01", "dns-persist-01"])
def test_challenge_of_a_draft_that_cannot_be_read(kind: str) -> None:
    """Drafts change: whoever does not prove anything by them must not notice."""
    odd = {"type": kind, "url": "nowhere", "token": "/"}
    value = {"status": "pending", "identifier": {"type": "dns", "value": "a.example"}, "challenges": [odd]}

    assert authorization_of(value) == Authorization("a.example", "pending", (), (kind,))


@pytest.mark.parametrize(
    ("text", "read"),
    [
        pytest.param("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), id="UTC"),
        pytest.param("2026-01-02T08:49:05+05:45", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), id="a zone"),
        pytest.param("2026-01-02T03:04:05", None, id="no zone"),
        pytest.param("soon", None, id="no time"),
        pytest.param(7, None, id="no text"),
    ],
)
def test_when_an_order_expires(text: object, read: datetime | None) -> None:
    """RFC 3339 (section 7.1.3); what cannot be read is as good as absent."""
    assert order_of({"status": "ready", "finalize": "https://ca/f", "expires": text}).expires == read


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b'{"a":NaN}', b'{"a":1,"a":2}', b"[" * 100_000, b'{"a":' * 100_000, b"\xff\x00"],
)
def test_not_an_object(body: bytes) -> None:
    with pytest.raises(NotAnAcmeAnswer):
        object_of(body)


def test_plain_object() -> None:
    assert object_of(json.dumps({"a": [1]}).encode()) == {"a": [1]}
