"""Before every order: go, go because it is exempt, or wait until when, and why."""

from __future__ import annotations

from datetime import timedelta

import pytest

from acme_companion.decide.acme_problems import ProblemDocument, Rejection
from acme_companion.decide.known_cas import LETS_ENCRYPT, LETS_ENCRYPT_STAGING
from acme_companion.decide.ledger import Ledger
from acme_companion.decide.limits import (
    Go,
    GoBecauseExempt,
    Planned,
    WaitUntil,
    decide,
    limits_of,
    name_waits_until,
)
from acme_companion.decide.limits.counting import begun, issued, paused, refused, told, unknown
from acme_companion.decide.limits.table import LIMITS
from acme_companion.decide.names import Name
from acme_companion.decide.steps import Lineage, OrderKind
from tests.builders import DAY, HOST, NOW, names

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
HOSTNAME = names(HOST)[0]
LE = LIMITS[LETS_ENCRYPT]
SERVER = Lineage(names(HOST), server=True)
OTHER = Lineage(names("imap.customer.example"))
BESIDE = Lineage(names("imap.example.org"))
EXEMPT = GoBecauseExempt("a renewal that Let's Encrypt advised counts for none of its limits")


def order(lineage: Lineage = SERVER, kind: OrderKind = OrderKind.NEW, **more) -> Planned:
    return Planned(lineage, kind, **more)


def after(*orders: Planned) -> Ledger:
    """The ledger after these orders were placed now, and had their certificates."""
    ledger = Ledger()
    for one in orders:
        ledger = issued(LE, begun(LE, ledger, one, NOW), one, one.lineage.names, NOW)
    return ledger


def fresh(count: int, below: str = "example") -> list[Planned]:
    """So many orders for names that share no registered domain, or all one."""
    return [order(Lineage(names(f"n{number}.{below}"))) for number in range(count)]


def ask(ledger: Ledger, one: Planned, limits=LE):
    return decide(limits, ledger, one, HOSTNAME, NOW)


def wait(after_: timedelta, what: str) -> WaitUntil:
    return WaitUntil(NOW + after_, f"Let's Encrypt allows {what}")


FIVE = "5 certificates with the same names in 7 days"
ORDERS = "300 new orders in 3 hours"
DOMAIN = "50 new certificates for example.org in 7 days"


@pytest.mark.parametrize(
    ("before", "one", "decision"),
    [
        pytest.param([], order(), Go(), id="nothing was ordered"),
        pytest.param(
            [order()] * 4, order(), Go(), id="the fifth of the same names, as nothing else is valid"
        ),
        pytest.param([order()] * 5, order(), wait(7 * DAY / 5, FIVE), id="the sixth of the same names waits"),
        pytest.param(
            [order()] * 4,
            order(needed=False),
            wait(7 * DAY / 5, FIVE),
            id="the fifth waits while a valid one is served",
        ),
        pytest.param(
            [order(kind=OrderKind.SAME_NAMES)] * 5,
            order(kind=OrderKind.SAME_NAMES),
            wait(7 * DAY / 5, FIVE),
            id="a renewal counts among the same names",
        ),
        pytest.param(
            [order()] * 5, order(kind=OrderKind.ADVISED), EXEMPT, id="an advised renewal never waits"
        ),
        pytest.param([order(kind=OrderKind.ADVISED)] * 50, order(), Go(), id="and counts for nothing"),
        pytest.param(
            fresh(300), order(), wait(36 * timedelta(seconds=1), ORDERS), id="300 orders, then one in 36 s"
        ),
        pytest.param(fresh(299), order(), Go(), id="what is left is the server's"),
        pytest.param(fresh(269), order(OTHER), Go(), id="another one gets what the server need not"),
        pytest.param(
            fresh(275),
            order(OTHER),
            wait(15 * MINUTE, ORDERS),
            id="and else waits for a batch, not for a token",
        ),
        pytest.param(fresh(300), order(kind=OrderKind.SAME_NAMES), Go(), id="a renewal is no new order"),
        pytest.param(fresh(49, "example.org"), order(), Go(), id="the server's domain has one left for it"),
        pytest.param(
            fresh(45, "example.org"),
            order(BESIDE),
            wait(7 * DAY / 50, DOMAIN),
            id="others below its domain leave it a tenth",
        ),
        pytest.param(fresh(50, "example.org"), order(OTHER), Go(), id="another domain is another matter"),
        pytest.param(
            fresh(50, "example.org"),
            order(kind=OrderKind.SAME_NAMES),
            Go(),
            id="a renewal is no new certificate",
        ),
        pytest.param(
            [order(kind=OrderKind.ADVISED, wish=True)] * 2,
            order(kind=OrderKind.ADVISED, wish=True),
            WaitUntil(
                NOW + DAY / 2, "it was renewed twice within a day already, and each time costs a certificate"
            ),
            id="A43: advice without end is followed twice a day",
        ),
    ],
)
def test_decisions(before, one, decision):
    """The numbers of Let's Encrypt, and what is kept back for the server's own certificate (N19)."""
    assert ask(after(*before), one) == decision


