"""What a cycle will do, and why."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from acme_companion.decide.memory import Memory, RenewalWindow
from acme_companion.decide.plan import make_plan
from acme_companion.decide.steps import Hold, Issue, Keep, LeftOut, Lineage, Skip
from acme_companion.decide.verdicts.remembered import remember_readiness
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


def test_first_certificate():
    """Nothing is there yet and the name is ready: issue."""
    assert plan() == (Issue(Lineage(names(HOST), server=True), "no certificate yet"),)


def test_young_certificate_is_kept():
    """A certificate in its first two thirds stays, and the plan says until when."""
    assert plan(has=held(lineage(HOST))) == (
        Keep(
            Lineage(names(HOST), server=True),
            f"valid until {NOW + 80 * DAY:%d %b %Y}",
            next_renewal=NOW + 50 * DAY,
        ),
    )


@pytest.mark.parametrize(
    ("made", "because"),
    [
        pytest.param({"age_days": 61}, "two thirds of its lifetime are over", id="old enough"),
        pytest.param(
            {"age_days": 4, "life_days": 6}, "half of its lifetime is over", id="a short one at its half"
        ),
        pytest.param({"age_days": 91}, f"the certificate expired on {NOW - DAY:%d %b %Y}", id="expired"),
    ],
)
def test_due_certificates_are_renewed(made, because):
    """The reason for a renewal is told."""
    (step,) = plan(has=held(lineage(HOST, **made)))

    assert isinstance(step, Issue)
    assert step.because == because


@pytest.mark.parametrize(
    ("age_days", "keeps"),
    [
        pytest.param(61, HOST, id="there is time: its names must not be lost over our own side"),
        pytest.param(82, "", id="a tenth of its lifetime is left: what can be had is better than nothing"),
        pytest.param(91, "", id="expired"),
    ],
)
def test_what_a_renewal_must_not_lose(age_days, keeps):
    """DESIGN 2: a certified name does not leave because we could not show it to the CA for an hour."""
    (step,) = plan(has=held(lineage(HOST, age_days=age_days)))

    assert isinstance(step, Issue)
    assert step.keeps == names(keeps)


def test_the_renewal_names_its_predecessor():
    """RFC 9773 section 5: the CA exempts a renewal that says what it replaces."""
    (step,) = plan(has=held(lineage(HOST, age_days=61)))

    assert (step.replaces, step.renewal) == ("aki.serial", True)


def test_a_certificate_of_another_ca_is_replaced_without_naming_it():
    """From staging to production: issued anew, and the other CA's certificate is not mentioned to this one."""
    memory = Memory(issued={certificate(HOST).fingerprint: "https://staging.example/directory"})

    (step,) = plan(has=held(lineage(HOST), memory=memory))

    assert (step.because, step.replaces) == (
        "the certificate comes from another CA (https://staging.example/directory)",
        "",
    )


def test_an_adopted_certificate_is_kept():
    """A certificate whose CA we do not know (taken over from another companion) stays until it is due."""
    (step,) = plan(has=held(lineage(HOST), memory=Memory(issued={})))

    assert isinstance(step, Keep)


def test_a_new_name_is_added_now():
    """A ready name that is not certified yet is a reason to issue: the only one, unless the certificate is due as well."""
    wanted, ready = naming(additional="new.example.org"), verdicts(f"{HOST} new.example.org")
    (step,) = plan(wanted, seen=ready, has=held(lineage(HOST)))
    (when_due,) = plan(wanted, seen=ready, has=held(lineage(HOST, age_days=70)))

    assert when_due.only_for == ()
    assert step == Issue(
        Lineage(names(f"{HOST} new.example.org"), server=True),
        "new: new.example.org",
        replaces="aki.serial",
        only_for=names("new.example.org"),
        lifetime=90 * DAY,
        ends=NOW + 80 * DAY,
        keeps=names(HOST),
    )


@pytest.mark.parametrize("kind", ["not_ready", "unknown"])
def test_a_name_that_is_not_ready_never_enters(kind):
    """A new name that is not ready, or of which nothing is known, waits outside; the others do not wait with it."""
    seen = verdicts(HOST, **{kind: "new.example.org"})

    (step,) = plan(naming(additional="new.example.org"), seen=seen)

    assert step == Issue(
        Lineage(names(HOST), server=True),
        "no certificate yet",
        left_out=(LeftOut(names("new.example.org")[0], seen[names("new.example.org")[0]].because),),
    )


@pytest.mark.parametrize("kind", ["not_ready", "unknown"])
@pytest.mark.parametrize("age", [10, 61], ids=["not due", "due"])
def test_a_hiccup_costs_no_name(kind, age):
    """A certified name stays in its certificate, also over a renewal, while it has not been not ready for three days."""
    seen = verdicts(HOST, **{kind: "old.example.org"})
    memory = Memory(not_ready_since={"old.example.org": NOW - 2 * DAY})

    (step,) = plan(
        naming(additional="old.example.org"),
        seen=seen,
        has=held(lineage(f"{HOST} old.example.org", age_days=age), memory=memory),
    )

    assert step.lineage.names == names(f"{HOST} old.example.org")
    assert step.left_out == ()


