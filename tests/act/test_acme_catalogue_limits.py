"""The catalogue's rows about limits: a CA that says "not now" is obeyed, and its words and its time are handed on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from acme_companion.act.acme.network import TRIES
from acme_companion.decide.problems import NotYet, Problem
from tests.act.acme_proxy import answer, problem
from tests.act.acme_world import StepClock, issue
from tests.act.catalogue import Row, all_of, at, in_table, play
from tests.act.scripted_ca import scripted_ca

if TYPE_CHECKING:
    from aiohttp import web

    from tests.act.acme_proxy import Fault, Forward

HOUR = timedelta(hours=1)
SENTENCE = "too many certificates (50) already issued for example.org in the last 168h"
PAUSE = (
    "Your account is temporarily prevented from requesting certificates for a.example.org and possibly others. "
    "Please visit: https://portal.ca.example/sfe/v1/unpause?jwt=" + "eyJhbGciOiJIUzI1NiJ9." * 30
)


IMF, RFC850 = "%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT"


def until(wait: timedelta, form: str = IMF) -> Fault:
    """A limit that ends at a date, counted from the moment of the answer."""

    async def fault(request: web.BaseRequest, forward: Forward) -> web.Response:
        return await limited(f"{datetime.now(UTC) + wait:{form}}")(request, forward)

    return fault


def limited(wait: str | None, detail: str = SENTENCE, status: int = 429) -> Fault:
    headers = {} if wait is None else {"Retry-After": wait}
    return problem(status, "rateLimited", detail, headers=headers)


async def closed_until(request: web.BaseRequest, forward: Forward) -> web.Response:
    """Closed for two hours, as a date."""
    return await answer(503, b"", Retry_After=f"{datetime.now(UTC) + 2 * HOUR:{IMF}}")(request, forward)


def limit(what: str, header: str | Fault | None, wait: timedelta | None) -> Row:
    """Whatever the header holds, the order is asked for once, and the time is a sane one or none."""
    fault = header if callable(header) else limited(header)
    return Row(
        f"A04 {what}", at("/order", fault), r"too many certificates \(50\)", asked={"/order": 1}, wait=wait
    )


@in_table(
    limit("seconds", "7200", 2 * HOUR),
    limit("HTTP-date", until(3 * HOUR), 3 * HOUR),
    limit("HTTP-date of the form that is obsolete", until(HOUR, RFC850), HOUR),
    limit("past date", "Thu, 01 Jan 1970 00:00:00 GMT", 0 * HOUR),
    limit("negative", "-5", None),
    limit("ages", "1000000000000", 8 * 24 * HOUR),
    limit("a number that no float holds", "9" * 4000, None),
    limit("garbage", "when it is done", None),
    limit("empty", "", None),
    limit("none", None, None),
    Row("A04 new account", at("/account", limited("7200")), "too many", asked={"/account": 1}, wait=2 * HOUR),
    Row("A04 authorization", at("/authz", limited("7200")), "too many", asked={"/authz": 1}, wait=2 * HOUR),
    Row(
        "A04 challenge", at("/challenge", limited("7200")), "too many", asked={"/challenge": 1}, wait=2 * HOUR
    ),
    Row("A04 finalize", at("/finalize", limited("7200")), "too many", asked={"/finalize": 1}, wait=2 * HOUR),
    Row("A04 certificate", at("/certificate", limited("60")), "too many", asked={"/certificate": 1}),
    Row("A04 with status 403", at("/order", limited("60", status=403)), "too many", asked={"/order": 1}),
    Row(
        "A04 without a problem document",
        at("/order", answer(429, b"slow down", Retry_After="7200")),
        "HTTP status 429: slow down",
        asked={"/order": 1},
        wait=2 * HOUR,
    ),
    Row(
        "A05 paused: the page to open is shown whole",
        at("/order", limited("86400", PAUSE)),
        r"paused .* open https://portal\.ca\.example/sfe/v1/unpause\?jwt=(eyJhbGciOiJIUzI1NiJ9\.?){30} to go on",
        asked={"/order": 1},
        wait=24 * HOUR,
    ),
    Row(
        "A06 directory closed for hours",
        at("/dir", problem(503, "serverInternal", "maintenance", headers={"Retry-After": "7200"})),
        "trouble: maintenance",
        asked={"/dir": 1, "/nonce": 0},
        wait=2 * HOUR,
    ),
    Row(
        "A06 directory closed until a date",
        at("/dir", closed_until),
        "HTTP status 503",
        asked={"/dir": 1},
        wait=2 * HOUR,
    ),
    Row(
        "A06 directory closed, nobody knows how long",
        at("/dir", *[answer(503)] * 20),
        "HTTP status 503",
        asked={"/dir": TRIES, "/nonce": 0},
        wait=None,
    ),
    Row(
        "A06 directory closed for a moment", at("/dir", answer(503, b"", Retry_After="5")), asked={"/dir": 2}
    ),
    Row(
        "A06 new nonces closed for hours",
        all_of(lambda ca: ca.keep_nonces(), at("/nonce", answer(503, b"", Retry_After="7200"))),
        "HTTP status 503",
        asked={"/nonce": 1, "/account": 0},
        wait=2 * HOUR,
    ),
    Row(
        "A51 somebody else used up the registered domain",
        at(
            "/order",
            limited("43200", "too many certificates (50) already issued for example.org, retry after 2026"),
        ),
        "already issued for example.org, retry after 2026",
        asked={"/order": 1},
        wait=12 * HOUR,
    ),
)
async def test_limits(row: Row) -> None:
    """P-9: never tried again by itself before the CA's time; its sentence is what people read."""
    await play(row)


