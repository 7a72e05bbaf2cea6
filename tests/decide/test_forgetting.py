"""What is long over is forgotten, and a clock that was wrong binds nobody for longer than it must."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acme_companion.decide.forgetting import late_clock, without_the_past
from acme_companion.decide.known_cas import LETS_ENCRYPT
from acme_companion.decide.ledger import Attempt, Ledger, Rate
from acme_companion.decide.limits import Go, Planned, WaitUntil, decide
from acme_companion.decide.limits.counting import begun, issued
from acme_companion.decide.limits.forgetting import ledger_now
from acme_companion.decide.limits.table import LIMITS
from acme_companion.decide.memory import Authority, Failures, Memory, RenewalWindow
from acme_companion.decide.steps import Lineage
from tests.builders import CA_URL, DAY, HOST, NOW, failures, held, lineage, names

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
LE = LIMITS[LETS_ENCRYPT]
YEAR = 365 * DAY
SERVER = Planned(Lineage(names(f"{HOST} imap.example.org"), server=True))
NEW = Planned(Lineage(names("smtp.example.org")))
KINDS = {
    "orders": HOUR * 3,
    "domain:a": 7 * DAY,
    "names:a": 7 * DAY,
    "ours:a": DAY,
    "failed:a": HOUR,
    "row:a": 1152 * DAY,
}
buckets = st.dictionaries(st.sampled_from([*KINDS, "odd", "odd:a"]), st.timedeltas(-DAY, 4000 * DAY))


@given(
    buckets,
    st.timedeltas(-9 * DAY, 9 * DAY),
    st.timedeltas(-DAY, 400 * DAY),
    st.none() | st.timedeltas(-DAY, 400 * DAY),
)
def test_the_ledger_does_not_grow(full_at, begun_at, closed, noted):
    """What no limit looks back to is gone, and no bucket is emptier than empty."""
    ledger = Ledger(
        {key: NOW + value for key, value in full_at.items()},
        {HOST: Attempt(NOW + begun_at, "digest", 3)},
        NOW + closed,
        "no",
        noted=None if noted is None else NOW + noted,
    )
    kept = ledger_now(LE, ledger, NOW)

    assert all(NOW < value <= NOW + KINDS[key] for key, value in kept.full_at.items())
    assert (HOST in kept.attempts) is (-7 * DAY < begun_at <= 10 * MINUTE)
    assert kept.closed_until is None or NOW < kept.closed_until <= NOW + 8 * DAY
    assert ledger_now(LE, kept, NOW) == kept
    assert ledger_now(LE, ledger, NOW + 4000 * DAY) == Ledger()


def ordered_ahead(by: timedelta, *, orders: int = 1) -> Ledger:
    """The ledger of a host whose clock was ahead, after it had so many certificates of the same names."""
    ledger, then = Ledger(), NOW + by
    for _ in range(orders):
        ledger = issued(LE, begun(LE, ledger, SERVER, then), SERVER, SERVER.lineage.names, then)
    return replace(ledger, noted=then)


@pytest.mark.parametrize(
    ("ledger", "one", "decision"),
    [
        pytest.param(
            ordered_ahead(YEAR), SERVER, Go(), id="a year ahead, one certificate: the next one goes"
        ),
        pytest.param(ordered_ahead(YEAR), NEW, Go(), id="and so does a new name"),
        pytest.param(
            ordered_ahead(YEAR, orders=5),
            SERVER,
            WaitUntil(NOW + 7 * DAY / 5, "Let's Encrypt allows 5 certificates with the same names in 7 days"),
            id="five of them count as five",
        ),
        pytest.param(
            replace(ordered_ahead(YEAR), noted=None),
            SERVER,
            WaitUntil(NOW + 7 * DAY / 5, "Let's Encrypt allows 5 certificates with the same names in 7 days"),
            id="nobody knows how far it was ahead: as if all of them were used up just now",
        ),
        pytest.param(
            ordered_ahead(8 * DAY, orders=5),
            SERVER,
            WaitUntil(NOW + 7 * DAY / 5, "Let's Encrypt allows 5 certificates with the same names in 7 days"),
            id="ahead by little more than the limit looks back",
        ),
        pytest.param(ordered_ahead(4 * DAY), SERVER, Go(), id="ahead by less, and possible: it is believed"),
        pytest.param(
            ordered_ahead(6 * DAY),
            SERVER,
            WaitUntil(NOW + 7 * DAY / 5, "Let's Encrypt allows 5 certificates with the same names in 7 days"),
            id="ahead by less, and not possible: as much as is possible",
        ),
        pytest.param(
            Ledger(closed_until=NOW + YEAR + HOUR, closed_because="later", noted=NOW + YEAR),
            SERVER,
            WaitUntil(NOW + HOUR, "the CA: later", closed=True),
            id="an hour that the CA asked for stays an hour",
        ),
        pytest.param(
            Ledger(closed_until=NOW + YEAR + HOUR, closed_because="later"),
            SERVER,
            WaitUntil(NOW + 8 * DAY, "the CA: later", closed=True),
            id="no CA asks for more than eight days",
        ),
        pytest.param(
            Ledger(attempts={HOST: Attempt(NOW + YEAR, "digest", 9)}, noted=NOW + YEAR),
            SERVER,
            Go(),
            id="tries that were cut off by a clock that was ahead do not hold anything up",
        ),
    ],
)
def test_a_clock_that_was_ahead(ledger, one, decision):
    """What a CA's limits have seen goes on counting, as long as they look back, and no longer."""
    assert decide(LE, ledger_now(LE, ledger, NOW), one, names(HOST)[0], NOW) == decision


