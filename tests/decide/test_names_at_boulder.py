"""What we would ask Let's Encrypt for, held against a model of Boulder's rules (policy/pa.go) that shares no code with ours."""

from __future__ import annotations

import itertools
import re

import idna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from publicsuffixlist import PublicSuffixList

from acme_companion.decide.issuance_policy import never_certified
from acme_companion.decide.names import Name, NameRefused
from acme_companion.decide.settings import Ca
from acme_companion.decide.wanted import keep_held, wanted_certificates, with_names_in_transit
from tests.builders import NOW, domains, held, lineage, naming

LETS_ENCRYPT = Ca("https://acme-v02.api.letsencrypt.org/directory")
REGISTRIES = PublicSuffixList(only_icann=True, accept_unknown=False)
LABELS = st.sampled_from(
    [
        "a",
        "mail",
        "autodiscover",
        "mta-sts",
        "x" * 63,
        "x" * 64,
        "-a",
        "a-",
        "a_b",
        "ab--c",
        "xn--mller-kva",
        "xn--a",
        "",
        "*",
        "1",
        "A",
    ]
)
ENDS = st.sampled_from(
    [
        "com",
        "co.uk",
        "de",
        "local",
        "test",
        "onion",
        "internal",
        "jp",
        "kobe.jp",
        "arpa",
        "7",
        "xn--p1ai",
        "ck",
    ]
)
TEXTS = st.builds(lambda labels, end: ".".join([*labels, end]), st.lists(LABELS, max_size=9), ENDS)


def boulder_refuses(text: str) -> str:
    """The rule of STANDARDS B-7 or B-11 that `text` breaks; empty when an order may name it."""
    wildcard = text.startswith("*.")
    host = text[2:] if wildcard else text
    labels = host.split(".")
    rules = {
        "characters": not re.fullmatch(r"[a-z0-9.-]*", host),
        "length": len(text) > 253,
        "number of labels": not 2 <= len(labels) <= 10,
        "labels": any(not 1 <= len(one) <= 63 or one.strip("-") != one for one in labels),
        "reserved labels": any(one[2:4] == "--" and not _is_a_label(one) for one in labels),
        "an address": labels[-1].isdigit(),
        "a repeated label": any(
            left == right and left in {"autoconfig", "autodiscover", "mta-sts"}
            for left, right in itertools.pairwise(labels)
        ),
        "top-level domain": REGISTRIES.publicsuffix(host) is None or labels[-1] in {"onion", "arpa"},
        "public suffix": REGISTRIES.publicsuffix(host) == host,
    }
    return ", ".join(rule for rule, broken in rules.items() if broken)


def _is_a_label(label: str) -> bool:
    try:
        return label.startswith("xn--") and idna.alabel(idna.ulabel(label)).decode() == label
    except UnicodeError:
        return False


def asked_for(text: str) -> Name | None:
    """What an order would name, None when we would not even ask."""
    try:
        name = Name.parse(text)
    except NameRefused:
        return None
    return None if never_certified(name, LETS_ENCRYPT) else name


@given(TEXTS)
def test_nothing_is_asked_for_that_is_refused(text: str) -> None:
    """STANDARDS B-7, B-11: a refused name costs an order, and with it the names beside it some minutes."""
    name = asked_for(text)
    assert name is None or boulder_refuses(name.text) == ""


GOOD_LABELS = st.sampled_from(["a", "mail", "autodiscover", "mta-sts", "x" * 63, "xn--mller-kva", "1", "a-b"])


@given(
    st.one_of(
        TEXTS,
        st.builds(lambda labels, end: ".".join([*labels, end]), st.lists(GOOD_LABELS, max_size=9), ENDS),
    )
)
def test_whatever_is_accepted_is_asked_for(text: str) -> None:
    """Our rules are no stricter than the CA's."""
    assert boulder_refuses(text) or asked_for(text) == Name(text)


@given(
    st.lists(
        st.sampled_from(["*.a.tld", "*.b.tld", "imap.a.tld", "x.b.tld", "*.example.org", "c.tld"]),
        unique=True,
    ),
    st.booleans(),
    st.integers(1, 9),
    st.sets(st.sampled_from(["*.a.tld", "*.b.tld", "*.example.org"])),
)
def test_no_wildcard_beside_a_name_that_it_covers(
    additional: list[str], sni: bool, most: int, unusable: set[str]
) -> None:
    """STANDARDS B-6, wildcardOverlap: never among the names of one order, also while a wildcard cannot be had."""
    made = naming(additional=" ".join(additional), prefixes="imap", sni=sni, most_names=most)
    found = domains("a.tld b.tld")
    every = wanted_certificates(made, found, frozenset()).names
    usable = {name for name in every if name.text not in unusable}

    for one in wanted_certificates(made, found, usable).certificates:
        ordered = [name for name in one.names if name in usable]
        assert not [(a, b) for a in ordered for b in ordered if a != b and a.covers(b)]


@pytest.mark.parametrize("usable", [True, False])
def test_a_wildcard_that_cannot_be_had_covers_nothing(usable: bool) -> None:
    """Names stay on their own until a wildcard takes their place (FAULTS N11)."""
    made = naming(additional="*.a.tld", prefixes="imap", autodiscover=False)
    found = domains("a.tld")
    names = {Name("mail.example.org"), Name("imap.a.tld"), *([Name("*.a.tld")] if usable else [])}

    wanted = wanted_certificates(made, found, names)

    assert (Name("imap.a.tld") in wanted.names) is not usable


HELD = st.sets(
    st.sampled_from(["imap.a.tld", "x.a.tld", "imap.b.tld", "*.a.tld", "y.example.org"]), max_size=4
)


@given(HELD, HELD, st.booleans(), st.integers(2, 6))
def test_nor_while_names_are_kept_or_move(server: set[str], other: set[str], sni: bool, most: int) -> None:
    """B-6 across certificates that are kept while the database is silent, and names in transit; none gets too long either."""
    lineages = [lineage(" ".join(["mail.example.org", *sorted(server)[: most - 1]]))]
    lineages += [lineage(" ".join(sorted(other)[:most]))] if other else []
    # What a CA issued holds no such pair.
    certified = [one.certificate.names for one in lineages if one.certificate]
    if any(a != b and a.covers(b) for names in certified for a in names for b in names):
        return
    made = naming(
        additional="*.a.tld *.example.org", prefixes="imap", sni=sni, most_names=most, autodiscover=False
    )
    wanted = wanted_certificates(made, domains("a.tld b.tld"), None, lineages)
    kept = keep_held(wanted_certificates(made, domains(), None, lineages), lineages)
    moving = with_names_in_transit(wanted, held(*lineages), NOW)

    for one in (*kept.certificates, *moving.certificates):
        assert not [(a, b) for a in one.names for b in one.names if a != b and a.covers(b)]
        assert len(one.names) <= most
    assert {name for names in certified for name in names} <= {*kept.names}
