"""`check` and `plan`: look and decide, change nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acme_companion.cli.configuration import load_settings
from acme_companion.cli.speaking import telling
from acme_companion.cli.tables import as_json, table
from acme_companion.cli.wiring import open_world
from acme_companion.cycle import survey
from acme_companion.decide.accounts import stopped
from acme_companion.decide.report import plan_lines, readiness_counts, step_as_data, verdicts_as_data
from acme_companion.decide.steps import Skip
from acme_companion.decide.verdicts import Readiness
from acme_companion.tell.log import LOGGER

if TYPE_CHECKING:
    import argparse

DONE, FAILED = 0, 1


async def check_command(arguments: argparse.Namespace) -> int:
    settings = load_settings(arguments.env_file)
    with telling(settings, verbose=arguments.verbose, to_errors=True, redis=False):
        async with open_world(settings, LOGGER) as world:
            seen = await survey(settings, world)
    warnings = (*seen.warnings, *stopped(settings, seen.memory, seen.plan))
    skipped = [step.because for step in seen.plan.steps if isinstance(step, Skip)]
    if arguments.json:
        print(
            as_json(
                {
                    "names": verdicts_as_data(seen.verdicts),
                    "skipped": skipped,
                    "warnings": list(warnings),
                }
            )
        )
    elif skipped:
        print("\n".join(skipped))
    else:
        rows = [
            (name.text, verdict.readiness.value, verdict.because)
            for name, verdict in sorted(seen.verdicts.items())
        ]
        print(table(("NAME", "READINESS", "WHY"), rows))
        for line in (*warnings, *(f"{one.where}: {one.why}" for one in seen.domains.refused)):
            print(line)
        print(readiness_counts(seen.verdicts))
    return DONE if all(v.readiness is Readiness.READY for v in seen.verdicts.values()) else FAILED


async def plan_command(arguments: argparse.Namespace) -> int:
    settings = load_settings(arguments.env_file)
    with telling(settings, verbose=arguments.verbose, to_errors=True, redis=False):
        async with open_world(settings, LOGGER) as world:
            seen = await survey(settings, world)
    warnings = (*seen.warnings, *stopped(settings, seen.memory, seen.plan))
    if arguments.json:
        steps = [step_as_data(step) for step in seen.plan.steps]
        print(as_json({"steps": steps, "warnings": list(warnings)}))
    else:
        print("\n".join((*(line for _, line in plan_lines(seen.plan)), *warnings)))
    return DONE
