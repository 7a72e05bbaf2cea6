r"""The env file, in mailcow's style, as entries with their places. Nothing in it is ever expanded or executed.

The grammar is Compose's without interpolation: `KEY=value`, one line each; `#` begins a comment at the start of a line or
after white space in an unquoted value; a value may stand in quotes, in which a backslash escapes (`\"`, in double quotes
also `\n` and the like). A `$` stands for itself everywhere. Where other readers of the same file (a shell, Compose,
`docker run --env-file`) see another value, the entry says so in a warning.
"""

from __future__ import annotations

import codecs
import io
import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from dotenv.parser import parse_stream

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MOST_BYTES = 1 << 20
MOST_LINES = 10_000
MOST_LINE_CHARACTERS = 16_384
_MOST_COMPLAINTS = 20
_UTF8_MARK = "\ufeff"
_WIDE_MARKS = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_ASSIGNMENT = re.compile(
    r"[ \t]*(?P<export>export[ \t]+)?(?P<key>[A-Za-z_][A-Za-z0-9_]*)(?P<gap>[ \t]*=[ \t]*)(?P<raw>.*)"
)
_NOT_IN_A_LINE = (
    (re.compile("\0"), "contains a NUL character: is the file UTF-16? Save it as UTF-8"),
    (
        re.compile("\r"),
        "contains a carriage return that ends no line: save the file with LF or CRLF line ends",
    ),
    (re.compile("[\ud800-\udfff]"), "not UTF-8: save the file as UTF-8"),
    # dotenv's search for a comment takes quadratic time in a run of blanks.
    (re.compile(r"\s{256}"), "contains more than 255 blanks in a row"),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One assignment. `place` is `file:line`; `warnings` begin with it and never hold the value."""

    key: str
    value: str
    place: str
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        # The value may be a password.
        return f"Entry({self.key} at {self.place})"


@dataclass(frozen=True, slots=True)
class EnvFile:
    """What a file says. `entries` has each key once, in the order of the file, with the value that counts."""

    file: str
    entries: tuple[Entry, ...] = ()
    complaints: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def parse_bytes(data: bytes, file: str) -> EnvFile:
    """The file as it was read, at most `MOST_BYTES` of UTF-8. Never raises: what is wrong becomes a complaint with its line."""
    if len(data) > MOST_BYTES:
        return EnvFile(file, complaints=(f"{file}: larger than {MOST_BYTES} bytes: is this the env file?",))
    if data.startswith(_WIDE_MARKS):
        return EnvFile(file, complaints=(f"{file}:1: the file is UTF-16 or UTF-32: save it as UTF-8",))
    return parse(data.decode("utf-8", errors="surrogateescape"), file)


def parse(text: str, file: str) -> EnvFile:
    """The file as text, of which a line that is not UTF-8 has surrogates. Never raises."""
    lines = text.removeprefix(_UTF8_MARK).split("\n")
    if len(lines) > MOST_LINES:
        return EnvFile(file, complaints=(f"{file}: more than {MOST_LINES} lines: is this the env file?",))
    entries: dict[str, Entry] = {}
    complaints: list[str] = []
    for number, line in enumerate(lines, start=1):
        place = f"{file}:{number}"
        bare = line.removesuffix("\r").rstrip()
        if not bare or bare.lstrip().startswith("#"):
            continue
        fault = _fault(bare)
        entry = None if fault else _entry(bare, place)
        if entry:
            entries[entry.key] = _with_duplicate(entry, entries.pop(entry.key, None))
        else:
            complaints.append(f"{place}: {fault or 'not KEY=value'}")
    return EnvFile(file, tuple(entries.values()), tuple(_most(complaints)), tuple(_about(text, file)))


def _fault(line: str) -> str | None:
    """Why a line cannot be read at all. The line itself is never quoted: it may be a part of a password."""
    if len(line) > MOST_LINE_CHARACTERS:
        return f"longer than {MOST_LINE_CHARACTERS} characters"
    for pattern, sentence in _NOT_IN_A_LINE:
        if pattern.search(line):
            return sentence
    match = _ASSIGNMENT.fullmatch(line)
    quote = match["raw"][:1] if match else ""
    if quote in {"'", '"'} and _binding(line) is None:
        return f"the value begins with {quote} but does not end with it on this line"
    return None


def _entry(line: str, place: str) -> Entry | None:
    match = _ASSIGNMENT.fullmatch(line)
    bound = _binding(line)
    if match is None or bound is None or bound[0] != match["key"]:
        return None
    key, value = bound
    return Entry(key, value, place, tuple(f"{place}: {key}{text}" for text in _differences(match, value)))


def _binding(line: str) -> tuple[str, str] | None:
    # One line at a time: dotenv lets a quoted value run over lines, and one forgotten quote would swallow the next ones.
    bindings = list(parse_stream(io.StringIO(line, newline="")))
    if len(bindings) != 1 or bindings[0].error:
        return None
    key, value = bindings[0].key, bindings[0].value
    return None if key is None or value is None else (key, value)


def _differences(match: re.Match[str], value: str) -> Iterator[str]:
    """What other readers of the file do otherwise with this line."""
    raw = match["raw"]
    quote = raw[0] if raw[:1] in {"'", '"'} else ""
    if match["export"]:
        yield ": 'export' is ignored; Docker does not accept it"
    if match["gap"] != "=":
        yield " has blanks around =; they are ignored here, but a shell does not accept them"
    if quote:
        yield " is in quotes; they are removed here, but docker run --env-file keeps them"
    if quote != "'" and ("$" in value or "`" in value):
        yield " contains $ or `; it stands for itself here, but a shell or Compose replaces it"
    if "\\" in raw:
        yield " contains a backslash; " + (
            "in quotes it escapes the character after it, but not in every other reader of this file"
            if quote
            else "it stands for itself here, but a shell removes it"
        )
    if not quote and ("'" in value or '"' in value):
        yield " contains quotes; they belong to the value here, but a shell removes them"
    if not quote and "#" in value:
        yield " contains #; it belongs to the value here, as no blank stands before it"
    if not quote and " " in value:
        yield " contains blanks; they belong to the value here, but a shell ends it there"


def _with_duplicate(entry: Entry, earlier: Entry | None) -> Entry:
    if earlier is None:
        return entry
    warning = f"{entry.place}: {entry.key} was set at {earlier.place} already; the last one counts"
    kept = tuple(
        text for text in earlier.warnings if text.startswith(f"{earlier.place}: {entry.key} was set")
    )
    return Entry(entry.key, entry.value, entry.place, (*kept, warning, *entry.warnings))


def _most(complaints: list[str]) -> Iterable[str]:
    yield from islice(complaints, _MOST_COMPLAINTS)
    if len(complaints) > _MOST_COMPLAINTS:
        yield f"… and {len(complaints) - _MOST_COMPLAINTS} more lines that cannot be read"


def _about(text: str, file: str) -> Iterator[str]:
    if text.startswith(_UTF8_MARK):
        yield f"{file}: begins with a byte order mark; it is ignored here, but a shell does not accept it"
    if "\r\n" in text:
        yield f"{file}: has CRLF line ends; they are accepted here, but a shell adds the CR to every value"
