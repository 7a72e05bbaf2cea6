"""Token buckets, each kept as one moment."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from acme_companion.decide.ledger import Ledger, Rate
from tests.builders import DAY, NOW

MINUTE = timedelta(minutes=1)


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
