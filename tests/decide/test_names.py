"""`Name.parse` is the only door for names; hostile rows of databases and settings end here."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acme_companion.decide.names import Name, NameRefused, prefix, quoted

LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
NAME_LIKE = st.lists(LABEL, min_size=1, max_size=11).map(".".join)
ALPHABET = st.sampled_from("aZ09-._* \t\n\0\x1b'\"\\/;:[]{}$`,%@üß。．İıſK\u200d\u202e\u00ad\ud800xn")
HOSTILE = st.one_of(st.text(max_size=300), st.text(ALPHABET, max_size=30), NAME_LIKE)


def parsed(text: str) -> Name | None:
    try:
        return Name.parse(text)
    except NameRefused:
        return None


@given(HOSTILE)
def test_parsing_twice_changes_nothing(text: str) -> None:
    """What `parse` gives, it accepts unchanged."""
    name = parsed(text)
    assert name is None or Name.parse(name.text) == name


@given(HOSTILE)
def test_only_harmless_characters_come_through(text: str) -> None:
    """Nothing but a-z, 0-9, dot, dash and one leading `*.` reaches files, maps and logs."""
    name = parsed(text)
    if name is not None:
        assert re.fullmatch(r"(\*\.)?[a-z0-9.-]+", name.text)
        assert re.fullmatch(r"(wildcard_\.)?[a-z0-9.-]+", name.directory)


@given(HOSTILE)
def test_what_comes_through_is_what_a_ca_takes(text: str) -> None:
    """RFC 1035 and Boulder: 253 bytes, labels of 1 to 63 that do not begin or end with a dash, two to ten of them."""
    name = parsed(text)
    if name is not None:
        labels = name.host.split(".")
        assert len(name.text) <= 253
        assert 2 <= len(labels) <= 10
        assert all(1 <= len(label) <= 63 and label.strip("-") == label for label in labels)
        assert not labels[-1].isdigit()
        assert all(label.startswith("xn--") for label in labels if label[2:4] == "--")


@given(HOSTILE)
def test_a_refusal_is_one_printable_line(text: str) -> None:
    """Whatever a row holds, its refusal is safe in a log."""
    try:
        Name.parse(text)
    except NameRefused as problem:
        said = str(problem)
    else:
        said = ""
    assert said.isprintable()


@given(NAME_LIKE, st.sampled_from([str.upper, str.title, "{}.".format, " {} ".format, "{}. ".format]))
def test_case_final_dot_and_blanks_make_no_difference(text: str, changed: Callable[[str], str]) -> None:
    """`Mail.Example.ORG.` and `mail.example.org` are one name."""
    assert parsed(changed(text)) == parsed(text)


@given(st.text())
def test_quoted_is_one_printable_line(text: str) -> None:
    """Untrusted text stays on one line, short, and cannot close its quotes."""
    shown = quoted(text)
    assert shown.isprintable()
    assert len(shown) <= 83
    assert "'" not in shown[1:-1]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        pytest.param("UPPER.Example.ORG", "upper.example.org", id="upper case is lowered"),
        pytest.param("example.org.", "example.org", id="a final dot goes"),
        pytest.param("  example.org  ", "example.org", id="blanks around it go"),
        pytest.param("müller.de", "xn--mller-kva.de", id="a U-label becomes an A-label"),
        pytest.param("MÜLLER.de", "xn--mller-kva.de", id="an upper-case U-label too"),
        pytest.param("mu\u0308ller.de", "xn--mller-kva.de", id="so does a decomposed one"),
        pytest.param("straße.de", "xn--strae-oqa.de", id="a sharp s stays itself (IDNA 2008)"),
        pytest.param("example。org", "example.org", id="an ideographic full stop is a dot"),
        pytest.param("ｅｘａｍｐｌｅ．org", "example.org", id="full-width letters and dots are plain ones"),
        pytest.param("XN--MLLER-KVA.de", "xn--mller-kva.de", id="an A-label in capitals is lowered"),
        pytest.param("раура1.com", "xn--1-7sba6dbr.com", id="a homograph is shown as what it is"),
        pytest.param("*.Example.org", "*.example.org", id="a wildcard is the whole first label"),
        pytest.param("cert.pem", "cert.pem", id="a name like a file of ours is a name"),
    ],
)
def test_accepted(text: str, name: str) -> None:
    """FAULTS N07, N09, N11."""
    assert Name.parse(text).text == name


@pytest.mark.parametrize(
    "text",
    [
        # N05, paths and emptiness
        *["../../etc/passwd", "/abs", "a/b.example", "a\\b.example", ".", "..", "", "   ", ".example.org"],
        # N06, control, quote and shell characters
        *["a\n.example.org", "example.org\n", "a\tb.org", "a\0.org", "\x1b[31m.org", 'a".org', "a'.org", "a;b.org"],
        *["{a}.org", "$(a).org", "`a`.org", "a b.org", "a,b.org", "a.org,b.org", "a%0a.org", "a@b.org", "a:80.org"],
        # N08, shapes that no CA takes
        *["-a.example", "a-.example", "_dmarc.example.org", "a..b", f"{'a' * 64}.org", ".".join("abcdefghijk")],
        *[f"{'.'.join(['a' * 62] * 4)}.org", "a." * 150 + "org"],
        # N09, internationalised names that are none
        *["xn--.org", "xn--a.org", "xn--\u00fc.org", "ab--cd.org", "a\u200db.org", "a\u202eb.org", "a\u00adb\u2028.org"],
        *["\ud800.org", "\u05d0a.org", "a_ü.org", "xn--mller-kvA\u0308.de", "ü..de", "💩.org", "xn--ls8h.org"],
        # N10, addresses
        *["192.0.2.1", "2001:db8::1", "[::1]", "127.1", "0x7f.1", "1.2.3.4.", "*.127.0.0.1", "١٢٧.٠.٠.١"],
        # N11, stars elsewhere
        *["*", "*.", "*.com", "a.*.b", "*.*.x.org", "w*.x.org", "**.x.org", "*x.org", ".*.org"],
        # N12, single labels
        *["localhost", "mail", "com"],
        # N13 and Boulder's blockedOnDemandLabels
        *["autodiscover.autodiscover.x.org", "autoconfig.autoconfig.x.org", "mta-sts.mta-sts.x.org"],
    ],
    ids=ascii,
)  # fmt: skip
def test_refused(text: str) -> None:
    """FAULTS N05, N06, N08 to N13: refused, with a printable sentence; the rows beside it go on."""
    assert parsed(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "mail.local",
        "x.onion",
        "a.internal",
        "mail.test",
        "a.localhost",
        "a.home.arpa",
        "mail.invalid",
        "x.lan",
    ],
)
def test_names_that_no_public_ca_takes(text: str) -> None:
    """FAULTS N12: special-use names parse, because a CA of one's own signs them; a public CA's refusal is remembered."""
    assert parsed(text) == Name(text)


@pytest.mark.parametrize(
    ("one", "other", "covered"),
    [
        pytest.param("*.x.org", "mail.x.org", True, id="a wildcard covers one label"),
        pytest.param("*.x.org", "a.b.x.org", False, id="but not two"),
        pytest.param("*.x.org", "x.org", False, id="nor none"),
        pytest.param("*.x.org", "*.x.org", True, id="and itself"),
        pytest.param("*.x.org", "*.a.x.org", False, id="but no wildcard below it"),
        pytest.param("x.org", "x.org", True, id="a name covers itself"),
        pytest.param("x.org", "mail.x.org", False, id="and nothing below it"),
    ],
)
def test_covers(one: str, other: str, covered: bool) -> None:
    """FAULTS N14, RFC 9525 section 6.3."""
    assert Name.parse(one).covers(Name.parse(other)) is covered


@pytest.mark.parametrize(
    "text", ["imap", "*.imap", "imap*", ".*", "a..b.*", "-a.*", "a b.*", "ü.*", "*.*", "a\n.*"]
)
def test_prefix_refused(text: str) -> None:
    """A prefix entry is labels and `.*`, nothing else."""
    with pytest.raises(NameRefused):
        prefix(text)


def test_prefix() -> None:
    """`IMAP.*` stands for imap on every mail domain."""
    assert prefix("IMAP.*") == "imap"


@pytest.mark.parametrize(
    ("text", "canonical", "directory"),
    [
        pytest.param("192.0.2.1", "192.0.2.1", "192.0.2.1", id="IPv4"),
        pytest.param(
            " 2001:DB8:0:0::1 ", "2001:db8::1", "2001-db8--1", id="IPv6 becomes canonical (RFC 5952)"
        ),
        pytest.param("[2001:db8::1]", "2001:db8::1", "2001-db8--1", id="the brackets of a URL go"),
    ],
)
def test_addresses(text: str, canonical: str, directory: str) -> None:
    """STANDARDS I-1: an IP address is an identifier of its own kind, and no host name has its directory."""
    name = Name.parse_address(text)

    assert (name.text, name.directory, name.is_address) == (canonical, directory, True)
    assert str(name.address) == canonical


@pytest.mark.parametrize(
    "text",
    ["", "mail.example.org", "127.1", "0x7f.1", "[192.0.2.1]", "192.0.2.1.", "fe80::1%eth0", "::g", "1"],
)
def test_no_addresses(text: str) -> None:
    """What only looks like an address is none, and neither is one with a zone."""
    with pytest.raises(NameRefused):
        Name.parse_address(text)


@given(NAME_LIKE)
def test_no_host_name_is_an_address(text: str) -> None:
    """What `parse` gives is never taken for an address."""
    name = parsed(text)
    assert name is None or (not name.is_address and name.address is None)


def test_no_wildcard_covers_an_address() -> None:
    """RFC 9525: a wildcard stands for one label of a host name."""
    assert not Name("*.0.2.1").covers(Name.parse_address("192.0.2.1"))
    assert not Name.parse("*.example.com").covers(Name.parse("mail.example.co"))
