"""With two real CAs: a rehearsal before what never worked, and a second CA when the first one is no help."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.act.acme_proxy import AcmeProxy, acme_proxy, problem
from tests.bed.pebble import DAY, Pebble
from tests.bed.process import LOOPBACK, free_port
from tests.cycle.stack import LONG_PROFILE, PROFILE, Stack, steps

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.bed.challtest import ChallengeTestServer


@dataclass
class Second:
    """The other CA, and a proxy in front of it."""

    pebble: Pebble
    proxy: AcmeProxy

    def names(self) -> list[set[str]]:
        return [named(order) for order in self.proxy.asked("/order-plz")]


def named(order) -> set[str]:
    return {one["value"] for one in order["identifiers"]}


@pytest.fixture(scope="module")
def second_pebble(ca: Pebble, dns_of_the_ca: ChallengeTestServer) -> Iterator[Pebble]:
    """It validates at the same port as the first one, and issues for a year."""
    profiles = {PROFILE: {"description": "a year", "validityPeriod": 365 * DAY}}
    with Pebble(
        dns_server=dns_of_the_ca.dns_address, http_port=ca.http_port, retry_after=(0, 0), profiles=profiles
    ) as pebble:
        yield pebble


@pytest.fixture
async def second(stack: Stack, second_pebble: Pebble) -> AsyncIterator[Second]:
    async with acme_proxy(second_pebble) as proxy:
        bundle = stack.volume.with_name("both.pem")
        bundle.write_bytes(proxy.ca_bundle.read_bytes() + stack.proxy.ca_bundle.read_bytes())
        stack.environment["CA_BUNDLE"] = str(bundle)
        yield Second(second_pebble, proxy)


@pytest.fixture
def stage(stack: Stack, second: Second) -> Second:
    stack.environment["ACME_STAGING_DIRECTORY_URL"] = second.proxy.directory_url
    return second


def first_names(stack: Stack) -> list[set[str]]:
    return [named(order) for order in stack.orders()]


async def test_rehearsed_once(stack: Stack, stage: Second):
    """What never worked is tried at the staging directory first, in the same cycle; what worked never again."""
    both = {stack.host, stack.imap}
    report = await stack.cycle()

    assert (steps(report), report.failed) == ([("Issue", stack.host)], False)
    assert (stage.names(), first_names(stack)) == ([both], [both])
    held = await stack.held()
    assert held.memory.issued[stack.certificate().fingerprint] == stack.proxy.directory_url
    assert len({one.account_uri for one in held.memory.authorities.values()}) == 2
    assert (
        len(stack.generations(stack.host)) == 1
    )  # the self-signed pair: what the stage issued was thrown away

    assert steps(await stack.cycle()) == [("Keep", stack.host)]
    new = f"smtp.{stack.base}"
    await stack.cycle(ADDITIONAL_SAN=f"imap.*,{new}")
    assert (stage.names(), first_names(stack)) == ([both, {new}], [both, {*both, new}])
    stack.clock.let_pass(days=62)
    await stack.cycle(ADDITIONAL_SAN=f"imap.*,{new}", ACME_PROFILE=LONG_PROFILE)
    assert (len(stage.names()), len(first_names(stack))) == (2, 3)


async def test_a_rehearsal_that_fails(stack: Stack, stage: Second):
    """The CA itself is not asked at all for what would fail there as well; then it is, and once it works it is issued."""
    stack.ca_dns.set_servfail(stack.host)
    failed = await stack.cycle()

    assert (failed.failed, first_names(stack)) == (True, [])
    assert f"the CA's staging directory refused {stack.host}: " in failed.done[0].sentence
    stack.ca_dns.clear_servfail(stack.host)
    stack.clock.let_pass(minutes=5)
    assert not (await stack.cycle()).failed
    assert first_names(stack) == [{stack.host, stack.imap}]


async def test_a_rehearsal_that_fails_for_one_name(stack: Stack, stage: Second):
    """The others are ordered at the CA without it, in the same cycle: no order there fails."""
    stack.ca_dns.set_servfail(stack.imap)
    report = await stack.cycle()

    assert (report.failed, first_names(stack)) == (False, [{stack.host}])
    assert [one.name.text for one in report.done[0].left_out] == [stack.imap]


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"ACME_STAGING_DIRECTORY_URL": f"https://{LOOPBACK}:{free_port()}/dir"}, id="not there"),
        pytest.param({"ACME_REHEARSAL": "n"}, id="switched off"),
    ],
)
async def test_without_a_rehearsal(stack: Stack, stage: Second, given):
    """A staging directory that is down keeps nobody from a certificate."""
    report = await stack.cycle(given)

    assert (report.failed, stage.names(), first_names(stack)) == (False, [], [{stack.host, stack.imap}])
    assert any("no rehearsal" in text for _, text in stack.log.said) is ("ACME_REHEARSAL" not in given)


async def test_a_stage_that_stumbles(stack: Stack, stage: Second):
    """An order there that ends in nothing told nothing."""
    stage.proxy.on("/order-plz", *[problem(500, "serverInternal")] * 20)
    report = await stack.cycle()

    assert (report.failed, first_names(stack)) == (False, [{stack.host, stack.imap}])
    assert any("the rehearsal told nothing" in text for _, text in stack.log.said)


async def test_a_stage_that_has_nothing_of_our_account(stack: Stack, stage: Second):
    """It says so once: the next cycles are told what it said, and the CA itself is asked without a rehearsal."""
    stage.proxy.on("/sign-me-up", problem(403, "externalAccountRequired"))
    first = await stack.cycle()
    mark = len(stage.proxy.requests)
    second = await stack.cycle(MAIL_DOMAINS="", ADDITIONAL_SAN=f"imap.{stack.base},pop.{stack.base}")

    assert (first.failed, second.failed, len(first_names(stack))) == (False, False, 2)
    assert stage.proxy.requests[mark:] == []
    told = [text for level, text in stack.log.said if level == "warning" and "no rehearsal" in text]
    assert len(told) == 2
    stopped = (await stack.held()).memory.authorities[stage.proxy.directory_url].stopped
    assert stopped is not None
    assert stopped.because in told[1]


async def test_the_fallback(stack: Stack, second: Second):
    """The first CA is down while the certificate nears its end: the second one is asked, loudly, and the first one at the renewal."""
    stack.environment["ACME_FALLBACK_DIRECTORY_URL"] = second.proxy.directory_url
    await stack.cycle()
    assert (await stack.cycle()).warnings == ()
    before = stack.certificate()
    stack.clock.let_pass(days=78)
    stack.proxy.on("/", *[problem(503, "serverInternal")] * 100)

    assert (await stack.cycle()).failed
    stack.clock.let_pass(minutes=2)
    again = await stack.cycle()
    assert again.next_look
    assert (again.failed, again.next_look - again.ended < timedelta(minutes=5)) == (True, True)
    helped = await stack.cycle()
    [done] = helped.done
    assert (done.ok, "FALLBACK" in done.sentence) == (True, True)
    assert ("warning", f"{stack.host} +1 name: {done.sentence}") in stack.log.said
    assert [order.get("replaces") for order in second.proxy.asked("/order-plz")] == [None]
    got = stack.certificate()
    assert (got.fingerprint != before.fingerprint, got.spki) == (True, before.spki)

    stack.proxy.clear()
    assert steps(await stack.cycle()) == [("Keep", stack.host)]  # not issued anew because of its CA
    orders = len(stack.orders())
    stack.clock.let_pass(days=175)
    assert steps(await stack.cycle(ACME_PROFILE=LONG_PROFILE)) == [("Issue", stack.host)]
    assert [order.get("replaces") for order in stack.orders()[orders:]] == [None]
    assert (await stack.held()).memory.issued[stack.certificate().fingerprint] == stack.proxy.directory_url


async def test_a_fallback_that_could_not_help(stack: Stack):
    """It is said long before it is needed, as a warning: nothing is wrong yet."""
    url = f"https://{LOOPBACK}:{free_port()}/dir"
    report = await stack.cycle(ACME_FALLBACK_DIRECTORY_URL=url)

    assert not report.failed
    [warning] = report.warnings
    assert warning.startswith(
        f"the fallback CA (ACME_FALLBACK_DIRECTORY_URL) could not help now: {url} cannot be"
    )
