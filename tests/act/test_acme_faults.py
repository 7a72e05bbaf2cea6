"""What the way to a CA, or its door, can do wrong: survived when it passes, else one clear sentence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest

from acme_companion.problems import NotYet, Problem, Refused
from tests.act.acme_proxy import (
    acme_proxy,
    answer,
    changed,
    lost,
    problem,
    reset,
)
from tests.act.acme_world import StepClock, issue, session_with

if TYPE_CHECKING:
    from tests.act.acme_proxy import AcmeProxy, Fault
    from tests.bed.pebble import Pebble

DIRECTORY, NONCES, ORDERS, ORDER = "/dir", "/nonce-plz", "/order-plz", "/my-order"
AUTHORIZATION, CHALLENGE, FINALIZE, CERTIFICATE = "/authZ", "/chalZ", "/finalize-order", "/certZ"
HTML = answer(200, b"<html>Please sign in to the hotel", Content_Type="text/html")


@pytest.mark.parametrize(
    "path", [DIRECTORY, NONCES, ORDERS, AUTHORIZATION, CHALLENGE, ORDER, FINALIZE, CERTIFICATE]
)
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(reset, id="reset before the CA heard it"),
        pytest.param(lost, id="answer lost"),
        pytest.param(problem(500, "serverInternal"), id="500"),
        pytest.param(answer(502, b"<h1>Bad Gateway", Content_Type="text/html"), id="502 with HTML"),
        pytest.param(
            problem(503, "rateLimited", headers={"Retry-After": "1"}), id="503 with a short Retry-After"
        ),
    ],
)
async def test_passing_trouble_is_survived(proxy: AcmeProxy, path: str, fault: Fault) -> None:
    """One fault at any step of the flow costs a request or two, never the certificate."""
    proxy.on(path, fault)

    await issue(proxy)

    assert proxy.asked(CHALLENGE).count({}) <= 2
    assert len(proxy.asked(ORDERS)) <= 2


@pytest.mark.parametrize("path", [ORDERS, AUTHORIZATION, CHALLENGE, ORDER, FINALIZE, CERTIFICATE])
@pytest.mark.parametrize("nonce", [None, "not/base64url", "a" * 10_000])
async def test_rejected_nonce_without_a_usable_one(proxy: AcmeProxy, path: str, nonce: str | None) -> None:
    """RFC 8555 section 6.5: the rejection brings a nonce; when it does not, another is fetched."""
    proxy.on(path, problem(400, "badNonce", headers={"Replay-Nonce": nonce} if nonce else {}))

    await issue(proxy)


async def test_nonces_rejected_for_ever(proxy: AcmeProxy) -> None:
    proxy.on(ORDERS, *[problem(400, "badNonce")] * 1000)

    with pytest.raises(NotYet, match="rejected 100 nonces in a row"):
        await issue(proxy)


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        pytest.param("7200", timedelta(hours=2), id="seconds"),
        pytest.param("DATE", timedelta(hours=3), id="HTTP-date"),
        pytest.param("Thu, 01 Jan 1970 00:00:00 GMT", timedelta(0), id="past date"),
        pytest.param("1000000000000", timedelta(days=8), id="ages"),
        pytest.param("-5", None, id="negative"),
        pytest.param("soon", None, id="garbage"),
        pytest.param("", None, id="none"),
    ],
)
async def test_rate_limit_says_when(proxy: AcmeProxy, value: str, wait: timedelta | None) -> None:
    """Never tried again by itself; the CA's sentence and its time go to the schedule."""
    now = datetime.now(UTC)
    header = format_datetime(now + timedelta(hours=3), usegmt=True) if value == "DATE" else value
    sentence = "too many certificates (50) already issued for example.org: see https://ca.example/unpause?x=1"
    proxy.on(ORDERS, problem(429, "rateLimited", sentence, headers={"Retry-After": header}))

    with pytest.raises(NotYet, match=r"https://ca.example/unpause") as limited:
        await issue(proxy)

    if wait is None:
        assert limited.value.retry_at is None
    else:
        assert limited.value.retry_at is not None
        assert abs(limited.value.retry_at - now - wait) < timedelta(seconds=10)
    assert len(proxy.asked(ORDERS)) == 1


