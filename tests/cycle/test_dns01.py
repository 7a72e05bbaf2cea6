"""Certificates through DNS, from the settings to the volume: wildcards, mixtures, switching over, and zones that fail."""

from __future__ import annotations

import asyncio
import itertools
import re
from typing import TYPE_CHECKING, Any, cast

import pytest

from tests.act.acme_proxy import acme_proxy
from tests.act.store_parts import seen_by_siblings
from tests.bed.bind import Bind, Zone
from tests.bed.pebble import Pebble
from tests.bed.process import LOOPBACK, wait_until
from tests.cycle.conftest import PROFILES
from tests.cycle.dns_stack import BROKEN, LATE, ZONE, DnsStack, domains_of
from tests.cycle.stack import left_out, steps

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def bind() -> Iterator[Bind]:
    late = {"ns1": LOOPBACK, "ns2": "::1"}
    with Bind(Zone(ZONE), Zone(LATE, late), Zone(BROKEN)) as running:
        yield running


@pytest.fixture(scope="module")
def secondary(bind: Bind) -> Iterator[Bind]:
    """The other server of LATE, which stays as it was when it started."""
    with Bind(Zone(LATE), address="::1", port=bind.port, primary=LOOPBACK) as running:
        yield running


@pytest.fixture(scope="module")
def ca_by_dns(bind: Bind) -> Iterator[Pebble]:
    with Pebble(dns_server=bind.dns_address, retry_after=(0, 0), profiles=PROFILES) as running:
        yield running


@pytest.fixture
async def stack(bind: Bind, ca_by_dns: Pebble, tmp_path: Path) -> AsyncIterator[DnsStack]:
    volume = tmp_path / "volume"
    volume.mkdir()
    dns = cast("Any", bind)
    async with acme_proxy(ca_by_dns) as proxy:
        made = DnsStack(volume, f"t{next(_numbers)}.{ZONE}", ca_by_dns, proxy, dns, dns, bind=bind)
        yield made
        await made.end_all()
        assert made.leaked() == []


async def test_a_wildcard_takes_the_place_of_what_it_covers(stack: DnsStack):
    """Names of prefixes that it covers are not asked for, and the other names stay in its certificate (CONTRACT 2, B-6)."""
    other = f"other.{stack.base}"
    stack.environment |= {"MAIL_DOMAINS": f"{stack.base},{other}", "ADDITIONAL_SAN": f"*.{other},imap.*"}
    report = await stack.cycle()

    assert not report.failed, stack.log.said
    assert stack.ordered() == [sorted([f"*.{other}", stack.imap, stack.host])]
    names = f"{stack.host} *.{other} .{other} {stack.imap}"
    assert domains_of(stack, seen_by_siblings(stack.volume)) == {stack.host: names}
    assert steps(await stack.cycle()) == [("Keep", stack.host)]
    assert stack.txt(stack.host, stack.imap, other) == set()


async def test_a_wildcard_over_the_hostname_has_a_certificate_of_its_own(stack: DnsStack):
    """The server certificate begins with its hostname, and no order holds a wildcard and a name that it covers (CONTRACT 3, N11)."""
    stack.environment["ADDITIONAL_SAN"] = f"*.{stack.base},imap.*,{stack.base}"
    report = await stack.cycle()

    assert not report.failed, stack.log.said
    assert sorted(stack.ordered()) == [[f"*.{stack.base}"], sorted([stack.host, stack.base])]
    assert domains_of(stack, seen_by_siblings(stack.volume)) == {
        stack.host: f"{stack.host} {stack.base}",
        f"wildcard_.{stack.base}": f"*.{stack.base} .{stack.base}",
    }
    kept = [("Keep", stack.host), ("Keep", f"wildcard_.{stack.base}")]
    assert steps(await stack.cycle()) == kept
    assert stack.unfinished() == []


async def test_one_certificate_by_http_and_dns(stack: DnsStack):
    """Each name by what is set for its zone, also in one order: the hostname by a file, everything below the mail domain by records."""
    stack.over_http(stack.host)
    zone = f"org.{stack.base}"
    stack.environment |= {
        "ACME_DNS_CHALLENGE": "n",
        "ACME_DNS_ZONES": f"{zone}:dns_nsupdate",
        "MAIL_DOMAINS": zone,
        "ADDITIONAL_SAN": f"*.{zone},{zone}",
    }
    report = await stack.cycle()

    assert not report.failed, stack.log.said
    assert stack.ordered() == [sorted([stack.host, zone, f"*.{zone}"])]
    assert stack.covered() == {stack.host, zone, f"*.{zone}"}


