"""The helper scripts in a checkout, and how they find the container. Against a running one: stack_tests."""

from __future__ import annotations

import json
import socket
import subprocess
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import dns.rdatatype
import dns.zone
import pytest
import trustme
from dns.rdtypes.ANY.CAA import CAA

from acme_companion.decide.settings import Ca
from tests.act.acme_world import NEW, HeardLog, RealClock, new_key
from tests.bed.containers import Containers
from tests.bed.helper_scripts import BareCopy, Scripts
from tests.bed.pebble import Pebble
from tests.bed.process import LOOPBACK, Process, free_port, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOST = "mail.example.org"
PORTS = (
    *("SMTP_PORT", "SMTPS_PORT", "SUBMISSION_PORT", "IMAP_PORT", "IMAPS_PORT"),
    *("POP_PORT", "POPS_PORT", "SIEVE_PORT", "HTTPS_PORT"),
)


@pytest.fixture(scope="module")
def ca() -> Iterator[Pebble]:
    with Pebble(caa_identities=("ca.example",)) as made:
        yield made


@pytest.fixture
async def account_key(ca: Pebble, tmp_path: Path) -> Path:
    """The key of an account that the CA knows."""
    from acme_companion.act.acme.authority import open_authority
    from acme_companion.act.challenges.solving import SolverByName

    settings = Ca(ca.directory_url, ca_bundle=str(ca.ca_bundle))
    path = tmp_path / "account.pem"
    path.write_bytes(new_key())
    async with open_authority(
        settings, RealClock(), HeardLog(), NEW, path.read_bytes(), SolverByName({})
    ) as session:
        await session.knowledge()
    return path


def caa(zone: str, origin: str) -> list[tuple[str, int, str, str]]:
    """What a DNS server reads in the printed lines: owner, flags, tag, value."""
    read = dns.zone.from_text(f"$TTL 300\n{zone}", origin, relativize=False, check_origin=False)
    found = []
    for owner, _, rdata in read.iterate_rdatas(dns.rdatatype.CAA):
        assert isinstance(rdata, CAA)
        found.append((str(owner), rdata.flags, rdata.tag.decode(), rdata.value.decode()))
    return found


async def test_caa_record_without_settings(ca: Pebble, account_key: Path, tmp_path: Path) -> None:
    """Mailcow's arguments are enough: the record is for the zone's own name, and a DNS server can read it."""
    scripts = Scripts(tmp_path, SSL_CERT_FILE=str(ca.ca_bundle))
    given = ["--account-key", str(account_key), "--directory-url", ca.directory_url]

    code, shown = scripts.run(
        "generate_caa_record.py", *given, "--quiet", "--contact", "mailto:me@example.org"
    )

    assert code == 0, shown
    ((owner, flags, tag, value),) = caa(shown, "example.org.")
    issuer, _, account = value.partition("; accounturi=")
    assert (owner, flags, tag, issuer) == ("example.org.", 128, "issue", "ca.example")
    assert account.startswith(f"https://{LOOPBACK}:")
    assert "/my-account/" in account


async def test_caa_record_with_the_settings_at_hand(ca: Pebble, account_key: Path, tmp_path: Path) -> None:
    """CA and names come from the env file of where it is called."""
    lines = {"MAILCOW_HOSTNAME": HOST, "MAIL_DOMAINS": "one.example", "CA_BUNDLE": str(ca.ca_bundle)}
    lines["DIRECTORY_URL"] = ca.directory_url
    (tmp_path / "mailcow.conf").write_text("".join(f"{key}={value}\n" for key, value in lines.items()))
    here = tmp_path / "helper-scripts"
    here.mkdir()

    code, shown = Scripts(here).run("generate_caa_record.py", "--account-key", str(account_key), "--quiet")

    assert code == 0, shown
    assert [owner for owner, *_ in caa(shown, ".")] == [f"{HOST}.", "one.example."]


async def test_nobody_is_registered(ca: Pebble, tmp_path: Path) -> None:
    """A key that the CA does not know is said to be unknown; mailcow's script would make an account for it."""
    (tmp_path / "other.pem").write_bytes(new_key())
    scripts = Scripts(tmp_path, SSL_CERT_FILE=str(ca.ca_bundle))
    given = ["--account-key", "other.pem", "--directory-url", ca.directory_url, "--quiet"]

    shown = (1, f"acme-companion: {ca.directory_url} knows no account with this key\n")
    assert scripts.run("generate_caa_record.py", *given) == shown
    assert scripts.run("generate_caa_record.py", *given) == shown


# ---- expiry-dates.sh -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """Ports where OpenSSL serves a certificate that is good for ten more days, and one that has expired."""
    folder = tmp_path_factory.mktemp("services")
    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    ports = {}
    with ExitStack() as undo:
        for name, days in (("good", 10), ("expired", -1)):
            until = datetime.now(UTC) + timedelta(days=days)
            issued = authority.issue_cert(
                HOST, not_before=until - timedelta(days=90), not_after=until, key_type=trustme.KeyType.ECDSA
            )
            pair = folder / f"{name}.pem"
            issued.private_key_and_cert_chain_pem.write_to_path(pair)
            ports[name] = free_port()
            serve = ["openssl", "s_server", "-accept", f"{LOOPBACK}:{ports[name]}", "-quiet"]
            process = Process([*serve, "-cert", str(pair), "-key", str(pair)], folder / f"{name}.log")
            undo.callback(process.stop)
            process.wait_until(partial(_listens, ports[name]), "a listener")
        yield ports


