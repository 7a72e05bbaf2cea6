"""More names than one certificate holds: a stable partition, whatever the order in which domains come and go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acme_companion.decide.lineages import lineage_of, matches
from acme_companion.decide.memory import HeldLineage
from acme_companion.decide.names import Name
from acme_companion.decide.partition import MOST_CHARACTERS, Room, spread
from acme_companion.decide.wanted import Wanted, WantedCertificate, wanted_certificates
from tests.builders import certificate, domains, names, naming

LABELS = st.text("abcdefgh", min_size=1, max_size=3)


def texts(certificates: tuple[WantedCertificate, ...]) -> list[str]:
    return [" ".join(str(name) for name in one.names) for one in certificates]


def issued(wanted: Wanted, held: tuple[HeldLineage, ...] = ()) -> tuple[tuple[HeldLineage, ...], int]:
    """What the volume holds after all that is wanted was issued, and how many certificates that took.

    As in a plan, a certificate that has all of its names and more stays as it is.
    """
    by_directory = {one.directory: one for one in held}
    continued = dict(matches(wanted.certificates, held))
    count = 0
    for one in wanted.certificates:
        before = continued.get(one)
        if before and before.certificate and set(one.names) <= set(before.certificate.names):
            continue
        made = lineage_of(one.names, one, before, dict.fromkeys(by_directory, True))
        text = " ".join(name.text for name in made.names)
        by_directory[made.directory] = HeldLineage(made.directory, certificate(text))
        count += 1
    return tuple(by_directory.values()), count


def wanted_now(labels, held=(), **more) -> Wanted:
    made = naming(prefixes="imap", **more)
    return wanted_certificates(
        made, domains(" ".join(f"{one}.example" for one in sorted(labels))), None, held
    )


@given(
    st.sets(LABELS, max_size=14),
    st.lists(LABELS, max_size=8),
    st.integers(3, 12),
    st.booleans(),
)
def test_one_domain_touches_one_certificate(first, changes, most, sni):
    """FAULTS N15, STANDARDS F-5: adding or removing a domain issues at most one certificate; none is too long, no name is lost or doubled."""
    labels = set(first)
    held, _ = issued(wanted_now(labels, most_names=most, sni=sni))
    for label in changes:
        labels ^= {label}
        wanted = wanted_now(labels, held, most_names=most, sni=sni)
        every = [name for one in wanted.certificates for name in one.names]
        expected = {
            f"{prefix}.{one}.example" for one in labels for prefix in ("imap", "autodiscover", "autoconfig")
        }

        assert sorted(map(str, every)) == sorted(expected | {"mail.example.org"})
        assert all(len(one.names) <= most for one in wanted.certificates)
        assert wanted.certificates[0].names[0] == Name("mail.example.org")
        held, count = issued(wanted, held)
        assert count <= 1


@given(st.sets(LABELS, max_size=20), st.integers(3, 12), st.booleans())
def test_the_same_names_make_the_same_partition(labels, most, sni):
    """From nothing it is deterministic, and what was issued by it is what is wanted again."""
    wanted = wanted_now(labels, most_names=most, sni=sni)
    held, _ = issued(wanted)

    assert wanted_now(labels, most_names=most, sni=sni) == wanted
    assert issued(wanted_now(labels, held, most_names=most, sni=sni), held)[1] == 0


def test_too_many_names_for_one_certificate():
    """101 names without SNI: all are certified, in two certificates, and it is said."""
    found = domains(" ".join(f"d{number:02}.tld" for number in range(50)))

    wanted = wanted_certificates(naming(), found)

    assert [len(one.names) for one in wanted.certificates] == [99, 2]
    assert len(wanted.names) == 101
    assert wanted.warnings == (
        "101 names do not fit into one certificate (at most 100): they are spread over 2, and a program that sends no SNI sees "
        "mail.example.org's only",
    )


SERVER = "mail.example.org autoconfig.a.tld autodiscover.a.tld"
SECOND = "autoconfig.b.tld autodiscover.b.tld"
TOGETHER = "mail.example.org autoconfig.a.tld autoconfig.b.tld autodiscover.a.tld autodiscover.b.tld"


def lineages(*held: str) -> tuple[HeldLineage, ...]:
    return tuple(HeldLineage(names(text)[0].directory, certificate(text)) for text in held)


@pytest.mark.parametrize(
    ("made", "found", "held", "expected"),
    [
        pytest.param(
            naming(most_names=5), "a.tld b.tld", (SERVER,), [TOGETHER], id="all fit into one"
        ),
        pytest.param(
            naming(most_names=5), "a.tld b.tld", (SERVER, SECOND), [SERVER, SECOND],
            id="they would fit barely: what is split stays split",
        ),
        pytest.param(
            naming(most_names=7), "a.tld b.tld", (SERVER, SECOND), [TOGETHER],
            id="they fit easily again: put together",
        ),
        pytest.param(
            naming(most_names=5), "a.tld b.tld", ("mail.example.org", SERVER[17:], SECOND), [TOGETHER],
            id="SNI was switched off: put together",
        ),
        pytest.param(
            naming(most_names=3), "0.tld a.tld b.tld", (SERVER, SECOND),
            [SERVER, SECOND, "autoconfig.0.tld autodiscover.0.tld"],
            id="a new domain that comes first drives nobody out",
        ),
        pytest.param(
            naming(prefixes="mx", most_names=3), "a.tld b.tld", (SERVER, SECOND),
            ["mail.example.org", "autoconfig.b.tld autodiscover.b.tld mx.b.tld",
             "autoconfig.a.tld autodiscover.a.tld mx.a.tld"],
            id="a domain that outgrows its certificate moves as a whole",
        ),
        pytest.param(
            naming(additional="x.org y.org z.org", autodiscover=False, most_names=3), "", ("mail.example.org y.org z.org",),
            ["mail.example.org y.org z.org", "x.org"],
            id="a new full name goes where there is room",
        ),
        pytest.param(
            naming(additional="*.example.org", autodiscover=False), "", (),
            ["mail.example.org", "*.example.org"],
            id="a wildcard never stands beside the hostname that it covers (B-6)",
        ),
        pytest.param(
            naming(additional="*.example.org", autodiscover=False, sni=True), "", (),
            ["mail.example.org", "*.example.org"],
            id="neither with SNI",
        ),
        pytest.param(
            naming(additional="*.a.tld", most_names=1, sni=True, autodiscover=False, prefixes="imap"), "a.tld b.tld", (),
            ["mail.example.org", "*.a.tld", "imap.b.tld"],
            id="a wildcard for which there is no room elsewhere still covers",
        ),
        pytest.param(
            naming(prefixes="x y", most_names=3, sni=True), "a.tld", (),
            ["mail.example.org", "autoconfig.a.tld autodiscover.a.tld x.a.tld", "y.a.tld"],
            id="a domain with more names than one certificate holds",
        ),
    ],
)  # fmt: skip
def test_what_stands_together_stays_together(made, found, held, expected):
    """Names stay where they are certified; what is new goes where room is."""
    wanted = wanted_certificates(made, domains(found), None, lineages(*held))

    assert texts(wanted.certificates) == expected


def test_names_that_cannot_be_certified_take_no_room():
    """They are told about, and drive nobody out."""
    usable = names("mail.example.org autoconfig.a.tld autoconfig.b.tld")

    wanted = wanted_certificates(naming(most_names=3), domains("a.tld b.tld c.tld"), usable)

    assert len(wanted.certificates) == 1
    assert len(wanted.names) == 7


def test_the_length_of_all_names_together():
    """STANDARDS B-8: a hundred very long names do not stand in one certificate."""
    long = [Name(f"{number:02}.{'a' * 60}.{'b' * 60}.{'c' * 60}.example") for number in range(100)]

    shares = spread((), (), [(name,) for name in long], Room(100), ())

    assert [sum(len(name.text) for name in share.names) <= MOST_CHARACTERS for share in shares] == [
        True,
        True,
    ]
    assert sorted(name for share in shares for name in share.names) == long
