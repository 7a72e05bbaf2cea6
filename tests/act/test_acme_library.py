"""L-1 to L-6: where the `acme` library's client and network classes are wrong, and ours, at the same CA, are right."""

from __future__ import annotations

import inspect
import os
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest
import requests
from acme import client, errors, messages

from acme_companion.decide.acme_headers import retry_after
from acme_companion.decide.problems import NotYet, Refused
from tests.act.acme_proxy import as_is, changed, problem, status_becomes
from tests.act.catalogue import Row, all_of, at, play
from tests.act.library_client import library, soon, still
from tests.act.test_acme_catalogue_network import forgetful

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.act.scripted_ca import ScriptedCa


def test_l1_what_is_missing() -> None:
    """L-1: no `replaces`, no key change; ours: A25 of the catalogue, and the tests of accounts."""
    still(
        "replaces" not in inspect.signature(client.ClientV2.new_order).parameters,
        "it cannot order with `replaces`",
    )
    still("replaces" not in messages.NewOrder._fields, "its order has no `replaces`")
    still(not any("change" in name for name in dir(client.ClientV2)), "it cannot change account keys")


@pytest.mark.parametrize("times", [2, 9])
async def test_l2_rejected_nonces(times: int) -> None:
    """L-2: RFC 8555 section 6.5 lets a client try again; the library does once."""
    await play(Row("", forgetful("/order", times=times), asked={"/order": times + 1}))

    gave, _ = await library(forgetful("/order", times=times), lambda _, order: order())
    still(
        isinstance(gave, messages.Error) and gave.code == "badNonce",
        "it fails over two rejected nonces in a row",
    )


async def test_l2_nonce_of_the_rejection() -> None:
    """L-2: the nonce that comes with the rejection is the one to use; the library asks for another."""

    def script(ca: ScriptedCa) -> None:
        forgetful("/order", times=1)(ca)
        ca.on("/nonce", *[as_is] * 2, *[problem(503, "serverInternal")] * 20)

    await play(Row("", script, asked={"/order": 2}))

    gave, ca = await library(forgetful("/order", times=1), lambda _, order: order())
    assert isinstance(gave, messages.OrderResource)
    still(len(ca.asked("/nonce")) > 1, "it asks for a nonce though the rejection brought one")


async def test_l3_time_of_a_limit() -> None:
    """L-3: what a 429 says in its headers is lost in the library."""
    script = at("/order", problem(429, "rateLimited", "enough", headers={"Retry-After": "7200"}))
    await play(Row("", script, "enough", wait=timedelta(hours=2)))

    gave, _ = await library(script, lambda _, order: order())
    assert isinstance(gave, messages.Error)
    still("7200" not in str(vars(gave)), "it loses Retry-After of a 429")


@pytest.mark.parametrize("kind", ["alreadyReplaced", "conflict"])
async def test_l4_kinds_of_conflict(kind: str) -> None:
    """L-4: `alreadyReplaced` means "order without it", `conflict` does not; the library cannot tell them apart."""
    script = at("/order", problem(409, kind))
    said = (await play(Row("", script, kind, Refused if kind == "alreadyReplaced" else NotYet))).problem
    assert getattr(said, "rejection", None).kind == kind  # type: ignore[union-attr]

    gave, _ = await library(script, lambda _, order: order())
    assert isinstance(gave, errors.ConflictError)
    still(gave.location == "UNKNOWN-LOCATION", "every 409 is the same to it")


@pytest.mark.parametrize("kind", ["alreadyReplaced", "userActionRequired", "invalidProfile"])
def test_l4_kinds_without_a_code(kind: str) -> None:
    """L-4: of kinds that it does not list, the library gives no code at all."""
    still(
        messages.Error.from_json({"type": f"urn:ietf:params:acme:error:{kind}"}).code is None,
        f"it knows no {kind}",
    )


def with_retry_after(value: str) -> requests.Response:
    made = requests.Response()
    made.headers["Retry-After"] = value
    return made


@pytest.fixture(params=["Europe/Budapest", "America/New_York", "Asia/Kathmandu"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(os.environ, "TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("zone")
def test_l5_dates() -> None:
    """L-5: a date is UTC, wherever we are (T05); the library compares it with local time."""
    date = format_datetime(datetime.now(UTC) + timedelta(minutes=10), usegmt=True)
    assert retry_after(date, None, datetime.now(UTC)) == pytest.approx(600, abs=5)

    until = client.ClientV2.retry_after(with_retry_after(date), 1)
    still(abs((until - soon(600)).total_seconds()) > 1800, "it is hours wrong outside of UTC")


def test_l5_ages() -> None:
    """L-5: a number too large is clamped; the library falls over it."""
    assert retry_after("9" * 20, None, datetime.now(UTC)) == timedelta(days=8).total_seconds()

    try:
        client.ClientV2.retry_after(with_retry_after("9" * 20), 1)
        fell = False
    except OverflowError:
        fell = True
    still(fell, "it falls over a large Retry-After")


async def test_l5_storm_of_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """L-5: east of Greenwich the library asks again at once, thousands of times; ours waits as long as it should."""
    monkeypatch.setitem(os.environ, "TZ", "Europe/Budapest")
    time.tzset()
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)

    async def busy(request: Any, forward: Any) -> Any:
        response = await status_becomes("processing")(request, forward)
        response.headers["Retry-After"] = date
        return response

    def poll(made: client.ClientV2, order: Any) -> object:
        try:
            return made.poll_finalization(order(), soon(2.5))
        except errors.TimeoutError as late:
            return late

    try:
        script = all_of(at("/finalize", busy), at("/placed", as_is, busy))
        asked = {"/finalize": 1, "/placed": 3}
        played = await play(Row("", script, asked=asked, settings={"timeout": 600.0}))
        assert [round(pause) for pause in played.clock.slept if pause > 10] == [20, 20]
        gave, ca = await library(at("/placed", *[busy] * 100_000), poll)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert isinstance(gave, errors.TimeoutError)
    still(len(ca.asked("/placed")) > 5, "it asks again and again before the CA's date")


async def test_l6_invalid_authorization_without_a_reason() -> None:
    """L-6: an invalid authorization is a failed one; the library returns it as if all were well."""

    def script(ca: ScriptedCa) -> None:
        ca.on("/authz", as_is, *[status_becomes("invalid")] * 9)
        ca.on("/placed", status_becomes("invalid"))

    wanted = "the CA says that its authorization is invalid"
    await play(Row("", script, "refused a.example.org", Refused, without={"a.example.org": wanted}))

    gave, _ = await library(script, lambda made, order: made.poll_authorizations(order(), soon(20)))
    still(isinstance(gave, messages.OrderResource), "it takes an invalid authorization for a good one")


async def test_l6_pace_of_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """L-6: a CA that asks for 7 seconds is asked after 7 seconds; the library asks every second."""
    naps: list[float] = []
    monkeypatch.setattr(time, "sleep", naps.append)

    async def slow(request: Any, forward: Any) -> Any:
        response = await status_becomes("pending")(request, forward)
        response.headers["Retry-After"] = "7"
        return response

    played = await play(Row("", at("/placed", slow, slow)))
    assert played.clock.slept.count(7.0) == 2

    def poll(made: client.ClientV2, order: Any) -> object:
        return made.poll_authorizations(order(), soon(20))

    await library(at("/authz", *[slow] * 2, changed(lambda one: one.update(status="valid"))), poll)
    still(naps == [1], "it sleeps a second whatever the CA asks for")
