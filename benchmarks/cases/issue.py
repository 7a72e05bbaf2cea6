"""One certificate of 1, 10 and 100 names, at a CA beside us and at one that is 50 ms away."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from benchmarks import bound, companion
from benchmarks.measured import run
from benchmarks.order_flow import OrderFlows
from benchmarks.peers import PEERS, Webroot
from benchmarks.results import BOUND, COMPANION, Results, Series, Target, ratio
from benchmarks.stage import CHECKOUT, Stage

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SIZES = (1, 10, 50, 100)
LATENCIES = (0, 50)
FLOW, ISSUE = "order-flow", "issue"
LIMIT = 120.0
PEER_LIMIT = 60.0  # seconds; a peer that takes longer is shown as not done


async def order_flow(results: Results, runs: int) -> None:
    """In process, in turn: bound, companion, bound, companion."""
    for latency in LATENCIES:
        with Stage(latency_ms=latency) as stage:
            flows = OrderFlows(stage)
            await flows.bound([stage.fresh_names(1)])
            await flows.companion([stage.fresh_names(1)])
            for size in SIZES:
                pair = [Series(tool, FLOW, size, latency) for tool in (BOUND, COMPANION)]
                for _ in range(runs):
                    for series, flow in zip(pair, (flows.bound, flows.companion), strict=True):
                        before = stage.requests()
                        series.took(*await flow([stage.fresh_names(size)]))
                        series.requests.append(stage.requests() - before)
                results.add(*pair)
                times = ratio(pair[1].row, pair[0].row)
                what = f"order flow in process, {size} names, {latency} ms: times the bound"
                results.targets.append(Target(what, times, 1.3))
    _requests_target(results)


def _requests_target(results: Results) -> None:
    row = results.find(COMPANION, FLOW, SIZES[-1], LATENCIES[0])
    # Directory and account are asked for before the flow; 2N + 8 + connections is meant for all of it.
    limit = 2 * SIZES[-1] + 8 + bound.CONNECTIONS
    results.targets.append(
        Target(f"requests of an order of {SIZES[-1]} names", row.requests if row else None, limit)
    )


async def issue(results: Results, runs: int, *, everything: bool) -> None:
    """Whole processes: start-up, checks where the tool has any, and storing count as well."""
    for latency in LATENCIES:
        sizes = SIZES if latency or everything else (1, 10, 100)
        with Stage(latency_ms=latency) as stage:
            volume = await companion.signed_in_volume(stage)
            key = _account_key(stage)
            for size in sizes:
                own, least = Series(COMPANION, ISSUE, size, latency), Series(BOUND, ISSUE, size, latency)
                for _ in range(runs):
                    await _bound_run(least, stage, key)
                    await _companion_run(own, stage, volume)
                results.add(least, own)
            await _peers(results, stage, sizes)
    _targets(results)


def _account_key(stage: Stage) -> Path:
    path = stage.folder / "bound-account.pem"
    key = ec.generate_private_key(ec.SECP256R1())
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return path


def bound_command(stage: Stage, account_key: Path, names: Sequence[str], *more: str) -> list[str]:
    """The bound as a program."""
    fixed = ["--directory", stage.directory_url, "--ca-bundle", str(stage.ca_bundle)]
    fixed += ["--account-key", str(account_key), "--http-port", str(stage.http_port)]
    return [sys.executable, "-m", "benchmarks.bound", *fixed, *more, *names]


async def _bound_run(series: Series, stage: Stage, key: Path) -> None:
    before = stage.requests()
    done = await run(bound_command(stage, key, stage.fresh_names(series.names)), {}, LIMIT, CHECKOUT)
    series.note(done, stage.requests() - before)


async def _companion_run(series: Series, stage: Stage, signed_in: Path) -> None:
    volume = companion.like(stage, signed_in)
    hostname, *more = stage.fresh_names(series.names)
    environment = companion.settings(stage, volume, hostname, ADDITIONAL_SAN=",".join(more))
    before = stage.requests()
    done = await companion.once(environment, LIMIT)
    if done.ok and not companion.issued(volume, [hostname]):
        raise RuntimeError(f"acme-companion issued nothing:\n{done.output}")
    series.note(done, stage.requests() - before)


async def _peers(results: Results, stage: Stage, sizes: Sequence[int]) -> None:
    """Each peer once; its account comes with a first certificate that is not counted."""
    for peer in PEERS:
        if not peer.installed:
            continue
        async with Webroot(stage) as webroot:
            prepared = peer.prepare(webroot)
            first = await prepared.issue(stage.fresh_names(1), PEER_LIMIT)
            if not first.ok:
                results.remarks.append(f"{peer.name} issues nothing here: {first.output.strip()[-200:]}")
                continue
            a_name = 0.0
            for size in sizes:
                if a_name * size > PEER_LIMIT:
                    results.remarks.append(
                        f"{peer.name}, {size} names, {stage.latency_ms} ms: not tried, it would take {a_name * size:.0f} s"
                    )
                    break
                series = Series(peer.name, ISSUE, size, stage.latency_ms)
                before = stage.requests()
                series.note(
                    await prepared.issue(stage.fresh_names(size), PEER_LIMIT), stage.requests() - before
                )
                results.add(series)
                if not series.seconds:
                    break  # larger ones would not be done in time either
                # What one name costs shows with many: the first one pays for the start.
                a_name = series.seconds[0] / size if size > 1 else 0.0


def _targets(results: Results) -> None:
    largest, latency = SIZES[-1], LATENCIES[-1]
    own = results.find(COMPANION, ISSUE, largest, latency)
    least = results.find(BOUND, ISSUE, largest, latency)
    what = f"whole process, {largest} names, {latency} ms"
    results.targets.append(Target(f"{what}: times the bound", ratio(own, least), 2))
    peers = [
        row
        for peer in PEERS
        if (row := results.find(peer.name, ISSUE, largest, latency)) and row.wall_s_median is not None
    ]
    best = min(peers, key=lambda row: row.wall_s_median or LIMIT, default=None)
    named = best.tool if best else "no peer was done in time"
    results.targets.append(
        Target(f"{what}: times as fast as the best peer ({named})", ratio(best, own), 8, at_least=True)
    )
