"""Which CA is asked for a certificate, whether now, and what is rehearsed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from acme_companion.decide.choosing import to_rehearse, would_be_lost
from acme_companion.decide.facts import MailDomains
from acme_companion.decide.known_cas import LETS_ENCRYPT, LETS_ENCRYPT_STAGING
from acme_companion.decide.ledger import Ledger
from acme_companion.decide.memory import Authority, Failures, Held, HeldLineage, Memory, RenewalWindow, Stop
from acme_companion.decide.plan import make_plan
from acme_companion.decide.settings import Ca
from acme_companion.decide.steps import Hold, Issue, Keep, OrderKind, Skip
from acme_companion.decide.wanted import wanted_certificates
from tests.builders import (
    CA_URL,
    DAY,
    HOST,
    NOW,
    certificate,
    domains,
    held,
    lineage,
    names,
    settings,
    verdicts,
)

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
SECOND_URL = "https://second.example/directory"
SECOND = Ca(SECOND_URL)
OLD = lineage(HOST, age_days=80)  # of ninety: less than a sixth is left
PRINT = certificate(HOST).fingerprint
CLOSED = {CA_URL: Ledger(closed_until=NOW + 3 * HOUR, closed_because="busy")}


def failed(count: int = 3, *, temporary: bool = True, ca: str = CA_URL, wait: timedelta = DAY) -> Failures:
    return Failures(count, NOW, NOW + wait, "the CA is down", temporary=temporary, ca=ca)


def one(has: Held, *, force: bool = False, given=None):
    """The step for the server certificate."""
    given = given or settings(fallback_ca=SECOND)
    wanted = wanted_certificates(given.naming, domains())
    [step] = make_plan(given, MailDomains(), wanted, verdicts(HOST), has, NOW, force=force).steps
    return step


def remembering(*lineages: HeldLineage, **more) -> Held:
    return held(*lineages, memory=Memory(issued={PRINT: CA_URL}, **more))


def asked(step) -> str:
    match step:
        case Issue():
            return "the second" if step.fallback else "the first"
        case _:
            return "nobody"


@pytest.mark.parametrize(
    ("has", "who"),
    [
        pytest.param(remembering(OLD), "the first", id="nothing failed"),
        pytest.param(
            remembering(OLD, lineage_failures={HOST: failed()}), "the second", id="down near the end"
        ),
        pytest.param(
            remembering(OLD, lineage_failures={HOST: failed(1)}), "nobody", id="one failure is a hiccup"
        ),
        pytest.param(
            remembering(OLD, lineage_failures={HOST: failed(temporary=False)}),
            "nobody",
            id="one that refuses is no reason: the other would as well",
        ),
        pytest.param(
            remembering(lineage(HOST, age_days=70), lineage_failures={HOST: failed(9)}),
            "nobody",
            id="there is time left",
        ),
        pytest.param(
            remembering(lineage_failures={HOST: failed()}), "the second", id="no certificate at all"
        ),
        pytest.param(
            remembering(lineage(HOST, age_days=91), lineage_failures={HOST: failed()}),
            "the second",
            id="expired",
        ),
        pytest.param(
            remembering(OLD, lineage_failures={HOST: failed(ca=SECOND_URL)}),
            "nobody",
            id="the second failed as well: both wait",
        ),
        pytest.param(
            remembering(OLD, lineage_failures={HOST: failed(ca=SECOND_URL, wait=-MINUTE)}),
            "the first",
            id="after the wait the first has its turn again",
        ),
        pytest.param(remembering(OLD, ledgers=CLOSED), "the second", id="the first is closed for hours"),
        pytest.param(
            remembering(OLD, lineage_failures={HOST: replace(failed(1), asked_by_ca=True)}),
            "the second",
            id="one failure, and the first says to come back in a day",
        ),
        pytest.param(
            remembering(
                OLD,
                windows={PRINT: RenewalWindow(NOW - 20 * DAY, NOW - 15 * DAY, NOW - 16 * DAY, NOW + DAY)},
                ledgers=CLOSED,
            ),
            "the second",
            id="closed for hours, while the CA's advice is long past",
        ),
        pytest.param(
            remembering(OLD, ledgers={CA_URL: Ledger(closed_until=NOW + MINUTE, closed_because="busy")}),
            "nobody",
            id="for a minute",
        ),
        pytest.param(
            remembering(
                OLD,
                lineage_failures={HOST: failed()},
                ledgers={SECOND_URL: Ledger(closed_until=NOW + HOUR, closed_because="busy")},
            ),
            "nobody",
            id="the second is closed as well",
        ),
        pytest.param(
            remembering(OLD, authorities={CA_URL: Authority(stopped=Stop("terms changed", NOW, ""))}),
            "the second",
            id="the first has nothing of our account",
        ),
    ],
)
def test_who_is_asked(has, who):
    """The second CA only near an end, and only for what waiting would help with."""
    assert asked(one(has)) == who


def test_the_fallback_is_loud_and_names_no_predecessor():
    """`replaces` is for the CA that issued it (A-9, A40); the reason says what happened."""
    step = one(remembering(OLD, lineage_failures={HOST: failed()}))

    assert (step.replaces, step.kind, step.rehearse) == ("", OrderKind.NEW, ())
    assert "FALLBACK: the certificate ends on 01 Dec" in step.because
    assert "the first CA failed 3 times in a row: the CA is down" in step.because


def test_back_to_the_first_at_the_renewal():
    """A certificate of the second CA stays until it is due, and is renewed by the first; of a third one it does not stay."""
    memory = Memory(issued={PRINT: SECOND_URL})
    steps = [one(held(lineage(HOST, age_days=age), memory=memory)) for age in (10, 61)]

    assert [type(step) for step in steps] == [Keep, Issue]
    assert (steps[1].replaces, steps[1].fallback) == ("", False)
    assert "another CA" in one(held(lineage(HOST), memory=memory), given=settings()).because


@pytest.mark.parametrize(
    ("memory", "replaces", "kind"),
    [
        pytest.param(
            Memory(issued={PRINT: CA_URL}), "aki.serial", OrderKind.SAME_NAMES, id="the same CA and account"
        ),
        pytest.param(Memory(issued={}), "", OrderKind.NEW, id="adopted: nobody knows whose it is"),
        pytest.param(
            Memory(issued={PRINT: CA_URL}, authorities={CA_URL: Authority(since=NOW - DAY)}),
            "",
            OrderKind.SAME_NAMES,
            id="the account was replaced since",
        ),
        pytest.param(
            Memory(issued={PRINT: CA_URL}, authorities={CA_URL: Authority(since=NOW - 70 * DAY)}),
            "aki.serial",
            OrderKind.SAME_NAMES,
            id="it was replaced before",
        ),
        pytest.param(
            Memory(
                issued={PRINT: CA_URL},
                windows={PRINT: RenewalWindow(NOW - HOUR, NOW + DAY, NOW - MINUTE, NOW + DAY)},
            ),
            "aki.serial",
            OrderKind.ADVISED,
            id="within the window of the CA's advice",
        ),
        pytest.param(
            Memory(
                issued={PRINT: CA_URL},
                windows={PRINT: RenewalWindow(NOW - DAY, NOW - HOUR, NOW - HOUR, NOW + DAY)},
            ),
            "aki.serial",
            OrderKind.SAME_NAMES,
            id="when the window is over, limits hold",
        ),
    ],
)
def test_what_a_renewal_is_to_the_limits(memory, replaces, kind):
    """A-10: exempt only inside the window, from the same account, with the predecessor named."""
    step = one(held(lineage(HOST, age_days=61), memory=memory))

    assert (step.replaces, step.kind) == (replaces, kind)


# ---- a CA for trying -----------------------------------------------------------------------------------------


def trying(age: float = 61, issued_by: str = LETS_ENCRYPT, **more):
    given = replace(settings(), ca=Ca(LETS_ENCRYPT_STAGING))
    return one(
        held(lineage(HOST, age_days=age, **more), memory=Memory(issued={PRINT: issued_by})), given=given
    )


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        pytest.param(trying(10), Hold, id="a young trusted one stays"),
        pytest.param(trying(61), Hold, id="one that is due as well"),
        pytest.param(trying(61, ""), Hold, id="one that was adopted"),
        pytest.param(trying(91), Issue, id="what has expired is lost to nobody"),
        pytest.param(trying(61, LETS_ENCRYPT_STAGING), Issue, id="one from there is renewed"),
        pytest.param(
            trying(61, "", issuer="CN=(STAGING) Yonder Yam R14"), Issue, id="an adopted one from there"
        ),
        pytest.param(trying(10, LETS_ENCRYPT_STAGING), Keep, id="one from there that is young is kept"),
        pytest.param(trying(61, "", self_signed=True), Issue, id="self-signed"),
    ],
)
def test_staging_on_a_live_server(step, kind):
    """A32, O20: LE_STAGING replaces no certificate that people trust; on a new server it does what mailcow's users expect."""
    assert type(step) is kind
    if kind is Hold:
        assert "the live pair stays; set LE_STAGING=n" in step.because.lower().replace(
            "le_staging=n", "LE_STAGING=n"
        )


