"""The env file: what a line means, what is refused, and what is warned about."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acme_companion.decide.settings import env_file
from acme_companion.decide.settings.env_file import Entry, EnvFile, parse, parse_bytes

SIMPLE = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:/*@_+-=", max_size=40)
KEYS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True)
LINES = st.lists(
    st.sampled_from(
        ["A=1", 'A="', "A='", "export B=2", "#", "A = $x", "A=x #y", "\r", "\0", "\udcff", " ", "B", "A\\"]
    )
    | st.text(max_size=20),
    max_size=12,
)


def values(text: str) -> dict[str, str]:
    parsed = parse(text, "mail.conf")
    assert parsed.complaints == ()
    return {entry.key: entry.value for entry in parsed.entries}


@pytest.mark.parametrize(
    ("line", "value"),
    [
        pytest.param("A=x", "x", id="plain"),
        pytest.param("A=", "", id="empty"),
        pytest.param("  A=x  ", "x", id="blanks around the line do not count"),
        pytest.param("A=x # comment", "x", id="a comment after a blank"),
        pytest.param("A=x\t# comment", "x", id="a comment after a tab"),
        pytest.param("A=x#y", "x#y", id="no comment without a blank"),
        pytest.param("A=#y", "#y", id="no comment right after ="),
        pytest.param("A= # comment", "", id="an empty value with a comment"),
        pytest.param("A=x=y", "x=y", id="a second = belongs to the value"),
        pytest.param("A = x", "x", id="blanks around ="),
        pytest.param("export A=x", "x", id="export"),
        pytest.param("A='x # y'", "x # y", id="single quotes"),
        pytest.param('A="x # y" # z', "x # y", id="double quotes and a comment"),
        pytest.param(r'A="a\"b\\c\nd"', 'a"b\\c\nd', id="escapes in double quotes"),
        pytest.param(r"A='a\'b\nc'", "a'b\\nc", id="escapes in single quotes"),
        pytest.param(r"A=a\nb", r"a\nb", id="no escapes without quotes"),
        pytest.param("A=$HOME ${X:-y} $(id) `id`", "$HOME ${X:-y} $(id) `id`", id="nothing is expanded"),
        pytest.param('A="${HOME}"', "${HOME}", id="nothing is expanded in double quotes"),
        pytest.param("A=it's", "it's", id="a quote inside"),
        pytest.param("A=grün", "grün", id="UTF-8"),
    ],
)
def test_value(line: str, value: str) -> None:
    """Compose's grammar, without interpolation."""
    assert values(line) == {"A": value}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_line_ends(end: str) -> None:
    """LF and CRLF mean the same, with and without one at the end; lines keep their numbers."""
    parsed = parse(end.join(["# mail", "A=1", "", "B=2"]), "mail.conf")

    assert parsed.entries == (Entry("A", "1", "mail.conf:2"), Entry("B", "2", "mail.conf:4"))
    assert values(end.join(["A=1", "B=2", ""])) == {"A": "1", "B": "2"}


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        pytest.param(b"A=1\nA\n", "mail.conf:2: not KEY=value", id="no ="),
        pytest.param(b"A: b", "mail.conf:1: not KEY=value", id="YAML"),
        pytest.param(b"A b=c", "mail.conf:1: not KEY=value", id="a blank in the key"),
        pytest.param(b"2A=c", "mail.conf:1: not KEY=value", id="a key that begins with a digit"),
        pytest.param(b"'A'=c", "mail.conf:1: not KEY=value", id="a key in quotes"),
        pytest.param(b"=c", "mail.conf:1: not KEY=value", id="no key"),
        pytest.param(
            b'A="c', 'mail.conf:1: the value begins with " but does not end with it on this line', id='"'
        ),
        pytest.param(
            b"A='c\nB=d'",
            "mail.conf:1: the value begins with ' but does not end with it on this line",
            id="'",
        ),
        pytest.param(
            b"A='c'd", "mail.conf:1: the value begins with ' but does not end with it on this line", id="'c'd"
        ),
        pytest.param(
            b"A=1\nB=\0",
            "mail.conf:2: contains a NUL character: is the file UTF-16? Save it as UTF-8",
            id="NUL",
        ),
        pytest.param(
            b"A=1\rB=2\n",
            "mail.conf:1: contains a carriage return that ends no line: save the file with LF or CRLF line ends",
            id="a lone CR",
        ),
        pytest.param(
            "A=1\nB=grün".encode("latin1"), "mail.conf:2: not UTF-8: save the file as UTF-8", id="latin1"
        ),
        pytest.param(
            "A=1".encode("utf-16"), "mail.conf:1: the file is UTF-16 or UTF-32: save it as UTF-8", id="UTF-16"
        ),
        pytest.param(
            b"A=" + b"x" * 16_384, "mail.conf:1: longer than 16384 characters", id="a line without end"
        ),
        pytest.param(
            b"A=x" + b" " * 9999 + b"y", "mail.conf:1: contains more than 255 blanks in a row", id="blanks"
        ),
        pytest.param(
            b"\n" * 10_000, "mail.conf: more than 10000 lines: is this the env file?", id="many lines"
        ),
        pytest.param(
            b"#" * (env_file.MOST_BYTES + 1),
            "mail.conf: larger than 1048576 bytes: is this the env file?",
            id="1 MiB",
        ),
    ],
)
def test_complaint(data: bytes, complaint: str) -> None:
    """What cannot be read is a complaint with file and line, which never quotes the line."""
    assert parse_bytes(data, "mail.conf").complaints[0] == complaint


