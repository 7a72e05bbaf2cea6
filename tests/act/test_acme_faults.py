"""What the way to a CA, or its door, can do wrong: survived when it passes, else one clear sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from acme_companion.decide.problems import NotYet, Refused
from tests.act.acme_proxy import (
    acme_proxy,
    answer,
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
    ],
)
async def test_passing_trouble_is_survived(proxy: AcmeProxy, path: str, fault: Fault) -> None:
    """One fault at any step of the flow costs a request or two, never the certificate."""
    proxy.on(path, fault)

    await issue(proxy)

    assert proxy.asked(CHALLENGE).count({}) <= 2
    assert len(proxy.asked(ORDERS)) <= 2


async def test_ca_that_stays_down_is_left_after_a_few_tries(proxy: AcmeProxy) -> None:
    """Pauses double; then the next cycle tries."""
    proxy.on(DIRECTORY, *[answer(502)] * 10)
    clock = StepClock()

    with pytest.raises(NotYet, match="HTTP status 502"):
        await issue(proxy, clock=clock)

    assert [pause for pause in clock.slept if pause] == [0.25, 0.5, 1.0, 2.0]


async def test_directory_url_without_tls(ca: Pebble) -> None:
    async def open_it() -> None:
        async with session_with(ca, directory_url="http://127.0.0.1/dir"):
            pass

    with pytest.raises(Refused, match="DIRECTORY_URL"):
        await open_it()


async def test_untrusted_certificate_of_the_ca(ca: Pebble) -> None:
    """TLS verification is never off; a wrong clock is the usual reason, so the sentence asks for it."""
    async with acme_proxy(ca, trusted=False) as proxy:
        with pytest.raises(NotYet, match=r"is not trusted .*clock right"):
            await issue(proxy)
        assert proxy.requests == []


async def test_ca_bundle_that_is_not_there(proxy: AcmeProxy) -> None:
    with pytest.raises(NotYet, match=r"CA bundle /nowhere.pem"):
        await issue(proxy, ca_bundle="/nowhere.pem")
