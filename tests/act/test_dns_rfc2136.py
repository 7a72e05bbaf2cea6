"""Dynamic updates against a real BIND with a TSIG key."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from acme_companion.act.dns.editor import TxtRecord
from acme_companion.act.dns.rfc2136 import Rfc2136
from acme_companion.cli.clock import SystemClock
from acme_companion.decide.problems import NotYet, Refused
from acme_companion.decide.settings import Secret
from tests.bed.bind import KEY_NAME, Bind, Zone
from tests.bed.process import LOOPBACK, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

APEX = "updates.example"
OWNER = f"_acme-challenge.mail.{APEX}"


@pytest.fixture(scope="module")
def bind() -> Iterator[Bind]:
    with Bind(Zone(APEX), Zone("other.example")) as running:
        yield running


def editor(bind: Bind, **options: str) -> Rfc2136:
    given = {
        "NSUPDATE_SERVER": LOOPBACK,
        "NSUPDATE_SERVER_PORT": str(bind.port),
        "NSUPDATE_KEY": bind.key_file,
    }
    wanted = {name: Secret(value) for name, value in {**given, **options}.items() if value}
    return Rfc2136(wanted, SystemClock())


def record(value: str, name: str = OWNER, zone: str = APEX) -> TxtRecord:
    return TxtRecord(zone, name, value)


async def test_values_stand_beside_each_other_and_go_one_by_one(bind):
    """Only our own value is removed, adding twice is adding once, and removing what is gone is no fault (FAULTS D12)."""
    bind.add(APEX, OWNER + ".", "TXT", '"foreign"')
    one = editor(bind)
    await asyncio.gather(one.add(record("a")), one.add(record("b")), one.add(record("a")))
    assert bind.txt(OWNER) == {"foreign", "a", "b"}
    await one.remove(record("a"))
    await one.remove(record("a"))
    assert bind.txt(OWNER) == {"foreign", "b"}
    await one.remove(record("b"))
    assert bind.txt(OWNER) == {"foreign"}


async def test_many_names_at_once(bind):
    """A hundred names of one zone, as for one certificate."""
    one = editor(bind)
    names = [f"_acme-challenge.n{number}.{APEX}" for number in range(100)]
    await asyncio.gather(*(one.add(record("v", name)) for name in names))
    assert [bind.txt(name) for name in (names[0], names[-1])] == [{"v"}, {"v"}]
    await asyncio.gather(*(one.remove(record("v", name)) for name in names))
    assert bind.txt(names[0]) == bind.txt(names[-1]) == set()


async def test_the_key_may_be_a_file_that_changes(bind, tmp_path):
    """It is read for each update, so a new key counts without a restart."""
    file = tmp_path / "acme.key"
    file.write_text(bind.key_file.replace(KEY_NAME, "old-key"))
    one = editor(bind, NSUPDATE_KEY=str(file))
    with pytest.raises(Refused, match="BADKEY"):
        await one.add(record("file"))
    file.write_text(bind.key_file)
    await one.add(record("file"))
    assert "file" in bind.txt(OWNER)
    await one.remove(record("file"))


async def test_the_key_may_be_given_in_parts_and_the_zone_by_name(bind):
    """As acme.sh's variables without a file; a server may be a name."""
    parts = {
        "NSUPDATE_KEY_NAME": KEY_NAME,
        "NSUPDATE_KEY_VALUE": bind.secret,
        "NSUPDATE_KEY_TYPE": "HMAC-SHA256",
    }
    one = editor(
        bind,
        NSUPDATE_KEY="",
        NSUPDATE_SERVER="localhost",
        NSUPDATE_ZONE=f"{APEX}.",
        NSUPDATE_TTL="5",
        **parts,
    )
    await one.add(record("parts", zone="somewhere.example"))
    assert "parts" in bind.txt(OWNER)
    await one.remove(record("parts"))


OTHER_SECRET = "b3RoZXItc2VjcmV0LW9mLXRoZS1rZXktdGhhdC1pcy1sb25n"


