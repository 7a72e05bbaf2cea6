"""What `revoke` and `account` refuse before they ask anybody."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from acme_companion.act.issuers.self_signed import self_signed
from acme_companion.act.store.lock import locked
from acme_companion.cli import main
from acme_companion.decide.known_cas import LETS_ENCRYPT
from acme_companion.decide.pair import public_key_digest
from tests.act.store_parts import HOST, KEY, NOW, issued, pem_of, put

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def volume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A volume with one pair of a CA that nobody reaches, and a self-signed one."""
    root = tmp_path / "volume"
    for name, text in {
        "MAILCOW_HOSTNAME": HOST.text,
        "VOLUME": str(root),
        "EXAMPLE_VOLUME": str(tmp_path / "none"),
        "DOCKER_HOST": "none",
    }.items():
        monkeypatch.setenv(name, text)
    put(root / HOST.text, issued(HOST.text), HOST.text)
    put(root, self_signed(HOST, pem_of(KEY), NOW))
    return root


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        pytest.param(["--certificate", "{}/cert.pem"], "is self-signed: no CA issued it", id="self-signed"),
        pytest.param(["--certificate", "{}/none"], "cannot be read (No such file", id="no file"),
        pytest.param(["--certificate", "{}/key.pem"], "not a PEM certificate", id="a key"),
        pytest.param(["--certificate", "{}"], "cannot be read (Is a directory)", id="a directory"),
        pytest.param(["backups"], "'backups' cannot be the directory of a certificate", id="not a lineage"),
        pytest.param(["../etc"], "cannot be the directory of a certificate", id="another directory"),
        pytest.param(["imap.example.org"], "there is no such certificate", id="a lineage that is not there"),
        pytest.param([HOST.text], "there is no account key", id="no account"),
    ],
)
def test_what_cannot_be_revoked(
    volume: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    """One sentence each, for people and for machines."""
    assert main(["revoke", "--json", *(one.format(volume) for one in arguments)]) == 1
    shown = capsys.readouterr()

    assert sentence in json.loads(shown.out)["error"]
    assert "Traceback" not in shown.err


def test_a_certificate_from_mailcows_time(
    volume: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody remembers where it came from, but it tells itself: the CA that is set now could not revoke it."""
    monkeypatch.setenv("DIRECTORY_URL", "https://other.example/acme")
    put(volume / HOST.text, issued(HOST.text, issuer="R13", organization="Let's Encrypt"), HOST.text)

    assert main(["revoke", HOST.text]) == 1
    assert f"there is no account key for {LETS_ENCRYPT}" in capsys.readouterr().err


def test_a_compromise_counts_whatever_the_ca_says(volume: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The next cycle replaces the key also when nobody could be asked to revoke: that is no surprise for the admin."""
    assert main(["revoke", HOST.text, "--reason", "keyCompromise", "--json"]) == 1
    error = json.loads(capsys.readouterr().out)["error"]

    assert "there is no account key" in error
    assert "Ask again to have it revoked; in any case its private key gets no certificate any more" in error
    assert "TLSA 3 1 1 records" in error
    memory = json.loads((volume / ".companion/state.json").read_text())
    assert memory["memory"]["compromised"] == [public_key_digest(pem_of(KEY))]


def test_a_fifo_in_the_place_of_a_certificate(volume: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A sibling that was broken into must not have the command wait for ever."""
    (volume / HOST.text / "cert.pem").unlink()
    os.mkfifo(volume / HOST.text / "cert.pem")

    assert main(["revoke", HOST.text]) == 1
    assert "only a regular file is used there" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["revoke"], id="revoke what?"),
        pytest.param(["revoke", "a.example", "--certificate", "b.pem"], id="two things at once"),
        pytest.param(["revoke", "a.example", "--reason", "bored"], id="no reason that there is"),
        pytest.param(["account"], id="account, and then?"),
        pytest.param(["account", "show", "--yes"], id="nothing to be sure of"),
    ],
)
def test_usage(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        "once --force",
        "account rotate-key",
        "account deactivate --yes",
        f"revoke {HOST.text} --reason superseded",
    ],
)
def test_while_the_loop_runs(volume: Path, capsys: pytest.CaptureFixture[str], arguments: str) -> None:
    """What needs the volume to itself says who has it, and what to type."""
    (volume / ".companion").mkdir()
    with locked(volume / ".companion"):
        assert main([*arguments.split(), "--json"]) == 1
    shown = capsys.readouterr()

    sentence, *commands = json.loads(shown.out)["error"].splitlines()
    assert ".companion/lock: held by process" in sentence
    assert sentence.endswith("beside its Compose file (with mailcow the service is called acme-mailcow):")
    assert commands == [
        "  docker compose stop acme-companion",
        f"  docker compose run --rm acme-companion {arguments} --json",
        "  docker compose start acme-companion",
    ]


@pytest.mark.parametrize("deed", ["show", "rotate-key", "deactivate --yes"])
def test_no_account_yet(volume: Path, capsys: pytest.CaptureFixture[str], deed: str) -> None:
    """No key is made by looking, or by wanting another one."""
    assert main(["account", *deed.split()]) == 1

    assert (
        "there is no account key for https://acme-v02.api.letsencrypt.org/directory"
        in capsys.readouterr().err
    )
    assert not (volume / "acme").exists()
