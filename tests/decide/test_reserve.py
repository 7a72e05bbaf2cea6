"""The CA in reserve: whether it could help, known long before it has to."""

from __future__ import annotations

from datetime import timedelta

from acme_companion.decide.facts import Addresses, CaaLook, CaaRecord, NameFacts, Unanswered
from acme_companion.decide.memory import Authority, Memory
from acme_companion.decide.reserve import due_to_read, remember_reserve, reserve_warnings
from acme_companion.decide.settings import Ca
from tests.builders import DAY, HOST, NOW, names, settings

HOUR = timedelta(hours=1)
SECOND_URL = "https://second.example/directory"
SECOND = Ca(SECOND_URL)


def test_the_reserve_is_looked_at_daily():
    """Once a day while it answers, else in every cycle; what is known of our account there is kept."""
    given = settings(fallback_ca=SECOND)
    before = Memory(authorities={SECOND_URL: Authority(account_uri="https://second.example/1")})
    seen = remember_reserve(given, before, Authority(caa_identities=("second.example",)), NOW)

    assert [due_to_read(seen, SECOND, NOW + passed) for passed in (HOUR, DAY)] == [False, True]
    assert due_to_read(remember_reserve(given, before, Unanswered("down"), NOW), SECOND, NOW)
    assert seen.authorities[SECOND_URL] == Authority(
        "https://second.example/1", caa_identities=("second.example",)
    )


def test_the_reserve_is_warned_of_in_advance():
    """Its directory that does not answer, and CAA records that do not let it issue."""
    given = settings(fallback_ca=SECOND)
    memory = Memory(authorities={SECOND_URL: Authority(caa_identities=("second.example",))})
    records = (CaaRecord(0, "issue", "first.example"),)
    facts = {
        name: NameFacts(name, Addresses(), CaaLook(records if name.text == HOST else (), HOST))
        for name in names(f"{HOST} a.example")
    }
    found = list(reserve_warnings(given, memory, Unanswered("no route"), facts))

    assert [line[:60] for line in found] == [
        "the fallback CA (ACME_FALLBACK_DIRECTORY_URL) could not help",
        f"the fallback CA could not issue for {HOST}: CAA at {HOST}"[:60],
    ]
    assert list(reserve_warnings(settings(), memory, None, facts)) == []
