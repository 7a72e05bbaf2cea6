"""Nothing to do: every certificate is young, every name is looked at by DNS and over HTTP, and no CA is asked."""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks import companion
from benchmarks.challenge_server import ChallengeServer
from benchmarks.measured import memory_mb, run
from benchmarks.results import COMPANION, Results, Series, Target, ratio
from benchmarks.stage import CHECKOUT, Stage, installed
from benchmarks.volume import Volume
from tests.bed.process import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Sequence

PREFIXES = ("autoconfig", "autodiscover", "imap")
HOSTNAME = "mx.bench.example"
SEQUENCE = "3 dig + 1 curl per name, one after another"
SAMPLE = 30  # names that are asked by dig and curl; the figure for all of them is worked out from these
LIMIT = 120.0  # seconds for one cycle
# Every way in which Python starts a process raises one of these events (PEP 578).
WATCH = """
import sys
def _watch(event, arguments):
    if event in {"subprocess.Popen", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "os.exec", "os.system", "pty.spawn"}:
        print("SUB-PROCESS", event, arguments, flush=True)
sys.addaudithook(_watch)
"""


@dataclass(frozen=True, slots=True)
class Scene:
    """A volume on which nothing is to do, and the settings that belong to it."""

    names: tuple[str, ...]
    environment: dict[str, str]


def scene(stage: Stage, domains: int, prefixes: Sequence[str] = PREFIXES) -> Scene:
    """As many mail domains with a name for each prefix, one lineage per domain (SNI), and the server's own."""
    root = stage.fresh_folder()
    volume = Volume(root)
    listed = [f"d{number:05}.example" for number in range(domains)]
    volume.add([HOSTNAME])
    names = [HOSTNAME]
    for domain in listed:
        own = [f"{prefix}.{domain}" for prefix in prefixes]
        volume.add(own)
        names += own
    environment = companion.settings(
        stage,
        root,
        HOSTNAME,
        ENABLE_SSL_SNI="y",
        ADDITIONAL_SAN=",".join(f"{prefix}.*" for prefix in prefixes),
        # As most stacks have it; nobody is asked there while nothing changes.
        DOCKER_HOST="tcp://127.0.0.1:9",
    )
    environment["MAIL_DOMAINS"] = ",".join(listed)
    return Scene(tuple(names), environment)


async def idle(
    results: Results, domains: int, case: str, runs: int, prefixes: Sequence[str] = PREFIXES
) -> None:
    """A case of this kind; the first cycle takes the volume over and is not counted."""
    with Stage() as stage:
        there = scene(stage, domains, prefixes)
        series = Series(COMPANION, case, len(there.names), 0)
        first = await companion.once(there.environment, LIMIT)
        if not first.ok:
            raise RuntimeError(f"the volume was not taken over:\n{first.output[-2000:]}")
        sequence = Series(SEQUENCE, case, len(there.names), 0)
        for _ in range(runs):
            before = stage.requests()
            series.note(await companion.once(there.environment, LIMIT), stage.requests() - before)
            if case == "idle1000" and _has_tools(results):
                await _one_after_another(sequence, stage, there)
        results.add(series, sequence)
        watched = await companion.once(there.environment, LIMIT, watch=WATCH)
        started = watched.output.count("SUB-PROCESS") if watched.ok else None
        results.targets += [
            Target(f"{case}: sub-processes started", started, 0),
            Target(f"{case}: requests to the CA", max(series.requests, default=None), 0),
        ]
        if case == "idle50":
            await _look_at_the_loop(results, there)
        _targets(results, series, sequence)


def _targets(results: Results, series: Series, sequence: Series) -> None:
    row, case = series.row, series.case
    limits = {"idle50": (0.5, 80), "idle1000": (10, 200)}
    if case in limits:
        seconds, megabytes = limits[case]
        results.targets += [
            Target(f"{case}: one cycle", row.wall_s_median, seconds, " s"),
            Target(f"{case}: peak resident memory", row.peak_rss_mb, megabytes, " MB"),
        ]
    if sequence.runs:
        what = f"{case}: times as fast as {SEQUENCE}"
        results.targets.append(Target(what, ratio(sequence.row, row), 20, at_least=True))
        results.remarks.append(
            f"{SEQUENCE}: {SAMPLE} names were asked after each cycle; "
            f"the figure for {row.names} names is worked out from that"
        )


async def _look_at_the_loop(results: Results, there: Scene) -> None:
    """Resident memory of `run` while it waits for its next cycle."""
    process = await asyncio.create_subprocess_exec(
        *companion.command("run"),
        env=there.environment,
        cwd=CHECKOUT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    resident = None
    try:
        assert process.stdout
        async with asyncio.timeout(LIMIT):
            async for line in process.stdout:
                if b"next look" in line:
                    resident = memory_mb(process.pid)
                    break
            process.send_signal(signal.SIGTERM)
            await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    results.targets.append(Target("run, waiting for its next cycle: resident memory", resident, 80, " MB"))


def _has_tools(results: Results) -> bool:
    if installed("dig", "bind9-dnsutils") and shutil.which("curl"):
        return True
    why = f"dig or curl is not installed: {SEQUENCE} was not measured"
    results.remarks += [] if why in results.remarks else [why]
    return False


async def _one_after_another(sequence: Series, stage: Stage, there: Scene) -> None:
    """The same looks by a process per question, as a shell script does it, for a sample of the names."""
    host, port = stage.dns.dns_address.split(":")
    script = stage.folder / "sequence.sh"
    script.write_text(_script(host, port, stage.http_port, there.names[:SAMPLE]))
    async with ChallengeServer(stage.http_port) as served:
        served.files["probe"] = "probe"
        done = await run(["/bin/sh", str(script)], there.environment, LIMIT, stage.folder)
    answered = len(re.findall(r"^reached$", done.output, re.MULTILINE))
    times = len(there.names) / SAMPLE
    sequence.took(done.seconds * times, done.cpu_seconds * times, ok=done.ok and answered == SAMPLE)


def _script(host: str, port: str, http_port: int, names: tuple[str, ...]) -> str:
    lines = []
    for name in names:
        lines += [
            f"dig @{host} -p {port} +short +tries=1 {name} {kind} >/dev/null" for kind in ("A", "AAAA", "CAA")
        ]
        lines.append(
            f"curl -sf --noproxy '*' --max-time 10 --resolve {name}:{http_port}:{LOOPBACK} "
            f"http://{name}:{http_port}/.well-known/acme-challenge/probe >/dev/null && echo reached"
        )
    return "\n".join(lines) + "\n"
