"""mail.conf.example and docs/settings.md say what the table of settings says."""

import re
from pathlib import Path

import pytest

from acme_companion.decide.problems import SettingsWrong
from acme_companion.decide.settings.documents import example_file, reference_page
from acme_companion.decide.settings.env_file import parse_bytes
from acme_companion.decide.settings.read import read
from acme_companion.decide.settings.variables import SETTINGS

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "mail.conf.example"


@pytest.mark.parametrize(
    ("file", "text"),
    [(EXAMPLE, example_file()), (ROOT / "docs" / "settings.md", reference_page())],
    ids=["mail.conf.example", "docs/settings.md"],
)
def test_written_from_the_table(file: Path, text: str) -> None:
    """After a change of the table: scripts/write_settings.py."""
    assert file.read_text() == text


def test_example_has_every_setting_with_its_default() -> None:
    """Our own parser reads the example without a complaint or a warning."""
    parsed = parse_bytes(EXAMPLE.read_bytes(), "mail.conf")

    assert [(entry.key, entry.value) for entry in parsed.entries] == [(v.name, v.default) for v in SETTINGS]
    assert (parsed.complaints, parsed.warnings) == ((), ())
    assert [entry.warnings for entry in parsed.entries] == [()] * len(SETTINGS)


def test_example_gives_a_reason_for_every_default() -> None:
    """Right above each setting stands what it means and why its default is what it is."""
    blocks = re.findall(r"((?:^#.*\n)+)([A-Z][A-Z0-9_]*)=", EXAMPLE.read_text(), flags=re.MULTILINE)

    assert [name for comment, name in blocks if "# Default: " in comment] == [v.name for v in SETTINGS]


def test_example_lacks_the_host_name_only() -> None:
    """The example is usable once MAILCOW_HOSTNAME is set, and then means the same as no file."""
    parsed = parse_bytes(EXAMPLE.read_bytes(), "mail.conf")
    with pytest.raises(SettingsWrong) as wrong:
        read({}, parsed)
    host = {"MAILCOW_HOSTNAME": "mail.example.org"}

    assert len(wrong.value.complaints) == 1
    assert read(host, parsed) == read(host)


def test_every_setting_is_read() -> None:
    """A setting in the table that nobody reads would be a promise not kept: each default is asked for by name."""
    source = "".join(file.read_text() for file in (ROOT / "acme_companion/decide/settings").glob("*.py"))
    ports = {"HTTP_PORT", *(v.name for v in SETTINGS if re.fullmatch(r"[A-Z]+_PORT", v.name))}

    assert [v.name for v in SETTINGS if f'"{v.name}"' not in source and v.name not in ports] == []
