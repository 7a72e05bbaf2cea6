"""Start it: arguments, env file, signals. The only room that knows all the others."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from acme_companion.cli.arguments import parser
from acme_companion.problems import Problem, SettingsWrong

if TYPE_CHECKING:
    from collections.abc import Sequence

DONE, FAILED, WRONG = 0, 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. 0: done or nothing to do; 1: something failed, the last good certificate stands; 2: usage or settings."""
    arguments = parser().parse_args(argv)
    # Imported only now: `--help` should not wait for libraries that it does not need.
    from acme_companion.cli import commands  # noqa: PLC0415

    try:
        return asyncio.run(commands.COMMANDS[arguments.command](arguments))
    except SettingsWrong as problem:
        print(problem, file=sys.stderr)
        return WRONG
    except Problem as problem:
        print(f"acme-companion: {problem}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return FAILED
    except BrokenPipeError:
        return FAILED