@pytest.mark.parametrize(
    ("row", "kind", "ca_wide", "page"),
    [
        pytest.param(
            Row("", at("/order", limited("60")), "too many"), "rateLimited", False, "", id="a limit"
        ),
        pytest.param(
            Row("", at("/order", limited("60", "see https://ca.example/unpause")), "open"),
            "rateLimited",
            False,
            "https://ca.example/unpause",
            id="a pause",
        ),
        pytest.param(
            Row(
                "", at("/dir", problem(503, "rateLimited", "closed", headers={"Retry-After": "60"})), "closed"
            ),
            "rateLimited",
            True,
            "",
            id="the whole CA",
        ),
        pytest.param(Row("", at("/order", *[answer(502)] * 9), "502"), "", True, "", id="a CA that is down"),
    ],
)
async def test_limit_keeps_what_the_ca_said(row: Row, kind: str, ca_wide: bool, page: str) -> None:
    """P-10, B-5: type, status, time and page are there for whoever decides what follows."""
    problem = (await play(row)).problem

    assert isinstance(problem, NotYet)
    said = problem.rejection
    assert said
    assert (said.kind, said.ca_wide, said.document.unpause_url) == (kind, ca_wide, page)
    assert said.retry_after == (None if kind == "" else 60.0)


KINDS_OF_BOULDER = (
    *(
        "malformed",
        "rejectedIdentifier",
        "unauthorized",
        "dns",
        "connection",
        "tls",
        "caa",
        "rateLimited",
        "badCSR",
    ),
    *("badPublicKey", "orderNotReady", "alreadyReplaced", "conflict", "invalidProfile", "userActionRequired"),
    *(
        "accountDoesNotExist",
        "serverInternal",
        "badNonce",
        "badRevocationReason",
        "alreadyRevoked",
        "unsupportedContact",
    ),
)


@pytest.mark.parametrize("kind", KINDS_OF_BOULDER)
@pytest.mark.parametrize(
    "path", ["/account", "/order", "/authz", "/challenge", "/placed", "/finalize", "/certificate"]
)
async def test_every_kind_of_problem(kind: str, path: str) -> None:
    """B-10: whatever Boulder says, and wherever: a certificate, or one sentence with its words, after few requests."""
    script = at(path, *[problem(400, kind, "because of the weather")] * 500)
    async with scripted_ca() as ca:
        script(ca)
        said = ""
        try:
            await issue(ca, "a.example.org", clock=StepClock())
        except Problem as declined:
            said = str(declined)

    assert said.isprintable()
    if said and path != "/challenge" and kind not in {"badNonce", "orderNotReady"}:
        assert "because of the weather" in said
    assert len(ca.requests) <= 300
    assert len(ca.objects("/placed")) <= 5


async def test_problem_is_kept_whole() -> None:
    """P-10: type, detail, instance, and the subproblem of each identifier."""
    name = {"type": "dns", "value": "b.example.org"}
    below = {"type": "urn:ietf:params:acme:error:caa", "detail": "not by us", "identifier": name}
    script = at(
        "/order",
        problem(403, "malformed", "look", instance="https://ca.example/i", subproblems=[below]),
    )
    refused = (await play(Row("", script, "look", Problem))).problem

    said = getattr(refused, "rejection", None)
    assert said
    assert (said.status, said.url[-6:]) == (403, "/order")
    document = said.document
    assert (document.kind, document.detail, document.instance) == (
        "malformed",
        "look",
        "https://ca.example/i",
    )
    assert [(one.kind, one.detail, one.identifier) for one in document.subproblems] == [
        ("caa", "not by us", "b.example.org")
    ]
