"""The catalogue's rows between an order and its certificate: lagging, stuck, reused and refused in every way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from acme_companion.decide.problems import AccountStopped, NameRefusals, Problem, Refused
from tests.act.acme_proxy import as_is, changed, problem, status_becomes
from tests.act.acme_world import CERTIFICATE_KEY
from tests.act.catalogue import Row, all_of, at, in_table, play, well

if TYPE_CHECKING:
    from aiohttp import web

    from tests.act.acme_proxy import Fault, Forward
    from tests.act.catalogue import Script
    from tests.act.scripted_ca import ScriptedCa

TWO = "a.example.org b.example.org"


def identifiers(*texts: str) -> Fault:
    return changed(lambda order: order.update(identifiers=[{"type": "dns", "value": text} for text in texts]))


def of_name(kind: str, name: str, detail: str = "no") -> dict[str, Any]:
    return {
        "type": f"urn:ietf:params:acme:error:{kind}",
        "detail": detail,
        "identifier": {"type": "dns", "value": name},
    }


def reused(*statuses: str, challenge: str = "valid") -> Script:
    """The CA reuses authorizations in these statuses for the next order."""

    def script(ca: ScriptedCa) -> None:
        async def fault(request: web.BaseRequest, forward: Forward) -> web.Response:
            response = await forward()
            for status, authorization in zip(statuses, ca.objects("/authz"), strict=True):
                authorization["status"] = status
                authorization["challenges"][0]["status"] = challenge
            return response

        ca.on("/order", fault)

    return script


def closed(status: str) -> Script:
    """The CA has closed our account in the meantime."""

    def script(ca: ScriptedCa) -> None:
        async def fault(request: web.BaseRequest, forward: Forward) -> web.Response:
            ca.objects("/account/")[0]["status"] = status
            return await problem(401, "unauthorized", f"account is {status}")(request, forward)

        ca.on("/order", fault)

    return script


@in_table(
    *(
        Row(f"A15 {what}", at("/order", identifiers(*texts)), "names other identifiers", Refused, asked={"/authz": 0, "/challenge": 0}, names=TWO)
        for what, texts in (
            ("more names", ("a.example.org", "b.example.org", "evil.example")),
            ("fewer names", ("a.example.org",)),
            ("other names", ("a.example.org", "evil.example")),
            ("no names", ()),
        )
    ),
    Row("A15 authorization for another name", at("/authz", changed(lambda one: one["identifier"].update(value="evil.example"))), "a name that was not ordered", Refused, asked={"/challenge": 0}),
    Row("A16 all authorizations are valid", reused("valid"), asked={"/challenge": 0, "/finalize": 1}),
    Row("A16 the order is ready at once", all_of(reused("valid"), at("/dir", as_is), at("/placed", as_is)), asked={"/challenge": 0, "/finalize": 1}),
    Row("A16 one of two authorizations is valid", reused("valid", "pending", challenge="pending"), names=TWO, asked={"/challenge": 1}),
    Row("A17 stuck in processing", all_of(at("/finalize", status_becomes("processing")), at("/placed", *[as_is] + [status_becomes("processing")] * 500)), "has not issued the certificate .* within 30 s", asked={"/order": 1, "/finalize": 1}),
    Row("A17 never ready", at("/placed", *[status_becomes("pending")] * 500), "did not finish checking within 30 s", asked={"/order": 1, "/finalize": 0}),
    Row(
        "A18 a replica lags behind after finalize",
        all_of(
            at("/finalize", status_becomes("processing")),
            at("/placed", as_is, *(status_becomes(one) for one in ("pending", "ready", "processing", "ready"))),
        ),
        asked={"/finalize": 1, "/placed": 6},
    ),
    Row("A19 unknown status of the order", at("/placed", status_becomes("contemplating")), asked={"/placed": 2}),
    Row("A19 unknown status of an authorization", at("/authz", changed(lambda one: one.update(status="musing"))), "did not finish checking"),
    Row("A19 unknown fields and types", at("/authz", changed(lambda one: one.update(mood=7, challenges=[7, {"type": 7}, {"type": "tls-alpn-99"}, *one["challenges"]])))),
    Row("A19 no challenge that we know", at("/authz", changed(lambda one: one.update(challenges=[{"type": "smoke-01"}, {"type": "dns-persist-01"}]))), "offers no http-01 challenge for it, only smoke-01, dns-persist-01", NameRefusals, without={"a.example.org": "only smoke-01, dns-persist-01"}),
    Row("A19 no challenge at all", at("/authz", changed(lambda one: one.update(challenges=[]))), "only none", NameRefusals, without={"a.example.org": "only none"}),
    Row("A22 processing for ever", all_of(at("/challenge", changed(lambda one: one.update(status="processing"))), at("/placed", *[status_becomes("pending")] * 500)), "did not finish checking within 30 s", asked={"/challenge": 1}),
    Row("A23 not ready after all", at("/finalize", problem(403, "orderNotReady")), asked={"/finalize": 2, "/order": 1}),
    Row("A23 not ready after all, and processing when looked at", all_of(at("/finalize", problem(403, "orderNotReady")), at("/placed", as_is, status_becomes("invalid"))), "declared the order invalid", Refused, asked={"/finalize": 1}),
    Row("A23 not ready for ever", at("/finalize", *[problem(403, "orderNotReady")] * 500), "still not ready after 30 s", asked={"/order": 1}),
    Row("A52 a reused order is half done", reused("valid", "pending", challenge="pending"), names=TWO, asked={"/order": 1, "/challenge": 1}),
)  # fmt: skip
async def test_orders(row: Row) -> None:
    """P-11, P-17 to P-20, P-25: tolerant with what is new or late, strict with what is not ours."""
    await play(row)


@in_table(
    *(
        Row(f"A25 {kind}", at("/order", problem(status, kind, "replaces is not good")), replaces="aaaa.bbbb", asked={"/order": 2})
        for status, kind in ((409, "alreadyReplaced"), (409, "conflict"), (400, "malformed"), (403, "unauthorized"))
    ),
    Row("A25 refused twice", at("/order", *[problem(409, "alreadyReplaced")] * 9), "alreadyReplaced", Problem, replaces="aaaa.bbbb", asked={"/order": 2}),
    Row("A25 another refusal", at("/order", problem(400, "badPublicKey")), "badPublicKey", Refused, replaces="aaaa.bbbb", asked={"/order": 1}),
)  # fmt: skip
async def test_replaces(row: Row) -> None:
    """B-2, RFC 9773 section 5: the predecessor is a courtesy; refused, the same order goes without it, once."""

    def with_renewal_information(ca: ScriptedCa) -> None:
        ca.on("/dir", changed(lambda value: value.update(renewalInfo=ca.url("/ari"))))
        row.script(ca)

    played = await play(Row(**{**vars(row), "script": with_renewal_information}))

    sent = [payload.get("replaces") for payload in played.ca.asked("/order")]
    assert sent == ["aaaa.bbbb", None][: len(sent)]


OFFERED = all_of(lambda ca: ca.meta.update(profiles={"classic": "90 days", "tlsserver": "45 days"}))


@in_table(
    Row("A26 a profile that vanished", OFFERED, "does not offer the profile tlsclient; it offers: classic, tlsserver", Refused, settings={"profile": "tlsclient"}, asked={"/order": 0}),
    Row("A26 no profiles at all", well, "does not offer the profile classic; it offers: none", Refused, settings={"profile": "classic"}, asked={"/order": 0}),
    Row("A26 a profile that is not for us", all_of(OFFERED, at("/order", problem(400, "invalidProfile", "not for you"))), r"not for you \(invalidProfile\)", Refused, settings={"profile": "tlsserver"}, asked={"/order": 1}),
    Row("A26 a profile that is there", OFFERED, settings={"profile": "tlsserver"}, asked={"/order": 1}),
    Row("A28 policy forbids one of two names", at("/order", problem(400, "rejectedIdentifier", "see below", subproblems=[of_name("rejectedIdentifier", "b.example.org", "blocked list")])), names=TWO, without={"b.example.org": "blocked list (rejectedIdentifier)"}, asked={"/order": 2}),
    Row("A28 policy forbids both names", at("/order", problem(400, "malformed", "see below", subproblems=[of_name("rejectedIdentifier", one) for one in TWO.split()])), "refused a.example.org: .*; b.example.org", NameRefusals, names=TWO, without=dict.fromkeys(TWO.split(), "rejectedIdentifier"), asked={"/order": 1}),
    Row("A28 policy forbids a name that must be there", at("/order", problem(400, "rejectedIdentifier", "see below", subproblems=[of_name("rejectedIdentifier", "a.example.org")])), "refused a.example.org", NameRefusals, names=TWO, required="a.example.org", without={"a.example.org": "no (rejectedIdentifier)"}, asked={"/order": 1}),
    Row("A28 a name of which nothing is known", at("/order", problem(400, "rejectedIdentifier", "see below", subproblems=[of_name("rejectedIdentifier", "x.example.net")])), "see below", Problem, names=TWO, asked={"/order": 1}),
    Row("A35 terms changed", at("/order", problem(403, "userActionRequired", "terms have changed", headers={"Link": '<https://ca.example/terms>;rel="terms-of-service"'})), r"terms at https://ca\.example/terms", Problem, asked={"/order": 1}),
    Row("A35 terms changed, said by instance", at("/order", problem(403, "userActionRequired", "terms have changed", instance="https://ca.example/terms")), r"terms at https://ca\.example/terms", Problem, asked={"/order": 1}),
    Row("A35 terms changed, without a page", at("/order", problem(403, "userActionRequired", "terms have changed")), "terms have changed", Problem, asked={"/order": 1}),
    Row("A36 the account is deactivated", closed("deactivated"), "our account is deactivated, which is final", AccountStopped, asked={"/order": 1}),
    Row("A36 the account is revoked", closed("revoked"), "our account is revoked, which is final", AccountStopped, asked={"/order": 1}),
    Row("A36 the account is blocked, whatever it says of itself", at("/order", problem(403, "unauthorized", "account is blocked")), r"/order: account is blocked \(unauthorized\)$", Refused, asked={"/order": 1}),
    *(
        Row(f"A49 {kind} at {path}", at(path, problem(400, kind)), rf"no \({kind}\)", Refused, asked={path: 1})
        for kind in ("badSignatureAlgorithm", "badPublicKey", "badCSR", "somethingOfTomorrow")
        for path in ("/order", "/finalize")
    ),
    Row("A50 one key for account and certificate", well, "must not be the certificate's key", Refused, settings={"account_key": CERTIFICATE_KEY}, asked={"/dir": 0}),
)  # fmt: skip
async def test_refusals(row: Row) -> None:
    """P-8, P-13, P-16, P-21: final is final, and no second try is a little weaker."""
    await play(row)