def test_a_name_leaves_after_three_days_with_a_renewal_that_is_due():
    """Not before a renewal: leaving alone is no reason to issue."""
    memory = Memory(not_ready_since={"old.example.org": NOW - 3 * DAY})
    seen = verdicts(HOST, not_ready="old.example.org")
    made = naming(additional="old.example.org")

    (young,) = plan(made, seen=seen, has=held(lineage(f"{HOST} old.example.org"), memory=memory))
    (due,) = plan(made, seen=seen, has=held(lineage(f"{HOST} old.example.org", age_days=61), memory=memory))

    assert isinstance(young, Keep)
    assert due.lineage.names == names(HOST)
    assert due.left_out == (LeftOut(names("old.example.org")[0], "points elsewhere (for 3 days)"),)


def test_the_hostname_never_leaves():
    """However long the hostname has looked wrong: the renewal is tried with it."""
    memory = Memory(not_ready_since={HOST: NOW - 30 * DAY})

    (step,) = plan(seen=verdicts(not_ready=HOST), has=held(lineage(HOST, age_days=61), memory=memory))

    assert isinstance(step, Issue)
    assert step.lineage.names == names(HOST)


def test_without_its_hostname_there_is_no_server_certificate():
    """A first certificate for everything but the hostname would be no server certificate."""
    (step,) = plan(naming(additional="a.example.org"), seen=verdicts("a.example.org", not_ready=HOST))

    assert isinstance(step, Hold)
    assert step.because == f"{HOST}, without which there is no server certificate: points elsewhere"


def test_one_domain_does_not_wait_for_another():
    """With SNI a domain that points elsewhere holds up its own certificate only."""
    made, found = naming(sni=True, prefixes="imap", autodiscover=False), domains("bad.tld good.tld")

    steps = plan(made, found, verdicts(f"{HOST} imap.good.tld", not_ready="imap.bad.tld"))

    assert [type(step) for step in steps] == [Issue, Hold, Issue]
    assert steps[1].because == "no name is ready: imap.bad.tld: points elsewhere"


def test_a_failing_lineage_waits():
    """After failures the CA is left alone until the schedule says so."""
    memory = Memory(lineage_failures={HOST: failures()})

    assert plan(has=held(memory=memory)) == (
        Hold(
            Lineage(names(HOST), server=True),
            "waits after 2 failures in a row: the CA is down",
            until=NOW + DAY,
        ),
    )


@pytest.mark.parametrize(
    ("asked", "kind"),
    [
        pytest.param(False, Issue, id="our own schedule yields"),
        pytest.param(True, Hold, id="the CA's Retry-After does not"),
    ],
)
def test_force_and_waiting(asked, kind):
    """`force_renew` cuts our own waiting short, never a time that the CA named."""
    memory = Memory(lineage_failures={HOST: failures(asked=asked)})

    (step,) = plan(has=held(memory=memory), force=True)

    assert isinstance(step, kind)


def test_force_renews_what_is_not_due():
    """`force_renew` renews everything once."""
    (step,) = plan(has=held(lineage(HOST)), force=True)

    assert (step.because, step.renewal) == ("force_renew was asked for", True)


def test_a_name_that_the_ca_refused_waits_alone():
    """A refusal of one name keeps that name out, not its certificate."""
    memory = Memory(name_failures={"bad.example.org": failures()})
    seen = verdicts(f"{HOST} bad.example.org")

    (step,) = plan(naming(additional="bad.example.org"), seen=seen, has=held(memory=memory))

    assert step.lineage.names == names(HOST)
    assert step.left_out == (LeftOut(names("bad.example.org")[0], "the CA is down"),)


def test_a_foreign_pair_is_left_alone():
    """A pair that we did not issue belongs to the admin: nothing is issued, and it is said."""
    (step,) = plan(has=held(server=certificate(HOST), server_is_ours=False))

    assert isinstance(step, Skip)
    assert step.because.startswith("cert.pem (issued by CN=Test CA, valid until")


def test_skip_lets_encrypt():
    """SKIP_LETS_ENCRYPT=y asks no CA for anything."""
    made = replace(settings(), skip_acme=True)

    assert make_plan(made, domains(), wanted_certificates(naming(), domains()), {}, held(), NOW).steps == (
        Skip("SKIP_LETS_ENCRYPT=y: no certificate is asked for"),
    )


def test_the_ca_advice_wins():
    """RFC 9773: a window in the past renews now, with the CA's window as the reason."""
    window = RenewalWindow(NOW - DAY, NOW - timedelta(hours=1), NOW - timedelta(hours=2), NOW)
    print_ = certificate(HOST).fingerprint
    has = held(lineage(HOST), memory=Memory(issued={print_: CA_URL}, windows={print_: window}))

    (step,) = plan(has=has)

    assert step.because == f"the CA asks for a renewal between {NOW - DAY:%d %b} and {NOW:%d %b %Y}"


def test_readiness_is_remembered():
    """Not ready counts from its first look; a ready look ends it; an unknown one changes nothing."""
    memory = Memory(not_ready_since={"a.tld": NOW - DAY, "b.tld": NOW - DAY, "c.tld": NOW - DAY})

    after = remember_readiness(
        memory, verdicts("b.tld", not_ready="a.tld new.tld", unknown="c.tld other.tld"), NOW
    )

    assert after.not_ready_since == {"a.tld": NOW - DAY, "new.tld": NOW, "c.tld": NOW - DAY}