@pytest.mark.parametrize("moment", [35, 36, 37])
def test_tokens_come_back_one_by_one(moment):
    """R-1: a bucket is refilled evenly: an order more every 36 seconds."""
    decision = decide(LE, after(*fresh(300)), order(), HOSTNAME, NOW + timedelta(seconds=moment))

    assert isinstance(decision, Go) is (moment >= 36)


def test_unknown_cas_have_no_limits():
    """Nothing is made up for them; what they say and our own limits hold all the same."""
    closed = Ledger(closed_until=NOW + HOUR, closed_because="come back later")

    assert limits_of("https://ca.example/directory") is None
    assert ask(after(*[order()] * 9), order(), None) == Go()
    assert ask(closed, order(), None) == WaitUntil(NOW + HOUR, "the CA: come back later", closed=True)
    assert LIMITS[LETS_ENCRYPT_STAGING].orders.most == 1500


@pytest.mark.parametrize(
    ("tries", "decision"),
    [
        pytest.param(1, None, id="once is a power failure"),
        pytest.param(2, MINUTE, id="twice is a loop: a minute"),
        pytest.param(3, 10 * MINUTE, id="ten minutes"),
        pytest.param(4, 100 * MINUTE, id="a hundred"),
        pytest.param(99, DAY, id="then a day"),
    ],
)
def test_cut_off(tries, decision):
    """T11: tries that nobody lived to see the end of; they were counted once, as the order is the same one."""
    ledger = Ledger()
    for _ in range(tries):
        ledger = begun(LE, ledger, order(), NOW)
    found = ask(ledger, order())

    assert (found.when - NOW if isinstance(found, WaitUntil) else None) == decision
    taken = len([bucket for bucket in ledger.full_at if bucket != "orders"])
    assert (taken, ledger.attempts[HOST].cut_off) == (2, tries)
    assert ledger.full_at["domain:example.org"] == NOW + 7 * DAY / 50


def test_only_a_refusal_gives_back():
    """What was refused is not issued; what took too long may be, and is counted until that is known."""
    before = after(*[order()] * 3)
    placed = begun(LE, before, order(), NOW)

    assert refused(LE, placed, order(), (), NOW).full_at.items() >= {
        (key, value) for key, value in before.full_at.items() if key != "orders"
    }
    later = unknown(placed, order())
    assert (later.full_at, later.attempts[HOST].cut_off) == (placed.full_at, 0)
    again = begun(LE, later, order(), NOW)
    assert again.full_at["domain:example.org"] == placed.full_at["domain:example.org"]


def test_names_left_out_change_the_set():
    """The certificate that came is counted, not the one that was ordered; the refused name's failure is noted."""
    both = order(Lineage(names(f"{HOST} imap.customer.example"), server=True))
    ledger = issued(LE, begun(LE, Ledger(), both, NOW), both, names(HOST), NOW, both.lineage.names[1:])

    assert ledger.full_at.keys() == {
        *after(order()).full_at,
        *(one for one in ledger.full_at if one.startswith(("failed:", "row:"))),
        *(one for one in ledger.full_at if ledger.full_at[one] <= NOW),
    }
    assert ledger.full_at["orders"] == NOW + 2 * timedelta(seconds=36)


