"""Rows, their table with ratios, the targets, and `results.json`."""

from __future__ import annotations

import json
import statistics
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.measured import Run

RESULTS = Path(__file__).with_name("results.json")
COMPANION, BOUND = "acme-companion", "bound"


@dataclass(frozen=True, slots=True)
class Row:
    """One tool in one case. `requests`: the most that the CA took in one run, None where it was not counted.

    `cpu_s_median` is that of the client, with its children: it tells more than `wall_s` where others use the machine.
    """

    tool: str
    case: str
    names: int
    latency_ms: int
    wall_s_median: float | None
    wall_s_min: float | None
    requests: int | None
    peak_rss_mb: float | None
    ok: int
    runs: int
    cpu_s_median: float | None = None


@dataclass(slots=True)
class Series:
    """The runs of one tool in one case, as they are measured."""

    tool: str
    case: str
    names: int
    latency_ms: int
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    requests: list[int] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)
    runs: int = 0

    def took(self, seconds: float, cpu_seconds: float | None = None, *, ok: bool = True) -> None:
        """Note one run; one that failed has no time."""
        self.runs += 1
        if ok:
            self.seconds.append(seconds)
            self.cpu_seconds += [] if cpu_seconds is None else [cpu_seconds]

    def note(self, run: Run, requests: int | None = None) -> None:
        """Note one run of a whole process; the CA's requests count only where it succeeded."""
        self.took(run.seconds, run.cpu_seconds, ok=run.ok)
        if run.ok:
            self.memory_mb.append(run.memory_mb)
            self.requests += [] if requests is None else [requests]
        else:
            why = "was stopped at its time limit" if run.code is None else f"ended with code {run.code}"
            print(f"  {self.tool} {why} ({self.case}, {self.names} names)", flush=True)
            if run.code is not None:
                print("    " + "\n    ".join(run.output.splitlines()[-8:]), flush=True)

    @property
    def row(self) -> Row:
        """What is left of them."""
        return Row(
            self.tool,
            self.case,
            self.names,
            self.latency_ms,
            round(statistics.median(self.seconds), 4) if self.seconds else None,
            round(min(self.seconds), 4) if self.seconds else None,
            max(self.requests, default=None),
            round(max(self.memory_mb), 1) if self.memory_mb else None,
            len(self.seconds),
            self.runs,
            round(statistics.median(self.cpu_seconds), 4) if self.cpu_seconds else None,
        )


@dataclass(frozen=True, slots=True)
class Target:
    """One promise and what was measured; `met` is None where it could not be measured."""

    what: str
    measured: float | None
    limit: float
    unit: str = ""
    at_least: bool = False

    @property
    def met(self) -> bool | None:
        """Whether the promise holds in this run."""
        if self.measured is None:
            return None
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit

    def __str__(self) -> str:
        verdict = {True: "met", False: "MISSED", None: "not measured"}[self.met]
        value = "-" if self.measured is None else f"{self.measured:.2f}{self.unit}"
        sign = ">=" if self.at_least else "<="
        return f"  {verdict:12}  {self.what}: {value} (target {sign} {self.limit:g}{self.unit})"


@dataclass(slots=True)
class Results:
    """Everything that was measured so far."""

    rows: list[Row] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def add(self, *series: Series) -> None:
        """Take finished series, if anything was run at all."""
        self.rows += [one.row for one in series if one.runs]

    def find(self, tool: str, case: str, names: int, latency_ms: int) -> Row | None:
        """One row, None when it was not measured."""
        key = (tool, case, names, latency_ms)
        return next(
            (row for row in self.rows if (row.tool, row.case, row.names, row.latency_ms) == key), None
        )

    def write(self, path: Path = RESULTS) -> None:
        """For machines."""
        targets = [asdict(one) | {"met": one.met} for one in self.targets]
        document = {"rows": [asdict(row) for row in self.rows], "targets": targets, "remarks": self.remarks}
        path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def ratio(one: Row | None, other: Row | None) -> float | None:
    """How many times as long `one` takes, by medians."""
    if not one or not other or not one.wall_s_median or not other.wall_s_median:
        return None
    return one.wall_s_median / other.wall_s_median


HEAD = (
    "case",
    "names",
    "latency",
    "tool",
    "median s",
    "min s",
    "x bound",
    "cpu s",
    "requests",
    "peak MB",
    "ok",
)


def table(results: Results, rows: Sequence[Row]) -> str:
    """Rows for people, each with its ratio to the bound of the same case."""
    lines = [HEAD]
    for row in sorted(rows, key=lambda one: (one.case, one.latency_ms, one.names, one.wall_s_median or 1e9)):
        times = ratio(row, results.find(BOUND, row.case, row.names, row.latency_ms))
        lines.append(
            (
                row.case,
                str(row.names),
                f"{row.latency_ms} ms",
                row.tool,
                _number(row.wall_s_median, 3),
                _number(row.wall_s_min, 3),
                _number(times, 2),
                _number(row.cpu_s_median, 2),
                "-" if row.requests is None else str(row.requests),
                _number(row.peak_rss_mb, 0),
                f"{row.ok}/{row.runs}",
            )
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines
    )


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
