"""What a CA says about the renewal of one certificate: from a real CA, and what no real CA would say."""

from __future__ import annotations

import json
import ssl
import urllib.request
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from cryptography import x509

from acme_companion.decide.facts import Unanswered
from acme_companion.decide.pair import certificate_of
from acme_companion.decide.renewal import RenewalAdvice
from acme_companion.look.renewal_info import renewal_advice
from tests.act.acme_world import issue
from tests.bed.https_answers import answering, http_answer
from tests.bed.pebble import Pebble
from tests.builders import NOW

HOUR = timedelta(hours=1)


async def asked(url: str, trust: ssl.SSLContext, limit: float = 5) -> RenewalAdvice | Unanswered:
    async with aiohttp.ClientSession() as session:
        return await renewal_advice(session, trust, url, NOW, limit)


def force_window(ca: Pebble, chain_pem: bytes, answer: object) -> None:
    """Have Pebble give this answer for this certificate from now on."""
    body = {"certificate": chain_pem.decode(), "ariResponse": json.dumps(answer)}
    trust = ssl.create_default_context(cafile=str(ca.ca_bundle))
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust)
    )
    opener.open(f"{ca.management_url}/set-renewal-info/", json.dumps(body).encode(), 5).close()


async def test_a_real_ca():
    """Its window lies inside the certificate's life; a moved one comes through; a CertID of nobody is not found."""
    with Pebble(always_valid=True, retry_after=(0, 0)) as ca:
        issued = await issue(ca, "ari.example.org")
        leaf = x509.load_pem_x509_certificates(issued.chain_pem)[0]
        certificate = certificate_of(leaf)
        base, trust = ca.directory()["renewalInfo"], ssl.create_default_context(cafile=str(ca.ca_bundle))

        advice = await asked(f"{base}/{certificate.renewal_id}", trust)
        assert isinstance(advice, RenewalAdvice)
        assert certificate.not_before < advice.start < advice.end < certificate.not_after
        assert timedelta(minutes=1) <= advice.ask_again_after <= timedelta(days=1)

        window = {"start": "2026-11-20T10:00:00Z", "end": "2026-11-20T11:00:00+00:00"}
        force_window(
            ca, issued.chain_pem, {"suggestedWindow": window, "explanationURL": "https://ca.example/why"}
        )
        moved = await asked(f"{base}/{certificate.renewal_id}", trust)
        assert moved == RenewalAdvice(
            datetime(2026, 11, 20, 10, tzinfo=UTC),
            datetime(2026, 11, 20, 11, tzinfo=UTC),
            advice.ask_again_after,
            "https://ca.example/why",
        )

        unknown = await asked(f"{base}/{certificate.renewal_id.partition('.')[0]}.AQ", trust)
        assert isinstance(unknown, Unanswered)
        assert "with status 404" in unknown.why


def window(start: object, end: object, **more: object) -> bytes:
    return json.dumps({"suggestedWindow": {"start": start, "end": end}, **more}).encode()


