"""The catalogue's rows about validating names: which failed and why, and that nothing is asked or answered twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from acme_companion.act.acme.authority import ROUNDS
from acme_companion.decide.acme_problems import hint
from acme_companion.decide.problems import NameRefusals, NotYet
from tests.act.acme_proxy import PROBLEM, as_is, changed, lost, problem, reset, status_becomes
from tests.act.catalogue import Row, all_of, at, in_table, play

if TYPE_CHECKING:
    from aiohttp import web

    from tests.act.acme_proxy import Forward
    from tests.act.catalogue import Script
    from tests.act.scripted_ca import ScriptedCa

TWO = "a.example.org b.example.org"
THREE = f"{TWO} c.example.org"


def fails(name: str, kind: str = "", detail: str = "seen from afar: no", status: str = "invalid") -> Script:
    """The authorization of one name comes out like this, whenever a challenge is answered."""

    def script(ca: ScriptedCa) -> None:
        async def fault(request: web.BaseRequest, forward: Forward) -> web.Response:
            response = await forward()
            for authorization in ca.objects("/authz"):
                if authorization["identifier"]["value"] == name:
                    authorization["status"] = status
                    authorization["challenges"][0]["status"] = status
                    if kind:
                        authorization["challenges"][0]["error"] = {"type": PROBLEM + kind, "detail": detail}
            return response

        ca.on("/challenge", *[fault] * 20)

    return script


def refused(*names: str, kind: str = "connection") -> dict[str, str]:
    return dict.fromkeys(names, f"seen from afar: no ({kind}): {hint(kind)}")


def once(status: str) -> Script:
    """The first order's authorization ran out while the CA was being waited for."""

    def script(ca: ScriptedCa) -> None:
        async def fault(request: web.BaseRequest, forward: Forward) -> web.Response:
            ca.objects("/authz")[-1]["status"] = status
            return await forward()

        ca.on("/placed", fault)

    return script


@in_table(
    Row("A20 one of three names", fails("b.example.org", "connection"), names=THREE, without=refused("b.example.org"), asked={"/order": 2}),
    Row(
        "A20 two of three names",
        all_of(fails("b.example.org", "connection"), fails("c.example.org", "dns")),
        names=THREE,
        without=refused("b.example.org"),
        asked={"/order": 2},
    ),
    Row("A20 a name that must be there", fails("a.example.org", "connection"), r"refused a\.example\.org: seen from afar: no \(connection\)", NameRefusals, names=THREE, required="a.example.org", without=refused("a.example.org"), asked={"/order": 1}),
    Row("A20 without a reason", fails("b.example.org"), names=TWO, without={"b.example.org": "the CA says that its authorization is invalid"}, asked={"/order": 2}),
    Row("A20 the order says nothing of it", all_of(fails("b.example.org", "dns"), at("/placed", status_becomes("invalid"))), names=TWO, without=refused("b.example.org", kind="dns"), asked={"/order": 2}),
    *(
        Row(f"A21 {status} while waiting", once(status), asked={"/order": 2, "/certificate": 1})
        for status in ("expired", "deactivated", "revoked")
    ),
    Row("A21 expired every time", all_of(*[once("expired")] * (ROUNDS + 1)), f"no certificate after ordering {ROUNDS} times", NotYet, asked={"/order": ROUNDS}),
    Row("A22 a CA that goes on trying", all_of(fails("a.example.org", "connection", status="pending"), at("/placed", *[as_is] * 3)), "did not finish checking within 30 s; still open: a.example.org", asked={"/challenge": 1}),
    Row("A24 the answer to a challenge is lost", at("/challenge", lost), asked={"/challenge": 2}),
    Row("A24 the challenge was never heard", at("/challenge", reset), asked={"/challenge": 3}),
    Row("A24 409: it is being validated", at("/challenge", problem(409, "conflict")), "did not finish checking", asked={"/challenge": 1}),
    Row("A24 400: it is being validated", at("/challenge", problem(400, "malformed", "authorization must be pending")), "did not finish checking", asked={"/challenge": 1}),
    *(
        Row(f"A29 {kind}", fails("b.example.org", kind), names=TWO, without=refused("b.example.org", kind=kind), asked={"/order": 2})
        for kind in ("caa", "dns", "dnssec", "connection", "tls", "unauthorized", "incorrectResponse")
    ),
    Row("A29 a kind of tomorrow", fails("b.example.org", "moonPhase"), names=TWO, without={"b.example.org": "seen from afar: no (moonPhase)"}),
    Row(
        "A29 caa at the very end",
        at("/finalize", problem(403, "caa", "CAA record for b.example.org prevents issuance")),
        names=TWO,
        without={"b.example.org": f"CAA record for b.example.org prevents issuance (caa): {hint('caa')}"},
        asked={"/finalize": 2},
    ),
    Row("A52 a challenge that is under way is not answered again", at("/authz", changed(lambda one: one["challenges"][0].update(status="processing"))), "did not finish checking", asked={"/challenge": 0}),
)  # fmt: skip
async def test_validation(row: Row) -> None:
    """P-21 to P-24: a challenge is answered once; a dead order is not revived; every failed name is told with its reason."""
    await play(row)


async def test_whatever_is_left_is_given_back() -> None:
    """P-24: pending authorizations are deactivated after a failure, valid ones are kept for the next order."""

    def settled(ca: ScriptedCa) -> list[str]:
        return [one["status"] for one in ca.objects("/authz")]

    never = at("/placed", *[status_becomes("pending")] * 500)
    script = all_of(fails("b.example.org", status="pending"), never)
    played = await play(Row("", script, r"still open: b\.example\.org$", names=TWO))

    assert settled(played.ca) == ["valid", "deactivated"]


@pytest.mark.parametrize("kind", ["connection", "dns"])
async def test_failed_validations_can_be_counted(kind: str) -> None:
    """What the CA said of every refused name comes with the certificate, and with the failure."""
    row = Row("", fails("b.example.org", kind), names=TWO, without=refused("b.example.org", kind=kind))
    issued = (await play(row)).issued

    assert issued
    assert {name.text: (said.kind, said.failed_validation) for name, said in issued.documents.items()} == {
        "b.example.org": (kind, True)
    }
