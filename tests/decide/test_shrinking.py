"""A list that lacks most mail domains at once is a mishap until it has lasted."""

from __future__ import annotations

from datetime import timedelta

import pytest

from acme_companion.decide.facts import Unanswered
from acme_companion.decide.shrinking import Believed, believed
from tests.builders import DAY, HOST, NOW, domains, lineage, naming

TEN = " ".join(f"d{number}.tld" for number in range(10))
FIVE = " ".join(f"d{number}.tld" for number in range(5))
NINE = TEN.removesuffix(" d9.tld")
CERTIFIED = (lineage(f"{HOST} " + " ".join(f"autodiscover.{one}" for one in TEN.split())),)
GONE_SINCE = {f"d{number}.tld": NOW for number in range(5, 10)}


def at(found, *, days: float = 0, since=None, made=None, held=CERTIFIED, force=False) -> Believed:
    return believed(made or naming(), found, held, since or {}, NOW + days * DAY, force=force)


def test_half_of_the_domains_vanish():
    """FAULTS N03: their names stay, in a renewal too, and how to go on is said."""
    assert at(domains(FIVE)) == Believed(
        domains(TEN),
        GONE_SINCE,
        (
            "5 of 10 mail domains with certified names are missing from the list at once (d5.tld, d6.tld, d7.tld …), as after a mishap "
            "with the database: their names stay until 24 Nov 12:00 UTC. If that is meant, create the file force_renew: then "
            "everything is renewed without them now",
        ),
    )


@pytest.mark.parametrize(
    ("seen", "kept", "held"),
    [
        pytest.param(at(domains(FIVE), days=2.9, since=GONE_SINCE), TEN, True, id="for days it is not believed"),
        pytest.param(at(domains(FIVE), days=3, since=GONE_SINCE), FIVE, False, id="after three days it is"),
        pytest.param(at(domains(FIVE), force=True), FIVE, False, id="an admin who says so is believed at once"),
        pytest.param(at(domains(NINE)), NINE, False, id="one domain leaves at once"),
        pytest.param(at(domains("d0.tld"), held=(lineage("a.tld autodiscover.d1.tld"),)), "d0.tld", False, id="so do a few"),
        pytest.param(
            at(domains("d0.tld"), days=1, since={**GONE_SINCE, "d4.tld": NOW - 3 * DAY}), TEN.replace("d4.tld ", ""), True,
            id="who has been missing for days leaves, who is new among them stays",
        ),
        pytest.param(at(domains(FIVE), made=naming(only_hostname=True)), FIVE, False, id="without mail domains nothing is held"),
        pytest.param(
            at(domains(FIVE), made=naming(autodiscover=False, prefixes="imap")), FIVE, False,
            id="names that the settings do not make any more are the admin's doing",
        ),
        pytest.param(
            at(domains(FIVE), days=100), FIVE, False, id="names of expired certificates are not lost"
        ),
    ],
)  # fmt: skip
def test_what_is_believed(seen, kept, held):
    """More than three, and half of those that are certified, for less than three days: that is a mishap."""
    assert seen.domains == domains(kept)
    assert bool(seen.warnings) is held


def test_names_of_policies_come_back_as_such():
    """An alias domain has its mta-sts name only, and gets no other."""
    held = (
        lineage(
            f"{HOST} " + " ".join(f"mta-sts.d{number}.tld autoconfig.e{number}.tld" for number in range(4))
        ),
    )

    seen = at(domains("new.tld"), held=held)

    assert seen.domains == domains(
        " ".join(f"e{number}.tld" for number in range(4)) + " new.tld",
        " ".join(f"d{number}.tld" for number in range(4)),
    )


def test_an_unanswered_list_changes_nothing():
    """Nobody knows who left: what was missing goes on counting."""
    found = domains(unanswered=Unanswered("the database is down"))

    assert at(found, since=GONE_SINCE) == Believed(found, GONE_SINCE)
    assert at(domains(), since=GONE_SINCE) == Believed(domains(), GONE_SINCE)


def test_who_returns_is_forgotten():
    """The next time that it is missing, the days begin anew."""
    assert at(domains(TEN), since={"d9.tld": NOW - timedelta(days=2)}).missing_since == {}
