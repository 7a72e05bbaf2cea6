"""The catalogue's rows about what a CA points us to: only https, nothing that redirects, and no odd file names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from acme_companion.act.acme.network import TRIES
from acme_companion.decide.problems import Problem
from tests.act.acme_proxy import answer, changed, problem, without_header
from tests.act.catalogue import Row, at, in_table, play
from tests.act.raw_answers import raw

if TYPE_CHECKING:
    from aiohttp import web

    from tests.act.acme_proxy import Fault, Forward
    from tests.act.catalogue import Script
    from tests.act.scripted_ca import ScriptedCa

BAD_URLS = {
    "no URL": None,
    "http": "http://127.0.0.1/x",
    "a path": "/order",
    "no host": "https://",
    "a script": "javascript:alert(1)",
    "a space": "https://127.0.0.1/a b",
    "a line break": "https://127.0.0.1/\r\nX-Evil: 1",
    "a number": 7,
}


def becomes(key: str, value: object) -> Fault:
    """Put another value in one place of the answer; `challenges.url` means that of the first challenge."""

    def change(document: dict[str, Any]) -> None:
        where, _, below = key.rpartition(".")
        target = document[where][0] if where else document
        target[below] = [value] if isinstance(target[below], list) else value

    return changed(change)


def at_another_host(ca: ScriptedCa) -> None:
    """Every URL names the same server in another way, which RFC 8555 allows."""

    async def fault(request: web.BaseRequest, forward: Forward) -> web.Response:
        response = await forward()
        body = bytes(response.body)  # type: ignore[arg-type]
        response.body = body.replace(b"https://127.0.0.1", b"https://localhost")
        return response

    ca.on("/dir", fault)


@in_table(
    *(
        Row(f"A12 directory: {key} is {what}", at("/dir", becomes(key, url)), f"{key} is '.*', not an absolute https URL", asked={"/account": 0})
        for key in ("newNonce", "newAccount", "newOrder")
        for what, url in BAD_URLS.items()
    ),
    Row("A12 directory: newOrder is missing", at("/dir", changed(lambda value: value.pop("newOrder"))), "newOrder is ''"),
    Row("A12 directory: another host", at_another_host),
    Row("A12 directory: more than we know", at("/dir", changed(lambda value: value.update({"newAuthz": 7, "Ab3": "x", "meta": [1]})))),
    *(
        Row(f"A12 {path}: {key} is {what}", at(path, becomes(key, url)), "not an absolute https URL", asked={"/certificate": 0})
        for path, key in (
            ("/order", "authorizations"),
            ("/order", "finalize"),
            ("/authz", "challenges.url"),
            ("/placed", "finalize"),
            ("/finalize", "certificate"),
        )
        for what, url in BAD_URLS.items()
        # An absent certificate URL is treated below: there is nothing to download.
        if (key, what) != ("certificate", "no URL")
    ),
    Row("A12 a valid order without a certificate", at("/finalize", becomes("certificate", None)), "https", asked={"/certificate": 0}),
)  # fmt: skip
async def test_urls(row: Row) -> None:
    """P-1: everything goes over https, also what stands in objects; the complaint names the place."""
    await play(row)


@in_table(
    *(
        Row(
            f"A13 {status} at {path}",
            at(path, answer(status, b"", Location="https://elsewhere.example/x")),
            "redirects to https://elsewhere.example/x, which ACME requests must not follow",
            Problem,
            asked={path: 1},
        )
        for status in (301, 302, 303, 307, 308)
        for path in ("/account", "/order", "/finalize")
    ),
    Row("A13 at the directory", at("/dir", answer(301, b"", Location="http://e/")), "redirects to http://e/", Problem, asked={"/dir": 1}),
    Row("A13 without a target", at("/order", answer(302)), "redirects to", Problem),
    Row("A13 to nowhere good", at("/order", answer(302, b"", Location="x" * 5000)), "redirects to x{500}", Problem),
)  # fmt: skip
async def test_redirects(row: Row) -> None:
    """A signed request is for one URL, so none is followed elsewhere; the target is named."""
    await play(row)


def new_account_answers(fault: Fault) -> Script:
    """The first question is for an account that exists already."""

    async def unknown(request: web.BaseRequest, forward: Forward) -> web.Response:
        return await forward()

    return at("/account", unknown, fault)


def located(url: str) -> Fault:
    """The resource is said to be somewhere else."""

    async def fault(request: web.BaseRequest, forward: Forward) -> web.Response:
        response = await forward()
        response.headers["Location"] = url
        return response

    return fault


@in_table(
    *(
        Row(f"A14 {what}", at("/order", located(url)), "Location header is '.*', not an absolute https URL", asked={"/authz": 0})
        for what, url in BAD_URLS.items()
        if isinstance(url, str) and url.isprintable()
    ),
    Row("A14 new account", new_account_answers(without_header("Location")), "Location header is ''", asked={"/order": 0}),
    Row("A14 new order", at("/order", without_header("Location")), "Location header is ''", asked={"/authz": 0}),
)  # fmt: skip
async def test_location(row: Row) -> None:
    """Without its URL, neither an account nor an order is any use."""
    await play(row)


TOKENS = {
    "climbs out": "../../x",
    "is absolute": "/etc/cron.d/x",
    "has one character": "x",
    "has ten thousand characters": "a" * 10_000,
    "has a dot": "with.dot" * 4,
    "has a null byte": "a" * 22 + "\0",
    "has a line break": "a" * 22 + "\n",
    "is a number": 7,
    "is missing": None,
}


@in_table(
    *(
        Row(f"A47 token {what}", at("/authz", becomes("challenges.token", token)), "not safe as a file name", asked={"/challenge": 0})
        for what, token in TOKENS.items()
    ),
)  # fmt: skip
async def test_tokens(row: Row) -> None:
    """P-30: a token becomes the name of a file, so a strange one is refused before any file is made."""
    await play(row)


HOSTILE = "no\r\n\x1b[31mFATAL\u202e <script>alert(1)</script> \0" + "x" * 1_000_000


@in_table(
    *(
        Row(f"A46 at {path}", at(path, problem(400, "malformed", HOSTILE)), r"no \\x1b\[31mFATAL\\u202e <script>", Problem)
        for path in ("/account", "/order", "/authz", "/finalize")
    ),
    Row("A46 type", at("/order", answer(400, {"type": HOSTILE[:9000], "detail": "d"})), r"d \(no \\x1b", Problem),
    Row("A46 redirect", at("/order", *[raw(b"HTTP/1.1 301 Moved\r\nLocation: \x1b[31m\r\nContent-Length: 0\r\n\r\n")] * TRIES), r"redirects to \\x1b|not reached", Problem),
    Row("A46 list for a text", at("/order", answer(400, {"type": ["x"], "detail": {"a": 1}, "subproblems": 7})), "HTTP status 400", Problem),
)  # fmt: skip
async def test_hostile_words(row: Row) -> None:
    """The CA's words come through on one line, cut short, and with everything escaped that could deceive."""
    played = await play(row)

    assert len(str(played.problem)) < 900
