"""Token buckets, each kept as one moment."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from acme_companion.decide.ledger import Attempt, Ledger, Rate, without_the_past
from tests.builders import DAY, HOST, NOW

MINUTE = timedelta(minutes=1)
buckets = st.dictionaries(st.sampled_from(["orders", "names:a", "row:a"]), st.timedeltas(-DAY, 4000 * DAY))


@given(buckets, st.timedeltas(-9 * DAY, 9 * DAY), st.timedeltas(-DAY, 400 * DAY))
def test_the_ledger_does_not_grow(full_at, begun_at, closed):
    """What no limit looks back to is gone, and a clock that was ahead binds nobody for long."""
    ledger = Ledger(
        {key: NOW + value for key, value in full_at.items()},
        {HOST: Attempt(NOW + begun_at, "digest", 3)},
        NOW + closed,
        "no",
    )
    kept = without_the_past(ledger, NOW)

    assert all(
        NOW < value <= NOW + (14 if key != "row:a" else 1152) * DAY for key, value in kept.full_at.items()
    )
    assert (HOST in kept.attempts) is (-7 * DAY < begun_at <= 10 * MINUTE)
    assert kept.closed_until is None or NOW < kept.closed_until <= NOW + 7 * DAY
    assert without_the_past(kept, NOW) == kept
    assert without_the_past(ledger, NOW + 4000 * DAY) == Ledger()


@given(
    st.lists(st.timedeltas(timedelta(0), DAY), max_size=60),
    st.integers(1, 9),
    st.timedeltas(MINUTE, 7 * DAY),
)
def test_any_bucket(steps, most, period):
    """However tokens are taken when they are there: never more than `most`, and what a period refills, in any span."""
    rate, ledger, now, taken = Rate(most, period), Ledger(), NOW, []
    for step in steps:
        now += step
        if ledger.ready_at("b", rate, now) <= now:
            ledger = ledger.spent("b", rate, now)
            taken.append(now)

    for index, first in enumerate(taken):
        for count, last in enumerate(taken[index:], start=1):
            assert count <= most + (last - first) / rate.refill + 1e-3
