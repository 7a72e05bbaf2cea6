"""How near its end a certificate is."""

from __future__ import annotations

import pytest

from acme_companion.decide.alarm import Alarm, alarm_of, ends_soon
from tests.builders import HOST, NOW, certificate


@pytest.mark.parametrize(
    ("left", "alarm", "soon"),
    [
        pytest.param(31, Alarm.NONE, False, id="more than a third"),
        pytest.param(29, Alarm.LOW, False, id="less than a third"),
        pytest.param(14.9, Alarm.URGENT, False, id="less than a sixth"),
        pytest.param(13.9, Alarm.URGENT, True, id="less than two weeks"),
        pytest.param(4.4, Alarm.CRITICAL, True, id="less than a twentieth"),
        pytest.param(-0.1, Alarm.EXPIRED, True, id="over"),
    ],
)
def test_alarms(left, alarm, soon):
    """O16: ever louder as the end comes near; for short lifetimes by the share that is left."""
    ninety, six = (
        certificate(HOST, age_days=90 - left),
        certificate(HOST, age_days=6 - left / 15, life_days=6),
    )

    assert (alarm_of(ninety, NOW), ends_soon(ninety, NOW)) == (alarm, soon)
    assert (alarm_of(six, NOW), ends_soon(six, NOW)) == (alarm, soon or alarm is Alarm.URGENT)
