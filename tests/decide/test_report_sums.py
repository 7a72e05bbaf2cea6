"""What is told of much: sums, not floods."""

from __future__ import annotations

from acme_companion.decide.alarm import Alarm
from acme_companion.decide.report import DeploymentReport, Report, lines
from acme_companion.decide.steps import Hold, Keep, LeftOut, Lineage, Plan
from tests.builders import DAY, NOW, names

LINEAGE = Lineage(names("mail.example.org imap.example.org smtp.example.org"), server=True)
OUT = (LeftOut(names("imap.example.com")[0], "points elsewhere"),)


def report(*steps, **more) -> Report:
    return Report(NOW, NOW + DAY / 24, Plan(steps), **more)


def test_many_quiet_certificates_are_one_line():
    """A stack with a thousand domains does not tell a thousand times a day that nothing is to do."""
    quiet = [Keep(Lineage(names(f"a{n}.example")), "valid", NOW + (n + 1) * DAY) for n in range(21)]

    assert [line for _, line in lines(report(*quiet))] == [
        f"21 certificates: kept; next renewal {NOW + DAY:%d %b %Y %H:%M} UTC (a0.example)"
    ]
    assert len(list(lines(report(*quiet[:20])))) == 20


def test_many_names_left_out_are_counted():
    """Twenty names are told with their reasons, the rest by number and by the command that lists them."""
    out = tuple(
        LeftOut(name, "points elsewhere") for name in names(" ".join(f"a{n}.example" for n in range(25)))
    )

    told = [line for _, line in lines(report(Keep(LINEAGE, "valid", NOW + DAY, out)))]

    assert len(told) == 1 + 20 + 1
    assert told[-1] == "  and 5 more names left out: `acme-companion check` lists them"


def test_many_certificates_that_wait_are_one_line():
    """A provider with hundreds of unprepared domains does not fill the log with them, cycle after cycle."""
    waiting = [Hold(Lineage(names(f"a{n}.example")), "no name is ready", left_out=OUT) for n in range(21)]

    assert list(lines(report(*waiting))) == [
        ("warning", "21 certificates: no name is ready; `acme-companion check` lists why")
    ]


def test_many_certificates_that_a_limit_holds_are_one_line():
    """A thousand new certificates at a CA that gives 300 in three hours: a line each time, not seven hundred. Near an end each has its own."""
    held = [
        Hold(Lineage(names(f"a{n}.example")), "300 in 3 hours", NOW + DAY + n * DAY / 24, alarm=alarm)
        for n, alarm in enumerate([Alarm.NONE] * 30 + [Alarm.URGENT])
    ]
    told = [line for _, line in lines(report(*held))]

    assert told[1:] == [
        "30 certificates: not issued, 300 in 3 hours; next try 22 Nov 12:00 UTC (a0.example is one of them)"
    ]
    assert told[0].startswith("a30.example: not issued")


def test_a_roll_back_is_an_error():
    """Whoever watches for errors hears of it."""
    told = list(lines(report(deployment=DeploymentReport(ok=False, rolled_back=True))))

    assert told == [
        ("error", "  a service did not come up with the new certificate: the previous one was put back")
    ]
