"""What more names cost: a pass with nothing to do, and its decisions alone, from ten names to ten thousand.

The mail domains are in a MariaDB, as with mailcow: a setting does not take so many.
"""

from __future__ import annotations

import json
import shutil
import sys
from typing import TYPE_CHECKING

from benchmarks import companion
from benchmarks.cases.idle import PREFIXES, scene
from benchmarks.measured import run
from benchmarks.results import COMPANION, Results, Series, Target
from benchmarks.stage import CHECKOUT, Stage
from tests.bed.mariadb import TABLES, MariaDb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.results import Row

PASS, DECISIONS = "growth", "growth-decisions"
SIZES = (10, 100, 1_000, 10_000)
LIMIT = 300.0  # seconds for one pass
USER = "bench"
LINEAR = 1.3
"""How much more a name (or a lineage) may cost among ten thousand than among a thousand; start-up is subtracted from both."""


async def growth(results: Results, runs: int) -> None:
    """Every size once with `--quick`, else several times; the smallest one tells what the start costs."""
    if not (shutil.which("mariadbd") or shutil.which("/usr/sbin/mariadbd")):
        results.remarks.append("mariadbd is not installed: growth was not measured")
        return
    with MariaDb() as database:
        database.run(f"CREATE USER {USER} IDENTIFIED BY '{USER}'")
        for size in SIZES:
            await _of_size(results, database, size, runs)
    for case in (PASS, DECISIONS):
        _targets(results, case)


async def _of_size(results: Results, database: MariaDb, size: int, runs: int) -> None:
    domains = (size - 1) // len(PREFIXES)
    with Stage() as stage:
        there = scene(stage, domains)
        listed = there.environment.pop("MAIL_DOMAINS").split(",")
        environment = there.environment | _in_database(database, f"names{size}", listed)
        first = await companion.once(environment, LIMIT)
        if not first.ok:
            raise RuntimeError(f"the volume was not taken over:\n{first.output[-2000:]}")
        whole, decided = (Series(COMPANION, case, len(there.names), 0) for case in (PASS, DECISIONS))
        for _ in range(runs):
            before = stage.requests()
            whole.note(await companion.once(environment, LIMIT), stage.requests() - before)
            alone = await run([sys.executable, "-m", "benchmarks.decisions"], environment, LIMIT, CHECKOUT)
            told = json.loads(alone.output.splitlines()[-1]) if alone.ok else {}
            ok = alone.ok and (told["kept"], told["issues"]) == (domains + 1, 0)
            decided.took(told.get("seconds", 0.0), told.get("cpu_seconds", 0.0), ok=ok)
            decided.memory_mb.append(alone.memory_mb)
        results.add(whole, decided)


def _in_database(database: MariaDb, name: str, domains: Sequence[str]) -> dict[str, str]:
    """The settings of a mailcow's database with these mail domains, which is made."""
    database.run(f"CREATE DATABASE {name}", f"GRANT SELECT ON {name}.* TO {USER}")
    rows = ",".join(f"('{domain}')" for domain in domains)
    database.run(*TABLES, f"INSERT INTO domain (domain) VALUES {rows}", database=name)
    return {"DBNAME": name, "DBUSER": USER, "DBPASS": USER, "DBSOCKET": database.socket}


def _targets(results: Results, case: str) -> None:
    rows = [results.find(COMPANION, case, size, 0) for size in SIZES]
    least, _, many, most = rows
    results.targets += [
        Target(
            f"{case}: CPU of a name among {SIZES[-1]}, times that of one among {SIZES[-2]}",
            _times(least, many, most, "cpu_s_median"),
            LINEAR,
        ),
        Target(
            f"{case}: memory of a lineage among {SIZES[-1]} names, times that of one among {SIZES[-2]}",
            _times(least, many, most, "peak_rss_mb"),
            LINEAR,
        ),
    ]


def _times(least: Row | None, many: Row | None, most: Row | None, what: str) -> float | None:
    """How many times as much one more name costs at the end as before it, by a figure of the rows."""
    if not least or not many or not most:
        return None
    low, middle, high = (getattr(row, what) for row in (least, many, most))
    if None in {low, middle, high} or middle <= low:
        return None
    before = (middle - low) / (many.names - least.names)
    after = (high - middle) / (most.names - many.names)
    return float(after / before)
