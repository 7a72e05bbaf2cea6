"""What a CA's directory says, read without an account."""

from __future__ import annotations

import json
import ssl

import aiohttp
import pytest

from acme_companion.decide.facts import Unanswered
from acme_companion.decide.memory import Authority
from acme_companion.look.directory import directory
from tests.bed.https_answers import answering, http_answer
from tests.bed.pebble import Pebble

URLS = {key: f"https://ca.example/{key}" for key in ("newNonce", "newAccount", "newOrder")}
IDENTITIES = ("ca.example", "pki.example")


async def asked(url: str, trust: ssl.SSLContext, limit: float = 5) -> Authority | Unanswered:
    async with aiohttp.ClientSession() as session:
        return await directory(session, trust, url, limit)


async def test_a_real_ca():
    """Its identities for CAA, its renewalInfo URL and its profiles."""
    with Pebble(caa_identities=IDENTITIES) as ca:
        found = await asked(ca.directory_url, ssl.create_default_context(cafile=str(ca.ca_bundle)))

        told = ca.directory()
        assert found == Authority(
            caa_identities=IDENTITIES,
            renewal_info=told["renewalInfo"],
            profiles=tuple(told["meta"]["profiles"]),
        )


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        pytest.param(http_answer(b"<html>"), "is not an ACME directory: it begins with '<html>'", id="HTML"),
        pytest.param(http_answer(b"{}"), "is not an ACME directory: newNonce is ''", id="without URLs"),
        pytest.param(
            http_answer(json.dumps({**URLS, "newOrder": "http://ca.example/"}).encode()),
            "newOrder is 'http://ca.example/', not an absolute https URL",
            id="with a URL without TLS",
        ),
        pytest.param(http_answer(b" " * 300_000), "longer than 262144 bytes", id="too much"),
        pytest.param(http_answer(b"", "404 Not Found"), "answered with status 404", id="not found"),
        pytest.param(http_answer(b"", "301 Moved", Location="/dir"), "answered with status 301", id="moved"),
        pytest.param(http_answer(b'{"a":1}')[:-2], "cannot be reached", id="broken off"),
    ],
)
async def test_what_is_no_directory(answer, why):
    """One sentence that begins with the URL, whatever came."""
    async with answering(answer) as server:
        told = await asked(f"{server.url}/dir", server.trust)

    assert isinstance(told, Unanswered)
    assert told.why.startswith(f"{server.url}/dir ")
    assert why in told.why
    assert told.why.isprintable()


async def test_a_directory_in_pieces():
    """The document counts when it is whole, however many packets it comes in."""
    document = json.dumps({**URLS, "meta": {"caaIdentities": list(IDENTITIES)}}).encode()
    whole = http_answer(document)
    async with answering(*(whole[at : at + 50] for at in range(0, len(whole), 50))) as server:
        assert await asked(f"{server.url}/dir", server.trust) == Authority(
            caa_identities=IDENTITIES, profiles=()
        )


async def test_silence_has_a_limit():
    """A CA that accepts and says nothing costs no more than the limit."""
    async with answering(silent=True) as server:
        told = await asked(f"{server.url}/dir", server.trust, limit=0.2)

    assert told == Unanswered(f"{server.url}/dir did not answer within 0.2 s")


async def test_a_stranger_in_the_way():
    """A server whose certificate does not verify is not believed, and the sentence says so."""
    async with answering(http_answer(b"{}")) as server:
        told = await asked(f"{server.url}/dir", ssl.create_default_context())

    assert isinstance(told, Unanswered)
    assert "its certificate does not verify" in told.why


@pytest.mark.parametrize(
    ("url", "why"),
    [
        pytest.param("http://ca.example/dir", "not an absolute https URL", id="no TLS"),
        pytest.param("https://127.0.0.1:1/dir", "Connection refused", id="nobody listens"),
    ],
)
async def test_a_ca_that_cannot_be_asked(url, why):
    """No question is asked without TLS, and a fault of the network is a fact."""
    told = await asked(url, ssl.create_default_context())

    assert isinstance(told, Unanswered)
    assert why in told.why
