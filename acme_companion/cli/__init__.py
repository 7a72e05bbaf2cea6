"""Start it: arguments, env file, signals. The only room that knows all the others."""

from __future__ import annotations

import asyncio
import gc
import json
import shlex
import signal
import sys
from typing import TYPE_CHECKING, Any

from acme_companion.cli.arguments import parser
from acme_companion.decide.problems import Busy, Problem, SettingsWrong, UsageWrong

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Coroutine, Sequence

DONE, FAILED, WRONG = 0, 1, 2
OBJECTS_BETWEEN_COLLECTIONS = 20_000
"""Python's own 700 cost a short cycle a tenth of its time."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. 0: done or nothing to do; 1: something failed, the last good certificate stands; 2: usage or settings."""
    arguments = parser().parse_args(argv)
    if arguments.command == "run":
        # The first process of a container does not hear it by itself, and importing takes a while.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(DONE))
    try:
        return asyncio.run(_imported(arguments.command)(arguments))
    except SettingsWrong as problem:
        return _failed(arguments, str(problem), WRONG)
    except UsageWrong as problem:
        return _failed(arguments, f"acme-companion: {problem}", WRONG)
    except Busy as problem:
        command = shlex.join(sys.argv[1:] if argv is None else argv)
        return _failed(arguments, f"acme-companion: {problem}{_with_the_loop_stopped(command)}", FAILED)
    except Problem as problem:
        return _failed(arguments, f"acme-companion: {problem}", FAILED)
    except (KeyboardInterrupt, BrokenPipeError):
        return FAILED


def _with_the_loop_stopped(command: str) -> str:
    return (
        ". If that is the loop of the container, beside its Compose file (with mailcow the service is called acme-mailcow):\n"
        "  docker compose stop acme-companion\n"
        f"  docker compose run --rm acme-companion {command}\n"
        "  docker compose start acme-companion"
    )


def _failed(arguments: argparse.Namespace, text: str, code: int) -> int:
    """Say it to people, and to the machine that asked for JSON."""
    print(text, file=sys.stderr)
    if getattr(arguments, "json", False):
        print(json.dumps({"error": text}, indent=2))
    return code


def _imported(name: str) -> Callable[[argparse.Namespace], Coroutine[Any, Any, int]]:
    """The command; what it imports stays, so the garbage collector need not look at it, now or later."""
    gc.disable()
    try:
        return _command(name)
    finally:
        gc.freeze()
        gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS, 10, 10)
        gc.enable()


def _command(name: str) -> Callable[[argparse.Namespace], Coroutine[Any, Any, int]]:
    """Imported only now: no command waits for the libraries of another."""
    match name:
        case "run":
            from acme_companion.cli.cycles import run_command as command
        case "once":
            from acme_companion.cli.cycles import once_command as command
        case "check":
            from acme_companion.cli.surveys import check_command as command
        case "plan":
            from acme_companion.cli.surveys import plan_command as command
        case "status":
            from acme_companion.cli.status import status_command as command
        case "expiry-dates":
            from acme_companion.cli.expiry_dates import expiry_dates_command as command
        case "caa":
            from acme_companion.cli.caa import caa_command as command
        case "account":
            from acme_companion.cli.account import account_command as command
        case "revoke":
            from acme_companion.cli.revoke import revoke_command as command
        case _:
            from acme_companion.cli.health import health_command as command
    return command
