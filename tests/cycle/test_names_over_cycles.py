"""Names over many cycles: they stay where they are, come and go one by one, and an IP address is one of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from acme_companion.cli.wiring import open_world
from acme_companion.cycle import once
from acme_companion.decide.facts import MailDomains
from acme_companion.decide.names import Name
from acme_companion.decide.settings.read import read
from tests.act.store_parts import seen_by_siblings
from tests.bed.process import LOOPBACK
from tests.cycle.fakes import FixedDice
from tests.cycle.stack import DB_PASSWORD, steps

if TYPE_CHECKING:
    from acme_companion.decide.report import Report
    from tests.cycle.stack import Stack


def ordered(stack: Stack, mark: int) -> list[set[str]]:
    return [{one["value"] for one in order["identifiers"]} for order in stack.orders()[mark:]]


async def test_a_name_of_a_domain_in_the_server_certificate(stack: Stack):
    """In mailcow, certificates came and went with ADDITIONAL_SAN=autodiscover.<domain> and SNI: four cycles, one order for each."""
    autodiscover = f"autodiscover.{stack.base}"
    stack.environment |= {
        "ADDITIONAL_SAN": f"{autodiscover},imap.*",
        "AUTODISCOVER_SAN": "y",
        "ENABLE_SSL_SNI": "y",
    }
    await stack.cycle()
    domain = {f"autoconfig.{stack.base}", stack.imap}
    directory = f"autoconfig.{stack.base}"
    assert sorted(map(sorted, ordered(stack, 0))) == sorted(
        [sorted({stack.host, autodiscover}), sorted(domain)]
    )

    for _ in range(3):
        report = await stack.cycle()
        assert steps(report) == [("Keep", stack.host), ("Keep", directory)]
    assert (stack.names(), stack.names(directory)) == ({stack.host, autodiscover}, domain)
    assert len(stack.orders()) == 2


async def test_domains_that_come_and_go_where_certificates_are_full(stack: Stack):
    """FAULTS N15, N16: each change is one order at most, and a domain that returns within the certificate's life costs none."""
    a, b, c = (f"{one}.{stack.base}" for one in "abc")
    stack.environment |= {"MAX_NAMES_PER_CERTIFICATE": "2", "MAIL_DOMAINS": f"{b},{c}"}
    await stack.cycle()
    assert sorted(map(len, ordered(stack, 0))) == [1, 2]
    assert stack.names() == {stack.host, f"imap.{b}"}

    mark = len(stack.orders())
    await stack.cycle(MAIL_DOMAINS=f"{a},{b},{c}")
    assert ordered(stack, mark) == [{f"imap.{a}", f"imap.{c}"}]
    assert stack.names() == {stack.host, f"imap.{b}"}

    mark = len(stack.orders())
    for present in (f"{b},{c}", f"{a},{c}", f"{a},{b},{c}"):
        await stack.cycle(MAIL_DOMAINS=present)
    assert ordered(stack, mark) == []
    assert stack.covered() == {stack.host, f"imap.{a}", f"imap.{b}", f"imap.{c}"}


async def listed(stack: Stack, *domains: str, force: bool = False) -> Report:
    """A cycle in which the database (that is not there) has these mail domains."""
    settings = read(
        {
            **stack.environment,
            "MAIL_DOMAINS": "",
            "DBNAME": "mailcow",
            "DBUSER": "mailcow",
            "DBPASS": DB_PASSWORD,
        }
    )

    async def told() -> MailDomains:
        return MailDomains(tuple(sorted(map(Name, domains))))

    async with open_world(settings, stack.log) as opened:
        world = replace(opened, clock=stack.clock, dice=FixedDice(), mail_domains=told)
        with world.store.lock():
            return await once(settings, world, force=force)


