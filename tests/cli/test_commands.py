"""What commands say where there is little to say: nothing to issue, something wrong, pairs of somebody else."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from acme_companion.cli import cycles, main, status
from tests.act.store_parts import issued, put

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOST = "mail.example.org"
SKIP = "SKIP_LETS_ENCRYPT=y: no certificate is asked for"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """One command on a volume of its own that reaches nobody: exit code, stdout, stderr."""
    before = signal.getsignal(signal.SIGTERM)
    for name, text in {
        "MAILCOW_HOSTNAME": HOST,
        "VOLUME": str(tmp_path),
        "EXAMPLE_VOLUME": str(tmp_path / "none"),
        "DOCKER_HOST": "none",
    }.items():
        monkeypatch.setenv(name, text)

    def command(*arguments: str, **environment: str) -> tuple[int, str, str]:
        for name, text in environment.items():
            monkeypatch.setenv(name, text)
        code = main(arguments)
        said = capsys.readouterr()
        return code, said.out, said.err

    yield command
    signal.signal(signal.SIGTERM, before)


def test_check_without_anything_to_issue(run: Run):
    """The reason, not three zeros."""
    assert run("check", SKIP_LETS_ENCRYPT="y")[:2] == (0, f"{SKIP}\n")
    code, shown, _ = run("check", "--json")
    assert (code, json.loads(shown)) == (0, {"names": {}, "skipped": [SKIP], "warnings": []})


def test_check_beside_a_pair_of_somebody_else(run: Run, tmp_path: Path):
    """As a cycle, it says whose the pair is."""
    put(tmp_path, issued(HOST))

    code, shown, _ = run("check")

    assert (code, shown.count("\n")) == (0, 1)
    assert "was not issued by this companion: it belongs to you and stays" in shown


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "says"),
    [
        pytest.param(
            ("account", "show", "--json", "--directory-url", "x"),
            {},
            2,
            "--directory-url: 'x' is not a URL",
            id="usage",
        ),
        pytest.param(("check", "--json"), {"LE_STAGING": "maybe"}, 2, "settings: 1 problem", id="settings"),
        pytest.param(("caa", "--json"), {}, 1, "account key", id="something is missing"),
    ],
)
def test_a_failure_for_machines(
    arguments: tuple[str, ...], environment: dict[str, str], code: int, says: str, run: Run
):
    """A JSON document comes whatever happens, and people read the sentence where they look for it."""
    ended, shown, told = run(*arguments, **environment)

    (sentence,) = json.loads(shown).values()
    assert (ended, list(json.loads(shown))) == (code, ["error"])
    assert says in sentence
    assert sentence in told


def test_a_failure_for_people(run: Run):
    """Without --json nothing of it is on standard output."""
    assert run("check", LE_STAGING="maybe")[:2] == (2, "")


def test_status_promises_nothing_for_what_is_not_ours(run: Run, tmp_path: Path):
    """Neither the pair of somebody else, nor a certificate beside it, is renewed by us, and it says so."""
    put(tmp_path, issued(HOST, begin=datetime.now(UTC) - timedelta(days=1)))
    put(
        tmp_path / "theirs.example.org",
        issued("theirs.example.org", begin=datetime.now(UTC) - timedelta(days=1)),
    )
    put(
        tmp_path / "ours.example.org",
        issued("ours.example.org", begin=datetime.now(UTC) - timedelta(days=1)),
        "ours.example.org",
    )

    code, shown, _ = run("status")
    data = json.loads(run("status", "--json")[1])

    assert code == 0
    assert {one["lineage"]: (one["next_renewal"], one["says"]) for one in data["lineages"]} == {
        "ours.example.org": (None, "never, as nothing is issued"),
        "theirs.example.org": (None, "never: not issued by us, it belongs to you and stays"),
    }
    assert "nothing is issued: cert.pem (issued by" in shown
    assert "last success: none yet" in shown


def test_status_shows_every_endpoint_by_its_address(capsys: pytest.CaptureFixture[str]):
    """IPv4 and IPv6 of one service are two rows that differ; what is not yet served is named."""
    rows = [
        {"service": "postfix", "host": host, "port": 25, "protocol": "smtp", "sni": HOST, "ok": ok}
        for host, ok in (("172.22.1.9", True), ("fd00::9", False))
    ]
    status._print(
        {
            "server_pair": {"days_left": 9, "alarm": "none", "says": "ours"},
            "issues_nothing": "",
            "lineages": [],
            "endpoints": rows,
            "not_verified": [],
            "stopped_accounts": {"https://ca.example/dir": "its terms changed"},
            "limited": {"https://ca.example/dir": "nothing is ordered before 22 Nov 12:00 UTC: busy"},
            "undeployed": [HOST, "imap.example.org"],
            "last_success": "2026-11-21T12:00:00+00:00",
        }
    )

    assert capsys.readouterr().out.splitlines() == [
        "cert.pem/key.pem: 9 days left, ours",
        "last success: 2026-11-21 12:00 UTC",
        "https://ca.example/dir: nothing is ordered before 22 Nov 12:00 UTC: busy",
        "SERVICE  ENDPOINT            NAME              SERVES",
        "postfix  172.22.1.9:25/smtp  mail.example.org  as it should",
        "postfix  [fd00::9]:25/smtp   mail.example.org  ANOTHER CERTIFICATE",
        "nothing is ordered from https://ca.example/dir: its terms changed",
        "not yet seen to be served: mail.example.org, imap.example.org",
    ]


@pytest.mark.parametrize("module", cycles.NEEDED_LATER)
def test_a_missing_part_shows_at_the_start(module: str, run: Run, monkeypatch: pytest.MonkeyPatch):
    """Not on the night of the first renewal, months later (here each part is planted to be missing)."""
    monkeypatch.setitem(sys.modules, module, None)  # None is Python's sign for "cannot be imported"

    code, _, told = run("run")

    assert code == 1
    assert told.startswith(f"acme-companion: this installation is not whole (import of {module} halted")
