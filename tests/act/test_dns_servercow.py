"""Servercow's DNS: its interface cannot be had here, so a small server answers as lego's and acme.sh's clients expect it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from acme_companion.act.dns.editor import TxtRecord
from acme_companion.act.dns.servercow import Servercow
from acme_companion.decide.problems import NotYet, Problem, Refused
from acme_companion.decide.settings import Secret
from tests.bed.process import LOOPBACK

ZONE, OWNER = "example.org", "_acme-challenge.mail.example.org"
USER, PASSWORD = "canary-user", "canary-password"


class Interface:
    """One zone; `broken` answers instead when it is set."""

    def __init__(self) -> None:
        self.records: dict[str, Any] = {"mail": ["192.0.2.1"]}
        self.broken: web.Response | None = None

    async def answer(self, request: web.Request) -> web.Response:
        if self.broken:
            return self.broken
        headers = request.headers
        if (headers["X-Auth-Username"], headers["X-Auth-Password"]) != (USER, PASSWORD):
            return web.json_response({"error": f"auth failed for {headers['X-Auth-Password']}"})
        if request.match_info["zone"] != ZONE:
            return web.json_response({"error": "no such domain in user context"})
        if request.method == "GET":
            return web.json_response(
                [
                    # One value is no list, as with the real one.
                    {
                        "name": name,
                        "type": "A" if name == "mail" else "TXT",
                        "ttl": 60,
                        "content": values[0] if len(values) == 1 else values,
                    }
                    for name, values in self.records.items()
                ]
            )
        sent = json.loads(await request.read())
        if request.method == "POST":
            self.records[sent["name"]] = sent["content"]
        else:
            del self.records[sent["name"]]
        return web.json_response({"message": "ok"})


@asynccontextmanager
async def running() -> AsyncIterator[tuple[Interface, str]]:
    interface = Interface()
    application = web.Application()
    application.router.add_route("*", "/{zone}", interface.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, LOOPBACK, 0).start()
        yield interface, f"http://{LOOPBACK}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def editor(url: str, password: str = PASSWORD) -> Servercow:
    options = {"SERVERCOW_API_Username": Secret(USER), "SERVERCOW_API_Password": Secret(password)}
    return Servercow(options, url)


async def test_values_side_by_side() -> None:
    """Ours are added beside a foreign one at the same moment, and only ours go (D12)."""
    async with running() as (interface, url):
        interface.records["_acme-challenge.mail"] = ["foreign"]
        servercow = editor(url)
        ours = [TxtRecord(ZONE, OWNER, value) for value in ("a", "b")] + [
            TxtRecord(ZONE, ZONE, "at the zone")
        ]
        await asyncio.gather(*(servercow.add(one) for one in [*ours, *ours]))
        published = {name: list(values) for name, values in interface.records.items()}
        await asyncio.gather(*(servercow.remove(one) for one in [*ours, *ours]))

    assert published == {
        "mail": ["192.0.2.1"],
        "_acme-challenge.mail": ["foreign", "a", "b"],
        "": ["at the zone"],
    }
    assert interface.records == {"mail": ["192.0.2.1"], "_acme-challenge.mail": ["foreign"]}


@pytest.mark.parametrize(
    ("broken", "kind", "text"),
    [
        pytest.param(
            web.Response(status=401), Refused, "HTTP 401: check SERVERCOW_API_Username and", id="401"
        ),
        pytest.param(web.Response(status=500, text="<html>"), NotYet, "failed with HTTP 500", id="500"),
        pytest.param(web.Response(text="<html>"), NotYet, "failed with HTTP 200", id="a page"),
        pytest.param(
            web.json_response({"message": "ok"}), NotYet, "something else than its records", id="no records"
        ),
        pytest.param(
            web.json_response({"error": "a\nb\x1b[1m"}), Refused, r"'a\nb\x1b[1m'", id="no plain text"
        ),
        pytest.param(
            web.Response(status=302, headers={"Location": "http://127.0.0.1:9/"}),
            NotYet,
            "HTTP 302",
            id="sent elsewhere",
        ),
    ],
)
async def test_bad_days(broken: web.Response, kind: type[Problem], text: str) -> None:
    """One sentence each, and whether waiting helps (D13)."""
    async with running() as (interface, url):
        interface.broken = broken
        with pytest.raises(Problem) as raised:
            await editor(url).add(TxtRecord(ZONE, OWNER, "ours"))

    assert type(raised.value) is kind
    assert text in str(raised.value)


async def test_wrong_credentials() -> None:
    """They come with status 200, and perhaps with the password."""
    async with running() as (_, url):
        with pytest.raises(Refused) as raised:
            await editor(url, "canary-wrong").add(TxtRecord(ZONE, OWNER, "ours"))

    assert str(raised.value) == (
        "Servercow (dns_servercow), asked for example.org, refused it: 'auth failed for (secret)': check SERVERCOW_API_Username "
        "and SERVERCOW_API_Password, and that the zone is there"
    )


async def test_nobody_answers() -> None:
    """A fault of today."""
    with pytest.raises(NotYet, match="cannot be reached"):
        await editor(f"http://{LOOPBACK}:9").remove(TxtRecord(ZONE, OWNER, "ours"))
