"""The env file as it lies on a disk: its size, who may read it, and what health needs of it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from acme_companion.act.heartbeat import Heartbeat
from acme_companion.cli import main
from acme_companion.cli.clock import SystemClock
from acme_companion.cli.configuration import load_settings
from acme_companion.decide.problems import SettingsWrong
from acme_companion.decide.settings.env_file import MOST_BYTES

if TYPE_CHECKING:
    from pathlib import Path

TERABYTE = 1 << 40
HOST = "MAILCOW_HOSTNAME=mail.example.org\n"


def test_a_huge_file_is_not_read(tmp_path: Path):
    """More than the cap is enough to refuse it: this one fits into no memory (and takes no room on the disk)."""
    file = tmp_path / "mail.conf"
    with file.open("wb") as made:
        made.truncate(TERABYTE)

    with pytest.raises(SettingsWrong) as wrong:
        load_settings(str(file))

    assert wrong.value.complaints[0] == f"mail.conf: larger than {MOST_BYTES} bytes: is this the env file?"


@pytest.mark.parametrize(
    ("text", "mode", "warnings"),
    [
        pytest.param(f"{HOST}DBPASS=x\n", 0o600, (), id="private"),
        pytest.param(f"{HOST}DBPASS=x\n", 0o640, (), id="for a group that the admin chose"),
        pytest.param(f"{HOST}DBPASS=\n", 0o644, (), id="without a password"),
        pytest.param(
            f"{HOST}REDISPASS=x\nDBPASS=y\n",
            0o644,
            (
                "mail.conf: holds REDISPASS and DBPASS, and every user of the host can read it: chmod o-r mail.conf there",
            ),
            id="with passwords for everybody",
        ),
    ],
)
def test_who_may_read_it(text: str, mode: int, warnings: tuple[str, ...], tmp_path: Path):
    """Passwords that every user of the host can read are pointed out."""
    file = tmp_path / "mail.conf"
    file.write_text(text)
    file.chmod(mode)

    assert load_settings(str(file)).warnings == warnings


@pytest.mark.parametrize("text", ["no key", "LE_STAGING=maybe", ""], ids=["broken", "wrong", "empty"])
def test_health_is_about_the_loop(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """Settings that were broken after the start do not end the loop, so they do not make it look dead."""
    (tmp_path / ".companion").mkdir()
    file = tmp_path / "mail.conf"
    file.write_text(f"VOLUME={tmp_path}\n{text}\n")
    monkeypatch.delenv("VOLUME", raising=False)
    health = ["--env-file", str(file), "health"]

    before = main(health)
    Heartbeat(str(tmp_path)).beat(SystemClock().now() + timedelta(minutes=1))
    after = main(health)

    assert (before, after, capsys.readouterr().out) == (1, 0, "alive\n")


def test_health_by_a_clock_that_was_ahead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """A host that started in another year: what the loop vouched for then says nothing for a whole year."""
    (tmp_path / ".companion").mkdir()
    monkeypatch.setenv("VOLUME", str(tmp_path))
    Heartbeat(str(tmp_path)).beat(SystemClock().now() + timedelta(days=365))

    assert main(["health"]) == 1
    assert capsys.readouterr().err == "the loop has not been heard of\n"


def test_health_without_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """It may be away for a moment while an editor saves it."""
    (tmp_path / ".companion").mkdir()
    Heartbeat(str(tmp_path)).beat(SystemClock().now() + timedelta(minutes=1))
    monkeypatch.setenv("VOLUME", str(tmp_path))

    assert main(["--env-file", str(tmp_path / "away.conf"), "health"]) == 0


def test_secrets_from_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A Docker secret is a file; `<setting>_FILE` names it. A trailing line end is not part of it."""
    (tmp_path / "password").write_text("canary-in-a-file\n")
    monkeypatch.setenv("MAILCOW_HOSTNAME", "mail.example.org")
    monkeypatch.setenv("REDISPASS_FILE", str(tmp_path / "password"))
    found = load_settings(None).redis
    assert found
    assert found.password.reveal() == "canary-in-a-file"

    monkeypatch.setenv("REDISPASS", "another")
    with pytest.raises(SettingsWrong, match="REDISPASS and REDISPASS_FILE are both set"):
        load_settings(None)
    monkeypatch.delenv("REDISPASS")
    monkeypatch.setenv("REDISPASS_FILE", "/nowhere")
    with pytest.raises(SettingsWrong, match="/nowhere cannot be read"):
        load_settings(None)
