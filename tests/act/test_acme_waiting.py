"""How a CA is waited for and spared: pauses, the pace of requests, nonces, proxies."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acme_companion.act.acme import pacing, proxies
from acme_companion.act.acme.pacing import Nonces, Pace
from acme_companion.act.acme.waiting import Patience, together
from acme_companion.decide.known_cas import LETS_ENCRYPT, LETS_ENCRYPT_STAGING
from acme_companion.decide.limits.requests import (
    CONNECTIONS,
    LETS_ENCRYPTS,
    NONCES,
    OURS,
    Bucket,
    requests_at,
)
from tests.act.acme_proxy import problem, reset
from tests.act.acme_world import CERTIFICATE_KEY, StepClock, issue, session_with, some_names
from tests.act.scripted_ca import scripted_ca

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiohttp import web

    from tests.act.acme_proxy import Forward


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


def left_at(bucket: Bucket, pauses: Sequence[float]) -> list[float]:
    """The moments at which requests go, after as many seconds each in which nothing is asked."""
    clock = StepClock()
    pace = Pace(clock, bucket)
    moments = []

    async def go() -> None:
        for pause in pauses:
            clock.moment += pause
            await pace.turn()
            moments.append(clock.moment)

    asyncio.run(go())
    return moments


@pytest.mark.parametrize("bucket", [LETS_ENCRYPTS, OURS, NONCES], ids=str)
def test_pace(bucket: Bucket) -> None:
    """A burst is free; what is more goes evenly, and an idle second fills the bucket again."""
    burst = int(bucket.at_once)
    moments = left_at(bucket, [0.0] * (burst + 240) + [1.0])

    assert moments[burst - 1] - moments[0] == pytest.approx(0, abs=1e-6)
    assert moments[-2] - moments[0] == pytest.approx(240 / bucket.a_second)
    assert moments[-1] - moments[-2] == pytest.approx(1.0)


@given(st.lists(st.sampled_from([0.0, 0.0, 0.001, 0.004, 0.02, 0.3, 2.0]), max_size=400))
@pytest.mark.parametrize("directory", [LETS_ENCRYPT, LETS_ENCRYPT_STAGING])
def test_no_limit_of_lets_encrypts_is_ever_passed(directory: str, pauses: list[float]) -> None:
    """Whatever is asked when: in no time does its load balancer see more than it takes, also when ten pile up on the way."""
    moments = left_at(requests_at(directory), [*[0.0] * 150, *pauses])

    limit, lowest = LETS_ENCRYPTS, float("inf")
    for number, moment in enumerate(moments):
        # Of all windows that end here, the one that begins where the fewest were sent for the time is the fullest.
        lowest = min(lowest, number - limit.a_second * moment)
        assert number + 1 - limit.a_second * moment - lowest + CONNECTIONS <= limit.at_once + 1e-6


@pytest.mark.parametrize(
    ("directory", "bucket"),
    [
        pytest.param(LETS_ENCRYPT, Bucket(250, 115), id="Let's Encrypt: below its own limit, with room for what piles up"),
        pytest.param(LETS_ENCRYPT_STAGING, Bucket(250, 115), id="its staging directory has the same"),
        pytest.param("https://ca.example/dir", Bucket(250, 250), id="nothing is known: a whole order in one go"),
        pytest.param("https://letsencrypt.org.example/dir", Bucket(250, 250), id="only called so"),
    ],
)  # fmt: skip
def test_what_a_ca_gets(directory: str, bucket: Bucket) -> None:
    """A limit that is published is kept; none is made up that would hold up who runs a CA of their own."""
    assert requests_at(directory) == bucket


@given(
    st.lists(st.tuples(st.sampled_from([0.0, 0.05, 1.0]), st.sampled_from([0.0, 0.07, 0.149])), max_size=60)
)
def test_no_more_nonces_arrive_than_lets_encrypt_takes(asked: list[tuple[float, float]]) -> None:
    """20 a second and 10 at once, however long each request is on its way, up to 0.15 s. All connections can begin at once."""
    asked = [(0.0, 0.149)] * CONNECTIONS + asked
    sent = left_at(NONCES, [pause for pause, _ in asked])
    arrived = sorted(moment + delay for moment, (_, delay) in zip(sent, asked, strict=True))

    lowest = float("inf")
    for number, moment in enumerate(arrived):
        lowest = min(lowest, number - 20 * moment)
        assert number + 1 - 20 * moment - lowest <= 10 + 1e-6
    assert sent[CONNECTIONS - 1] - sent[0] == pytest.approx(0, abs=1e-6)


async def test_pace_of_nonces() -> None:
    """Where no answer brings a nonce, each request needs two, and the CA's own limit for nonces is kept."""
    clock = StepClock()

    async with scripted_ca() as ca:
        ca.keep_nonces()
        await issue(ca, *(f"n{number}.example.org" for number in range(50)), clock=clock)
        asked = len(ca.asked("/nonce"))

    assert asked > 100
    assert sum(clock.slept) >= (asked - NONCES.at_once) / NONCES.a_second - 0.1


@pytest.mark.parametrize(
    ("wanted", "nonces"),
    [
        pytest.param(1, 0, id="one name asks for nothing to spare"),
        pytest.param(4, 3, id="as many as there are names"),
        pytest.param(30, CONNECTIONS - 1, id="no more than connections"),
    ],
)
async def test_connections_stand_when_the_order_is_placed(wanted: int, nonces: int) -> None:
    """They are opened while the CA looks at the order (here it does so until they are), each with its nonce.

    The first nonce came with the directory.
    """
    async with scripted_ca() as ca:

        async def once_they_stand(_: object, forward: Forward) -> web.Response:
            async with asyncio.timeout(10):
                while len(ca.asked("/nonce")) < nonces:
                    await asyncio.sleep(0.01)
            return await forward()

        ca.on("/order", once_they_stand)
        await issue(ca, *(f"n{number}.example.org" for number in range(wanted)))

        assert len(ca.asked("/nonce")) == nonces


async def test_orders_at_the_same_time_share_their_connections() -> None:
    """None of them asks for nonces that another one has asked for already: the CA's limit for those is low."""
    async with scripted_ca() as ca, session_with(ca, orders_at_once=4) as session:
        orders = (some_names(20, f"order{number}.example.org") for number in range(4))
        await asyncio.gather(*(session.issue(wanted, (), CERTIFICATE_KEY, "") for wanted in orders))

        assert len(ca.asked("/nonce")) <= CONNECTIONS


async def test_connections_that_cannot_be_opened_early_cost_nothing() -> None:
    """What fails beside the order is tried again when it is needed."""
    async with scripted_ca() as ca:
        ca.on("/nonce", *[reset, problem(503, "serverInternal")] * (CONNECTIONS // 2))
        issued = await issue(ca, *(f"n{number}.example.org" for number in range(20)), clock=StepClock())

    assert issued.left_out == {}


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