def test_failed_validations():
    """R-4: a name keeps one of five failures an hour, and a tenth of 1,152 in a row; success makes up for the row."""
    name, ledger = HOSTNAME, Ledger()
    for _ in range(4):
        ledger = refused(LE, begun(LE, ledger, order(), NOW), order(), [name], NOW, [name])
    found = name_waits_until(LE, ledger, name, NOW)

    assert found == wait(
        12 * MINUTE, "5 failed validations of a name in an hour, and this name is close to it"
    )
    assert name_waits_until(LE, ledger, name, NOW + 12 * MINUTE) is None
    assert name_waits_until(None, ledger, name, NOW) is None
    for _ in range(1100):
        ledger = refused(LE, begun(LE, ledger, order(), NOW), order(), [name], NOW, [name])
    found = name_waits_until(LE, ledger, name, NOW + DAY)
    assert found is not None
    assert "1152 failed validations of a name in a row" in found.because
    assert name_waits_until(LE, issued(LE, ledger, order(), [name], NOW), name, NOW + DAY) is None


def rejection(detail: str, kind: str = "rateLimited", status: int = 429) -> Rejection:
    return Rejection("https://ca.example/order", status, ProblemDocument(kind, detail))


@pytest.mark.parametrize(
    ("said", "waits"),
    [
        pytest.param(
            rejection("too many new orders (300) from this account in the last 3h0m0s"),
            {SERVER, BESIDE, OTHER},
            id="our whole account",
        ),
        pytest.param(
            rejection("down for maintenance", "", 503), {SERVER, BESIDE, OTHER}, id="A06: the whole CA"
        ),
        pytest.param(
            rejection('too many certificates (50) already issued for "example.org" in the last 168h0m0s'),
            {SERVER, BESIDE},
            id="A51: a domain, used up by somebody else",
        ),
        pytest.param(
            rejection(
                f'too many certificates (5) already issued for this exact set of identifiers: "{HOST}"'
            ),
            {SERVER},
            id="the same names",
        ),
        pytest.param(
            rejection(f'too many failed authorizations (5) for "{HOST}" in the last 1h0m0s'),
            set(),
            id="one name: its lineage waits by itself",
        ),
        pytest.param(rejection("no", "malformed", 400), set(), id="no limit at all"),
    ],
)
def test_what_the_ca_says_of_its_limits(said, waits):
    """Its time holds for everything that its sentence is about, and for nothing else; a renewal that it advised goes on."""
    ledger = told(LE, Ledger(), order(), said, NOW + 5 * HOUR, NOW)

    found = {lineage for lineage in (SERVER, BESIDE, OTHER) if ask(ledger, order(lineage)) != Go()}
    assert found == waits
    for lineage in waits:
        until = ask(ledger, order(lineage))
        assert isinstance(until, WaitUntil)
        assert until.when >= NOW + 5 * HOUR
    if len(waits) < 3:
        assert ask(ledger, order(kind=OrderKind.ADVISED)) == EXEMPT


def test_paused_names():
    """A05: named in the CA's sentence, which also has the page where a person lifts the pause."""
    both = names(f"{HOST} imap.example.org")
    said = f"Your account is temporarily prevented from requesting certificates for {HOST}. https://le.example/unpause?x"

    assert paused(both, ProblemDocument("rateLimited", said)) == (HOSTNAME,)
    assert paused(both, ProblemDocument("rateLimited", f"too many certificates for {HOST}")) == ()


def test_wildcards_and_addresses():
    """A wildcard counts for its domain; an address for itself."""
    wild, address = order(Lineage(names("*.example.org"))), order(Lineage((Name.parse_address("192.0.2.1"),)))

    assert "domain:example.org" in after(wild).full_at
    assert "domain:192.0.2.1" in after(address).full_at
