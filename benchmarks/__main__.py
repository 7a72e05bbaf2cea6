"""`python -m benchmarks [--quick] [CASE…]`: print what was measured beside the bound and the targets.

Ratios taken in one run hold; absolute seconds are this machine's, at this hour.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable, Callable

from benchmarks.cases.growth import growth
from benchmarks.cases.idle import idle
from benchmarks.cases.issue import issue, order_flow
from benchmarks.cases.lineages import sni50
from benchmarks.cases.nonces import nonce15
from benchmarks.cases.start_up import start_up
from benchmarks.peers import PEERS
from benchmarks.results import Results, table

Case = Callable[[Results, argparse.Namespace], Awaitable[None]]

CASES: dict[str, tuple[Case, float]] = {  # with the seconds that each may take
    "start-up": (lambda results, asked: start_up(results, asked.runs), 60),
    "order-flow": (lambda results, asked: order_flow(results, asked.runs), 120),
    "issue": (lambda results, asked: issue(results, min(asked.runs, 3), everything=asked.full), 900),
    "sni50": (lambda results, asked: sni50(results, min(asked.runs, 3)), 120),
    "idle50": (lambda results, asked: idle(results, 49, "idle50", asked.runs), 60),
    "idle1000": (lambda results, asked: idle(results, 1000, "idle1000", min(asked.runs, 3)), 120),
    "nonce15": (lambda results, asked: nonce15(results, everything=asked.full), 120),
    "growth": (lambda results, asked: growth(results, min(asked.runs, 3)), 300),
}
FULL_ONLY = {"growth"}
FULL_FACTOR = 10  # how much longer a case may take with --full
RUNS = 5


async def _main(asked: argparse.Namespace) -> int:
    results = Results()
    missing = [peer.name for peer in PEERS if not peer.installed]
    if missing:
        results.remarks.append(f"not installed and left out: {', '.join(missing)}")
    failed = False
    for name in asked.cases:
        case, limit = CASES[name]
        started = time.monotonic()
        print(f"{name} …", flush=True)
        try:
            async with asyncio.timeout(limit * (FULL_FACTOR if asked.full else 1)):
                await case(results, asked)
        except TimeoutError:
            failed = True
            results.remarks.append(f"{name}: stopped at its limit; what it had measured is shown")
        except Exception as problem:  # noqa: BLE001 - one case that fails must not cost the others' figures
            failed = True
            results.remarks.append(f"{name}: failed: {type(problem).__name__}: {problem}")
        print(f"  {time.monotonic() - started:.0f} s", flush=True)
        results.write()
    print("\n" + table(results, results.rows))
    print("\nTargets\n" + "\n".join(map(str, results.targets)))
    print("\n" + "\n".join(results.remarks))
    missed = any(target.met is False for target in results.targets)
    return 1 if failed or (missed and asked.strict) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__.split("\n\n")[0] if __doc__ else ""
    )
    parser.add_argument("--quick", action="store_true", help="one run of each instead of several")
    parser.add_argument(
        "--full", action="store_true", help="peers and sizes in every case, and growth; takes an hour"
    )
    parser.add_argument("--strict", action="store_true", help="exit with 1 when a target is missed")
    parser.add_argument(
        "cases", nargs="*", metavar="CASE", help=f"of: {', '.join(CASES)}; default: all but growth"
    )
    asked = parser.parse_args()
    if unknown := set(asked.cases) - set(CASES):
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    asked.cases = asked.cases or [name for name in CASES if asked.full or name not in FULL_ONLY]
    asked.runs = 1 if asked.quick else RUNS
    return asked


if __name__ == "__main__":
    sys.exit(asyncio.run(_main(_arguments())))
