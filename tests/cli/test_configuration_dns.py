"""The credentials of DNS providers, from dns-01.conf and from files that the environment names."""

import os
from pathlib import Path

import pytest

from acme_companion.cli.configuration import load_settings
from acme_companion.decide.problems import SettingsWrong
from acme_companion.decide.settings import Settings

CANARY = "canary-Pa55"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """Nothing but a host name and Cloudflare's name."""
    for key in list(os.environ):
        monkeypatch.delenv(key)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MAILCOW_HOSTNAME", "mail.example.org")
    monkeypatch.setenv("ACME_DNS_CHALLENGE", "y")
    monkeypatch.setenv("ACME_DNS_PROVIDER", "dns_cf")
    monkeypatch.setenv("ACME_DNS_CONF", str(tmp_path / "dns-01.conf"))
    return monkeypatch


def token(settings: Settings) -> str:
    return settings.challenges.zones[0].options["CF_Token"].reveal()


def complaints() -> list[str]:
    with pytest.raises(SettingsWrong) as wrong:
        load_settings(None)
    assert CANARY not in str(wrong.value)
    return list(wrong.value.complaints)


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o640, False), (0o644, True)])
def test_the_file(tmp_path: Path, mode: int, *, warned: bool) -> None:
    """It is read where ACME_DNS_CONF says; when everybody can read it too, that is said (E11)."""
    file = tmp_path / "dns-01.conf"
    file.write_text(f"CF_Token={CANARY}\r\n")
    file.chmod(mode)
    settings = load_settings(None)

    assert token(settings) == CANARY
    assert [text for text in settings.warnings if "chmod" in text] == (
        [
            "dns-01.conf: holds credentials, and every user of the host can read it: chmod o-r dns-01.conf there"
        ]
        if warned
        else []
    )


def test_it_is_not_there(tmp_path: Path) -> None:
    """A file that is named must be there (E01)."""
    assert complaints() == [
        f"ACME_DNS_CONF: {tmp_path}/dns-01.conf is not there: make it, or mount it",
        f"environment: ACME_DNS_PROVIDER: dns_cf needs CF_Token, or CF_Email and CF_Key: write it into {tmp_path}/dns-01.conf "
        "(which is not there) or the environment",
    ]


def test_it_is_a_directory(tmp_path: Path) -> None:
    """Docker makes a directory where a file to mount is missing (E01)."""
    (tmp_path / "dns-01.conf").mkdir()

    assert complaints()[0] == (
        f"{tmp_path}/dns-01.conf is a directory: Docker makes one where a mounted file is missing. Remove it and make the file"
    )


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        pytest.param(
            f"CF_Token={CANARY}\n".encode("utf-16"),
            "dns-01.conf:1: the file is UTF-16 or UTF-32: save it as UTF-8",
            id="UTF-16",
        ),
        pytest.param(
            b"CF_Token=\xe9" + CANARY.encode(),
            "dns-01.conf:1: not UTF-8: save the file as UTF-8",
            id="Latin 1",
        ),
        pytest.param(
            b"CF_Token=a\0b",
            "dns-01.conf:1: contains a NUL character: is the file UTF-16? Save it as UTF-8",
            id="NUL",
        ),
        pytest.param(
            b"x" * 1_100_000, "dns-01.conf: larger than 1048576 bytes: is this the env file?", id="huge (E10)"
        ),
    ],
)
def test_bytes_that_are_no_text(tmp_path: Path, data: bytes, complaint: str) -> None:
    """The line that cannot be read is named, and never quoted (E02)."""
    (tmp_path / "dns-01.conf").write_bytes(data)

    assert complaint in complaints()


def test_a_secret_in_a_file_of_its_own(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A Docker secret: `<variable>_FILE` in the environment."""
    (tmp_path / "dns-01.conf").write_text("")
    (tmp_path / "token").write_text(f"{CANARY}\n")
    environment.setenv("CF_Token_FILE", str(tmp_path / "token"))

    assert token(load_settings(None)) == CANARY


def test_credentials_in_mail_conf_are_secrets_too(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whoever may read them there is told as for passwords (E11)."""
    environment.delenv("ACME_DNS_CONF")
    file = tmp_path / "mail.conf"
    file.write_text(f"CF_Token={CANARY}\n")
    file.chmod(0o644)

    assert (
        "mail.conf: holds CF_Token, and every user of the host can read it: chmod o-r mail.conf there"
        in load_settings(None).warnings
    )
