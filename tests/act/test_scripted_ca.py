"""The scripted CA itself: it notices every rule that a client breaks, and none where ours goes its way."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from acme_companion.act.acme.network import trust_in
from acme_companion.act.acme.signing import AccountKey
from tests.act.acme_world import ACCOUNT_KEY, StepClock, issue, new_key
from tests.act.scripted_ca import ScriptedCa, scripted_ca

if TYPE_CHECKING:
    from collections.abc import Callable

AGENT = {"User-Agent": "acme-companion/0.0", "Content-Type": "application/jose+json"}


class Ours:
    """Everything right, so that a test can make one thing wrong."""

    def __init__(self, ca: ScriptedCa) -> None:
        self.ca, self.key = ca, AccountKey(ACCOUNT_KEY)
        self.key_of_the_order = self.key
        self.method, self.path, self.headers = "POST", "/order", dict(AGENT)
        self.url = ca.url("/order")
        self.payload: Any = {"identifiers": []}
        self.account = ""
        self.signed: Callable[[bytes], bytes] = lambda body: body
        self.times = 1

    async def send(self) -> None:
        trust = trust_in(str(self.ca.ca_bundle))
        async with aiohttp.ClientSession(headers=AGENT) as session:
            registered = self.key.signed(
                b'{"termsOfServiceAgreed":true}',
                nonce=self.ca.nonce(),
                url=self.ca.url("/account"),
                account="",
            )
            async with session.post(self.ca.url("/account"), data=registered, ssl=trust) as answer:
                account = answer.headers["Location"]
            payload = b"" if self.payload is None else json.dumps(self.payload).encode()
            body = self.key_of_the_order.signed(
                payload,
                nonce=self.ca.nonce(),
                url=self.url,
                account="" if self.account == "none" else account,
            )
            for _ in range(self.times):
                async with session.request(
                    self.method,
                    self.ca.url(self.path),
                    data=None if self.method == "GET" else self.signed(body),
                    headers=self.headers,
                    skip_auto_headers=[] if "User-Agent" in self.headers else ["User-Agent"],
                    ssl=trust,
                ):
                    pass


def other_agent(ours: Ours) -> None:
    ours.headers["User-Agent"] = "Mozilla/5.0"


def other_type(ours: Ours) -> None:
    ours.headers["Content-Type"] = "application/json"


def other_url(ours: Ours) -> None:
    ours.url = ours.ca.url("/Order")


def by_key(ours: Ours) -> None:
    ours.account = "none"


def other_key(ours: Ours) -> None:
    ours.key_of_the_order = AccountKey(new_key())


def general_json(ours: Ours) -> None:
    ours.signed = lambda body: json.dumps({**json.loads(body), "header": {}}).encode()


def twice(ours: Ours) -> None:
    ours.times = 2


def plain_get(ours: Ours) -> None:
    ours.method, ours.path = "GET", "/placed/1"


@pytest.mark.parametrize(
    ("wrong", "broken"),
    [
        pytest.param(lambda _: None, [], id="nothing is wrong"),
        pytest.param(other_agent, ["P-2: /order without"], id="P-2 who asks"),
        pytest.param(other_type, ["P-3: Content-Type application/json"], id="P-3 type of the body"),
        pytest.param(other_url, ["P-3: url https"], id="P-3 signed for another URL"),
        pytest.param(
            by_key, ["P-3: ['alg', 'jwk', 'nonce', 'url'] for /order"], id="P-3 key in place of the account"
        ),
        pytest.param(other_key, ["P-3: the signature is wrong"], id="P-3 signature"),
        pytest.param(general_json, ["P-3: a JWS with"], id="P-3 more than a flattened JWS"),
        pytest.param(plain_get, ["P-4: GET /placed/1"], id="P-4 plain GET"),
        pytest.param(twice, ["P-7: the same signed bytes twice to /order"], id="P-7 the same bytes twice"),
    ],
)
async def test_what_breaks_a_rule(wrong: Callable[[Ours], None], broken: list[str]) -> None:
    """P-2, P-3, P-4, P-7: what is noted makes every test with this CA fail."""
    async with scripted_ca(strict=False) as ca:
        ours = Ours(ca)
        wrong(ours)
        await ours.send()

    assert len(ca.broken) >= len(broken)
    assert all(one.startswith(start) for one, start in zip(ca.broken, broken, strict=False))
    assert bool(ca.broken) == bool(broken)


async def test_ours_breaks_none() -> None:
    """P-4, P-31: the empty payload for every look, `{}` for a challenge; no newAuthz, no list of orders, no wish for dates."""
    async with scripted_ca() as ca:
        await issue(ca, "a.example.org", clock=StepClock())

    assert ca.broken == []
    sent = [
        (seen.path.rpartition("/")[0] or seen.path, seen.payload)
        for seen in ca.requests
        if seen.method == "POST"
    ]
    finalize = sent.pop(-2)
    assert (finalize[0], set(finalize[1])) == ("/finalize", {"csr"})
    assert sent == [
        ("/account", {"onlyReturnExisting": True}),
        ("/account", {"termsOfServiceAgreed": True, "contact": []}),
        ("/order", {"identifiers": [{"type": "dns", "value": "a.example.org"}]}),
        ("/authz", ""),
        ("/challenge", {}),
        ("/placed", ""),
        ("/certificate", ""),
    ]
