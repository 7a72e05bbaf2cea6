"""Fifty certificates with one name each, as SNI wants them; also at a CA that asks for patience."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import companion
from benchmarks.cases.issue import bound_command
from benchmarks.measured import Run, run
from benchmarks.order_flow import OrderFlows
from benchmarks.results import BOUND, COMPANION, Results, Series, Target, ratio
from benchmarks.stage import CHECKOUT, Stage

if TYPE_CHECKING:
    from pathlib import Path

LINEAGES = 50
LATENCY, NONE = 50, 0
RETRY_AFTER = 3
LIMIT = 60.0
CADDY = 41.0  # seconds that caddy 2.11, the best peer, took where the targets were set


async def sni50(results: Results, runs: int) -> None:
    """In process and as whole processes; beside a CA that is near, and with `Retry-After: 3`, in process only."""
    with Stage(latency_ms=NONE) as stage:
        await _flows(results, stage, "sni50-order-flow", runs, NONE)
    with Stage(latency_ms=LATENCY) as stage:
        await _flows(results, stage, "sni50-order-flow", runs, LATENCY)
        await _processes(results, stage, runs)
    with Stage(latency_ms=LATENCY, retry_after=RETRY_AFTER) as stage:
        await _flows(results, stage, "sni50-retry-after", 1, LATENCY)


async def _flows(results: Results, stage: Stage, case: str, runs: int, latency: int) -> None:
    flows = OrderFlows(stage)
    await flows.bound([stage.fresh_names(1)])
    await flows.companion([stage.fresh_names(1)])
    pair = [Series(tool, case, LINEAGES, latency) for tool in (BOUND, COMPANION)]
    for _ in range(runs):
        for series, flow in zip(pair, (flows.bound, flows.companion), strict=True):
            before = stage.requests()
            series.took(*await flow([[name] for name in stage.fresh_names(LINEAGES)]))
            series.requests.append(stage.requests() - before)
    results.add(*pair)
    if latency:  # near a CA nothing but our own pace is measured
        times = ratio(pair[1].row, pair[0].row)
        results.targets.append(Target(f"{case}, in process: times the bound", times, 1.5))


async def _processes(results: Results, stage: Stage, runs: int) -> None:
    signed_in = await companion.signed_in_volume(stage)
    key: Path = signed_in / "acme/account.pem"  # P-256, made by the companion: the bound may use it as well
    own, least = Series(COMPANION, "sni50", LINEAGES, LATENCY), Series(BOUND, "sni50", LINEAGES, LATENCY)
    for _ in range(runs):
        before = stage.requests()
        command = bound_command(stage, key, stage.fresh_names(LINEAGES), "--one-each")
        least.note(await run(command, {}, LIMIT, CHECKOUT), stage.requests() - before)
        before = stage.requests()
        own.note(await _once(stage, signed_in), stage.requests() - before)
    results.add(least, own)
    row = own.row
    faster = CADDY / row.wall_s_median if row.wall_s_median else None
    results.targets += [
        Target("sni50, whole process: times the bound", ratio(row, least.row), 1.5),
        Target(
            f"sni50: times as fast as the best peer (caddy: {CADDY:g} s, measured elsewhere)",
            faster,
            10,
            at_least=True,
        ),
    ]


async def _once(stage: Stage, signed_in: Path) -> Run:
    volume = companion.like(stage, signed_in)
    hostname, *domains = stage.fresh_names(LINEAGES)
    environment = companion.settings(
        stage,
        volume,
        hostname,
        ENABLE_SSL_SNI="y",
        ADDITIONAL_SAN="mail.*",
        MAIL_DOMAINS=",".join(domains),
    )
    done = await companion.once(environment, LIMIT)
    if done.ok and not companion.issued(volume, [hostname, *(f"mail.{domain}" for domain in domains)]):
        raise RuntimeError(f"acme-companion did not issue all:\n{done.output[-2000:]}")
    return done
