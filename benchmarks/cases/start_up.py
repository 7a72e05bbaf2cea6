"""What a person waits for: help, and a command that asks one port."""

from __future__ import annotations

from benchmarks import companion
from benchmarks.measured import run
from benchmarks.results import COMPANION, Results, Series, Target
from benchmarks.stage import CHECKOUT
from tests.bed.process import LOOPBACK, free_port

LIMIT = 30.0
PORTS = (
    *("HTTPS_PORT", "SMTP_PORT", "SMTPS_PORT", "SUBMISSION_PORT", "IMAP_PORT"),
    *("IMAPS_PORT", "POP_PORT", "POPS_PORT", "SIEVE_PORT"),
)


async def start_up(results: Results, runs: int) -> None:
    """Ports that nobody listens on answer at once, so that only the start is measured."""
    closed = str(free_port())
    environment = {"MAILCOW_HOSTNAME": "mx.bench.example"} | dict.fromkeys(PORTS, f"{LOOPBACK}:{closed}")
    for arguments, limit, codes in ((("--help",), 0.4, {0}), (("expiry-dates", "--json"), 0.6, {0, 1})):
        series = Series(COMPANION, arguments[0].strip("-"), 0, 0)
        for _ in range(runs):
            done = await run(companion.command(*arguments), environment, LIMIT, CHECKOUT)
            series.took(done.seconds, done.cpu_seconds, ok=done.code in codes)
            series.memory_mb.append(done.memory_mb)
        results.add(series)
        results.targets.append(
            Target(" ".join(("acme-companion", *arguments)), series.row.wall_s_median, limit, " s")
        )
