"""What is told of a cycle, to people and to machines."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from acme_companion.decide.alarm import Alarm
from acme_companion.decide.deployment import EndpointResult
from acme_companion.decide.facts import Endpoint, Refusal
from acme_companion.decide.report import (
    DeploymentReport,
    Done,
    Report,
    as_data,
    lines,
    plan_lines,
    readiness_counts,
    step_as_data,
)
from acme_companion.decide.steps import Archive, Deploy, Hold, Issue, Keep, LeftOut, Lineage, Plan, Skip
from tests.builders import DAY, HOST, NOW, names, verdicts

LINEAGE = Lineage(names("mail.example.org imap.example.org smtp.example.org"), server=True)
NAME = names("imap.example.com")[0]
OUT = (LeftOut(NAME, "points elsewhere"),)
KEEP = Keep(LINEAGE, "valid until 20 Dec 2026", NOW + 3 * DAY, OUT)
ISSUE = Issue(LINEAGE, "no certificate yet", left_out=OUT)
HOLD = Hold(
    LINEAGE, "waits after 2 failures in a row: the CA is down", NOW + DAY, served_until=NOW + 20 * DAY
)
ARCHIVE = Archive("old.example.org", "its names are not wanted any more")
DEPLOY = Deploy(("a.example.org", "b.example.org"), "postfix did not come up")
ENDPOINT = Endpoint("postfix", "172.22.1.9", 25, "smtp", HOST)
GOOD, STALE = EndpointResult(ENDPOINT, "ab" * 32, "ab" * 32), EndpointResult(ENDPOINT, "ab" * 32, "cd" * 32)


def report(*steps, **more) -> Report:
    return Report(NOW, NOW + DAY / 24, Plan(steps), **more)


@pytest.mark.parametrize(
    ("step", "done", "expected"),
    [
        pytest.param(
            KEEP,
            None,
            [
                (
                    "info",
                    "mail.example.org +2 names: kept, valid until 20 Dec 2026; next renewal 24 Nov 2026 12:00 UTC",
                ),
                ("warning", "  imap.example.com left out: points elsewhere"),
            ],
            id="kept, without a name",
        ),
        pytest.param(
            ISSUE,
            None,
            [
                ("info", "mail.example.org +2 names: to be issued, no certificate yet"),
                ("warning", "  imap.example.com left out: points elsewhere"),
            ],
            id="planned",
        ),
        pytest.param(
            Issue(LINEAGE, "new"),
            Done(ISSUE, ok=True, sentence="issued, valid until 19 Feb 2027", left_out=OUT),
            [
                ("info", "mail.example.org +2 names: issued, valid until 19 Feb 2027"),
                ("warning", "  imap.example.com left out: points elsewhere"),
            ],
            id="issued without a name that the CA refused",
        ),
        pytest.param(
            Issue(LINEAGE, "new"),
            Done(ISSUE, ok=False, sentence="not issued: the CA is down"),
            [("error", "mail.example.org +2 names: not issued: the CA is down")],
            id="failed",
        ),
        pytest.param(
            HOLD,
            None,
            [
                (
                    "warning",
                    "mail.example.org +2 names: not issued, waits after 2 failures in a row: the CA is down; next try "
                    "22 Nov 12:00 UTC; served meanwhile: valid until 11 Dec 2026",
                )
            ],
            id="held until then",
        ),
        pytest.param(
            Hold(Lineage(names("a.example.org b.example.org")), "no name is ready"),
            None,
            [("warning", "a.example.org +1 name: not issued, no name is ready")],
            id="held for as long as it takes",
        ),
        pytest.param(
            ARCHIVE,
            None,
            [("info", "old.example.org: to be archived, its names are not wanted any more")],
            id="to be archived",
        ),
        pytest.param(
            ARCHIVE,
            Done(ARCHIVE, ok=True, sentence="archived"),
            [("info", "old.example.org: archived")],
            id="archived",
        ),
        pytest.param(
            ARCHIVE,
            Done(ARCHIVE, ok=False, sentence="cannot be archived: the disk is full"),
            [("error", "old.example.org: cannot be archived: the disk is full")],
            id="not archived is an error",
        ),
        pytest.param(
            DEPLOY,
            None,
            [
                (
                    "info",
                    "siblings are taken through a.example.org, b.example.org again: postfix did not come up",
                )
            ],
            id="deployed again",
        ),
        pytest.param(
            Skip("SKIP_LETS_ENCRYPT=y"), None, [("info", "SKIP_LETS_ENCRYPT=y")], id="nothing at all, and why"
        ),
    ],
)
def test_lines_of_a_step(step, done, expected):
    """One line per certificate, then a line per name that it does without; what failed is an error."""
    told = report(step, done=(Done(step, done.ok, done.sentence, done.left_out),) if done else ())

    assert list(lines(told)) == expected
    if done is None:
        assert list(plan_lines(told.plan)) == expected


@pytest.mark.parametrize(
    ("deployment", "expected"),
    [
        pytest.param(DeploymentReport(), [], id="nobody was touched"),
        pytest.param(
            DeploymentReport(True, ("nginx reloaded",), (GOOD,)),
            [("info", "  nginx reloaded"), ("info", "  served now: 1 of 1 endpoints as expected")],
            id="all well",
        ),
        pytest.param(
            DeploymentReport(False, ("postfix restarted",), (GOOD, STALE)),
            [
                ("warning", "  postfix restarted"),
                ("error", f"  {STALE}"),
                ("info", "  served now: 1 of 2 endpoints as expected"),
            ],
            id="one still serves the old one",
        ),
    ],
)
def test_lines_of_a_deployment(deployment, expected):
    """What was done to the siblings, every endpoint that serves something else, and how many do not."""
    assert list(lines(report(deployment=deployment))) == expected


def test_warnings_and_refused_rows_come_first():
    """What the admin should mend stands above what happened."""
    told = report(
        ARCHIVE, warnings=("TZ is not known",), refused=(Refusal("table domain", "'a b' has a space"),)
    )

    assert list(lines(told)) == [
        ("warning", "TZ is not known"),
        ("warning", "table domain: 'a b' has a space; left out"),
        ("info", "old.example.org: to be archived, its names are not wanted any more"),
    ]


@pytest.mark.parametrize(
    ("told", "failed"),
    [
        pytest.param(report(), False, id="nothing was done"),
        pytest.param(report(HOLD), False, id="a server certificate that waits and lasts is no failure"),
        pytest.param(
            report(replace(HOLD, served_until=NOW + 6 * DAY, alarm=Alarm.URGENT)),
            True,
            id="one that ends within a week is",
        ),
        pytest.param(
            report(replace(HOLD, served_until=NOW + 3 * DAY, alarm=Alarm.LOW)),
            False,
            id="not a short-lived one at its half",
        ),
        pytest.param(report(replace(HOLD, served_until=None)), True, id="no server certificate at all is"),
        pytest.param(
            report(Hold(Lineage(names("a.example.org")), "points elsewhere")),
            False,
            id="a domain's name that is not ready is none",
        ),
        pytest.param(report(Skip("it is yours")), False, id="a pair of the admin's own"),
        pytest.param(report(Skip("it is yours", alarm=True)), True, id="which soon ends"),
        pytest.param(report(ISSUE, done=(Done(ISSUE, ok=True, sentence=""),)), False, id="issued"),
        pytest.param(report(ISSUE, done=(Done(ISSUE, ok=False, sentence=""),)), True, id="not issued"),
        pytest.param(report(deployment=DeploymentReport(ok=True)), False, id="served"),
        pytest.param(report(deployment=DeploymentReport(ok=False)), True, id="not served"),
    ],
)
def test_failed(told, failed):
    """Something that was tried did not work."""
    assert told.failed is failed


def test_as_data():
    """The whole report survives JSON, with times as RFC 3339."""
    told = report(
        KEEP,
        ISSUE,
        HOLD,
        ARCHIVE,
        DEPLOY,
        Skip("off"),
        done=(Done(ISSUE, ok=False, sentence="not issued", left_out=(LeftOut(names(HOST)[0], "refused"),)),),
        verdicts=verdicts("a.example.org", "b.example.org", "c.example.org"),
        refused=(Refusal("table domain", "NULL"),),
        warnings=("careful",),
        deployment=DeploymentReport(
            ok=False, sentences=("nginx reloaded",), endpoints=(STALE,), rolled_back=True
        ),
        next_look=NOW + DAY,
    )
    data = as_data(told)

    assert json.loads(json.dumps(data)) == data
    names_of = ["mail.example.org", "imap.example.org", "smtp.example.org"]
    out = {"imap.example.com": "points elsewhere"}
    lineage = {"lineage": HOST, "server": True, "names": names_of}
    assert data["steps"] == [
        {
            "step": "keep",
            "because": KEEP.because,
            **lineage,
            "left_out": out,
            "next_renewal": "2026-11-24T12:00:00+00:00",
        },
        {
            "step": "issue",
            "because": ISSUE.because,
            **lineage,
            "left_out": {**out, HOST: "refused"},
            "alarm": "none",
            "fallback": False,
            "rehearse": [],
            "ok": False,
            "result": "not issued",
        },
        {
            "step": "hold",
            "because": HOLD.because,
            "alarm": "none",
            **lineage,
            "left_out": {},
            "until": "2026-11-22T12:00:00+00:00",
        },
        {"step": "archive", "because": ARCHIVE.because, "lineage": "old.example.org"},
        {"step": "deploy", "because": DEPLOY.because, "lineages": ["a.example.org", "b.example.org"]},
        {"step": "skip", "because": "off"},
    ]
    assert {key: data[key] for key in ("started", "ended", "failed", "next_look", "warnings")} == {
        "started": "2026-11-21T12:00:00+00:00",
        "ended": "2026-11-21T13:00:00+00:00",
        "failed": True,
        "next_look": "2026-11-22T12:00:00+00:00",
        "warnings": ["careful", "table domain: NULL"],
    }
    assert data["names"]["b.example.org"] == {"readiness": "not ready", "because": "points elsewhere"}
    assert data["deployment"] == {
        "ok": False,
        "rolled_back": True,
        "sentences": ["nginx reloaded"],
        "endpoints": [STALE.as_data()],
    }


def test_a_step_for_machines_without_its_end():
    """`plan` prints what would be done: there is no result yet."""
    assert step_as_data(Skip("off")) == {"step": "skip", "because": "off"}


def test_readiness_counts():
    """All three, also where there are none."""
    assert (
        readiness_counts(verdicts("a.example.org b.example.org", "c.example.org"))
        == "2 ready, 1 not ready, 0 unknown"
    )