async def test_a_list_that_lacks_most_domains_at_a_renewal(stack: Stack):
    """FAULTS N03: a table half read when the certificate is due costs nobody a name; after three days the list is believed."""
    many = [f"d{number}.{stack.base}" for number in range(6)]
    names = {stack.host, *(f"imap.{one}" for one in many)}
    await listed(stack, *many)
    stack.clock.let_pass(days=61)

    report = await listed(stack, many[0])
    assert steps(report) == [("Issue", stack.host)]
    assert any("5 of 6 mail domains" in warning for warning in report.warnings)
    assert stack.names() == names

    stack.clock.let_pass(days=61)
    report = await listed(stack, many[0])
    assert (steps(report), report.warnings) == ([("Issue", stack.host)], ())
    assert stack.names() == {stack.host, f"imap.{many[0]}"}


async def test_an_admin_confirms_that_domains_left(stack: Stack):
    """The file force_renew: the list is believed at once."""
    many = [f"d{number}.{stack.base}" for number in range(4)]
    await listed(stack, *many)

    await listed(stack, many[0], force=True)

    assert stack.names() == {stack.host, f"imap.{many[0]}"}


async def test_an_address_in_the_certificate(stack: Stack):
    """RFC 8738: the CA visits the address itself; the next cycle has nothing to do."""
    report = await stack.cycle(ADDITIONAL_SAN=LOOPBACK)
    assert not report.failed, [one.sentence for one in report.done]
    assert stack.names() == {stack.host, LOOPBACK}
    assert [one for one in stack.orders()[0]["identifiers"] if one["type"] == "ip"] == [
        {"type": "ip", "value": LOOPBACK}
    ]

    assert steps(await stack.cycle(ADDITIONAL_SAN=LOOPBACK)) == [("Keep", stack.host)]


async def test_names_that_move_between_certificates(stack: Stack):
    """A name whose directory another certificate of ours has goes on in a numbered one, at once, and everything rests then."""
    b, x, y, z = (f"{one}.{stack.base}" for one in "bxyz")
    stack.environment |= {"ADDITIONAL_SAN": f"{x},{y},{z}", "MAX_NAMES_PER_CERTIFICATE": "2"}
    await stack.cycle()
    assert (stack.names(), stack.names(y)) == ({stack.host, x}, {y, z})

    stack.environment["ADDITIONAL_SAN"] = f"{b},{x},{y}"
    await stack.cycle()
    assert stack.names(y) == {b, y}

    stack.environment["MAX_NAMES_PER_CERTIFICATE"] = "1"
    report = await stack.cycle()
    assert steps(report) == [("Keep", stack.host), ("Keep", y), ("Issue", x), ("Issue", f"{y}_2")]
    assert stack.names(f"{y}_2") == {y}

    report = await stack.cycle()
    assert steps(report) == [("Keep", stack.host), ("Keep", x), ("Keep", y), ("Keep", f"{y}_2")]
    assert stack.unfinished() == []


async def test_a_profile_that_is_gone(stack: Stack):
    """FAULTS A26: nothing is ordered, and the plan says what the CA offers."""
    stack.environment["ACME_PROFILE"] = "tlsclient"

    code, output = await stack.command("plan")

    assert code == 0
    assert "the CA does not offer the profile tlsclient (ACME_PROFILE); it offers " in output
    assert stack.orders() == []


async def test_a_domain_that_comes_back(stack: Stack):
    """FAULTS N16, N17: its certificate was put away, is still good, and returns from `backups/` without an order."""
    other = f"other.{stack.base}"
    stack.environment |= {"ENABLE_SSL_SNI": "y", "MAIL_DOMAINS": f"{stack.base},{other}"}
    await stack.cycle()
    directory = f"imap.{other}"
    before = stack.certificate(directory)
    assert ("Archive", directory) in steps(await stack.cycle(MAIL_DOMAINS=stack.base))
    assert directory not in seen_by_siblings(stack.volume)
    mark = len(stack.orders())

    report = await stack.cycle()
    assert (report.failed, ("Restore", directory) in steps(report)) == (False, True)
    assert stack.certificate(directory) == before
    assert {kind for kind, _ in steps(await stack.cycle())} == {"Keep"}

    await stack.cycle(MAIL_DOMAINS=stack.base)
    stack.clock.let_pass(days=61)
    report = await stack.cycle()
    assert ("Issue", directory) in steps(report)
    assert ordered(stack, mark) != []
    assert stack.unfinished() == []
