"""Which certificates the settings and the mail domains ask for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acme_companion.decide.facts import Refusal
from acme_companion.decide.lineages import matches
from acme_companion.decide.wanted import (
    WantedCertificate,
    keep_held,
    wanted_certificates,
    with_names_in_transit,
)
from tests.builders import NOW, domains, held, lineage, names, naming


def texts(certificates: tuple[WantedCertificate, ...]) -> list[str]:
    return [" ".join(str(name) for name in one.names) for one in certificates]


@pytest.mark.parametrize(
    ("made", "found", "expected"),
    [
        pytest.param(
            naming("server.email.tld", "webmail.email.tld", "mail", sni=True),
            domains("domain1.tld domain2.tld"),
            [
                "server.email.tld webmail.email.tld",
                "autoconfig.domain1.tld autodiscover.domain1.tld mail.domain1.tld",
                "autoconfig.domain2.tld autodiscover.domain2.tld mail.domain2.tld",
            ],
            id="mailcow's own example: three certificates with SNI",
        ),
        pytest.param(
            naming(prefixes="imap"),
            domains("a.tld"),
            ["mail.example.org autoconfig.a.tld autodiscover.a.tld imap.a.tld"],
            id="without SNI everything stands in the server certificate, sorted after the hostname",
        ),
        pytest.param(
            naming(only_hostname=True, sni=True),
            domains("a.tld"),
            ["mail.example.org"],
            id="only the hostname",
        ),
        pytest.param(
            naming(prefixes="imap", autodiscover=False),
            domains("a.tld", mta_sts="a.tld"),
            ["mail.example.org imap.a.tld"],
            id="AUTODISCOVER_SAN=n leaves mta-sts out as well",
        ),
        pytest.param(
            naming(sni=True, autodiscover=True),
            domains("a.tld", mta_sts="a.tld alias.tld"),
            [
                "mail.example.org",
                "autoconfig.a.tld autodiscover.a.tld mta-sts.a.tld",
                "mta-sts.alias.tld",
            ],
            id="an alias domain of a domain with a policy needs mta-sts only",
        ),
        pytest.param(
            naming(prefixes="mail", autodiscover=False),
            domains("example.org"),
            ["mail.example.org"],
            id="a prefixed name equal to the hostname is dropped",
        ),
        pytest.param(
            naming(additional="*.a.tld", prefixes="imap", autodiscover=False, sni=True),
            domains("a.tld b.tld"),
            ["mail.example.org *.a.tld", "imap.b.tld"],
            id="names that a wildcard covers are dropped",
        ),
        pytest.param(
            naming(additional="imap.a.tld", prefixes="imap", sni=True),
            domains("a.tld"),
            ["mail.example.org imap.a.tld", "autoconfig.a.tld autodiscover.a.tld"],
            id="a domain's certificate omits what the server certificate has",
        ),
        pytest.param(
            naming(prefixes="mail mail.sub", sni=True, autodiscover=False),
            domains("a.tld sub.a.tld"),
            ["mail.example.org", "mail.a.tld mail.sub.a.tld", "mail.sub.sub.a.tld"],
            id="a name that two domains lead to stands in one certificate only",
        ),
    ],
)
def test_partition(made, found, expected):
    """Names are partitioned as CONTRACT 2 of the mail stack tells."""
    assert texts(wanted_certificates(made, found).certificates) == expected


def test_a_prefix_that_makes_no_name_is_reported():
    """autodiscover.autodiscover.… is refused by name, the domain's other names stay."""
    wanted = wanted_certificates(naming(sni=True), domains("autodiscover.tld.example"))

    assert wanted.refused == (
        Refusal(
            "prefix autodiscover of mail domain autodiscover.tld.example",
            "'autodiscover.autodiscover.tld.example' repeats the label autodiscover",
        ),
    )
    assert names("autoconfig.autodiscover.tld.example") == wanted.certificates[1].names


LABELS = st.text("abcdefgh", min_size=1, max_size=5)


