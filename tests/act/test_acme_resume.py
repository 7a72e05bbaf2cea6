"""An order that was interrupted is gone on with by its status: never a second one for the same need, no challenge answered twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from acme_companion.act.challenges.http01 import responding
from acme_companion.decide.pair import Pair
from acme_companion.decide.problems import Damaged, NameRefusals, NotOrdered, NotYet
from acme_companion.decide.settings import Http01, Http01Mode
from tests.act.acme_proxy import answer, as_is, changed, lost, problem, reset, status_becomes, with_body
from tests.act.acme_world import CERTIFICATE_KEY, HeardLog, OneSolver, RealClock, StepClock, predecessor
from tests.act.order_book import Book, Stays, issue

if TYPE_CHECKING:
    from aiohttp import web

    from acme_companion.decide.open_orders import OpenOrder
    from acme_companion.ports import Issued, Solving
    from tests.act.acme_proxy import AcmeProxy, Forward

NONCES, ORDERS, ORDER = "/nonce-plz", "/order-plz", "/my-order"
AUTHORIZATION, CHALLENGE, FINALIZE, CERTIFICATE = "/authZ", "/chalZ", "/finalize-order", "/certZ"


async def interrupted(
    proxy: AcmeProxy, book: Book, at: int, *texts: str, before: bool, solving: Solving
) -> str:
    """Stopped over a request with this number: before the CA hears of it, or after it did what was asked. The path of it.

    One for a nonce may be beside others, which go on without it: there the request alone is lost.
    """
    reached = asyncio.Event()
    path = ""

    async def fault(request: web.BaseRequest, forward: Forward) -> web.Response:
        nonlocal path
        path = request.path
        if path == NONCES:
            return await (reset if before else lost)(request, forward)
        if before:
            proxy.requests.pop()  # nobody heard it
        else:
            await forward()
        reached.set()
        await asyncio.Event().wait()
        raise AssertionError("nobody waits for it any more")

    proxy.on("", *[as_is] * (at - 1), fault)
    task = asyncio.create_task(issue(proxy, book, *texts, solving=solving))
    async with asyncio.timeout(60):
        await asyncio.wait(
            [task, stop := asyncio.create_task(reached.wait())], return_when=asyncio.FIRST_COMPLETED
        )
    for one in (task, stop):
        one.cancel()
        with suppress(asyncio.CancelledError, NotYet):
            await one
    proxy.clear()
    return path


def leaf_names(issued: Issued) -> set[str]:
    return {name.text for name in Pair(CERTIFICATE_KEY, issued.chain_pem).certificate().names}


def answered_twice(proxy: AcmeProxy) -> list[str]:
    asked = Counter(seen.path for seen in proxy.requests if seen.path.startswith(CHALLENGE))
    return [path for path, times in asked.items() if times > 1]


@pytest.mark.parametrize("before", [True, False], ids=["before the CA hears of it", "after it did it"])
async def test_stopped_at_each_request(proxy: AcmeProxy, before: bool) -> None:
    """FAULTS A11, K2 to K8, P-22, P-28: from the order on, whoever comes next delivers by it; who was stopped over the order may place it again."""
    base = "before" if before else "after"
    async with responding(Http01(Http01Mode.STANDALONE, port=proxy.http_port), RealClock()) as responder:
        solving = OneSolver(Stays(responder))
        await issue(
            proxy, Book(), f"a.whole-{base}.example.org", f"b.whole-{base}.example.org", solving=solving
        )
        first = next(number for number, one in enumerate(proxy.requests, 1) if one.path == ORDERS)
        for at in range(first, len(proxy.requests) + 1):
            book, mark = Book(), len(proxy.requests)
            wanted = [f"{text}.{base}-{at}.example.org" for text in ("a", "b")]
            path = await interrupted(proxy, book, at, *wanted, before=before, solving=solving)
            issued = await issue(proxy, book, *wanted, clock=StepClock(), solving=solving)

            orders = [seen for seen in proxy.requests[mark:] if seen.path == ORDERS]
            assert len(orders) <= (2 if path == ORDERS else 1), f"stopped at request {at}, {path}"
            assert leaf_names(issued) == set(wanted)
            assert answered_twice(proxy) == []
    [order] = book.orders.values()
    assert (order.directory, order.identifiers, order.finalizing) == (wanted[0], tuple(wanted), True)
    assert order.certificate


@pytest.mark.parametrize("taken", [True, False])
async def test_predecessor_is_written_down(proxy: AcmeProxy, taken: bool) -> None:
    """STANDARDS B-2: no later answer of the CA says whether the order replaces a certificate, so we remember it."""
    book, text = Book(), f"heir-{taken}.example.org".lower()
    first = await predecessor(lambda: issue(proxy, Book(), text))
    if not taken:
        proxy.on(ORDERS, problem(409, "alreadyReplaced"))
    await issue(proxy, book, text, replaces=first)

    assert book.orders[text].replaces == (first if taken else "")


async def test_order_that_takes_longer_than_our_patience(proxy: AcmeProxy) -> None:
    """P-19, A17: it is asked for again at every wake, and nothing else is ordered (RFC 8555 section 7.4)."""
    book, text = Book(), "long.example.org"
    proxy.on(FINALIZE, status_becomes("processing"))
    proxy.on(ORDER, as_is, *[status_becomes("processing")] * 500)
    for _ in range(2):
        with pytest.raises(NotYet, match="has not issued the certificate"):
            await issue(proxy, book, text, clock=StepClock())
    proxy.clear()

    assert leaf_names(await issue(proxy, book, text)) == {text}
    assert len(proxy.asked(ORDERS)) == len(proxy.asked(FINALIZE)) == 1


async def _delivered(proxy: AcmeProxy, book: Book, text: str) -> OpenOrder:
    """An order whose certificate was delivered, and then not put in place."""
    await issue(proxy, book, text)
    return book.orders[text]


async def test_certificate_that_was_delivered(proxy: AcmeProxy) -> None:
    """It is fetched again with one request, also after the CA forgot the order."""
    book, text = Book(), "delivered.example.org"
    await _delivered(proxy, book, text)
    proxy.on(ORDER, *[problem(404, "malformed")] * 9)

    assert leaf_names(await issue(proxy, book, text)) == {text}
    assert (len(proxy.asked(ORDERS)), len(proxy.asked(CERTIFICATE))) == (1, 2)


async def test_certificate_that_is_not_right(proxy: AcmeProxy) -> None:
    """It is fetched once more, because our clock may have been wrong, and then it is ordered anew."""
    book, text = Book(), "twice.example.org"
    end = b"-----END CERTIFICATE-----\n"
    proxy.on(CERTIFICATE, *[with_body(lambda body: body.partition(end)[0] + end)] * 2)  # no chain
    for _ in range(2):
        with pytest.raises(NotOrdered):
            await issue(proxy, book, text)

    assert (len(proxy.asked(ORDERS)), book.orders) == (1, {})
    assert leaf_names(await issue(proxy, book, text)) == {text}


@pytest.mark.parametrize(
    "gone",
    [
        pytest.param(problem(404, "malformed", "No order for ID"), id="not found"),
        pytest.param(status_becomes("invalid"), id="invalid"),
        pytest.param(
            changed(lambda order: order.update(identifiers=[{"type": "dns", "value": "x.example"}])),
            id="for other names",
        ),
    ],
)
async def test_order_that_is_gone(proxy: AcmeProxy, gone: Any) -> None:
    """A new one is placed in the same pass."""
    book, text = Book(), "gone.example.org"
    order = await _delivered(proxy, book, text)
    book.orders[text] = replace(order, certificate="")
    proxy.on(ORDER, gone)
    log = HeardLog()

    assert leaf_names(await issue(proxy, book, text, log=log)) == {text}
    assert len(proxy.asked(ORDERS)) == 2
    assert any("is over" in line for line in log.others)


async def test_ca_that_cannot_answer_now(proxy: AcmeProxy) -> None:
    """Then nobody knows what became of the order, and none is placed instead."""
    book, text = Book(), "later.example.org"
    order = await _delivered(proxy, book, text)
    book.orders[text] = replace(order, certificate="")
    proxy.on(ORDER, *[answer(503)] * 9)

    with pytest.raises(NotYet, match="the CA has trouble"):
        await issue(proxy, book, text, clock=StepClock())
    assert len(proxy.asked(ORDERS)) == 1
    assert text in book.orders


async def test_name_that_was_refused_before_the_order(proxy: AcmeProxy) -> None:
    """It stays left out of what is gone on with: neither asked for again nor forgotten."""
    book, good, bad = Book(), "good.refused.example.org", "blocked.example.net"
    proxy.on(CERTIFICATE, *[answer(503)] * 9)
    with pytest.raises(NotYet):
        await issue(proxy, book, good, bad, clock=StepClock())
    proxy.clear()
    placed = len(proxy.asked(ORDERS))
    issued = await issue(proxy, book, good, bad)

    assert leaf_names(issued) == {good}
    assert [name.text for name in issued.left_out] == [bad]
    assert len(proxy.asked(ORDERS)) == placed == 2


async def test_refused_name_that_is_required(proxy: AcmeProxy) -> None:
    """Whoever cannot do without it hears so, and the order stays for whoever asks for less."""
    book, good, bad = Book(), "good.required.example.org", "blocked.example.net"
    proxy.on(CERTIFICATE, *[answer(503)] * 9)
    with pytest.raises(NotYet):
        await issue(proxy, book, good, bad, clock=StepClock())
    proxy.clear()
    with pytest.raises(NameRefusals, match=bad):
        await issue(proxy, book, good, bad, required=(bad,))

    assert leaf_names(await issue(proxy, book, good)) == {good}
    assert len(proxy.asked(ORDERS)) == 2


async def test_names_that_are_wanted_now_are_others(proxy: AcmeProxy) -> None:
    """What is open would deliver something else: it is left alone."""
    book, text, new = Book(), "first.other.example.org", "new.other.example.org"
    proxy.on(FINALIZE, *[answer(503)] * 9)
    with pytest.raises(NotYet):
        await issue(proxy, book, text, clock=StepClock())
    proxy.clear()

    assert leaf_names(await issue(proxy, book, text, new)) == {text, new}
    assert book.orders[text].identifiers == (text, new)


async def test_authorization_whose_time_is_over(proxy: AcmeProxy) -> None:
    """An order is only gone on with while each of its names can still be proven (RFC 8555 section 7.1.4)."""
    book, text = Book(), "over.example.org"
    proxy.on(CHALLENGE, *[answer(503)] * 9)
    with pytest.raises(NotYet):
        await issue(proxy, book, text, clock=StepClock())
    proxy.clear()
    past = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    proxy.on(AUTHORIZATION, changed(lambda one: one.update(expires=past)))

    assert leaf_names(await issue(proxy, book, text, clock=StepClock())) == {text}
    assert len(proxy.asked(ORDERS)) == 2


async def test_disk_that_takes_nothing(proxy: AcmeProxy) -> None:
    """What cannot be written down is not gone through with: no challenge is answered, no certificate spent."""
    book = Book()
    book.full = True
    with pytest.raises(Damaged, match="the disk is full"):
        await issue(proxy, book, "full.example.org")

    assert (proxy.asked(CHALLENGE), proxy.asked(FINALIZE)) == ([], [])


async def test_order_that_is_over_is_forgotten(proxy: AcmeProxy) -> None:
    """Nobody goes on with what the CA will not do."""
    book = Book()
    proxy.on(FINALIZE, problem(400, "badCSR"))
    with pytest.raises(Exception, match="badCSR"):
        await issue(proxy, book, "bad.csr.example.org")

    assert book.orders == {}
