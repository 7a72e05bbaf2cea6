"""The whole thing as our own compose file has it: beside real nginx, Postfix and Dovecot, MariaDB, Redis and a CA.

In mailcow's place it lives through much more: tests/stack_tests. One stack for all tests, in the order of a stack's life; each test leaves it as whole as it found it.
"""

from __future__ import annotations

import hashlib
import json
import time
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from acme_companion.decide.pair import leaf_of
from tests.bed.docker_stack import COMPANION, DockerStack
from tests.bed.process import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.docker

HOST = "mail.example.org"
ENDPOINTS = [
    ("postfix-mailcow", 25, "smtp"),
    ("postfix-mailcow", 465, ""),
    ("postfix-mailcow", 587, "smtp"),
    ("dovecot-mailcow", 143, "imap"),
    ("dovecot-mailcow", 993, ""),
    ("dovecot-mailcow", 110, "pop3"),
    ("dovecot-mailcow", 995, ""),
    ("dovecot-mailcow", 4190, "sieve"),
    ("nginx-mailcow", 443, ""),
]
LIMIT = 150.0


@pytest.fixture(scope="module")
def stack() -> Iterator[DockerStack]:
    """SNI on, one prefix, no mail domain yet; VERIFY_TIMEOUT short enough for the test of a service that stays down."""
    settings = {"ENABLE_SSL_SNI": "y", "ADDITIONAL_SAN": "imap.*", "VERIFY_TIMEOUT": "40"}
    with DockerStack(settings) as made:
        log = wait_for_cycles(made, 1)
        assert "issued, no certificate yet" in log, log
        made.wait_healthy()
        yield made


def wait_for_cycles(stack: DockerStack, count: int) -> str:
    """Wait until the companion has finished `count` cycles in its life, and give its log."""
    done = wait_until(lambda: stack.logs(COMPANION).count("next look ") >= count, LIMIT, pause=0.3)
    log = stack.logs(COMPANION)
    assert done, f"no cycle {count} within {LIMIT:g} s:\n{log}"
    return log


def cycle_again(stack: DockerStack) -> str:
    """What an admin does: `docker compose restart`. Gives the log of the new cycle."""
    before = stack.logs(COMPANION)
    stack.restart(COMPANION)
    return wait_for_cycles(stack, before.count("next look ") + 1)[len(before) :]


def served(stack: DockerStack, name: str) -> dict[tuple[str, int], str]:
    """The fingerprint of what every endpoint serves for an SNI name."""
    return {
        (service, port): leaf_of(stack.served(service, port, name, starttls).encode())
        .fingerprint(SHA256())
        .hex()
        for service, port, starttls in ENDPOINTS
    }


def on_disk(stack: DockerStack, directory: str = "") -> str:
    """The fingerprint of a lineage's certificate (of the server pair without `directory`) as siblings see it."""
    path = f"{directory}/cert.pem" if directory else "cert.pem"
    return leaf_of(stack.volume_text(path).encode()).fingerprint(SHA256()).hex()


def everywhere(fingerprint: str) -> dict[tuple[str, int], str]:
    return {(service, port): fingerprint for service, port, _ in ENDPOINTS}


def directories(stack: DockerStack) -> set[str]:
    """What consumers take for certificates: every directory with `domains`, `cert.pem` and `key.pem`."""
    script = 'cd /etc/ssl/mail; for d in */; do [ -f "$d/domains" ] && [ -f "$d/cert.pem" ] && [ -f "$d/key.pem" ] && echo "${d%/}"; done; true'
    return set(stack.exec("nginx-mailcow", "sh", "-c", script).split())


def test_first_start(stack):
    """From an empty volume to a CA's certificate on every endpoint, with the chain up to the CA's root."""
    chain = x509.load_pem_x509_certificates(stack.volume_text("cert.pem").encode())
    root = x509.load_pem_x509_certificate(stack.pebble_root().encode())

    assert served(stack, HOST) == everywhere(on_disk(stack))
    chain[-1].verify_directly_issued_by(root)
    assert directories(stack) == {HOST}
    assert stack.volume_text(f"{HOST}/domains") == HOST
    assert "18 of 18 endpoints" in stack.logs(COMPANION)


def test_the_container_is_locked_down(stack):
    """Read-only root file system, no new privileges, nearly no capabilities; healthy all the same."""
    seen = stack.inspect(COMPANION)

    assert seen["HostConfig"]["ReadonlyRootfs"] is True
    assert seen["HostConfig"]["CapDrop"] == ["ALL"]
    assert "/var/run/docker.sock" not in json.dumps(seen["Mounts"])
    assert seen["State"]["Health"]["Status"] == "healthy"


