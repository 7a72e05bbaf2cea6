"""Accounts at CAs: files, what depends on them, and when a refused one is tried again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acme_companion.decide.accounts import (
    circumstances,
    is_staging,
    is_stopped,
    key_name,
    pinned,
    pinned_by,
    retried,
)
from acme_companion.decide.caa import record, records
from acme_companion.decide.facts import Addresses, CaaLook, CaaRecord, NameFacts, Unanswered
from acme_companion.decide.memory import Authority, Memory, Stop
from acme_companion.decide.names import Name
from acme_companion.decide.settings import Challenges, ChallengeType, DnsZone, ExternalAccount, Secret

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
LE = "https://acme-v02.api.letsencrypt.org/directory"
URI = "https://ca.example/acct/1"
MAIL, WEB = Name("mail.example.org"), Name("web.example.org")


@pytest.mark.parametrize(
    ("url", "begins"),
    [
        pytest.param(LE, "acme-v02.api.letsencrypt.org-", id="a host"),
        pytest.param("https://[2001:db8::1]:14000/dir", "2001_db8__1-", id="an address"),
        pytest.param("https://..%2f/dir", "_2f-", id="a host that would lead elsewhere"),
        pytest.param("https://[/dir", "ca-", id="no URL at all"),
    ],
)
def test_key_name(url: str, begins: str) -> None:
    """A file is called by the CA's host, for people."""
    assert key_name(url).startswith(begins)


@given(st.text(max_size=60), st.text(max_size=60))
def test_two_directories_have_two_files(one: str, other: str) -> None:
    """Whatever the URLs are, names are safe, and differ when the URLs do (STANDARDS P-12)."""
    names = {key_name(f"https://{text}") for text in (one, other)}

    assert len(names) == (1 if one == other else 2)
    assert all(
        set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789._-") and name[0] != "." for name in names
    )


def test_staging_by_name() -> None:
    assert [is_staging(url) for url in (LE, LE.replace("acme-v02", "acme-staging-v02"), "https://[/")] == [
        False,
        True,
        False,
    ]


EXTERNAL = ExternalAccount("kid", Secret("key-of-the-account"))
STOP = Stop("terms changed", NOW, circumstances("thumb", "a@example.org", EXTERNAL, Authority()))


@pytest.mark.parametrize(
    ("changed", "after", "stopped"),
    [
        pytest.param({}, timedelta(hours=23), True, id="nothing changed: not asked"),
        pytest.param({}, timedelta(hours=24), False, id="a day later: asked"),
        pytest.param({}, timedelta(days=-300), False, id="noted by a clock that was ahead: asked"),
        pytest.param({"thumbprint": "other"}, timedelta(0), False, id="another key"),
        pytest.param({"contact": None}, timedelta(0), False, id="another contact"),
        pytest.param({"external": None}, timedelta(0), False, id="no binding any more"),
        pytest.param(
            {"external": ExternalAccount("kid", Secret("another"))},
            timedelta(0),
            False,
            id="another HMAC key",
        ),
        pytest.param(
            {"remembered": Authority(pinned_by=("a.example",))}, timedelta(0), False, id="CAA records changed"
        ),
    ],
)
def test_stopped_account(changed: dict[str, object], after: timedelta, stopped: bool) -> None:
    """FAULTS A35, A36, A39: no loop; a change is tried at once."""
    known: dict[str, object] = {
        "thumbprint": "thumb",
        "contact": "a@example.org",
        "external": EXTERNAL,
        "remembered": Authority(),
    }
    now_is = circumstances(**{**known, **changed})  # type: ignore[arg-type]

    assert is_stopped(STOP, now_is, NOW + after) is stopped
    assert not is_stopped(None, now_is, NOW)


def test_circumstances_show_no_secret() -> None:
    assert "key-of-the-account" not in STOP.circumstances


def test_an_admin_wants_it_tried() -> None:
    assert retried(Memory(authorities={LE: Authority(URI, stopped=STOP)})).authorities == {LE: Authority(URI)}


def caa(*values: str, tag: str = "issue") -> CaaLook:
    return CaaLook(tuple(CaaRecord(0, tag, value) for value in values), "example.org")


@pytest.mark.parametrize(
    ("look", "before", "after"),
    [
        pytest.param(caa(f"ca.example; accounturi={URI}"), (), (MAIL.text,), id="bound to our account"),
        pytest.param(
            caa("other.example", f"ca.example;validationmethods=http-01; accounturi={URI}"),
            (),
            (MAIL.text,),
            id="one record of several",
        ),
        pytest.param(
            caa(f"ca.example; accounturi={URI}", tag="issuewild"), (), (MAIL.text,), id="for wildcards"
        ),
        pytest.param(caa(f"ca.example; accounturi={URI}0"), (), (), id="somebody else's account"),
        pytest.param(caa("ca.example"), (MAIL.text,), (), id="bound to none any more"),
        pytest.param(caa(f"accounturi={URI}", tag="iodef"), (), (), id="a record of another kind"),
        pytest.param(
            CaaLook(Unanswered("SERVFAIL")), (MAIL.text,), (MAIL.text,), id="no answer: still bound"
        ),
        pytest.param(CaaLook(Unanswered("SERVFAIL")), (), (), id="no answer, and not bound before"),
    ],
)
def test_who_depends_on_our_account(look: CaaLook, before: tuple[str, ...], after: tuple[str, ...]) -> None:
    """FAULTS A37: names for which only our account may issue."""
    facts = {MAIL: NameFacts(MAIL, Addresses(), look), WEB: NameFacts(WEB, Addresses(), CaaLook())}
    known = Authority(URI, pinned_by=before)

    assert pinned_by(known, facts) == after
    assert pinned(Memory(authorities={LE: known}), facts).authorities == {LE: replace(known, pinned_by=after)}
    assert pinned_by(Authority(pinned_by=before), facts) == ()


@pytest.mark.parametrize(
    ("zones", "lines"),
    [
        pytest.param(
            (),
            (
                f'example.org. IN CAA 128 issue "ca.example; accounturi={URI}; validationmethods=http-01"',
                'example.org. IN CAA 128 issuewild ";"',
            ),
            id="over HTTP: nobody may issue a wildcard",
        ),
        pytest.param(
            (DnsZone(Name("sub.example.org")),),
            (
                f'example.org. IN CAA 128 issue "ca.example; accounturi={URI}; validationmethods=http-01,dns-01"',
                f'example.org. IN CAA 128 issuewild "ca.example; accounturi={URI}; validationmethods=dns-01"',
            ),
            id="a zone below by DNS: both, as the set governs it as well",
        ),
        pytest.param(
            (DnsZone(None, ChallengeType.DNS_ACCOUNT_01),),
            (
                f'example.org. IN CAA 128 issue "ca.example; accounturi={URI}; validationmethods=dns-account-01"',
                f'example.org. IN CAA 128 issuewild "ca.example; accounturi={URI}; validationmethods=dns-account-01"',
            ),
            id="everything by DNS",
        ),
    ],
)
def test_records_to_publish(zones: tuple[DnsZone, ...], lines: tuple[str, ...]) -> None:
    """STANDARDS C-6: bound to the account and to the challenge types that we use."""
    methods, for_wildcards = Challenges(zones).types_at(Name("example.org"))

    assert records("example.org.", "ca.example", URI, methods, for_wildcards) == lines
    assert record("@", "ca.example", URI) == f'@ IN CAA 128 issue "ca.example; accounturi={URI}"'
