"""`make demo` as a newcomer runs it: its last line is true, and nothing of it stays, however it ends."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.bed.process import CHECKOUT, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LIMIT = 120.0  # seconds; a run needs a tenth of it on an idle machine
TWO_SPACES = re.compile(r" {2,}")


@contextmanager
def started(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A demo in a process group of its own, whose temporary files (and so its children) are known by `folder`."""
    command = [sys.executable, *(arguments or ("-m", "demo"))]
    with subprocess.Popen(
        command,
        cwd=CHECKOUT,
        env={**os.environ, "TMPDIR": str(folder)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as demo:
        try:
            yield demo
        finally:
            demo.kill()
            for process in remains(folder):  # nothing but after a failed test
                os.kill(process, signal.SIGTERM)


def remains(folder: Path) -> dict[int, str]:
    """Every process that has `folder` in its arguments or its environment, as all of a demo's have: id and command."""
    found = {}
    for process in Path("/proc").iterdir():
        try:
            command = (process / "cmdline").read_bytes()
            if process.name.isdigit() and bytes(folder) in command + (process / "environ").read_bytes():
                found[int(process.name)] = command.replace(b"\0", b" ").decode()
        except OSError:
            continue
    return found


def wait_for(text: str, demo: subprocess.Popen[str]) -> None:
    """Read on until a line has this text."""
    assert demo.stdout is not None
    assert any(text in line for line in demo.stdout), f"it never said {text!r}"


def what_is_left(demo: subprocess.Popen[str], folder: Path) -> tuple[list[str], dict[int, str], list[Path]]:
    """The lines until its end, the processes and the files after it."""
    assert demo.stdout is not None
    too_late = threading.Timer(LIMIT, demo.kill)
    too_late.start()
    try:
        lines = demo.stdout.read().splitlines()
        demo.wait()
    finally:
        too_late.cancel()
    return lines, remains(folder), list(folder.iterdir())


def rows_below(heading: str, lines: Sequence[str]) -> Iterator[list[str]]:
    """The cells of the table whose first heading is this one."""
    began = next(number for number, line in enumerate(lines) if line.startswith(f"{heading} "))
    for line in lines[began + 1 :]:
        if not line or line.startswith("!"):
            return
        yield TWO_SPACES.split(line)


def test_the_closing_line_counts_what_the_tables_show(tmp_path: Path) -> None:
    """Every certificate and every endpoint of the last line is in a table above it, and nothing is left running."""
    with started(tmp_path) as demo:
        lines, processes, files = what_is_left(demo, tmp_path)

    certificates = {row[1] for row in rows_below("CERTIFICATE", lines)}
    served = [cell for row in rows_below("CLIENTS ASK FOR", lines) for cell in row[2:]]
    results = {row[0]: (row[-2], row[-1]) for row in rows_below("CYCLE", lines)}
    assert set(served) == certificates
    assert (len(certificates), len(served)) == (3, 30)
    assert results["second"][1] == "nothing to do"
    assert results["third"] == ("0", "nothing to do")
    assert lines[-1] == f"demo ok: {len(certificates)} certificates, {len(served)} endpoints serve them"
    assert (demo.returncode, processes, files) == (0, {}, [])


@pytest.mark.parametrize(
    ("program", "failure"),
    [
        pytest.param(
            "import ssl, demo.play; demo.play.trusting = lambda _: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)",
            r"demo failed: nginx-mailcow \d+ for autoconfig\.example\.com: unable to get local issuer certificate; .*",
            id="clients that trust another CA are not counted",
        ),
        pytest.param(
            "import demo.siblings; demo.siblings.SERVICES['postfix-mailcow'] = {25: 'carrier-pigeon'}",
            r"demo failed: postfix-mailcow ended at once: .*",
            id="a service that cannot start",
        ),
    ],
)
def test_a_demo_that_saw_something_wrong_says_so(tmp_path: Path, program: str, failure: str) -> None:
    """The last line says what is wrong, the exit code is 1, and nothing is left running."""
    with started(tmp_path, "-c", f"{program}; import demo.ending as e; raise SystemExit(e.run())") as demo:
        lines, processes, files = what_is_left(demo, tmp_path)

    assert re.fullmatch(failure, lines[-1]), lines
    assert (demo.returncode, processes, files) == (1, {}, [])


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        pytest.param("(pebble-challtestsrv)", signal.SIGINT, id="Ctrl-C while the CA starts"),
        pytest.param("(Pebble)", signal.SIGINT, id="Ctrl-C while the services start"),
        pytest.param("asking the CA", signal.SIGINT, id="Ctrl-C in the middle of an order"),
        pytest.param("dovecot-mailcow: restart", signal.SIGINT, id="Ctrl-C in the middle of a restart"),
        pytest.param("ended at once", signal.SIGINT, id="Ctrl-C while a service is down"),
        pytest.param("(Pebble)", signal.SIGTERM, id="SIGTERM while the services start"),
        pytest.param(
            "dovecot-mailcow: restart", signal.SIGHUP, id="a closed terminal in the middle of a restart"
        ),
    ],
)
def test_an_interrupted_demo_leaves_nothing(tmp_path: Path, moment: str, number: signal.Signals) -> None:
    """At any moment, once or twice: every process that it started ends, and its files are gone."""
    with started(tmp_path) as demo:
        wait_for(moment, demo)
        assert any("pebble-challtestsrv" in command for command in remains(tmp_path).values())
        # A terminal sends Ctrl-C to the whole group of processes, and people press it twice.
        os.killpg(demo.pid, number)
        os.kill(demo.pid, number)
        lines, processes, files = what_is_left(demo, tmp_path)

    assert lines[-1] == "demo interrupted: everything that it started was ended and removed"
    assert (demo.returncode, processes, files) == (128 + number, {}, [])


def test_services_do_not_outlive_a_demo_that_was_killed(tmp_path: Path) -> None:
    """Nobody can tidy up after SIGKILL, but a service that lost its parent ends by itself."""
    with started(tmp_path) as demo:
        wait_for("asking the CA", demo)
        demo.kill()
        demo.wait(LIMIT)

        assert wait_until(
            lambda: not any("demo.sibling" in one for one in remains(tmp_path).values()), limit=10
        )