def _listens(port: int) -> bool:
    with socket.socket() as found:
        return found.connect_ex((LOOPBACK, port)) == 0


@pytest.mark.parametrize(
    ("serving", "code", "left"),
    [
        pytest.param({"HTTPS_PORT": "good", "IMAPS_PORT": "good"}, 0, ["9 days", "9 days"], id="all is well"),
        pytest.param(
            {"HTTPS_PORT": "good", "IMAPS_PORT": "expired"}, 1, ["EXPIRED", "9 days"], id="one expired"
        ),
        pytest.param({}, 1, [], id="nobody answers"),
    ],
)
def test_expiry_dates(
    services: dict[str, int], tmp_path: Path, serving: dict[str, str], code: int, left: list[str]
) -> None:
    """Every published port is asked as the env file at hand says; ports without an answer say why."""
    ports = {name: services[serving[name]] if name in serving else free_port() for name in PORTS}
    text = f"\ufeffMAILCOW_HOSTNAME={HOST}\r\n" + "".join(f"{k}={LOOPBACK}:{v}\r\n" for k, v in ports.items())
    (tmp_path / "mail.conf").write_bytes(text.encode())
    scripts = Scripts(tmp_path)

    found, shown = scripts.run("expiry-dates.sh")
    rows = json.loads(scripts.run("expiry-dates.sh", "--json")[1])

    assert found == code, shown
    assert [row["left"] for row in rows if row["left"]] == left
    assert shown.startswith("TLS expiry dates:\n")
    assert shown.count("connection refused") == len(PORTS) - len(serving)


# ---- which container -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def two_projects() -> Iterator[tuple[Containers, str]]:
    """Two idle containers that look like ours, as two stacks on one host have them: they say what they are asked."""
    says = "mkdir -p /usr/local/bin; printf '#!/bin/sh\\necho $ME \"$@\" $IMAPS_PORT\\n' >/usr/local/bin/acme-companion;"
    command = ("sh", "-c", f"{says} chmod +x /usr/local/bin/acme-companion; exec sleep 600")
    with Containers() as found:
        other = f"{found.project}b"
        quick = ["--init", "--stop-timeout", "1"]
        one = found.start("acme-mailcow", command, options=[*quick, "--env", "ME=first"])
        two = found.start(
            "acme-companion", command, project=other, name=other, options=[*quick, "--env", "ME=second"]
        )
        for container in (one, two):
            assert wait_until(partial(_ready, container), 30, pause=0.1)
        yield found, other


def _ready(container: str) -> bool:
    looked = ["docker", "exec", container, "test", "-x", "/usr/local/bin/acme-companion"]
    return subprocess.run(looked, check=False).returncode == 0


@pytest.mark.docker
@pytest.mark.parametrize(
    ("script", "asks"), [("expiry-dates.sh", "expiry-dates"), ("generate_caa_record.py", "caa")]
)
def test_which_container(
    two_projects: tuple[Containers, str], tmp_path: Path, script: str, asks: str
) -> None:
    """COMPOSE_PROJECT_NAME chooses, then the env file at hand; else all that could be meant are named."""
    found, other = two_projects
    bare = BareCopy(tmp_path)

    code, shown = bare.run(script)
    assert code == 1
    assert "several projects have such a container: " in shown
    assert {found.project, other} <= set(shown.replace(",", " ").split())
    assert "choose one: COMPOSE_PROJECT_NAME=" in shown
    assert bare.run(script, COMPOSE_PROJECT_NAME=other) == (0, f"second {asks}\n")
    code, shown = bare.run(script, COMPOSE_PROJECT_NAME="nobody")
    assert (code, "of the project nobody was found" in shown) == (1, True)

    (tmp_path / "mailcow.conf").write_text(
        f"COMPOSE_PROJECT_NAME={found.project}\r\nIMAPS_PORT=127.0.0.1:1993\r\n"
    )
    port = " 127.0.0.1:1993" if asks == "expiry-dates" else ""
    assert bare.run(script) == (0, f"first {asks}{port}\n")


@pytest.mark.parametrize("script", ["expiry-dates.sh", "generate_caa_record.py"])
def test_neither_libraries_nor_docker(tmp_path: Path, script: str) -> None:
    """Then it says how to get one of them."""
    bare = BareCopy(tmp_path)
    only = tmp_path / "only"
    only.mkdir()
    for name in ("bash", "dirname", "sed", "tail", "sort", "awk", "grep", "env"):
        (only / name).symlink_to(f"/usr/bin/{name}")

    code, shown = bare.run(script, PATH=f"{tmp_path}/python/bin:{only}")

    assert code == 1
    assert "no docker command" in shown
    assert "-m venv" in shown
    assert "Traceback" not in shown
