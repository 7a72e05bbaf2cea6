"""L-7 and L-8: where the `acme` library's client and network classes are wrong, and ours, at the same CA, are right."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import aiohttp
import josepy
import requests
from acme import challenges, client, errors, messages

from acme_companion.act.acme import network as ours
from acme_companion.act.acme.network import trust_in
from acme_companion.decide.facts import Unanswered
from acme_companion.decide.renewal import RenewalAdvice
from acme_companion.look.renewal_info import renewal_advice
from tests.act import raw_answers
from tests.act.acme_proxy import answer, changed, status_becomes, without_header
from tests.act.catalogue import Row, at, play, well
from tests.act.library_client import library, network, soon, still
from tests.act.scripted_ca import scripted_ca

if TYPE_CHECKING:
    import pytest

    from tests.act.scripted_ca import ScriptedCa


PAST_WINDOW = {"suggestedWindow": {"start": "2027-01-02T00:00:00Z", "end": "2027-01-01T00:00:00Z"}}
WINDOW = {
    "suggestedWindow": {"start": "2027-01-01T00:00:00Z", "end": "2027-01-02T00:00:00Z"},
    "explanationURL": "https://ca.example/why",
}


async def advice(document: object) -> tuple[Any, list[Any]]:
    """What ours, and twice the library, make of this renewal information."""

    def script(ca: ScriptedCa) -> None:
        ca.on("/dir", *[changed(lambda value: value.update(renewalInfo=ca.url("/ari")))] * 3)
        ca.on(
            "/ari",
            *[answer(200, json.dumps(document).encode(), Retry_After="60", Content_Type="application/json")]
            * 3,
        )

    issued = (await play(Row("", well))).issued
    assert issued
    gave, _ = await library(
        script, lambda made, _: [made.renewal_time(issued.chain_pem)[0] for _ in range(2)]
    )
    async with scripted_ca(strict=False) as ca, aiohttp.ClientSession() as session:
        script(ca)
        found = await renewal_advice(
            session, trust_in(str(ca.ca_bundle)), ca.url("/ari/x.y"), datetime.now(UTC)
        )
    return found, gave


async def test_l7_window_that_ends_before_it_begins() -> None:
    """L-7: RFC 9773 section 4.2 makes it no window at all; the library takes a moment of it."""
    found, gave = await advice(PAST_WINDOW)

    assert isinstance(found, Unanswered)
    still(isinstance(gave, list), "it takes a moment of a window that ends before it begins")


async def test_l7_explanation_and_one_moment() -> None:
    """L-7: the page is shown, and the moment chosen once by the caller; the library drops the one and rolls the other anew."""
    found, gave = await advice(WINDOW)

    assert isinstance(found, RenewalAdvice)
    assert found.explanation == "https://ca.example/why"
    still("explanation_url" not in messages.RenewalInfo._fields, "it drops explanationURL")
    still(gave[0] != gave[1], "it chooses another moment at every call")


async def test_l8_unknown_status() -> None:
    """L-8: a status of tomorrow is as good as no news; the library cannot read the order."""
    await play(Row("", at("/placed", status_becomes("contemplating"))))

    script = at("/placed", status_becomes("contemplating"))
    gave, _ = await library(script, lambda made, order: made.poll_finalization(order(), soon(20)))
    still(
        isinstance(gave, josepy.errors.DeserializationError), "it cannot read an order with an unknown status"
    )


async def test_l8_large_bodies() -> None:
    """L-8: the library reads whatever comes."""
    large = answer(200, b'{"newNonce":"' + b"a" * 5_000_000 + b'"}', Content_Type="application/json")
    await play(Row("", at("/dir", large), "more than 1048576 bytes"))

    gave, _ = await library(
        well, lambda made, _: len(made.net.get(made.directory["newNonce"], content_type="").content)
    )
    assert gave == 0
    async with scripted_ca(strict=False) as ca:
        ca.on("/dir", large)
        net = network(ca)

        size = len((await asyncio.to_thread(net.get, ca.directory_url)).content)
        net.session.close()
    still(size > 5_000_000, "it reads bodies of any size")


async def test_l8_no_limit_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """L-8: its time limit is for each byte; one now and then keeps it for ever."""
    drops = raw_answers.raw(raw_answers.START + b"Content-Length: 30\r\n\r\n", b" ", pause=0.1, again=29)
    monkeypatch.setattr(ours, "TIME_LIMIT", 0.3)
    await play(Row("", at("/dir", *[drops] * 9), "no whole answer within 0.3 s"))

    def read(ca: ScriptedCa) -> object:
        net = network(ca, timeout=1)
        try:
            return net.get(ca.directory_url)
        except (errors.ClientError, requests.RequestException) as late:
            return late
        finally:
            net.session.close()

    async with scripted_ca(strict=False) as ca:
        ca.on("/dir", drops)
        began = time.monotonic()

        await asyncio.to_thread(read, ca)
    still(time.monotonic() - began > 2.5, "it waits longer than its limit")


async def test_l8_answer_without_a_link() -> None:
    """L-8: the library cannot do without the link from a challenge to its authorization."""
    await play(Row("", at("/challenge", without_header("Link"))))

    def reply(made: client.ClientV2, order: Any) -> object:
        body = next(
            one
            for one in order().authorizations[0].body.challenges
            if isinstance(one.chall, challenges.HTTP01)
        )
        return made.answer_challenge(body, body.response(made.net.key))

    gave, _ = await library(at("/challenge", without_header("Link")), reply)
    still(isinstance(gave, errors.ClientError), "it needs the link `up`")


async def test_l8_what_it_logs(caplog: pytest.LogCaptureFixture) -> None:
    """L-8: whole signed requests stand in the library's debug log; ours logs no request."""
    caplog.set_level(logging.DEBUG)
    await play(Row("", well))
    assert "signature" not in caplog.text

    await library(well, lambda _, order: order())
    still('"signature"' in caplog.text, "it logs whole signed requests")