@given(
    st.lists(LABELS, max_size=30, unique=True),
    st.lists(LABELS, max_size=4, unique=True),
    st.booleans(),
    st.integers(2, 12),
)
def test_nothing_is_lost_or_doubled(labels, prefixes, sni, most):
    """Every name stands in exactly one certificate, no certificate is too long, and the hostname is the first name."""
    made = naming(prefixes=" ".join(prefixes), sni=sni, most_names=most)
    wanted = wanted_certificates(made, domains(" ".join(f"{label}.example" for label in labels)))

    every = [name for one in wanted.certificates for name in one.names]
    assert len(every) == len(set(every))
    assert all(0 < len(one.names) <= most for one in wanted.certificates)
    assert wanted.certificates[0].names[0] == made.hostname
    assert [one.server for one in wanted.certificates] == [True] + [False] * (len(wanted.certificates) - 1)
    expected = {f"{p}.{label}.example" for label in labels for p in {*prefixes, "autodiscover", "autoconfig"}}
    assert {str(name) for name in every} == expected | {"mail.example.org"}


def test_adding_a_domain_changes_no_other_certificate():
    """With SNI a new mail domain touches its own certificate only."""
    before = wanted_certificates(naming(sni=True), domains("a.tld c.tld")).certificates
    after = wanted_certificates(naming(sni=True), domains("a.tld b.tld c.tld")).certificates

    assert set(before) < set(after)


def test_a_silent_database_costs_nobody_a_name():
    """While the mail domains are unknown, everything certified stays wanted."""
    wanted = wanted_certificates(naming(sni=True), domains())
    lineages = (lineage("mail.example.org imap.a.tld"), lineage("autoconfig.b.tld autodiscover.b.tld"))

    kept = keep_held(wanted, lineages)

    assert texts(kept.certificates) == ["mail.example.org imap.a.tld", "autoconfig.b.tld autodiscover.b.tld"]


def test_a_silent_database_has_nothing_ordered():
    """A certificate has names of the settings and of the database: it goes on with both, and one that is new gets its own."""
    made = naming(additional="x.tld y.tld z.tld", most_names=2, autodiscover=False)
    lineages = (lineage("mail.example.org x.tld"), lineage("imap.a.tld y.tld"))
    wanted = wanted_certificates(made, domains(), names("mail.example.org x.tld y.tld z.tld"), lineages)

    kept = keep_held(wanted, lineages)

    assert texts(kept.certificates) == ["mail.example.org x.tld", "z.tld", "imap.a.tld y.tld"]
    server, _, other = kept.certificates
    assert dict(matches(kept.certificates, lineages)) == {server: lineages[0], other: lineages[1]}


def test_names_that_cannot_be_certified_do_not_crowd_others_out():
    """60 domains without autoconfig and autodiscover records: the few usable names fit, so nothing is split."""
    found = domains(" ".join(f"d{number}.tld" for number in range(60)))

    wanted = wanted_certificates(naming(), found, usable=names("mail.example.org autoconfig.d1.tld"))

    assert len(wanted.certificates) == 1
    assert wanted.warnings == ()


IN_TRANSIT = "mail.example.org imap.a.tld imap.b.tld imap.c.tld"


def test_a_name_leaves_one_certificate_when_another_has_it():
    """SNI is switched on: names stay in the server certificate until their own certificate is there."""
    wanted = wanted_certificates(
        naming(sni=True, prefixes="imap", autodiscover=False), domains("a.tld b.tld c.tld")
    )

    moving = with_names_in_transit(wanted, held(lineage(IN_TRANSIT), lineage("imap.a.tld")), NOW)
    moved = with_names_in_transit(
        wanted, held(*map(lineage, (IN_TRANSIT, "imap.a.tld", "imap.b.tld", "imap.c.tld"))), NOW
    )

    assert texts(moving.certificates)[0] == "mail.example.org imap.b.tld imap.c.tld"
    assert moved == wanted
