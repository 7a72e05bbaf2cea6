"""How a CA is waited for and spared: pauses, the pace of requests, nonces, proxies."""

from __future__ import annotations

import asyncio

import pytest

from acme_companion.act.acme import pacing, proxies
from acme_companion.act.acme.pacing import Nonces, Pace
from acme_companion.act.acme.waiting import Patience, together
from tests.act.acme_world import StepClock, issue
from tests.act.scripted_ca import scripted_ca


@pytest.mark.parametrize(
    ("asked", "slept"),
    [
        pytest.param([None] * 4, [0.1, 0.15, 0.225, 0.3375], id="our own pace grows by half"),
        pytest.param([3.0, 3.0], [3.0, 3.0], id="as the CA asks"),
        pytest.param([0.0, 0.0], [0.1, 0.15], id="the CA asks for nothing in particular"),
        pytest.param([86_400.0, 1.0], [10.0], id="longer than we have: one last look at the end"),
    ],
)
async def test_pauses(asked: list[float | None], slept: list[float]) -> None:
    """A pause is as long as the CA asks, or a little longer than the one before; all of them end."""
    clock = StepClock()
    patience = Patience(clock, 10.0)
    for wish in asked:
        await patience.pause(wish)

    assert clock.slept == pytest.approx(slept)


async def test_pauses_end() -> None:
    clock = StepClock()
    patience = Patience(clock, 600.0)
    while await patience.pause(None):
        pass

    assert sum(clock.slept) == pytest.approx(600.0)
    assert max(clock.slept) == 5.0


async def test_pace() -> None:
    """A burst is free; what is more goes evenly, and an idle second fills the bucket again."""
    clock = StepClock()
    pace = Pace(clock)
    for _ in range(int(pacing.BURST)):
        await pace.turn()
    burst_took = sum(clock.slept)
    for _ in range(240):
        await pace.turn()
    then_took = sum(clock.slept)
    await clock.sleep(1.0)
    clock.slept.clear()
    await pace.turn()

    assert burst_took == pytest.approx(0, abs=1e-6)
    assert then_took - burst_took == pytest.approx(240 / pacing.REQUESTS_A_SECOND)
    assert clock.slept == []


async def test_pace_of_nonces() -> None:
    """Where no answer brings a nonce, each request needs two, and the CA's own limit for nonces is kept."""
    clock = StepClock()

    async with scripted_ca() as ca:
        ca.keep_nonces()
        await issue(ca, *(f"n{number}.example.org" for number in range(50)), clock=clock)
        asked = len(ca.asked("/nonce"))

    assert asked > 100
    assert sum(clock.slept) >= (asked - pacing.NONCE_BURST) / pacing.NONCES_A_SECOND - 0.1


def test_newest_nonce_goes_first_and_old_ones_not_at_all() -> None:
    clock = StepClock()
    nonces = Nonces(clock)
    for nonce in ("AAAA", None, "", "not/base64", "A" * 10_000, "BBBB"):
        nonces.keep(nonce)
    newest = nonces.take()
    clock.moment += pacing.NONCE_LIFE

    assert newest == "BBBB"
    assert nonces.take() is None


async def test_together_stops_at_the_first_error() -> None:
    """The others are cancelled, not left running behind everybody's back."""
    ended: list[str] = []

    async def slow() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("slow")

    async def wrong() -> None:
        await asyncio.sleep(0)
        raise ValueError("wrong")

    with pytest.raises(ValueError, match=r"^wrong$"):
        await together([slow(), wrong()])
    assert ended == ["slow"]


@pytest.mark.parametrize(
    ("host", "proxy"),
    [
        pytest.param("acme.example", "http://proxy.example:3128", id="the environment's proxy"),
        pytest.param("inside.example.org", None, id="not for what NO_PROXY names"),
        pytest.param("127.0.0.1", None, id="never for loopback"),
        pytest.param("[::1]", None, id="never for loopback, IPv6"),
        pytest.param("localhost", None, id="never for loopback by name"),
    ],
)
def test_proxy_of_the_environment(host: str, proxy: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "inside.example.org")
    proxies._proxy.cache_clear()
    try:
        assert proxies.proxy_for(f"https://{host}:14000/dir") == proxy
    finally:
        proxies._proxy.cache_clear()