@pytest.mark.parametrize(
    ("options", "zone", "kind", "sentence"),
    [
        pytest.param({"NSUPDATE_KEY": f"{KEY_NAME}:{OTHER_SECRET}"}, APEX, Refused,
                     "{who} has another secret for the TSIG key acme-key (BADSIG): let both sides have the same key file",
                     id="another secret"),
        pytest.param({"NSUPDATE_KEY": f"nobody:{OTHER_SECRET}"}, APEX, Refused,
                     "{who} does not know the TSIG key nobody (BADKEY): add that key there, or correct its name and algorithm here",
                     id="an unknown key"),
        pytest.param({"NSUPDATE_KEY": ""}, APEX, Refused,
                     "{who} refuses updates without a TSIG key (set NSUPDATE_KEY) to change updates.example (REFUSED): allow it "
                     "there (allow-update, update-policy)", id="no key"),
        pytest.param({}, "nowhere.example", Refused,
                     "{who} is not the primary of nowhere.example (NOTAUTH): set NSUPDATE_SERVER to its primary, or NSUPDATE_ZONE to "
                     "the zone's name", id="a zone that it does not have"),
        pytest.param({"NSUPDATE_ZONE": "other.example"}, APEX, Refused,
                     "_acme-challenge.mail.updates.example is not in the zone other.example that NSUPDATE_ZONE names: correct or remove it",
                     id="a zone that does not hold the name"),
        pytest.param({"NSUPDATE_KEY": "/nowhere/acme.key"}, APEX, Refused,
                     "NSUPDATE_KEY: /nowhere/acme.key cannot be read (No such file or directory): mount the key file into this container",
                     id="a key file that is not there"),
        pytest.param({"NSUPDATE_KEY": "key x { secret geheim!; };"}, APEX, Refused,
                     "NSUPDATE_KEY: the secret of the key 'x' is not base64", id="a damaged key"),
    ],
)  # fmt: skip
async def test_refusals_say_what_to_do(bind, options, zone, kind, sentence):
    """Each refusal has a sentence of its own, without any secret (FAULTS D13)."""
    name = OWNER if zone == APEX else f"_acme-challenge.{zone}"
    with pytest.raises(kind) as refused:
        await editor(bind, **options).add(record("v", name, zone))
    assert str(refused.value) == sentence.format(who=f"the DNS server {LOOPBACK} port {bind.port}")


async def test_a_clock_that_is_wrong_is_named(bind, monkeypatch):
    """TSIG allows five minutes (RFC 8945 section 5.2.3). The library asks the system's clock, so that is what is turned."""
    wrong = (datetime.now(UTC) + timedelta(hours=1)).timestamp()
    monkeypatch.setattr("dns.message.time.time", lambda: wrong)
    with pytest.raises(
        NotYet, match=re.escape("differ too much for TSIG (BADTIME, 5 minutes): set them right (NTP)")
    ):
        await editor(bind).add(record("v"))


async def test_a_server_that_is_away_is_tried_twice(bind):
    """Then it is told who cannot be reached, and waiting may help."""
    port = free_port()
    with pytest.raises(NotYet) as refused:
        await editor(bind, NSUPDATE_SERVER_PORT=str(port)).add(record("v"))
    assert str(refused.value).startswith(
        f"the DNS server {LOOPBACK} port {port} cannot be reached for an update of {APEX}: "
    )


def test_a_number_that_is_none_is_refused(bind):
    """Before anything is sent."""
    with pytest.raises(Refused, match=r"^NSUPDATE_SERVER_PORT is not a number from 1 to 65535$"):
        editor(bind, NSUPDATE_SERVER_PORT="domain")


@pytest.mark.parametrize("server", ["ns..example.org", ".example.org", f"{'n' * 64}.example.org"])
async def test_a_server_that_is_no_host_name_is_refused(bind, server):
    """DNS is not asked for it."""
    with pytest.raises(Refused) as refused:
        await editor(bind, NSUPDATE_SERVER=server).add(record("v"))
    assert str(refused.value) == f"NSUPDATE_SERVER: '{server}' is neither a host name nor an address"