def test_the_account_key_is_private(stack):
    """It lies in a volume that no sibling sees, and nothing of it in the one that they share."""
    assert "account.pem" not in stack.exec(COMPANION, "ls", "/var/lib/acme/acme")
    assert stack.exec(COMPANION, "sh", "-c", "ls /var/lib/acme-private/accounts").endswith(".pem\n")
    users = [
        service
        for service in ("nginx-mailcow", "postfix-mailcow", "dovecot-mailcow")
        if any(mount.get("Name", "").endswith("_private") for mount in stack.inspect(service)["Mounts"])
    ]
    assert users == []


def test_nothing_to_do(stack):
    """A restart looks again at once, and touches nobody."""
    before = {service: stack.started_at(service) for service, _, _ in ENDPOINTS}

    log = cycle_again(stack)

    assert f"{HOST}: kept" in log
    assert {service: stack.started_at(service) for service, _, _ in ENDPOINTS} == before


def test_a_new_mail_domain_gets_its_certificate(stack):
    """A row in mailcow's database becomes an SNI certificate that every endpoint serves by name."""
    stack.sql(
        "INSERT INTO domain (domain, backupmx, active) VALUES ('one.example', 0, 1), ('two.example', 0, 1)"
    )
    stack.sql("INSERT INTO mta_sts (domain, active) VALUES ('two.example', 1)")
    stack.sql(
        "INSERT INTO domain (domain, backupmx, active) VALUES ('backup.example', 1, 1), ('../evil', 0, 1)"
    )

    log = cycle_again(stack)

    assert directories(stack) == {HOST, "autoconfig.one.example", "autoconfig.two.example"}
    assert served(stack, "imap.one.example") == everywhere(on_disk(stack, "autoconfig.one.example"))
    assert served(stack, "mta-sts.two.example") == everywhere(on_disk(stack, "autoconfig.two.example"))
    assert served(stack, HOST) == everywhere(on_disk(stack, HOST))
    assert "table domain: '../evil'" in log
    assert stack.volume_text("autoconfig.two.example/domains") == (
        "autoconfig.two.example autodiscover.two.example imap.two.example mta-sts.two.example"
    )


def test_a_service_that_does_not_come_up_gets_the_old_pair_back(stack):
    """Postfix cannot use the new pair: the old one returns, everybody serves it, and the log says so."""
    good = on_disk(stack)
    usable = hashlib.sha256(stack.volume_text("cert.pem").encode()).hexdigest()
    stack.exec("postfix-mailcow", "sh", "-c", f"echo {usable} > /usable-certificate")
    before = stack.logs(COMPANION)
    stack.exec(COMPANION, "touch", "/var/lib/acme/force_renew")

    log = wait_for_cycles(stack, before.count("next look ") + 1)[len(before) :]

    assert "ROLLED BACK" in log
    assert on_disk(stack) == good
    assert wait_until(lambda: not stack.unwell("postfix-mailcow"), LIMIT, pause=0.3), stack.logs(
        "postfix-mailcow"
    )
    assert served(stack, HOST) == everywhere(good)
    stack.exec("postfix-mailcow", "rm", "/usable-certificate")
    assert f"{HOST}: " in cycle_again(stack)
    assert served(stack, HOST) == everywhere(good)


def test_status_tells_what_is_served(stack):
    """`status --json` names lineages, renewals, and what each endpoint serves."""
    data = json.loads(stack.exec(COMPANION, "acme-companion", "status", "--json"))

    assert [one["lineage"] for one in data["lineages"]] == [
        "autoconfig.one.example",
        "autoconfig.two.example",
        HOST,
    ]
    assert data["endpoints"]
    assert all(one["ok"] for one in data["endpoints"])
    assert data["server_pair"]["fingerprint"] == on_disk(stack)


def test_mailcow_sees_the_log(stack):
    """Redis has the lines that mailcow's web UI shows, in its format."""
    line = stack.exec(
        "redis-mailcow", "sh", "-c", 'redis-cli --no-auth-warning -a "$REDISPASS" LINDEX ACME_LOG 0'
    ).strip()
    entry = json.loads(line)

    assert abs(time.time() - int(entry["time"])) < 3600
    assert entry["message"].startswith(f"{HOST} - ")


def test_it_stops_cleanly(stack):
    """SIGTERM ends the loop within Docker's ten seconds, with exit code 0."""
    stack.stop(COMPANION)
    state = stack.inspect(COMPANION)["State"]

    assert state["ExitCode"] == 0
    assert stack.logs(COMPANION).rstrip().endswith("stopped")
    stack.start(COMPANION)
