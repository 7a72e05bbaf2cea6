"""acme-dns: no Debian package brings it, so a small server of ours answers as its documentation and source say."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from acme_companion.act.dns.acmedns import AcmeDns
from acme_companion.act.dns.editor import TxtRecord
from acme_companion.decide.problems import NotYet, Refused
from acme_companion.decide.settings import Secret
from tests.bed.process import LOOPBACK, free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SUBDOMAIN, USER, PASSWORD = "8e5700ea-a4bf-41c7-8a77-e990661dcc6a", "c36f50e8-user", "canary-of-acme-dns"
FULL = f"{SUBDOMAIN}.auth.example"


@dataclass
class FakeAcmeDns:
    """Keeps the last two values, checks the credentials; `broken` answers instead when it is set."""

    values: list[str] = field(default_factory=list)
    broken: web.Response | None = None
    url: str = ""

    async def update(self, request: web.Request) -> web.Response:
        if self.broken:
            return self.broken
        sent: dict[str, Any] = json.loads(await request.read())
        given = (request.headers.get("X-Api-User"), request.headers.get("X-Api-Key"), sent["subdomain"])
        if given != (USER, PASSWORD, SUBDOMAIN):
            return web.json_response({"error": "forbidden"}, status=401)
        self.values = [*self.values, sent["txt"]][-2:]
        return web.json_response({"txt": sent["txt"]})


@asynccontextmanager
async def running(**settings: Any) -> AsyncIterator[FakeAcmeDns]:
    fake = FakeAcmeDns(**settings)
    application = web.Application()
    application.router.add_post("/update", fake.update)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, LOOPBACK, 0)
    await site.start()
    fake.url = f"http://{LOOPBACK}:{runner.addresses[0][1]}"
    try:
        yield fake
    finally:
        await runner.cleanup()


def editor(url: str, **changes: str) -> AcmeDns:
    options = {
        "ACMEDNS_BASE_URL": url,
        "ACMEDNS_USERNAME": USER,
        "ACMEDNS_PASSWORD": PASSWORD,
        "ACMEDNS_SUBDOMAIN": SUBDOMAIN,
    }
    return AcmeDns({name: Secret(value) for name, value in {**options, **changes}.items()})


def record(value: str, name: str = FULL) -> TxtRecord:
    return TxtRecord("auth.example", name, value)


async def test_a_name_and_its_wildcard_stand_beside_each_other():
    """Two values are what acme-dns keeps; each is sent once, as a second time would push the other out."""
    async with running() as fake:
        one = editor(fake.url)
        await asyncio.gather(one.add(record("a")), one.add(record("b")), one.add(record("a")))
        assert sorted(fake.values) == ["a", "b"]
        await one.remove(record("a"))
        await one.remove(record("never there"))
        await one.add(record("c"))
        assert "c" in fake.values


async def test_a_third_value_is_refused_before_it_pushes_another_out():
    """The names that are under way are not spoilt."""
    async with running() as fake:
        one = editor(fake.url)
        await one.add(record("a"))
        await one.add(record("b"))
        with pytest.raises(Refused, match=r"^acme-dns keeps 2 values of the subdomain 8e5700ea"):
            await one.add(record("c"))
        assert fake.values == ["a", "b"]


async def test_a_name_that_is_not_delegated_is_told_the_record_it_needs():
    """Nothing is sent: acme-dns would take the value, and no CA would ever see it."""
    async with running() as fake:
        one = editor(fake.url, ACMEDNS_UPDATE_URL=f"http://user:{PASSWORD}@auth.example/update")
        with pytest.raises(Refused) as refused:
            await one.add(record("a", "_acme-challenge.example.org"))
        assert str(refused.value) == (
            f"_acme-challenge.example.org is not the subdomain {SUBDOMAIN} of acme-dns, so it cannot be changed there: publish "
            f"_acme-challenge.example.org. IN CNAME {SUBDOMAIN}.auth.example. (the fulldomain that acme-dns gave with the password)"
        )


CREDENTIALS = (
    "acme-dns at {url} refuses our credentials ('forbidden'): set ACMEDNS_USERNAME, ACMEDNS_PASSWORD and ACMEDNS_SUBDOMAIN as "
    "the registration gave them, and let its allowfrom hold this host's address"
)


@pytest.mark.parametrize(
    ("broken", "changes", "kind", "sentence"),
    [
        pytest.param(None, {"ACMEDNS_PASSWORD": "wrong"}, Refused, CREDENTIALS, id="a wrong password"),
        pytest.param({"status": 500, "text": '{"error": "db_error"}'}, {}, NotYet,
                     "acme-dns at {url} failed ('db_error'): see its log", id="its database fails"),
        pytest.param({"status": 429}, {}, NotYet, "acme-dns at {url} failed (HTTP 429): see its log", id="too many requests"),
        pytest.param({"status": 404, "text": "<html>"}, {}, Refused,
                     "acme-dns at {url} refused the update (HTTP 404): is ACMEDNS_BASE_URL right?", id="another server"),
        pytest.param({"status": 302, "headers": {"Location": "http://elsewhere.example/"}}, {}, Refused,
                     "acme-dns at {url} refused the update (HTTP 302): is ACMEDNS_BASE_URL right?", id="a redirect is not followed"),
        pytest.param({"status": 200, "text": "hello"}, {}, NotYet,
                     "acme-dns at {url} answered with something else than the value it was given: is ACMEDNS_BASE_URL right?",
                     id="a page instead of an answer"),
    ],
)  # fmt: skip
async def test_refusals_say_what_to_do(broken, changes, kind, sentence):
    """No sentence holds a credential, and a value that failed takes no place (FAULTS D13)."""
    async with running(broken=web.Response(**broken) if broken else None) as fake:
        one = editor(fake.url, **changes)
        with pytest.raises(kind) as refused:
            await one.add(record("a"))
        assert str(refused.value) == sentence.format(url=fake.url)
        assert one._shown == []


async def test_a_server_that_is_away():
    """The sentence names it, without the credentials that its URL may hold."""
    port = free_port()
    with pytest.raises(NotYet) as refused:
        await editor(f"http://user:{PASSWORD}@{LOOPBACK}:{port}").add(record("a"))
    assert str(refused.value).startswith(f"acme-dns at http://{LOOPBACK}:{port} cannot be used: ")
    assert PASSWORD not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        pytest.param(f"http://{PASSWORD}@[::1", id="half an address"),
        pytest.param("auth.example.org", id="no scheme"),
        pytest.param("ftp://auth.example.org", id="another scheme"),
        pytest.param("https://auth.example.org:99999", id="no port"),
        pytest.param("https://auth..example.org", id="no host name"),
        pytest.param("https://", id="no host"),
    ],
)
def test_an_address_that_is_none_is_refused(url):
    """Waiting does not help, and whoever reads it knows which line to correct."""
    with pytest.raises(Refused) as refused:
        editor(url)
    assert str(refused.value) == (
        "ACMEDNS_BASE_URL is not the address of an acme-dns server: write it as https://auth.example.org"
    )
    with pytest.raises(Refused, match=r"^ACMEDNS_UPDATE_URL is not the address"):
        editor("https://auth.example.org", ACMEDNS_UPDATE_URL=url)
