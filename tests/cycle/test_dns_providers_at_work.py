"""Certificates through a DNS provider's interface and through a command, from the settings to the volume; and who hears of credentials.

The provider cannot be had here: its interface is played, and puts what it is told into a real BIND, which the CA asks.
"""

from __future__ import annotations

import itertools
import sys
from typing import TYPE_CHECKING, Any, cast

import pytest

from tests.act.acme_proxy import acme_proxy
from tests.act.dns_interfaces import Cloudflare
from tests.bed.bind import KEY_NAME, Bind, Zone
from tests.bed.internet import Asked, Internet, Said, internet
from tests.bed.pebble import Pebble
from tests.bed.process import LOOPBACK
from tests.cycle.conftest import PROFILES
from tests.cycle.dns_stack import ZONE, DnsStack

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

TOKEN = "canary-of-cloudflare/+="
HOOK = """#!{python}
import os, sys, dns.query, dns.tsigkeyring, dns.update
what, name, value = sys.argv[2:]
key = dns.tsigkeyring.from_text({{"{key}": ("hmac-sha256", os.environ["HOOK_SECRET"])}})
update = dns.update.UpdateMessage("{zone}", keyring=key)
(update.delete if what == "remove" else update.add)(name + ".", *([] if what == "remove" else [60]), "TXT", value)
dns.query.tcp(update, "{address}", 10, {port})
print(what, sys.argv[1], "with", os.environ["HOOK_SECRET"])
"""
_numbers = itertools.count(1)


class CloudflareOverBind(Cloudflare):
    """What it publishes is what BIND answers."""

    def __init__(self, bind: Bind) -> None:
        super().__init__(ZONE, TOKEN)
        self.bind = bind

    def put(self, name: str, content: str) -> None:
        super().put(name, content)
        self.bind.add(ZONE, f"{name}.", "TXT", f'"{content}"')

    def take(self, identity: str) -> None:
        name = self.records[identity]["name"]
        super().take(identity)
        self.bind.delete(ZONE, f"{name}.")
        for left in self.records.values():
            if left["name"] == name:
                self.bind.add(ZONE, f"{name}.", "TXT", f'"{left["content"]}"')


@pytest.fixture(scope="module")
def bind() -> Iterator[Bind]:
    with Bind(Zone(ZONE)) as running:
        yield running


@pytest.fixture(scope="module")
def ca_by_dns(bind: Bind) -> Iterator[Pebble]:
    with Pebble(dns_server=bind.dns_address, retry_after=(0, 0), profiles=PROFILES) as running:
        yield running


@pytest.fixture
async def stack(bind: Bind, ca_by_dns: Pebble, tmp_path: Path) -> AsyncIterator[DnsStack]:
    """Validated by nothing yet."""
    volume = tmp_path / "volume"
    volume.mkdir()
    dns = cast("Any", bind)
    async with acme_proxy(ca_by_dns) as proxy:
        made = DnsStack(volume, f"t{next(_numbers)}.{ZONE}", ca_by_dns, proxy, dns, dns, bind=bind)
        for name in [one for one in made.environment if one.startswith("NSUPDATE_")]:
            del made.environment[name]
        yield made
        await made.end_all()
        assert made.leaked() == []


def met_by(net: Internet) -> dict[str, str]:
    """The environment of a companion for which `net` is the Internet, and the CA is not."""
    return {**net.environment, "NO_PROXY": LOOPBACK, "CF_Token": TOKEN, "ACME_DNS_PROVIDER": "dns_cf"}


async def test_a_wildcard_through_a_provider(stack: DnsStack, bind: Bind, monkeypatch: pytest.MonkeyPatch):
    """Name and wildcard need two values at one place; both are shown to the CA, and both are gone afterwards, the foreign one is not."""
    cloudflare = CloudflareOverBind(bind)
    owner = f"_acme-challenge.{stack.base}"
    cloudflare.put(owner, "foreign")
    with internet(cloudflare.answer) as net:
        for name, value in met_by(net).items():
            monkeypatch.setenv(name, value)
        stack.environment |= met_by(net)
        stack.environment["ADDITIONAL_SAN"] = f"*.{stack.base},{stack.base}"
        report = await stack.cycle()

    assert not report.failed, stack.log.said
    assert stack.covered() == {stack.host, stack.base, f"*.{stack.base}"}
    assert cloudflare.values() == [(owner, "foreign")]
    assert bind.txt(owner) == {"foreign"}
    assert TOKEN not in str(stack.log.said)


async def test_a_command(stack: DnsStack, bind: Bind, tmp_path: Path):
    """It changes the zone with a secret of its own from dns-01.conf; what it says is in the log, the secret is not (R23)."""
    hook = tmp_path / "hook"
    hook.write_text(
        HOOK.format(python=sys.executable, key=KEY_NAME, zone=ZONE, address=LOOPBACK, port=bind.port)
    )
    hook.chmod(0o755)
    stack.dns_file = f"HOOK_SECRET={bind.secret}\n"
    stack.environment |= {"ACME_DNS_PROVIDER": "exec", "ACME_DNS_EXEC": f"{hook} 'an argument'"}
    report = await stack.cycle()

    assert not report.failed, stack.log.said
    assert stack.covered() == {stack.host, stack.imap}
    assert stack.txt(stack.host, stack.imap) == set()
    said = f"{hook} add _acme-challenge.{stack.host}: add an argument with (secret)"
    assert said in stack.log.lines("info")


async def test_nobody_hears_of_a_credential(stack: DnsStack):
    """The provider refuses it and repeats it: no command says it, neither as text nor as JSON, and it is not written down (O04)."""
    with internet(lambda asked: Said({"errors": [{"message": refusal(asked)}]}, 403)) as net:
        stack.environment |= met_by(net)
        outputs = [
            await stack.command(*arguments)
            for arguments in (
                ("once",),
                ("once", "--json"),
                ("plan", "--json"),
                ("status", "--json"),
                ("check", "--json"),
            )
        ]

    assert [code for code, _ in outputs][:2] == [1, 1]
    assert "Invalid access token Bearer (secret): check CF_Token" in outputs[0][1]
    assert any(asked.headers.get("Authorization") == f"Bearer {TOKEN}" for asked in net.asked)
    written = b"".join(path.read_bytes() for path in stack.volume.rglob("*") if path.is_file())
    assert TOKEN.encode() not in written
    assert all("canary-of-cloudflare" not in output for _, output in outputs)


def refusal(asked: Asked) -> str:
    return f"Invalid access token {asked.headers.get('Authorization')}"
