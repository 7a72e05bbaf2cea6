"""What a CA can do wrong between an order and its certificate: lived with, or one clear sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from acme_companion.act.acme.network import TRIES
from acme_companion.decide.pair import Pair
from acme_companion.decide.problems import NotYet
from tests.act.acme_proxy import (
    as_is,
    changed,
    problem,
    status_becomes,
)
from tests.act.acme_world import CERTIFICATE_KEY, StepClock, issue, names, session_with

if TYPE_CHECKING:
    from aiohttp import web

    from tests.act.acme_proxy import AcmeProxy, Forward

ORDERS, ORDER = "/order-plz", "/my-order"
AUTHORIZATION, CHALLENGE, FINALIZE, CERTIFICATE = "/authZ", "/chalZ", "/finalize-order", "/certZ"


async def test_only_unknown_challenges_offered(proxy: AcmeProxy) -> None:
    """A name that has no http-01 is left out, and the challenges that there are get named."""

    def change(authorization: dict[str, object]) -> None:
        authorization["challenges"] = [{"type": "dns-persist-01", "issuer-domain-names": ["ca.example"]}]

    proxy.on(AUTHORIZATION, changed(change))
    issued = await issue(proxy, "one.odd.example.org", "two.odd.example.org")

    assert list(issued.left_out.values()) == [
        "the CA offers no http-01 challenge for it, only dns-persist-01"
    ]


async def test_orders_that_are_slow_odd_or_lag_behind(proxy: AcmeProxy) -> None:
    """Unknown statuses are as good as no news, and so is a replica that still says what was."""
    proxy.on(ORDER, status_becomes("ready"), status_becomes("pending"), status_becomes("thinking"))
    proxy.on(
        FINALIZE, problem(403, "orderNotReady"), problem(403, "orderNotReady"), status_becomes("processing")
    )

    await issue(proxy, clock=StepClock())

    assert len(proxy.asked(FINALIZE)) == 3


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        pytest.param(ORDER, "pending", "did not finish checking within 600 s", id="never ready"),
        pytest.param(
            ORDER, "processing", "has not issued the certificate .* within 600 s", id="never issued"
        ),
    ],
)
async def test_stuck_order_is_left_at_the_deadline(
    proxy: AcmeProxy, path: str, status: str, said: str
) -> None:
    """Polls become rarer, and end."""
    proxy.on(path, *[status_becomes(status)] * 500)
    clock = StepClock()

    with pytest.raises(NotYet, match=said):
        await issue(proxy, timeout=600.0, clock=clock)

    assert len(clock.slept) < 150
    assert 599 < sum(clock.slept) < 601


async def test_caa_stops_one_name_at_the_end(proxy: AcmeProxy) -> None:
    """CAA is checked again when the certificate is made; the name it forbids is left out."""
    bad = {"type": "dns", "value": "b.caa.example.org"}
    below = {"type": "urn:ietf:params:acme:error:caa", "detail": "CAA forbids", "identifier": bad}
    proxy.on(FINALIZE, problem(403, "caa", "see subproblems", subproblems=[below]))

    issued = await issue(proxy, "a.caa.example.org", "b.caa.example.org")

    assert [name.text for name in issued.left_out] == ["b.caa.example.org"]
    assert len(proxy.asked(FINALIZE)) == 2


async def test_challenge_that_is_under_way_already(proxy: AcmeProxy) -> None:
    """A CA that is validating answers 409 or 400 to another answer; what counts is what comes of the order."""

    async def conflict(request: web.BaseRequest, forward: Forward) -> web.Response:
        await forward()
        return await problem(409, "conflict")(request, forward)

    async def malformed(request: web.BaseRequest, forward: Forward) -> web.Response:
        await forward()
        return await problem(400, "malformed", "authorization must be pending")(request, forward)

    proxy.on(CHALLENGE, conflict, malformed)

    issued = await issue(proxy, "a.twice.example.org", "b.twice.example.org", "c.twice.example.org")

    assert issued.left_out == {}
    assert len(proxy.asked(CHALLENGE)) == 3


async def test_authorization_that_ran_out_meanwhile(proxy: AcmeProxy) -> None:
    """RFC 8555 section 7.1.6: a dead order is not revived but placed anew."""
    proxy.on(ORDER, status_becomes("invalid"))
    proxy.on(AUTHORIZATION, as_is, status_becomes("expired"))

    await issue(proxy, "ran.out.example.org")  # its own: even at 0 Pebble reuses one proof in a hundred

    assert len(proxy.asked(ORDERS)) == 2


async def test_leftover_authorizations_are_given_back(proxy: AcmeProxy) -> None:
    """RFC 8555 section 7.5.2: what stays pending after a failure is deactivated, what is valid stays for reuse."""
    proxy.on(ORDER, *[status_becomes("pending")] * 500)
    proxy.on(AUTHORIZATION, as_is, as_is, status_becomes("pending"))

    with pytest.raises(NotYet, match=r"still open: \w\.left\.example\.org$"):
        await issue(proxy, "a.left.example.org", "b.left.example.org", clock=StepClock())

    assert proxy.asked(AUTHORIZATION).count({"status": "deactivated"}) == 1


async def test_ca_that_stumbles_over_the_predecessor(proxy: AcmeProxy) -> None:
    """`replaces` is a courtesy: when the CA only has internal errors for it, the order goes without."""
    wanted = names("stumbles.example.org")
    async with session_with(proxy) as session:
        first = await session.issue(wanted, (), CERTIFICATE_KEY, "")
        before = Pair(CERTIFICATE_KEY, first.chain_pem).certificate().renewal_id
        proxy.on("/order-plz", *[problem(500, "serverInternal", "no such order")] * TRIES)
        await session.issue(wanted, (), CERTIFICATE_KEY, before)

    sent = [payload.get("replaces") for payload in proxy.asked("/order-plz")]
    assert sent == [None, *[before] * TRIES, None]
