"""The commands and helper scripts, called as an admin of mailcow calls them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.bed.helper_scripts import BareCopy
from tests.bed.mailcow_stack import HOST, HTTPS_PORT, READERS, SERVICE
from tests.bed.process import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bed.mailcow_stack import MailcowStack

pytestmark = pytest.mark.docker


@pytest.fixture
def bare(mailcow: MailcowStack, tmp_path: Path) -> BareCopy:
    return BareCopy(tmp_path, COMPOSE_PROJECT_NAME=mailcow.project)


def test_expiry_dates_from_inside(mailcow: MailcowStack, bare: BareCopy) -> None:
    """The name leads to nginx alone here, as behind a router that lets nobody back in: who is silent is asked directly."""
    mailcow.begin("one.example")
    code, shown = bare.run("expiry-dates.sh", "--json")
    rows = json.loads(shown[: shown.rindex("]") + 1])
    asked = {(row["service"], row["port"], row["asked"]) for row in rows if row["days_left"] is not None}

    assert code == 0, shown
    assert asked == {
        ("nginx-mailcow", int(HTTPS_PORT), "container"),
        *(("postfix-mailcow", port, "container") for port in (25, 465, 587)),
        *(("dovecot-mailcow", port, "container") for port in (110, 143, 993, 995, 4190)),
    }
    code, shown = bare.run("expiry-dates.sh")
    assert code == 0
    assert (
        "no published port of Postfix, Dovecot, Nginx answered (try it on the host); the containers" in shown
    )
    assert bare.run("expiry-dates.sh", "--host", "127.0.0.1")[0] == 1


def test_caa_record_from_a_bare_copy(mailcow: MailcowStack, bare: BareCopy) -> None:
    """The host's Python has none of our libraries: the container answers, for its own key or one that is handed to it."""
    mailcow.begin("one.example")
    records = [f'{name}. IN CAA 128 issue "pebble.example; accounturi=' for name in (HOST, "one.example")]
    code, shown = bare.run("generate_caa_record.py", "--quiet")
    key = mailcow.data / "assets/ssl/acme/account.pem"
    mailcow_way = ["--account-key", str(key), "--contact", "mailto:me@example.org", "--quiet"]

    assert (code, [line[: len(want)] for line, want in zip(shown.splitlines(), records, strict=True)]) == (
        0,
        records,
    )
    assert bare.run("generate_caa_record.py", *mailcow_way) == (0, shown)
    code, shown = bare.run("generate_caa_record.py", "--account-key", str(mailcow.data / "nothing"))
    assert (code, "there is no such file" in shown) == (2, True)


def test_status_sees_all_that_is_served(mailcow: MailcowStack) -> None:
    """`docker exec` sees what the service was given, and what dockerapi tells is enough to look at every sibling."""
    mailcow.begin("one.example")
    status = json.loads(mailcow.exec(SERVICE, "acme-companion", "status", "--json"))

    assert {one["service"] for one in status["endpoints"]} == set(READERS)
    assert all(one["ok"] for one in status["endpoints"])
    assert status["not_verified"] == []


def test_the_override(mailcow: MailcowStack, tmp_path: Path) -> None:
    """What docs/mailcow.md has an admin write fits mailcow's compose file: the five lines, and all that is optional."""
    blocks = re.findall(r"```yaml\n(.*?)```", (CHECKOUT / "docs/mailcow.md").read_text(), re.DOTALL)
    files = []
    for number, block in enumerate(blocks):
        path = tmp_path / f"override-{number}.yml"
        path.write_text(block)
        files += ["-f", str(path)]
    assert len(blocks[0].splitlines()) == 5
    merged = json.loads(mailcow.compose(*files, "config", "--format", "json"))["services"]

    assert merged[SERVICE]["image"] == "acme-companion:latest"
    assert merged[SERVICE]["environment"]["DIRECTORY_URL"] == mailcow.base["DIRECTORY_URL"]
    assert merged[SERVICE]["environment"]["DOCKER_HOST"] == "tcp://docker-socket-proxy:2375"
    assert (merged[SERVICE]["read_only"], "docker-socket-proxy" in merged) == (True, True)


@pytest.mark.parametrize(
    ("command", "says"),
    [("check", "3 ready"), ("plan", rf"{re.escape(HOST)} \+\d names: kept")],
)
def test_look_before_you_switch(mailcow: MailcowStack, command: str, says: str) -> None:
    """As docs/mailcow.md says it: beside whoever has the volume now, which is read only."""
    mailcow.begin("one.example")
    before, orders = mailcow.tree(), mailcow.orders()
    volume = f"{mailcow.ssl}:/var/lib/acme:ro"
    shown = mailcow.compose("run", "--rm", "--no-deps", "-T", "-v", volume, SERVICE, command)

    assert re.search(says, shown), shown
    assert (mailcow.tree(), mailcow.orders()) == (before, orders)
