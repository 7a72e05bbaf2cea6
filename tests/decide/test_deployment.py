"""Who is acted on after a switch, how, in which order, and whether it stands afterwards."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acme_companion.decide.deployment import (
    NGINX_RELOAD,
    NOTHING,
    RESTART,
    Action,
    ActionKind,
    CameUp,
    Change,
    Handling,
    Port,
    Rollout,
    came_up,
    escalated,
    handling,
    is_sibling,
    rollout,
)
from acme_companion.decide.facts import Sibling
from acme_companion.decide.report import DeploymentReport, Report, lines
from acme_companion.decide.steps import Plan
from tests.builders import NOW

HUP = Action(ActionKind.SIGNAL, ("HUP",))
PREFIX = "acme-companion."


def sibling(service: str, labels: dict[str, str] | None = None, **facts: object) -> Sibling:
    """A running container of `service`; labels without their prefix."""
    marks = {PREFIX + key: value for key, value in (labels or {}).items()}
    plain = Sibling(f"id-{service}", f"stack-{service}-1", service, labels=marks)
    return replace(plain, **facts)  # type: ignore[arg-type]


NGINX, DOVECOT, POSTFIX = (
    sibling("nginx-mailcow"),
    sibling("dovecot-mailcow"),
    sibling("postfix-mailcow"),
)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(NGINX, Handling(NGINX_RELOAD, RESTART, (Port(8443, "tls"),)), id="nginx reloads"),
        pytest.param(
            DOVECOT,
            Handling(
                RESTART,
                RESTART,
                (
                    Port(143, "imap"),
                    Port(993, "tls"),
                    Port(110, "pop3"),
                    Port(995, "tls"),
                    Port(4190, "sieve"),
                ),
            ),
            id="Dovecot restarts",
        ),
        pytest.param(
            POSTFIX,
            Handling(RESTART, RESTART, (Port(25, "smtp"), Port(465, "tls"), Port(587, "smtp"))),
            id="Postfix restarts",
        ),
        pytest.param(sibling("mysql-mailcow"), None, id="another service is not ours"),
        pytest.param(sibling("nginx"), None, id="a service that is only named alike is not ours"),
        pytest.param(
            sibling("my-nginx-mailcow-exporter"),
            None,
            id="one that has the name of one of ours in it is not ours",
        ),
        pytest.param(
            replace(NGINX, https_port=9443),
            Handling(NGINX_RELOAD, RESTART, (Port(9443, "tls"),)),
            id="nginx's own container knows its port best",
        ),
        pytest.param(
            sibling("web", {"action": "signal:HUP", "endpoints": "443/tls 8443/tls"}),
            Handling(HUP, HUP, (Port(443, "tls"), Port(8443, "tls"))),
            id="one label serves renewals and changes",
        ),
        pytest.param(
            sibling(
                "web", {"renewed": "exec:apachectl -k 'graceful now'", "changed": "restart", "sni": "no"}
            ),
            Handling(
                Action(ActionKind.EXEC, ("apachectl", "-k", "graceful now")), RESTART, ports=(), sni=False
            ),
            id="a command is split into words, and no shell sees it",
        ),
        pytest.param(
            sibling("web", {"action": "restart", "renewed": "sighup"}),
            Handling(
                NOTHING,
                RESTART,
                (),
                complaints=(
                    "stack-web-1: label acme-companion.renewed='sighup': write restart, signal:HUP, exec:COMMAND"
                    " or none; left alone",
                ),
            ),
            id="a wrong label leaves the container alone for that matter only",
        ),
        pytest.param(
            sibling("dovecot-mailcow", {"action": "exec:dovecot reload", "endpoints": "993/tls"}),
            Handling(
                Action(ActionKind.EXEC, ("dovecot", "reload")),
                Action(ActionKind.EXEC, ("dovecot", "reload")),
                (Port(993, "tls"),),
            ),
            id="labels win over a known service",
        ),
        pytest.param(
            sibling("web", {"action": "exec:nginx -s reload"}),
            Handling(NGINX_RELOAD, NGINX_RELOAD, ()),
            id="nginx may restart when its reload cannot be run, labelled or not",
        ),
        pytest.param(
            sibling("nginx-mailcow", {"renewed": "none"}),
            Handling(NOTHING, RESTART, (Port(8443, "tls"),)),
            id="none leaves it to the admin",
        ),
    ],
)
def test_handling(found: Sibling, expected: Handling | None) -> None:
    """A known service has its defaults; labels make any other one of ours."""
    assert handling(found, https_port=8443) == expected
    assert is_sibling(found.service, found.labels) is (expected is not None)


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("action", "signal:KILL", "KILL would end it; write restart"),
        ("action", "signal:sigterm", "TERM would end it; write restart"),
        ("action", "signal:QUIT", "QUIT would end it; write restart"),
        ("action", "signal:1; reboot", "write the name of a signal, such as signal:HUP"),
        ("action", "exec:", "exec: needs a command, such as exec:nginx -s reload"),
        ("action", "exec:say 'hi", "the command cannot be split into words (No closing quotation)"),
        ("action", "restart:now", "write restart, signal:HUP, exec:COMMAND or none"),
        ("endpoints", "443", "'443' does not end in one of /tls, /smtp, /imap, /pop3, /sieve"),
        ("endpoints", "70000/tls", "'70000/tls' does not begin with a port number, as in 443/tls"),
        ("endpoints", "²/tls", "'²/tls' does not begin with a port number, as in 443/tls"),
        ("endpoints", "1/tls " * 33, "more than 32 entries"),
        ("sni", "maybe", "write yes or no"),
    ],
)
def test_wrong_labels(key: str, value: str, says: str) -> None:
    """The sentence names container, label and value, and what to write."""
    found = handling(sibling("web", {key: value}))

    assert found is not None
    (complaint,) = found.complaints
    assert complaint.startswith(f"stack-web-1: label acme-companion.{key}='")
    assert complaint.endswith(f": {says}; left alone")


@given(st.dictionaries(st.sampled_from(["action", "renewed", "changed", "endpoints", "sni"]), st.text()))
def test_no_label_breaks_anything(labels: dict[str, str]) -> None:
    """Whatever stands in a label, it is understood or complained about, on one printable line."""
    found = handling(sibling("web", labels))

    assert (found is None) is (not labels)
    assert all(complaint.isprintable() for complaint in (found.complaints if found else ()))


def test_order() -> None:
    """nginx, Dovecot, Postfix, then the others by name: one after the other."""
    others = [sibling("web", {"action": "signal:HUP"}), sibling("chat", {"action": "restart"})]

    assert rollout([others[0], POSTFIX, DOVECOT, others[1], NGINX], Change.RENEWED) == Rollout(
        (
            (NGINX, NGINX_RELOAD),
            (DOVECOT, RESTART),
            (POSTFIX, RESTART),
            (others[1], RESTART),
            (others[0], HUP),
        )
    )


def test_changed_names_need_a_restart_of_all() -> None:
    """Maps from SNI names to certificates are built when a service starts."""
    assert rollout([POSTFIX, NGINX, DOVECOT], Change.CHANGED).steps == (
        (NGINX, RESTART),
        (DOVECOT, RESTART),
        (POSTFIX, RESTART),
    )


def test_every_container_of_a_service() -> None:
    """A service may run more than once: each of its containers is acted on."""
    twice = [replace(POSTFIX, identity="b", name="b"), replace(POSTFIX, identity="a", name="a")]

    assert [one.name for one, _ in rollout(twice, Change.RENEWED).steps] == ["a", "b"]


@pytest.mark.parametrize("state", ["created", "restarting", "removing", "paused", "exited", "dead"])
def test_what_does_not_run_is_left_alone(state: str) -> None:
    """It is not started, and said so."""
    assert rollout([replace(POSTFIX, state=state)], Change.RENEWED) == Rollout(
        left_alone=(
            f"stack-postfix-mailcow-1 is '{state}', not running: it is not started by us and reads the new"
            " certificate when it starts",
        )
    )


def test_a_label_that_is_not_understood() -> None:
    """Nothing is done to the container, so it will serve an expired certificate one day: a warning, also when all else went well."""
    found = rollout([replace(POSTFIX, labels={"acme-companion.action": "restrat"}), NGINX], Change.RENEWED)
    deployment = DeploymentReport(ok=True, sentences=("done",), warnings=found.complaints)

    assert [one.name for one, _ in found.steps] == [NGINX.name]
    (complaint,) = found.complaints
    assert list(lines(Report(NOW, NOW, Plan(()), deployment=deployment))) == [
        ("warning", f"  {complaint}"),
        ("info", "  done"),
    ]


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        pytest.param(DOVECOT, CameUp(up=True), id="it runs, and has no health check"),
        pytest.param(replace(DOVECOT, health="healthy"), CameUp(up=True), id="it is healthy"),
        pytest.param(
            replace(DOVECOT, health="starting"), CameUp(up=True), id="its health check is still starting"
        ),
        pytest.param(
            replace(DOVECOT, health="unhealthy"),
            CameUp(up=False, because="stack-dovecot-mailcow-1 runs, but its health check fails"),
            id="its health check fails",
        ),
        pytest.param(
            replace(DOVECOT, restart_count=4),
            CameUp(up=False, because="stack-dovecot-mailcow-1 crashes: Docker restarted it 4 times"),
            id="it runs at the moment, but Docker restarts it over and over",
        ),
        pytest.param(
            replace(DOVECOT, state="exited"),
            CameUp(up=False, because="stack-dovecot-mailcow-1 is 'exited', not running"),
            id="it ended",
        ),
        pytest.param(
            replace(DOVECOT, state="paused"),
            CameUp(up=False, because="stack-dovecot-mailcow-1 is 'paused', not running", by_hand=True),
            id="somebody pauses it, for a backup perhaps",
        ),
        pytest.param(None, CameUp(up=False, because="stack-dovecot-mailcow-1 is gone"), id="it is gone"),
    ],
)
def test_came_up(after: Sibling | None, expected: CameUp) -> None:
    """A sibling stands when it runs, is not unhealthy, and does not crash over and over."""
    assert came_up(DOVECOT, after) == expected


@pytest.mark.parametrize(("count", "up"), [(5, True), (0, True), (2, False), (6, False)])
def test_crashes_of_long_ago_do_not_count(count: int, *, up: bool) -> None:
    """Only crashes since the action count, whether or not the counter began anew with it."""
    before = replace(DOVECOT, restart_count=5)

    assert came_up(before, replace(DOVECOT, restart_count=count)).up is up


def test_escalation() -> None:
    """A reload that did not help is followed by a restart, once; nothing is stronger than a restart."""
    assert [escalated(action) for action in (NGINX_RELOAD, HUP, RESTART, NOTHING)] == [
        RESTART,
        RESTART,
        None,
        None,
    ]
