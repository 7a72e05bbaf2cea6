"""The catalogue's rows about the way to the CA: nonces, garbled, endless and slow answers, lost connections, odd URLs."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING

from acme_companion.act.acme import network
from acme_companion.act.acme.network import NONCE_TRIES, TRIES
from acme_companion.decide.problems import Refused
from tests.act import raw_answers
from tests.act.acme_proxy import answer, lost, problem, reset
from tests.act.catalogue import Row, at, in_table, play

if TYPE_CHECKING:
    import pytest
    from aiohttp import web

    from tests.act.acme_proxy import Fault, Forward
    from tests.act.catalogue import Script
    from tests.act.scripted_ca import ScriptedCa

SIGNED = ("/account", "/order", "/authz", "/challenge", "/placed", "/finalize", "/certificate")
EVERY = ("/dir", *SIGNED)
OBJECTS = ("/dir", "/account", "/order", "/authz", "/placed", "/finalize")
NOT_ACME = "not an ACME answer"


def forgetful(*paths: str, times: int) -> Script:
    """A CA that has forgotten every nonce it gave, so that only the one in its refusal is good."""

    def script(ca: ScriptedCa) -> None:
        async def forget(request: web.BaseRequest, forward: Forward) -> web.Response:
            ca.forget_nonces()
            return await forward()

        for path in paths:
            ca.on(path, *[forget] * times)

    return script


def peak() -> int:
    """The most memory that this process ever had, in kilobytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def bad_nonce(nonce: str | None) -> Fault:
    return problem(400, "badNonce", headers={"Replay-Nonce": nonce} if nonce else {})


@in_table(
    Row(
        "A01 nine of ten nonces rejected",
        forgetful(*SIGNED, times=9),
        asked={path: 11 if path == "/account" else 10 for path in SIGNED},
    ),
    Row(
        "A02 nonces rejected for ever",
        at("/order", *[bad_nonce("AAAA")] * 1000),
        f"rejected {NONCE_TRIES} nonces in a row",
        asked={"/order": NONCE_TRIES},
    ),
    *(
        Row(f"A03 {what} at {path}", at(path, bad_nonce(nonce)), asked={path: 3 if path == "/account" else 2})
        for path in SIGNED
        for what, nonce in (
            ("no nonce", None),
            ("a nonce that is not base64url", "not/base64url"),
            ("an endless nonce", "a" * 7000),
        )
    ),
)
async def test_nonces(row: Row) -> None:
    """P-5, P-6: a rejected nonce costs one more request, signed with the nonce of the rejection."""
    await play(row)


@in_table(
    *(
        Row(
            f"A07 {status} at {path}",
            at(path, answer(status, b"<h1>Oh no</h1>\n\x1b[31m", Content_Type="text/html")),
        )
        for status in (500, 502, 504)
        for path in EVERY
    ),
    *(
        Row(
            f"A07 {status} that stays",
            at("/order", *[answer(status, b"<h1>Oh no</h1>\n\x1b[31m" + b"x" * 100_000)] * 99),
            rf"^https://\S+/order: the CA has trouble: HTTP status {status}: <h1>Oh no</h1> \\x1b\[31mx+$",
            asked={"/order": TRIES},
            wait=None,
        )
        for status in (500, 502, 504)
    ),
    *(
        Row(f"A11 {what} at {path}", at(path, fault))
        for what, fault in (("reset", reset), ("answer lost", lost), ("TLS ends early", raw_answers.nothing))
        for path in EVERY
    ),
    *(
        Row(
            f"A06 closed for a moment at {path}",
            at(path, problem(503, "rateLimited", headers={"Retry-After": "1"})),
        )
        for path in EVERY
    ),
    Row("A11 lost for ever", at("/order", *[lost] * 99), "the CA was not reached", asked={"/order": TRIES}),
)
async def test_passing_trouble(row: Row) -> None:
    """P-7: the step is done again, signed anew; a challenge is answered once unless the CA never heard of it."""
    played = await play(row)

    if played.issued:
        assert len(played.ca.objects("/placed")) <= 2
        assert played.ca.asked("/challenge").count({}) <= 2


@in_table(
    *(
        Row(f"A08 {what} from {path}", at(path, fault), NOT_ACME)
        for what, fault in (
            ("a captive portal", answer(200, b"<html>Please sign in", Content_Type="text/html")),
            ("nothing", answer(200)),
            ("half an object", answer(200, b'{"status": "va')),
            ("a list", answer(200, b"[]")),
            ("NaN", answer(200, b'{"status":NaN}')),
            ("a key twice", answer(200, b'{"status":"valid","status":"valid"}')),
            ("deep nesting", answer(200, b'{"a":' * 100_000)),
            ("bytes that are no characters", answer(200, b"\xff\xfe{}")),
        )
        for path in OBJECTS
        if path != "/account" or what != "nothing"
    ),
    Row("A08 a chain of the wrong type", at("/certificate", answer(200, b"hi", Content_Type="text/html")), "text/html"),
    Row("A08 an empty chain", at("/certificate", answer(200, b"", Content_Type="application/pem-certificate-chain")), "0 certificates", Refused),
    Row("A08 no content at the order", at("/order", answer(204)), NOT_ACME),
)  # fmt: skip
async def test_not_an_acme_answer(row: Row) -> None:
    """P-11: whoever answers instead of the CA is told apart, quoted briefly, and tried again in a later cycle."""
    played = await play(row)

    assert len(str(played.problem)) < 400


@in_table(
    *(
        Row(f"A09 {what} from {path}", at(path, *[fault] * TRIES), said)
        for path in ("/dir", "/order", "/certificate")
        for what, fault, said in (
            ("a body without end", raw_answers.endless_body, "more than 1048576 bytes"),
            ("ten gigabytes announced", raw_answers.announced_body, "more than 1048576 bytes"),
            ("chunks without end", raw_answers.chunked_body, "more than 1048576 bytes"),
            ("headers without end", raw_answers.endless_headers, "not reached"),
            ("one header without end", raw_answers.endless_header, "not reached"),
            ("a gzip bomb", raw_answers.gzip_bomb, NOT_ACME if path != "/certificate" else "certificate"),
        )
    ),
)
async def test_endless(row: Row) -> None:
    """Every body and every header has a cap, and compressed ones are never unpacked."""
    before = peak()
    await play(row)

    assert peak() - before < 60_000


SLOW = {
    "a byte now and then": raw_answers.slow_body,
    "headers byte by byte": raw_answers.slow_headers,
    "silence": raw_answers.silence,
}


@in_table(
    *(
        Row(
            f"A10 {what} for ever",
            at("/dir", *[fault] * TRIES),
            "no whole answer within",
            asked={"/dir": TRIES},
        )
        for what, fault in SLOW.items()
    ),
    *(Row(f"A10 {what} once", at("/order", fault)) for what, fault in SLOW.items()),
)
async def test_slow(row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request has one limit in all: one byte now and then does not prolong it."""
    # What comes before the order must not be hurt by a busy machine.
    monkeypatch.setattr(network, "TIME_LIMIT", 0.3 if row.said else 1.5)
    await play(row)


@in_table(
    *(
        Row(f"A11 {what}", at("/order", *[fault] * TRIES), "the CA was not reached", asked={"/order": TRIES})
        for what, fault in (
            ("a body cut short", raw_answers.short_body),
            ("another protocol", raw_answers.not_http),
            ("chunks that are none", raw_answers.lying_chunks),
            ("two lengths", raw_answers.two_lengths),
        )
    ),
)
async def test_garbled(row: Row) -> None:
    """What is not HTTP is as good as no answer."""
    await play(row)