START, END = "2026-12-01T00:00:00Z", "2026-12-02T00:00:00Z"
NO_WINDOW = Unanswered("the CA's renewal information has no window that RFC 9773 allows")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(window(END, START), id="ends before it starts"),
        pytest.param(window(START, START), id="is empty"),
        pytest.param(window("2026-12-01T00:00:00", "2026-12-02T00:00:00"), id="has no time zone"),
        pytest.param(window("2026-12-01", END), id="is a date"),
        pytest.param(window("soon", END), id="is a word"),
        pytest.param(window(1764547200, 1764633600), id="is in seconds"),
        pytest.param(window(None, END), id="has no start"),
        pytest.param(window("0001-01-01T00:00:00+14:00", END), id="starts before the calendar"),
        pytest.param(window(START, "9999-12-31T23:59:59-14:00"), id="ends after the calendar"),
        pytest.param(b"{}", id="is missing"),
        pytest.param(b'{"suggestedWindow": null}', id="is null"),
        pytest.param(b'{"suggestedWindow": ["start", "end"]}', id="is a list"),
        pytest.param(b'{"suggestedWindow": {"start": "2026-12-01T00:00:00Z"}}', id="has no end"),
    ],
)
async def test_a_window_that_breaks_the_rfc(body):
    """RFC 9773 section 4.2: as if there were no answer."""
    async with answering(http_answer(body)) as server:
        assert await asked(f"{server.url}/ari/id", server.trust) == NO_WINDOW


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        pytest.param(http_answer(b"<html>"), "cannot be understood: it begins with '<html>'", id="HTML"),
        pytest.param(http_answer(b"[]"), "cannot be understood: it begins with '[]'", id="a list"),
        pytest.param(http_answer(b"\xff\xfe"), "cannot be understood", id="no text"),
        pytest.param(http_answer(b"[" * 60000), "cannot be understood", id="nested without end"),
        pytest.param(http_answer(b""), "cannot be understood: it is empty", id="nothing"),
        pytest.param(http_answer(b" " * 70000), "it is longer than 65536 bytes", id="too much"),
        pytest.param(http_answer(b"", "503 Busy"), "with status 503", id="a server error"),
        pytest.param(
            http_answer(b"", "302 Found", Location="http://127.0.0.1:1/"), "with status 302", id="a redirect"
        ),
        pytest.param(http_answer(window(START, END))[:-9], "cannot be fetched", id="broken off"),
        pytest.param(b"SSH-2.0-OpenSSH\r\n", "cannot be fetched", id="another protocol"),
    ],
)
async def test_an_answer_that_is_none(answer, why):
    """Whatever a CA sends instead of advice, there is a sentence about it on one line, and nothing else happens."""
    async with answering(answer) as server:
        told = await asked(f"{server.url}/ari/id", server.trust)

    assert isinstance(told, Unanswered)
    assert why in told.why
    assert told.why.isprintable()


@pytest.mark.parametrize(
    ("headers", "explanation", "expected"),
    [
        pytest.param({}, None, (6 * HOUR, ""), id="no Retry-After, no explanation"),
        pytest.param(
            {"Retry_After": "3600"}, "https://ca.example/", (HOUR, "https://ca.example/"), id="both"
        ),
        pytest.param({"Retry_After": "²"}, 7, (6 * HOUR, ""), id="both are garbage"),
        pytest.param(
            {
                "Retry_After": "Sat, 21 Nov 2020 13:00:00 GMT",
                "Date": "Sat, 21 Nov 2020 11:00:00 GMT",
            },
            "x" * 5000,
            (2 * HOUR, "x" * 500),
            id="a date by the CA's own clock; a long explanation is cut",
        ),
    ],
)
async def test_when_to_ask_again_and_why(headers, explanation, expected):
    """`Retry-After` is the CA's wish; the explanation is text of a stranger, and short."""
    body = window(START, END, explanationURL=explanation)
    async with answering(http_answer(body, **headers)) as server:
        told = await asked(f"{server.url}/ari/id", server.trust)

    assert isinstance(told, RenewalAdvice)
    assert (told.ask_again_after, told.explanation) == expected


async def test_an_answer_in_pieces():
    """The body counts when it is whole, however many packets it comes in."""
    whole = http_answer(window(START, END))
    async with answering(*(whole[at : at + 40] for at in range(0, len(whole), 40))) as server:
        told = await asked(f"{server.url}/ari/id", server.trust)

    assert isinstance(told, RenewalAdvice)


async def test_silence_has_a_limit():
    """A CA that accepts and says nothing costs no more than the limit."""
    async with answering(silent=True) as server:
        told = await asked(f"{server.url}/ari/id", server.trust, limit=0.2)

    assert told == Unanswered("the CA's renewal information did not come within 0.2 s")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        pytest.param("http://ca.example/ari/id", "not an absolute https URL", id="no TLS"),
        pytest.param("/id", "not an absolute https URL", id="no CA"),
        pytest.param("https://127.0.0.1:1/ari/id", "Connection refused", id="nobody listens"),
        pytest.param("https://127.0.0.1:99999/ari/id", "cannot be fetched", id="no port"),
    ],
)
async def test_a_ca_that_cannot_be_asked(url, why):
    """No question is asked without TLS, and a fault of the network is a fact."""
    told = await asked(url, ssl.create_default_context())

    assert isinstance(told, Unanswered)
    assert why in told.why


async def test_a_stranger_in_the_way():
    """A server whose certificate does not verify is not believed, and the sentence says so."""
    async with answering(http_answer(window(START, END))) as server:
        told = await asked(f"{server.url}/ari/id", ssl.create_default_context())

    assert isinstance(told, Unanswered)
    assert "its certificate does not verify" in told.why