async def test_ca_closed_for_maintenance(proxy: AcmeProxy) -> None:
    """503 with a far Retry-After: one request, and the time is handed on."""
    proxy.on(DIRECTORY, *[problem(503, "serverInternal", "maintenance", headers={"Retry-After": "7200"})] * 5)

    with pytest.raises(NotYet, match="maintenance") as closed:
        await issue(proxy)

    assert closed.value.retry_at is not None
    assert len(proxy.requests) == 1


async def test_ca_that_stays_down_is_left_after_a_few_tries(proxy: AcmeProxy) -> None:
    """Pauses double; then the next cycle tries."""
    proxy.on(DIRECTORY, *[answer(502)] * 10)
    clock = StepClock()

    with pytest.raises(NotYet, match="HTTP status 502"):
        await issue(proxy, clock=clock)

    assert [pause for pause in clock.slept if pause] == [0.25, 0.5, 1.0, 2.0]


@pytest.mark.parametrize("path", [DIRECTORY, ORDERS, AUTHORIZATION, ORDER, FINALIZE])
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(HTML, id="a captive portal"),
        pytest.param(answer(200), id="nothing"),
        pytest.param(answer(200, b"[]"), id="a list"),
        pytest.param(answer(200, b'{"status":NaN}'), id="NaN"),
        pytest.param(answer(200, b'{"status":"valid","status":"valid"}'), id="a key twice"),
        pytest.param(answer(200, b"[" * 200_000), id="deep nesting"),
        pytest.param(answer(200, b"[" + b"1," * 1_000_000 + b"1]"), id="two megabytes"),
    ],
)
async def test_not_an_acme_answer(proxy: AcmeProxy, path: str, fault: Fault) -> None:
    """Whatever answers instead of the CA is named, cut short, and tried again at a later time only."""
    proxy.on(path, fault)

    with pytest.raises(NotYet, match="not an ACME answer") as odd:
        await issue(proxy)

    assert len(str(odd.value)) < 400
    assert "\n" not in str(odd.value)


@pytest.mark.parametrize("key", ["newOrder", "newNonce", "newAccount"])
@pytest.mark.parametrize("url", [None, "http://127.0.0.1/x", "/order", "https://", "javascript:alert(1)"])
async def test_directory_with_a_bad_url(proxy: AcmeProxy, key: str, url: str | None) -> None:
    """Everything goes over https (RFC 8555 section 6.1); the complaint names the key."""
    proxy.on(DIRECTORY, changed(lambda directory: directory.update({key: url})))

    with pytest.raises(NotYet, match=f"{key} is '.*', not an absolute https URL"):
        await issue(proxy)


async def test_directory_url_without_tls(ca: Pebble) -> None:
    async def open_it() -> None:
        async with session_with(ca, directory_url="http://127.0.0.1/dir"):
            pass

    with pytest.raises(Refused, match="DIRECTORY_URL"):
        await open_it()


async def test_redirect_is_not_followed(proxy: AcmeProxy) -> None:
    proxy.on(ORDERS, answer(307, Location="https://127.0.0.1/elsewhere"))

    with pytest.raises(Problem, match=r"redirects to https://127.0.0.1/elsewhere"):
        await issue(proxy)


async def test_untrusted_certificate_of_the_ca(ca: Pebble) -> None:
    """TLS verification is never off; a wrong clock is the usual reason, so the sentence asks for it."""
    async with acme_proxy(ca, trusted=False) as proxy:
        with pytest.raises(NotYet, match=r"is not trusted .*clock right"):
            await issue(proxy)
        assert proxy.requests == []


async def test_ca_bundle_that_is_not_there(proxy: AcmeProxy) -> None:
    with pytest.raises(NotYet, match=r"CA bundle /nowhere.pem"):
        await issue(proxy, ca_bundle="/nowhere.pem")
