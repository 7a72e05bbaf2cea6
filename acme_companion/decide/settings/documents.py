"""What a reader sees of the settings: `mail.conf.example` and `docs/settings.md`, both written from the table."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from acme_companion.decide.settings.variables import IGNORED, THEMES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from acme_companion.decide.settings.variables import Variable

_WIDTH = 100
_EXAMPLE_HEAD = """\
# acme-companion: every setting with its default, and why it is that.
# Copy this file to mail.conf and set MAILCOW_HOSTNAME; everything else may stay as it is, or be deleted.
# mailcow: nothing to do, its mailcow.conf has what is needed.
#
# One KEY=value a line, without quotes or blanks around =. Yes and no are y and n.
# The environment of the container wins over this file. An empty value is the default.
"""
_PAGE_HEAD = """\
# Settings

Read from the environment of the container and from the env file (`mail.conf`, or mailcow's `mailcow.conf`). The environment wins;
an empty value is the default. Yes and no are `y`/`yes`/`true`/`on`/`1` and `n`/`no`/`false`/`off`/`0` in any case. Whatever is wrong
is said at once, with file and line, and nothing is started on settings that are half right; a name that looks misspelt is a warning.

## The env file

- UTF-8, one `KEY=value` a line. `#` begins a comment at the start of a line, or after a blank.
- Nothing is expanded or executed: `$`, `` ` `` and, outside of quotes, `\\` stand for themselves.
- Quotes around a value are removed. In quotes `\\` escapes the quote and itself; in double quotes also `\\n`, `\\t` and the like.
- The last one of two lines with the same key counts.
- A shell, Compose and `docker run --env-file` read some lines differently. Such a line works, and is warned about: quotes, `$`, `\\`,
  `#` or blanks in a value, blanks around `=`, `export`, CRLF, a byte order mark. Letters and digits mean the same everywhere.
- At most 1 MiB, 10,000 lines, 16,384 characters a line.
"""


def example_file() -> str:
    """`mail.conf.example`: usable as it is once MAILCOW_HOSTNAME is set."""
    parts = [_EXAMPLE_HEAD]
    for theme in THEMES:
        rule = "# " + "-" * (_WIDTH - 2)
        parts.append(f"\n{rule}\n# {theme.title}\n{rule}\n")
        parts += (
            f"\n{_comment(variable)}\n{variable.name}={variable.default}\n" for variable in theme.variables
        )
    return "".join(parts)


def reference_page() -> str:
    """`docs/settings.md`."""
    return "\n".join([_PAGE_HEAD, *_tables(), *_ignored()])


def _comment(variable: Variable) -> str:
    return "\n".join(
        textwrap.fill(
            text,
            _WIDTH,
            initial_indent="# ",
            subsequent_indent="# ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        for text in (variable.meaning, f"Default: {variable.because}.")
    )


def _tables() -> Iterator[str]:
    for theme in THEMES:
        yield f"## {theme.title}\n"
        yield "| variable | default | meaning | why this default |\n| --- | --- | --- | --- |"
        for variable in theme.variables:
            default = f"`{variable.default}`" if variable.default else "(empty)"
            yield f"| `{variable.name}` | {default} | {_cell(variable.meaning)} | {_cell(variable.because)} |"
        yield ""


def _ignored() -> Iterator[str]:
    yield "## mailcow's variables that are knowingly not read\n"
    yield "| variable | reason |\n| --- | --- |"
    yield from (f"| `{name}` | {_cell(reason)} |" for name, reason in IGNORED.items())
    yield ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*")
