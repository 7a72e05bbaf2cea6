"""How lineages live on, leave, and are deployed again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from acme_companion.decide.facts import Unanswered
from acme_companion.decide.forgetting import without_the_past
from acme_companion.decide.lineages import remember_unwanted
from acme_companion.decide.memory import Held, HeldLineage, Memory
from acme_companion.decide.plan import make_plan
from acme_companion.decide.steps import DEPLOYMENT, Archive, Deploy, Hold, Issue, Keep, Lineage
from acme_companion.decide.wanted import wanted_certificates
from tests.builders import (
    CA_URL,
    DAY,
    HOST,
    NOW,
    certificate,
    domains,
    failures,
    held,
    lineage,
    names,
    naming,
    plan,
    settings,
    verdicts,
)

SNI = naming(sni=True, prefixes="imap", autodiscover=False)


def test_a_removed_domain_is_archived():
    """A lineage that nobody wants any more goes out of the siblings' sight."""
    has = held(lineage(HOST), lineage("imap.gone.tld"), lineage("imap.here.tld"))

    steps = plan(SNI, domains("here.tld"), verdicts(f"{HOST} imap.here.tld"), has)

    assert steps[2:] == (
        Archive("imap.gone.tld", "its names are not wanted any more, or another certificate has them"),
    )


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(domains(unanswered=Unanswered("database down")), id="the database does not answer"),
        pytest.param(domains(), id="an empty list looks like a mishap"),
    ],
)
def test_nothing_is_archived_on_a_hiccup(found):
    """Only a list of mail domains that can be believed archives anything."""
    has = held(lineage(HOST), lineage("imap.here.tld"))

    steps = plan(SNI, found, verdicts(HOST, unknown="imap.here.tld"), has)

    assert not [step for step in steps if isinstance(step, Archive)]


def test_a_foreign_directory_is_never_archived():
    """A directory that no ACME client of ours made belongs to the admin."""
    own = HeldLineage("imap.own.tld", certificate("imap.own.tld"), ours=False)

    steps = plan(SNI, domains("here.tld"), verdicts(f"{HOST} imap.here.tld"), held(own))

    assert not [step for step in steps if isinstance(step, Archive)]


def test_no_archive_before_another_certificate_has_its_names():
    """From SNI to one certificate: the domain's own stays until the server certificate has its names."""
    has = held(lineage(HOST), lineage("imap.here.tld"))
    made = naming(prefixes="imap", autodiscover=False)
    seen = verdicts(f"{HOST} imap.here.tld")

    now = plan(made, domains("here.tld"), seen, has)
    later = plan(
        made, domains("here.tld"), seen, held(lineage(f"{HOST} imap.here.tld"), lineage("imap.here.tld"))
    )

    assert [type(step) for step in now] == [Issue]
    assert [type(step) for step in later] == [Keep, Archive]


def test_a_lineage_keeps_its_directory():
    """A name that sorts before the first name joins: the directory stays, so siblings see a renewal, not a stranger."""
    made = replace(SNI, prefixes=("imap", "aaa"))
    seen = verdicts(f"{HOST} imap.here.tld aaa.here.tld")

    step = plan(made, domains("here.tld"), seen, held(lineage(HOST), lineage("imap.here.tld")))[1]

    assert step.lineage == Lineage(names("imap.here.tld aaa.here.tld"), directory="imap.here.tld")


def test_an_unfinished_deployment_is_taken_up_again():
    """A cycle that ended between switch and restart, or whose siblings serve something else, is gone on with."""
    memory = Memory(issued={certificate(HOST).fingerprint: CA_URL}, undeployed=(HOST,))
    has = held(lineage(HOST), memory=memory)

    steps = plan(has=has)
    waiting = replace(memory, lineage_failures={DEPLOYMENT: failures()})

    assert steps[1:] == (Deploy((HOST,), "the last cycle ended before the siblings were seen to serve it"),)
    assert plan(has=replace(has, memory=waiting))[1:] == ()


def test_a_wish_to_renew_outlives_a_stop():
    """`force_renew` was taken, and the companion stopped before all were renewed: the rest is renewed by the next cycle."""
    memory = Memory(issued={certificate(HOST).fingerprint: CA_URL}, forced=(HOST,))

    (step,) = plan(has=held(lineage(HOST), memory=memory))

    assert (type(step), step.because) == (Issue, "force_renew was asked for")


def test_the_memory_does_not_grow_over_the_years():
    """What the volume no longer holds, and failures of long ago, are forgotten."""
    memory = Memory(
        issued=dict.fromkeys(
            (certificate(HOST).fingerprint, certificate("gone.example.org").fingerprint), CA_URL
        ),
        lineage_failures={"new": failures(days=-29), "old": failures(days=-31)},
        name_failures={"old": failures(days=-31)},
    )

    after = without_the_past(held(lineage(HOST), memory=memory), NOW)

    assert after.issued == {certificate(HOST).fingerprint: CA_URL}
    assert (set(after.lineage_failures), set(after.name_failures)) == ({"new"}, set())