@given(
    st.timedeltas(timedelta(0), 400 * DAY),
    st.lists(st.timedeltas(timedelta(0), DAY), max_size=20),
    st.lists(st.timedeltas(timedelta(0), DAY), max_size=20),
    st.booleans(),
)
def test_no_limit_is_broken_by_a_clock_that_is_put_right(ahead, before, after, known):
    """However far it was ahead, and whenever tokens were taken before and after: never more than the CA gives."""
    rate, bucket, now, taken, ledger = LE.domain, "domain:a", NOW, [], Ledger()
    for wrong, steps in ((ahead, before), (timedelta(0), after)):
        for step in steps:
            now += step
            ledger = ledger_now(LE, ledger, now + wrong)
            while ledger.ready_at(bucket, rate, now + wrong) <= now + wrong:
                ledger = ledger.spent(bucket, rate, now + wrong)
                ledger = replace(ledger, noted=now + wrong if known else None)
                taken.append(now)

    assert_never_more(rate, taken)


def assert_never_more(rate: Rate, taken: list[datetime]) -> None:
    for index, first in enumerate(taken):
        for count, last in enumerate(taken[index:], start=1):
            assert count <= rate.most + (last - first) / rate.refill + 1e-3


def failed(last: timedelta, wait: timedelta, *, asked: bool = False) -> Failures:
    return Failures(2, NOW + last, NOW + last + wait, "no", asked_by_ca=asked)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(failed(-HOUR, DAY), failed(-HOUR, DAY), id="an ordinary wait stays"),
        pytest.param(failed(-HOUR, 39 * HOUR), failed(-HOUR, 39 * HOUR), id="so does the longest of ours"),
        pytest.param(
            failed(-HOUR, 8 * DAY, asked=True), failed(-HOUR, 8 * DAY, asked=True), id="and the CA's longest"
        ),
        pytest.param(failed(-40 * DAY, DAY), None, id="what is long over is forgotten"),
        pytest.param(failed(YEAR, DAY), None, id="so is what was noted by a clock that was ahead"),
        pytest.param(
            failed(-HOUR, YEAR),
            replace(failed(-HOUR, YEAR), wait_until=NOW + timedelta(hours=39.85)),
            id="the clock was set while it was noted: no wait of ours is longer than the tables'",
        ),
        pytest.param(
            failed(-HOUR, YEAR, asked=True),
            replace(failed(-HOUR, YEAR, asked=True), wait_until=NOW + 8.8 * DAY + 15 * MINUTE),
            id="nor one of the CA's longer than any CA's",
        ),
    ],
)
def test_waits(before, after):
    """No failure keeps anything waiting for longer than its schedule can mean."""
    kept = without_the_past(held(memory=Memory(lineage_failures={HOST: before})), NOW)

    assert kept.lineage_failures == ({HOST: after} if after else {})


def test_what_a_wrong_clock_noted_binds_nobody():
    """The host booted a year ahead, everything failed, and the clock was put right: all of it is forgotten."""
    ahead = NOW + YEAR
    failure = replace(failures(), last=ahead, wait_until=ahead + DAY)
    window = RenewalWindow(NOW, ahead, NOW + DAY, ask_again=ahead)
    memory = Memory(
        lineage_failures={HOST: failure},
        name_failures={HOST: failure},
        not_ready_since={HOST: ahead},
        unwanted_since={HOST: ahead},
        missing_since={HOST: ahead},
        unknown_since={HOST: ahead},
        rehearsed={HOST: ahead},
        directories_read={CA_URL: ahead},
        authorities={CA_URL: Authority("acct/1", since=ahead)},
        windows={"leaf": window},
    )

    after = without_the_past(held(memory=memory), NOW)

    assert after == Memory(
        windows={"leaf": replace(window, ask_again=NOW + DAY / 2)},
        authorities={CA_URL: Authority("acct/1", since=NOW)},
    )


def test_nothing_is_forgotten_while_the_clock_is_late():
    """A host without a battery starts in 1970: what it noted in the right time must be there when the time is right again."""
    memory = Memory(
        issued={"fingerprint of mail.example.org": CA_URL},
        lineage_failures={HOST: failures()},
        not_ready_since={HOST: NOW - DAY},
        ledgers={LETS_ENCRYPT: ordered_ahead(timedelta(0), orders=5)},
    )
    has = held(lineage(HOST, age_days=1), memory=memory)
    then = NOW.replace(year=1970)

    assert without_the_past(has, then) == memory
    assert without_the_past(has, NOW) == memory
    assert late_clock(has, NOW) == ""
    assert late_clock(has, then) == (
        "this host's clock is late: it says 21 Nov 1970 12:00 UTC, and the certificate of mail.example.org is valid from "
        "20 Nov 2026 12:00 UTC on: set it right (NTP)"
    )


def test_only_certificates_from_a_ca_tell_the_time():
    """The self-signed pair has its dates from the same clock, and an admin's own may begin next week."""
    has = held(lineage(HOST, age_days=-7))

    assert late_clock(has, NOW) != ""
    assert late_clock(replace(has, memory=Memory(issued={"fingerprint of mail.example.org": ""})), NOW) == ""
    assert late_clock(replace(has, memory=Memory()), NOW) == ""
