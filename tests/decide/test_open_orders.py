"""Whether an order that was written down is gone on with, left for a new one, or forgotten."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from acme_companion.decide.names import Name
from acme_companion.decide.open_orders import OpenOrder, Place, Resume, Wish, is_over, next_move

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
CA, ACCOUNT, KEY = "https://ca.example/dir", "https://ca.example/account/1", "0123abcd"
A, B, C = (Name(f"{label}.example.org") for label in "abc")
ORDER = OpenOrder(
    directory=A.text,
    url="https://ca.example/order/1",
    directory_url=CA,
    account_uri=ACCOUNT,
    identifiers=(A.text, B.text),
    key_digest=KEY,
    placed=NOW - timedelta(hours=1),
    expires=NOW + timedelta(hours=1),
)
WISH = Wish((A, B), CA, ACCOUNT, KEY)
DELIVERED = {"certificate": "https://ca.example/certificate/1"}
OVER = "its time is over"


@pytest.mark.parametrize(
    ("order", "wish", "left_out"),
    [
        pytest.param({}, {}, {}, id="the same in everything"),
        pytest.param({}, {"names": (B, A)}, {}, id="the same names in another order"),
        pytest.param({"finalizing": True}, {}, {}, id="the CSR may have been sent"),
        pytest.param({"refused": {C.text: "no"}}, {"names": (A, B, C)}, {C: "no"}, id="less a refused name"),
        pytest.param({"refused": {C.text: "no"}}, {}, {}, id="whose refused name is not wanted now either"),
        pytest.param(
            {"placed": NOW + timedelta(hours=1)}, {}, {}, id="placed by a clock that was a little ahead"
        ),
        pytest.param({"expires": None}, {}, {}, id="that expires nobody knows when, and is young"),
        pytest.param({**DELIVERED, "expires": NOW}, {}, {}, id="expired, but its certificate was delivered"),
    ],
)
def test_gone_on_with(order: dict[str, Any], wish: dict[str, Any], left_out: dict[Name, str]) -> None:
    """An order that still is what is wanted never leads to a second one."""
    known = replace(ORDER, **order)

    assert next_move(known, replace(WISH, **wish), NOW) == Resume(known, left_out)


@pytest.mark.parametrize(
    ("order", "wish", "because"),
    [
        pytest.param({}, {"names": (A, B, C)}, "it is for other names", id="a name came"),
        pytest.param({}, {"names": (A,)}, "it is for other names", id="a name went"),
        pytest.param(
            {"refused": {B.text: "no"}}, {}, "it is for other names", id="a name both in and refused"
        ),
        pytest.param({}, {"directory_url": "https://b/"}, f"it is at another CA ({CA})", id="another CA"),
        pytest.param(
            {}, {"account_uri": "https://b/"}, "it belongs to another account", id="another account"
        ),
        pytest.param({}, {"key_digest": "ff"}, "it is for another key", id="another key"),
        pytest.param({}, {"profile": "short"}, "it has the profile of the CA", id="a profile was set"),
        pytest.param({"profile": "short"}, {}, "it has the profile short", id="a profile was taken away"),
        pytest.param({"expires": NOW}, {}, OVER, id="expired"),
        pytest.param(
            {"expires": None, "placed": NOW - timedelta(days=7)}, {}, OVER, id="a week old, and no word"
        ),
        pytest.param(
            {"placed": NOW - timedelta(days=1), "expires": NOW, **DELIVERED},
            {},
            OVER,
            id="delivered long ago",
        ),
        pytest.param(
            {"placed": NOW - timedelta(days=2), "expires": NOW + timedelta(days=88), "finalizing": True},
            {},
            OVER,
            id="a CA that makes no certificate of its CSR, and keeps orders for months",
        ),
        pytest.param(
            {"placed": NOW - timedelta(days=7), "expires": NOW + timedelta(days=83), **DELIVERED},
            {},
            OVER,
            id="a certificate that could not be fetched for a week",
        ),
        pytest.param(
            {"placed": NOW + timedelta(days=365), "expires": NOW + timedelta(days=88), "finalizing": True},
            {},
            "this host's clock was ahead when it was placed",
            id="placed by a clock that was a year ahead: it would be waited for until that year is over",
        ),
    ],
)
def test_left_for_a_new_one(order: dict[str, Any], wish: dict[str, Any], because: str) -> None:
    """Anything that would deliver something else than what is wanted now, or nothing."""
    assert next_move(replace(ORDER, **order), replace(WISH, **wish), NOW) == Place(because)


def test_nothing_written_down() -> None:
    """Then there is nothing to explain either."""
    assert next_move(None, WISH, NOW) == Place()


def test_over_for_whatever_is_wanted() -> None:
    """What nobody will ever go on with may be swept away."""
    assert not is_over(ORDER, NOW)
    assert is_over(ORDER, NOW + timedelta(hours=1))
    assert not is_over(ORDER, NOW.replace(year=1970)), "a clock that is late, and may be right again soon"
