"""TXT records by a command of the admin's."""

import asyncio
import os
from pathlib import Path

import pytest

from acme_companion.act.dns.command import CommandEditor
from acme_companion.act.dns.editor import TxtRecord
from acme_companion.act.dns.providers import record_editor
from acme_companion.decide.problems import NotYet
from acme_companion.decide.settings import DnsZone, Secret
from tests.bed.doors import RealClock, RememberingLog
from tests.bed.process import wait_until

RECORD = TxtRecord("example.org", "_acme-challenge.example.org", "-value_of_43-characters")
ENVIRONMENT = {"PATH": os.environ["PATH"], "DBPASS": "canary-DBPASS", "HTTPS_PROXY": "http://proxy:3128"}


def script(folder: Path, text: str) -> str:
    path = folder / "hook"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def zone(command: str, **more: str) -> DnsZone:
    options = {"ACME_DNS_EXEC": command, **more}
    return DnsZone(provider="exec", options={key: Secret(value) for key, value in options.items()})


async def test_what_it_gets(tmp_path: Path) -> None:
    """The arguments as they are, and of our environment only what any program needs, besides its own variables (O05, R23)."""
    hook = script(
        tmp_path, f'for one in "$@"; do echo "<$one>"; done >{tmp_path}/args; env >{tmp_path}/env; pwd'
    )
    log = RememberingLog()
    command = f"{hook} --zone 'two words' '$(id)' ;"
    editor = record_editor(zone(command, MY_TOKEN="canary-token"), RealClock(), log, ENVIRONMENT)

    await editor.add(RECORD)
    added = (tmp_path / "args").read_text().splitlines()
    await editor.remove(RECORD)
    removed = (tmp_path / "args").read_text().splitlines()

    given = ["<--zone>", "<two words>", "<$(id)>", "<;>"]
    assert added == [*given, "<add>", f"<{RECORD.name}>", f"<{RECORD.value}>"]
    assert removed == [*given, "<remove>", f"<{RECORD.name}>", f"<{RECORD.value}>"]
    environment = dict(line.split("=", 1) for line in (tmp_path / "env").read_text().splitlines())
    assert environment["MY_TOKEN"] == "canary-token"
    assert {"MY_TOKEN", "PATH", "HTTPS_PROXY"} <= environment.keys()
    assert environment.keys() - {"MY_TOKEN", "PATH", "HTTPS_PROXY", "PWD", "OLDPWD", "SHLVL", "_"} == set()
    assert log.lines("info") == [f"{hook} {what} {RECORD.name}: /" for what in ("add", "remove")]


async def test_it_fails(tmp_path: Path) -> None:
    """The exit code and the last line; the whole output is one line of the log, without a credential."""
    hook = script(tmp_path, 'echo "signing in with $MY_TOKEN"; echo >&2; echo "no such zone" >&2; exit 3')
    log = RememberingLog()
    with pytest.raises(NotYet) as raised:
        await CommandEditor(zone(hook, MY_TOKEN="canary-token"), log, ENVIRONMENT).add(RECORD)

    assert str(raised.value) == (
        f"ACME_DNS_EXEC: {hook} add {RECORD.name}: failed with exit code 3: 'no such zone'"
    )
    assert log.lines("info") == [f"{hook} add {RECORD.name}: signing in with (secret) / no such zone"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("exit 1", "failed with exit code 1: without a word", id="silent"),
        pytest.param("kill -9 $$", "failed with exit code -9: without a word", id="killed"),
        pytest.param("yes line | head -c 500000; exit 1", "failed with exit code 1: 'line'", id="a flood"),
        pytest.param(
            r"printf '\377\033[31m\r'; exit 1", "failed with exit code 1: '\ufffd\\x1b[31m'", id="no text"
        ),
    ],
)
async def test_odd_endings(tmp_path: Path, text: str, reason: str) -> None:
    """Whatever it does is one clear sentence."""
    log = RememberingLog()
    with pytest.raises(NotYet) as raised:
        await CommandEditor(zone(script(tmp_path, text)), log, ENVIRONMENT).add(RECORD)

    assert str(raised.value).endswith(f": {reason}")
    assert all(len(line) < 1000 for line in log.lines("info"))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        pytest.param(lambda path: None, "No such file or directory", id="not there"),
        pytest.param(lambda path: path.write_text("#!/bin/sh\n"), "Permission denied", id="not executable"),
        pytest.param(lambda path: path.mkdir(), "Permission denied", id="a directory"),
    ],
)
async def test_it_cannot_be_run(tmp_path: Path, make, reason: str) -> None:
    """The sentence names the path and what is wrong with it."""
    path = tmp_path / "hook"
    make(path)
    with pytest.raises(NotYet) as raised:
        await CommandEditor(zone(str(path)), RememberingLog(), ENVIRONMENT).remove(RECORD)

    assert str(raised.value) == f"ACME_DNS_EXEC: {path} remove {RECORD.name}: cannot be run: {reason}"


async def test_it_hangs(tmp_path: Path) -> None:
    """It is killed at the time limit, with all that it started (D13)."""
    hook = script(tmp_path, f"sleep 600 & echo $! >{tmp_path}/pid; wait")
    editor = CommandEditor(zone(hook), RememberingLog(), ENVIRONMENT, time_limit=2.0)
    with pytest.raises(NotYet, match=r": did not end within 2 seconds, and was killed$"):
        await editor.add(RECORD)

    child = Path("/proc", (tmp_path / "pid").read_text().strip(), "cmdline")
    assert await asyncio.to_thread(wait_until, lambda: not child.exists() or not child.read_bytes(), 10)