def test_a_pair_of_the_admins_own_is_not_overwritten():
    """A directory that no ACME client made stays, also when we are asked for a certificate of that name."""
    own = HeldLineage("imap.here.tld", certificate("imap.here.tld"), ours=False)

    step = plan(SNI, domains("here.tld"), verdicts(f"{HOST} imap.here.tld"), held(lineage(HOST), own))[1]

    assert isinstance(step, Hold)
    assert step.because == (
        "the pair in imap.here.tld/ was not issued by this companion: it belongs to you and stays. "
        "To hand it over, move the directory away"
    )


def test_cert_pem_follows_the_hostname():
    """The hostname was changed and changed back: its lineage is still valid, but cert.pem is another name's."""
    has = held(lineage(HOST), server=certificate("mx.example.org"))

    (step,) = plan(has=has)

    assert (type(step), step.because) == (Issue, "cert.pem holds another certificate")


def test_not_knowing_costs_nothing_even_after_the_end():
    """A host that was off for months, behind a NAT without hairpin: its names are as certified as they were."""
    (step,) = plan(seen=verdicts(unknown=HOST), has=held(lineage(HOST, age_days=100)))

    assert isinstance(step, Issue)


def test_the_cas_own_time_holds_for_a_certificate_by_any_name():
    """A first certificate whose first name dropped out is still the one that the CA told to wait."""
    memory = Memory(lineage_failures={"aaa.here.tld": failures(asked=True)})
    made = replace(SNI, prefixes=("aaa", "imap"))

    step = plan(
        made,
        domains("here.tld"),
        verdicts(f"{HOST} imap.here.tld", not_ready="aaa.here.tld"),
        held(lineage(HOST), memory=memory),
    )[1]

    assert isinstance(step, Hold)
    assert step.until == NOW + DAY


def many(*labels: str) -> Held:
    return held(lineage(HOST), *(lineage(f"imap.{label}.tld") for label in labels))


def test_half_a_table_is_not_believed_at_once():
    """Many lineages that nobody wants all at once look like a mishap: they leave after three days without a change."""
    has, found, seen = many(*"abcdefgh"), domains("a.tld"), verdicts(f"{HOST} imap.a.tld")
    since = {f"imap.{label}.tld": NOW - 3 * DAY for label in "bcdefgh"}
    waited = replace(has, memory=replace(has.memory, unwanted_since=since))

    now = [step for step in plan(SNI, found, seen, has) if isinstance(step, Archive)]
    later = [step for step in plan(SNI, found, seen, waited) if isinstance(step, Archive)]

    assert (len(now), len(later)) == (0, 7)


def test_unwanted_is_forgotten_when_wanted_again():
    """The three days begin anew when a lineage was wanted in between."""
    memory = Memory(unwanted_since={"imap.a.tld": NOW - DAY, "imap.b.tld": NOW - DAY})

    after = remember_unwanted(memory, [lineage("imap.b.tld"), lineage("imap.c.tld")], NOW)

    assert after.unwanted_since == {"imap.b.tld": NOW - DAY, "imap.c.tld": NOW}


def test_a_lineage_keeps_its_directory_when_its_first_name_leaves():
    """The customer gave autoconfig up: the renewal replaces the old certificate, and nothing is issued beside it."""
    has = held(lineage(HOST), lineage("autoconfig.a.tld autodiscover.a.tld imap.a.tld", age_days=61))
    gone = replace(has, memory=replace(has.memory, not_ready_since={"autoconfig.a.tld": NOW - 3 * DAY}))
    seen = verdicts(f"{HOST} autodiscover.a.tld imap.a.tld", not_ready="autoconfig.a.tld")

    _, step = plan(naming(sni=True, prefixes="imap"), domains("a.tld"), seen, gone)

    assert step.lineage == Lineage(names("autodiscover.a.tld imap.a.tld"), directory="autoconfig.a.tld")


def test_an_expired_certificate_secures_nothing():
    """A lineage that is still needed is not archived because an expired certificate has its names, too."""
    made = naming(prefixes="imap", autodiscover=False)
    has = held(lineage(f"{HOST} imap.here.tld", age_days=91), lineage("imap.here.tld"))

    steps = plan(made, domains("here.tld"), verdicts(f"{HOST} imap.here.tld"), has)

    assert [type(step) for step in steps] == [Issue]


def test_nobody_waits_for_a_failure_of_another_certificate():
    """Its directory is called by a name that has moved: what fails there is no business of the certificate that the name gets."""
    other = HeldLineage("imap.a.tld", certificate("imap.b.tld", age_days=80))
    has = held(lineage(HOST), other)
    has = replace(has, memory=replace(has.memory, lineage_failures={other.directory: failures()}))
    found, seen = domains("a.tld b.tld"), verdicts(f"{HOST} imap.a.tld imap.b.tld")

    steps = make_plan(
        settings(SNI), found, wanted_certificates(SNI, found, None, has.lineages), seen, has, NOW
    ).steps

    assert [(type(step), step.lineage.directory) for step in steps[1:] if isinstance(step, Issue | Hold)] == [
        (Issue, "imap.a.tld_2"),
        (Hold, "imap.a.tld"),
    ]