async def test_switching_to_dns_keeps_key_and_certificate(stack: DnsStack):
    """Nothing is issued again for it, and the next certificate has the same key (mailcow makes a new one of another kind)."""
    stack.over_http(stack.host, stack.imap)
    stack.environment["ACME_DNS_CHALLENGE"] = "n"
    await stack.cycle()
    before = stack.certificate()
    stack.environment |= {"ACME_DNS_CHALLENGE": "y", "ACME_KEY_TYPE": "rsa2048", "HTTP01_PORT": "1"}
    assert steps(await stack.cycle()) == [("Keep", stack.host)]

    assert not (await stack.cycle(force=True)).failed, stack.log.said
    after = stack.certificate()
    assert (after.fingerprint != before.fingerprint, after.spki) == (True, before.spki)


async def test_nothing_is_asked_for_over_http(stack: DnsStack):
    """No webroot is needed and no public address, so neither is missed (CONTRACT 1)."""
    stack.environment |= {"HTTP01_MODE": "webroot", "WEBROOT": "/nowhere", "PUBLIC_IPV4": ""}
    stack.environment["PUBLIC_IP_SERVICES"] = f"http://{LOOPBACK}:1/"
    report = await stack.cycle()
    assert (report.failed, report.warnings, stack.names()) == (False, (), {stack.host, stack.imap})


async def test_thirty_names_of_one_zone(stack: DnsStack):
    """All are published side by side, in one order, and nothing stays."""
    domains = [f"n{number}.{stack.base}" for number in range(29)]
    stack.environment |= {"MAIL_DOMAINS": ",".join(domains)}
    report = await stack.cycle()

    assert not report.failed, stack.log.said
    assert len(stack.names()) == 30
    assert stack.txt(stack.host, *(f"imap.{one}" for one in domains)) == set()


async def test_a_zone_that_fails_costs_its_own_names_only(stack: DnsStack):
    """Its provider refuses us, and the rest is issued in the same pass, without a validation that fails (FAULTS D13)."""
    stack.environment |= {"MAIL_DOMAINS": f"{stack.base},{BROKEN}", "ADDITIONAL_SAN": "imap.*"}
    stack.dns_file = f"[{BROKEN}]\nNSUPDATE_KEY=other:b3RoZXItc2VjcmV0\n"
    report = await stack.cycle()

    assert stack.covered() == {stack.host, stack.imap}
    assert left_out(report) == {f"imap.{BROKEN}"}
    why = next(one.because for done in report.done for one in done.left_out)
    assert "does not know the TSIG key other (BADKEY): add that key there" in why
    assert "the CA refused" not in why
    quiet = await stack.cycle()
    assert steps(quiet) == [("Keep", stack.host)]
    assert [one.because for step in quiet.plan.steps for one in getattr(step, "left_out", ())] == [why]
    assert f"imap.{BROKEN}" not in "".join(re.findall(r"Pulled a task.*", stack.ca.log))
    assert "b3RoZXItc2VjcmV0" not in "".join(line for _, line in stack.log.said)


async def test_no_certified_name_is_lost_over_a_provider(stack: DnsStack):
    """What is served stays while there is time, and goes on without the name when a tenth of its lifetime is left."""
    stack.environment |= {"MAIL_DOMAINS": f"{stack.base},{BROKEN}", "ADDITIONAL_SAN": "imap.*"}
    names = {stack.host, stack.imap, f"imap.{BROKEN}"}
    await stack.cycle()
    assert stack.names() == names
    stack.dns_file = f"[{BROKEN}]\nNSUPDATE_KEY=other:b3RoZXItc2VjcmV0\n"

    stack.clock.let_pass(days=61)
    report = await stack.cycle()
    assert (stack.names(), left_out(report)) == (names, set())
    [failed] = [done.sentence for done in report.done if not done.ok]
    assert "the present certificate goes on being served, as a new one would lack a name of it" in failed
    assert "does not know the TSIG key other (BADKEY)" in failed

    stack.clock.let_pass(days=21)
    report = await stack.cycle()
    assert (stack.names(), left_out(report)) == ({stack.host, stack.imap}, {f"imap.{BROKEN}"})


async def test_certificates_of_other_zones_go_through(stack: DnsStack):
    """With a certificate for each domain, the one whose provider is away waits, and the others are there."""
    stack.environment |= {"ENABLE_SSL_SNI": "y", "MAIL_DOMAINS": f"{stack.base},{BROKEN}"}
    stack.dns_file = f"[{BROKEN}]\nprovider=dns_nsupdate\nNSUPDATE_SERVER_PORT=1\n"
    report = await stack.cycle()

    assert set(seen_by_siblings(stack.volume)) == {stack.imap, stack.host}
    failed = [done for done in report.done if not done.ok]
    assert len(failed) == 1
    assert f"the DNS server {LOOPBACK} port 1 cannot be reached for an update of {BROKEN}" in str(failed)


