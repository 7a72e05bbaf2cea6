"""A CA that rejects 15 % of good nonces: twenty certificates of ten names, and all of them must come."""

from __future__ import annotations

from benchmarks.order_flow import OrderFlows
from benchmarks.peers import PEERS, Webroot
from benchmarks.results import BOUND, COMPANION, Results, Series, Target
from benchmarks.stage import Stage

REJECTED = 15  # per cent
ISSUANCES, NAMES = 20, 10
PEER_LIMIT = 30.0


async def nonce15(results: Results, *, everything: bool) -> None:
    """In process; peers as whole processes, and only if everything is wanted: most of them poll by the second."""
    with Stage(nonce_reject=REJECTED) as stage:
        flows = OrderFlows(stage)
        for tool, flow in ((BOUND, flows.bound), (COMPANION, flows.companion)):
            series = Series(tool, "nonce15", NAMES, 0)
            for _ in range(ISSUANCES):
                try:
                    series.took(*await flow([stage.fresh_names(NAMES)]))
                except Exception as problem:  # noqa: BLE001 - what fails is counted, whatever it is
                    series.took(0, ok=False)
                    print(f"  nonce15: {tool}: {type(problem).__name__}: {problem}", flush=True)
            results.add(series)
            if tool == COMPANION:
                results.targets.append(
                    Target(f"nonce15: certificates of {ISSUANCES}", series.row.ok, ISSUANCES, at_least=True)
                )
        for peer in PEERS if everything else ():
            if not peer.installed:
                continue
            async with Webroot(stage) as webroot:
                prepared = peer.prepare(webroot)
                series = Series(peer.name, "nonce15", NAMES, 0)
                for _ in range(ISSUANCES):
                    series.note(await prepared.issue(stage.fresh_names(NAMES), PEER_LIMIT))
                results.add(series)
