"""How near its end a certificate is: what is said ever more loudly, as no CA sends mail about it any more."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from acme_companion.decide.pair import Certificate

LOW, URGENT, CRITICAL = 3, 6, 20
"""One in so many parts of the lifetime is left."""
ALARM_BEFORE = timedelta(days=14)
"""A certificate that cannot be renewed now and ends sooner than this is spoken of loudly; a short-lived one from a sixth on."""


class Alarm(StrEnum):
    """From quiet to loud. `LOW` is the ordinary time of a renewal; from `URGENT` on renewals have been failing for long."""

    NONE = "none"
    LOW = "low"
    URGENT = "urgent"
    CRITICAL = "critical"
    EXPIRED = "expired"


LOUD = frozenset({Alarm.URGENT, Alarm.CRITICAL, Alarm.EXPIRED})
WORDS = {
    Alarm.NONE: "",
    Alarm.LOW: "less than a third of its life is left",
    Alarm.URGENT: "LESS THAN A SIXTH OF ITS LIFE IS LEFT",
    Alarm.CRITICAL: "LESS THAN A TWENTIETH OF ITS LIFE IS LEFT",
    Alarm.EXPIRED: "IT HAS EXPIRED",
}


def alarm_of(certificate: Certificate, now: datetime) -> Alarm:
    """The level for a certificate that is served."""
    left, life = certificate.not_after - now, certificate.not_after - certificate.not_before
    if left <= timedelta(0):
        return Alarm.EXPIRED
    for parts, alarm in ((CRITICAL, Alarm.CRITICAL), (URGENT, Alarm.URGENT), (LOW, Alarm.LOW)):
        if left < life / parts:
            return alarm
    return Alarm.NONE


def ends_soon(certificate: Certificate, now: datetime) -> bool:
    """Whether a renewal that is not possible now is an alarm: within two weeks of the end, or within its last sixth if that is less."""
    life = certificate.not_after - certificate.not_before
    return certificate.not_after - now < min(ALARM_BEFORE, life / URGENT)