async def test_killed_while_a_record_is_out(stack: DnsStack, secondary: Bind):
    """Whoever comes next removes what was left over."""
    name = f"{stack.base.partition('.')[0]}.{LATE}"
    stack.environment |= {"MAILCOW_HOSTNAME": name, "ADDITIONAL_SAN": ""}
    process = await stack.begin("once")
    assert await asyncio.to_thread(wait_until, lambda: bool(stack.txt(name)), 30)
    process.kill()
    await process.wait()
    left = stack.txt(name)
    assert len(left) == 1

    stack.environment["MAILCOW_HOSTNAME"] = stack.host
    assert not (await stack.cycle()).failed, stack.log.said
    assert stack.txt(name) == set()
    assert stack.unfinished() == []


async def test_stopped_while_a_record_is_out(stack: DnsStack, secondary: Bind):
    """SIGTERM takes it away at once."""
    name = f"{stack.base.partition('.')[0]}.{LATE}"
    stack.environment |= {"MAILCOW_HOSTNAME": name, "ADDITIONAL_SAN": ""}
    process = await stack.begin("run")
    assert await asyncio.to_thread(wait_until, lambda: bool(stack.txt(name)), 30)
    process.terminate()
    await stack.end(process)
    assert stack.txt(name) == set()
    assert stack.unfinished() == []


async def test_check_says_what_dns_needs(stack: DnsStack):
    """Neither addresses nor port 80 matter; CAA does, for the type of challenge that is used (CONTRACT 1, C-2)."""
    stack.environment |= {"HTTP01_PORT": "1", "ADDITIONAL_SAN": ""}
    assert await stack.command("check") == (
        0,
        f"NAME                   READINESS  WHY\n{stack.host}  ready      no CAA record restricts who may issue\n"
        "1 ready, 0 not ready, 0 unknown\n",
    )
    only_http = '0 issue "pebble.letsencrypt.org; validationmethods=http-01"'
    stack.bind.add(ZONE, f"{stack.base}.", "CAA", only_http)
    code, output = await stack.command("check")
    assert (code, "0 ready, 1 not ready, 0 unknown" in output) == (1, True)
    assert "which does not allow pebble.letsencrypt.org by dns-01: publish " in output


async def test_a_lasting_record(stack: DnsStack):
    """The first order registers our account and tells the record; `check` goes on telling it; its admin publishes it once (D15)."""
    stack.environment |= {"ACME_DNS_TYPE": "dns-persist-01", "ADDITIONAL_SAN": ""}
    await stack.cycle()
    account = (await stack.held()).memory.authorities[stack.proxy.directory_url].account_uri
    record = f'_validation-persist.{stack.host}. IN TXT "pebble.letsencrypt.org; accounturi={account}"'
    assert f"publish {record}" in "\n".join(stack.log.lines("error"))
    assert len(stack.orders()) == 1
    assert not re.search(rf"Pulled a task.*{stack.host}", stack.ca.log)

    code, output = await stack.command("check")
    wanted = re.search(r"publish (\S+) IN TXT (\".*\")$", output, re.MULTILINE)
    assert (code, bool(wanted)) == (1, True), output
    assert wanted
    await stack.cycle()
    assert len(stack.orders()) == 1

    stack.bind.add(ZONE, wanted[1], "TXT", wanted[2])
    assert (await stack.command("check"))[0] == 0
    stack.clock.let_pass(minutes=10)
    assert not (await stack.cycle()).failed, stack.log.said
    assert stack.names() == {stack.host}
    assert len(stack.bind.txt(f"_validation-persist.{stack.host}")) == 1


async def test_a_lasting_record_before_the_first_order(stack: DnsStack):
    """`account register` makes the account; from then on `check` tells the exact record, and the first order succeeds."""
    stack.environment |= {"ACME_DNS_TYPE": "dns-persist-01", "ADDITIONAL_SAN": ""}
    code, output = await stack.command("account", "register")
    assert (code, "`acme-companion check` tells the record of dns-persist-01" in output) == (0, True)

    wanted = re.search(r"publish (\S+) IN TXT (\".*\")$", (await stack.command("check"))[1], re.MULTILINE)
    assert wanted
    stack.bind.add(ZONE, wanted[1], "TXT", wanted[2])
    assert not (await stack.cycle()).failed, stack.log.said
    assert len(stack.orders()) == 1
