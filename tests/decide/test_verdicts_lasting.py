"""Names that are validated by a lasting record (dns-persist-01): judged before a CA is asked, as far as that is possible."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from acme_companion.decide.accounts import pinned_by
from acme_companion.decide.choosing import to_rehearse
from acme_companion.decide.facts import Addresses, CaaLook, NameFacts, OwnAddresses, Unanswered
from acme_companion.decide.memory import Authority, Memory
from acme_companion.decide.names import Name
from acme_companion.decide.settings import Ca, Challenges, ChallengeType, Checks, DnsZone
from acme_companion.decide.verdicts import Readiness, Verdict, judge
from tests.builders import names, settings

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ACCOUNT = "https://ca.example/acct/1"
KNOWN = Authority(account_uri=ACCOUNT, caa_identities=("ca.example",))
NAME = Name("mail.example.org")
GOOD = f"ca.example; accounturi={ACCOUNT}"


def seen(values):
    return NameFacts(NAME, Addresses(), CaaLook(), validation_records=values)


@pytest.mark.parametrize(
    ("values", "authority", "readiness", "because"),
    [
        pytest.param((GOOD,), KNOWN, Readiness.READY, "_validation-persist.mail.example.org lets our account validate it", id="there"),
        pytest.param((f"{GOOD}; persistUntil=1",), KNOWN, Readiness.NOT_READY,
                     f"'{GOOD}; persistUntil=1' ended (persistUntil was 1970-01-01 00:00 UTC): publish "
                     f'_validation-persist.mail.example.org. IN TXT "{GOOD}"', id="ended"),
        pytest.param((), KNOWN, Readiness.NOT_READY,
                     "no TXT record of _validation-persist.mail.example.org names this CA: publish "
                     f'_validation-persist.mail.example.org. IN TXT "{GOOD}"', id="missing"),
        pytest.param(Unanswered("SERVFAIL"), KNOWN, Readiness.UNKNOWN,
                     "whether _validation-persist.mail.example.org holds the record of dns-persist-01 is not known: SERVFAIL",
                     id="no answer"),
        pytest.param((), Authority(), Readiness.READY,
                     "what _validation-persist.mail.example.org has to hold is told when the CA is asked for the first time, which "
                     "registers our account", id="no account yet: asking registers it"),
    ],
)  # fmt: skip
def test_lasting_records(values, authority, readiness, because):
    """The verdict has the exact record that is wanted (FAULTS D15)."""
    verdict = judge(seen(values), OwnAddresses(), Checks(), authority, ChallengeType.DNS_PERSIST_01, NOW)
    assert verdict == Verdict(readiness, verdict.because)
    assert verdict.because.endswith(because)


def test_other_names_are_not_asked_for_it():
    """A name by dns-01 needs none."""
    verdict = judge(seen(None), OwnAddresses(), Checks(), KNOWN, ChallengeType.DNS_01, NOW)
    assert verdict.readiness is Readiness.READY


@pytest.mark.parametrize(
    ("values", "before", "after"),
    [
        pytest.param((GOOD,), (), (NAME.text,), id="our account stands in it"),
        pytest.param(("ca.example; accounturi=https://ca.example/acct/11",), (NAME.text,), (), id="another account does"),
        pytest.param(Unanswered("SERVFAIL"), (NAME.text,), (NAME.text,), id="no answer changes nothing"),
        pytest.param(None, (), (), id="not validated by one"),
    ],
)  # fmt: skip
def test_what_depends_on_an_account(values, before, after):
    """An account that a lasting record names must not be replaced silently (STANDARDS P-14)."""
    authority = Authority(account_uri=ACCOUNT, pinned_by=before)
    assert pinned_by(authority, {NAME: seen(values)}) == after


def test_no_rehearsal_of_a_lasting_record():
    """It names our account at the CA itself: at the staging directory its admin would be told to publish another one."""
    zone = DnsZone(None, ChallengeType.DNS_PERSIST_01)
    given = replace(
        settings(rehearsal_ca=Ca("https://stage.example/directory")), challenges=Challenges((zone,))
    )

    assert to_rehearse(given, Memory(), names("a.example b.example"), None) == ()