# ---- rehearsals ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last", "rehearsed", "expected"),
    [
        pytest.param(None, (), "a.example b.example", id="a new certificate: all names"),
        pytest.param("a.example", (), "b.example", id="a new name: only that one"),
        pytest.param("a.example b.example", (), "", id="a renewal: none"),
        pytest.param(None, ("a.example",), "b.example", id="what worked there need not again"),
        pytest.param("c.example", (), "a.example b.example", id="other names prove nothing"),
    ],
)
def test_what_is_rehearsed(last, rehearsed, expected):
    """Names that neither the last certificate nor a rehearsal of the last days has shown to work."""
    memory = Memory(rehearsed=dict.fromkeys(rehearsed, NOW))
    given = settings(rehearsal_ca=SECOND)
    before = certificate(last) if last else None
    found = to_rehearse(given, memory, names("a.example b.example"), before)

    assert found == names(expected)
    assert to_rehearse(settings(), memory, names("a.example b.example"), before) == ()


def test_no_rehearsal_where_records_let_only_our_account_issue():
    """The staging directory knows us by another account (RFC 8657 section 3): it would refuse such a name for ever."""
    memory = Memory(authorities={CA_URL: Authority("https://ca.example/acct/1", pinned_by=("a.example",))})
    found = to_rehearse(settings(rehearsal_ca=SECOND), memory, names("a.example b.example"), None)

    assert found == names("b.example")


# ---- a volume that is lost -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "ephemeral", "allowed", "refused"),
    [
        pytest.param(
            LETS_ENCRYPT, "it is in memory", False, True, id="five certificates a week would be used up"
        ),
        pytest.param(LETS_ENCRYPT, "", False, False, id="it lasts"),
        pytest.param(LETS_ENCRYPT, "it is in memory", True, False, id="the admin knows better"),
        pytest.param(LETS_ENCRYPT_STAGING, "it is in memory", False, False, id="trying uses nothing up"),
        pytest.param(CA_URL, "it is in memory", False, False, id="a CA of one's own"),
    ],
)
def test_a_volume_that_is_lost(url, ephemeral, allowed, refused):
    """S22: nothing is ordered, and that is an alarm from the first moment on."""
    given = replace(settings(), ca=Ca(url), allow_ephemeral_volume=allowed)
    has = Held(ephemeral=ephemeral)
    step = one(has, given=given)

    assert (bool(would_be_lost(given, has)), isinstance(step, Skip)) == (refused, refused)
    if refused:
        assert step.alarm
        assert "5 times in 7 days only" in step.because