def test_forgotten_quote_costs_one_line() -> None:
    """A quote that is not closed does not swallow the lines after it."""
    parsed = parse('A="x\nB=y\nC="z"\n', "mail.conf")

    assert [entry.key for entry in parsed.entries] == ["B", "C"]
    assert len(parsed.complaints) == 1


def test_bad_bytes_in_a_comment_do_not_matter() -> None:
    """A comment is not read, so its encoding is nobody's business."""
    assert parse_bytes(b"# Z\xfcrich\nA=1\n", "mail.conf") == EnvFile(
        "mail.conf", (Entry("A", "1", "mail.conf:2"),)
    )


def test_complaints_are_capped() -> None:
    """A file of another kind does not flood the log."""
    complaints = parse("nonsense\n" * 500, "mail.conf").complaints

    assert complaints[-2:] == ("mail.conf:20: not KEY=value", "… and 480 more lines that cannot be read")


@pytest.mark.parametrize(
    ("line", "warnings"),
    [
        ("A=x", ()),
        ("A=x # y", ()),
        ("export A=x", (": 'export' is ignored; Docker does not accept it",)),
        ("A =x", (" has blanks around =; they are ignored here, but a shell does not accept them",)),
        ("A='$x'", (" is in quotes; they are removed here, but docker run --env-file keeps them",)),
        ("A=$x", (" contains $ or `; it stands for itself here, but a shell or Compose replaces it",)),
        ("A=`x`", (" contains $ or `; it stands for itself here, but a shell or Compose replaces it",)),
        (r"A=a\b", (" contains a backslash; it stands for itself here, but a shell removes it",)),
        ("A=a'b", (" contains quotes; they belong to the value here, but a shell removes them",)),
        ("A=a#b", (" contains #; it belongs to the value here, as no blank stands before it",)),
        ("A=a, b", (" contains blanks; they belong to the value here, but a shell ends it there",)),
    ],
)
def test_dialects(line: str, warnings: tuple[str, ...]) -> None:
    """Where other readers of the same file see another value, the entry says so."""
    (entry,) = parse(line, "mail.conf").entries

    assert entry.warnings == tuple(f"mail.conf:1: A{warning}" for warning in warnings)


def test_last_duplicate_counts() -> None:
    """Each one that is overridden is named, with both lines."""
    (entry,) = parse("A=1\nA=2\n\nA=3\n", "mail.conf").entries

    assert entry == Entry(
        "A",
        "3",
        "mail.conf:4",
        (
            "mail.conf:2: A was set at mail.conf:1 already; the last one counts",
            "mail.conf:4: A was set at mail.conf:2 already; the last one counts",
        ),
    )


def test_byte_order_mark_and_crlf_are_tolerated() -> None:
    """Files that were written on Windows work, and say so once."""
    parsed = parse_bytes(b"\xef\xbb\xbfA=1\r\nB=2\r\n", "mail.conf")

    assert [(entry.key, entry.value) for entry in parsed.entries] == [("A", "1"), ("B", "2")]
    assert parsed.warnings == (
        "mail.conf: begins with a byte order mark; it is ignored here, but a shell does not accept it",
        "mail.conf: has CRLF line ends; they are accepted here, but a shell adds the CR to every value",
    )


def test_entry_does_not_show_its_value() -> None:
    """The value may be a password."""
    assert repr(parse("DBPASS=moohoo", "mail.conf")) == (
        "EnvFile(file='mail.conf', entries=(Entry(DBPASS at mail.conf:1),), complaints=(), warnings=())"
    )


@given(st.dictionaries(KEYS, SIMPLE, max_size=8))
def test_simple_values_come_back(written: dict[str, str]) -> None:
    """Letters, digits and plain punctuation mean themselves, and nobody is warned about them."""
    parsed = parse("".join(f"{key}={value}\n" for key, value in written.items()), "mail.conf")

    assert ({entry.key: entry.value for entry in parsed.entries}, parsed.complaints) == (written, ())
    assert [entry.warnings for entry in parsed.entries] == [()] * len(written)


@given(st.binary(max_size=200) | LINES.map(lambda lines: "\n".join(lines).encode(errors="surrogatepass")))
def test_parser_never_raises(data: bytes) -> None:
    """Whatever the bytes are: entries, complaints and warnings, each with its place."""
    parsed = parse_bytes(data, "mail.conf")

    assert all(c.startswith(("mail.conf", "…")) for c in (*parsed.complaints, *parsed.warnings))
    assert all(w.startswith("mail.conf:") for entry in parsed.entries for w in entry.warnings)


@given(LINES)
def test_parser_never_raises_for_text(lines: list[str]) -> None:
    """Every line that is not blank or a comment is an entry, overridden, or complained about."""
    parsed = parse("\n".join(lines), "mail.conf")

    assert isinstance(parsed, EnvFile)
