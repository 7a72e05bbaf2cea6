"""Accounts over their whole life: one per CA, another key, none any more, and none that records depend on given up silently."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest

from acme_companion.decide.accounts import key_name
from tests.act.acme_proxy import problem
from tests.act.store_parts import OTHER_KEY, pem_of
from tests.bed.pebble import Pebble
from tests.cycle.stack import EAB_KEY, PROFILE
from tests.cycle.test_kills import begin_and_signal

if TYPE_CHECKING:
    from tests.bed.challtest import ChallengeTestServer
    from tests.cycle.stack import Stack


def at_the_ca_itself(stack: Stack) -> dict[str, str]:
    """The same CA under another directory URL: to us, another CA."""
    return {"DIRECTORY_URL": stack.ca.directory_url, "CA_BUNDLE": str(stack.ca.ca_bundle)}


async def uri(stack: Stack, directory_url: str = "") -> str:
    known = (await stack.held()).memory.authorities
    return known[directory_url or stack.proxy.directory_url].account_uri


async def test_another_ca_and_back(stack: Stack):
    """FAULTS A40: accounts and keys are never mixed, and the first one is found again; no `replaces` goes to another CA."""
    other, before = at_the_ca_itself(stack), stack.accounts()
    await stack.cycle()
    first, key = await uri(stack), (stack.volume / "acme/account.pem").read_bytes()
    assert not (await stack.cycle(other)).failed
    assert stack.accounts() == before + 2
    assert first != await uri(stack, stack.ca.directory_url)
    assert not (await stack.cycle()).failed

    assert (await uri(stack), stack.accounts()) == (first, before + 2)
    assert (stack.volume / "acme/account.pem").read_bytes() == key
    assert [one.name for one in (stack.volume / "acme/accounts").iterdir()] == [
        key_name(stack.ca.directory_url)
    ]
    assert ["replaces" in order for order in stack.orders()] == [False, False]
    assert stack.unfinished() == []


async def test_account_keys_in_a_private_volume(stack: Stack):
    """An adopted key stays until the admin has it moved; then every command finds it where it is now."""
    await stack.cycle()
    first, accounts = await uri(stack), stack.accounts()
    stack.private.mkdir()
    stack.environment["PRIVATE_VOLUME"] = str(stack.private)
    assert not (await stack.cycle(force=True)).failed
    assert (stack.volume / "acme/account.pem").is_file()
    assert not (await stack.cycle(force=True, MOVE_ACCOUNT_KEY="y")).failed

    assert not (stack.volume / "acme/account.pem").exists()
    assert (stack.accounts(), await uri(stack)) == (accounts, first)
    code, output = await stack.command("account", "show", "--json")
    shown = json.loads(output)
    assert (code, shown["account_uri"]) == (0, first)
    assert shown["key_file"] == str(stack.private / "accounts" / key_name(stack.proxy.directory_url))
    code, output = await stack.command("caa", "--quiet")
    assert (code, first in output) == (0, True)


async def test_show(stack: Stack):
    """STANDARDS C-6: everything to publish, ready to be pasted into a zone."""
    code, output = await stack.command("account", "show")
    assert (code, "to have them now, run `acme-companion account register`" in output) == (1, True)
    await stack.cycle(ACME_ACCOUNT_EMAIL="a@example.org")
    code, output = await stack.command("account", "show")

    assert code == 0
    bound = f'"pebble.letsencrypt.org; accounturi={await uri(stack)}; validationmethods=http-01"'
    assert output.splitlines() == [
        f"CA:       {stack.proxy.directory_url}",
        f"Account:  {await uri(stack)}",
        "Status:   valid",
        "Contact:  mailto:a@example.org",
        f"Key:      EC P-256, in {stack.volume}/acme/account.pem",
        "Publish both of these per domain, in every zone that holds your names, to let nobody else issue:",
        f"{stack.host}. IN CAA 128 issue {bound}",
        f'{stack.host}. IN CAA 128 issuewild ";"',
        f"{stack.base}. IN CAA 128 issue {bound}",
        f'{stack.base}. IN CAA 128 issuewild ";"',
    ]


async def test_register(stack: Stack):
    """For who has to publish the account's URL before anything is ordered: key and account, once, and no order."""
    accounts = stack.accounts()
    for _ in range(2):
        code, output = await stack.command("account", "register", "--json")
        shown = json.loads(output[output.index("{") :])
        assert (code, shown["account_uri"], shown["status"]) == (0, await uri(stack), "valid")
        assert (stack.accounts() - accounts, stack.orders()) == (1, [])
    assert not (await stack.cycle()).failed
    assert (stack.accounts() - accounts, await uri(stack)) == (1, shown["account_uri"])


# ---- another key -------------------------------------------------------------------------------------------


async def test_another_key(stack: Stack):
    """STANDARDS P-15: the account's URL stays; its kind is the one that is set now."""
    await stack.cycle()
    first, before, accounts = (
        await uri(stack),
        (stack.volume / "acme/account.pem").read_bytes(),
        stack.accounts(),
    )
    code, output = await stack.command("account", "rotate-key", "--json", ACME_ACCOUNT_KEY_TYPE="rsa2048")
    shown = json.loads(output)

    assert (code, shown["account_uri"], shown["key"]) == (0, first, "RSA 2048")
    assert (stack.volume / "acme/account.pem").read_bytes() != before
    mark = stack.mark()
    assert not (await stack.cycle(force=True)).failed
    assert (await uri(stack), stack.accounts()) == (first, accounts)
    assert [one.path for one in stack.since(mark) if one.path == "/sign-me-up"] == []
    assert stack.unfinished() == []


@pytest.mark.parametrize(
    ("request_number", "unfinished", "takes_place"),
    [
        pytest.param(3, True, False, id="before the CA is asked for it"),
        pytest.param(4, True, True, id="after the CA said yes"),
        pytest.param(5, False, True, id="before it is remembered"),
    ],
)
async def test_killed_over_another_key(
    stack: Stack, request_number: int, unfinished: bool, takes_place: bool
):
    """Whenever it happens: the next cycle finds out which key the CA knows, and goes on with that one."""
    await stack.cycle()
    first, accounts = await uri(stack), stack.accounts()
    before = (stack.volume / "acme/account.pem").read_bytes()
    process = await begin_and_signal(
        stack, signal.SIGKILL, request_number, arguments=("account", "rotate-key")
    )
    code, _ = await stack.end(process)
    assert (code, (stack.volume / "acme/account.next.pem").exists()) == (-signal.SIGKILL, unfinished)
    assert stack.broken() == []
    stack.proxy.clear()
    assert not (await stack.cycle(force=True)).failed

    assert not (stack.volume / "acme/account.next.pem").exists()
    assert ((stack.volume / "acme/account.pem").read_bytes() != before) is takes_place
    assert (await uri(stack), stack.accounts()) == (first, accounts)
    assert stack.unfinished() == []


async def test_a_change_that_cannot_be_settled(stack: Stack):
    """The CA does not let the old key in: nothing is thrown away, and why it is not let in is for the sign-in to say."""
    await stack.cycle()
    following = stack.volume / "acme/account.next.pem"
    following.write_bytes(pem_of(OTHER_KEY))
    present = (stack.volume / "acme/account.pem").read_bytes()
    stack.proxy.on("/sign-me-up", problem(400, "accountDoesNotExist"), problem(403, "unauthorized"))
    report = await stack.cycle(force=True)

    assert (report.failed, following.exists()) == (False, True)
    assert (stack.volume / "acme/account.pem").read_bytes() == present
    stack.proxy.on("/sign-me-up", problem(403, "unauthorized"))
    assert (await stack.cycle(force=True)).failed
    assert (stack.volume / "acme/account.pem").read_bytes() == present


# ---- given up, lost, refused -------------------------------------------------------------------------------


async def test_given_up(stack: Stack):
    """Not without --yes. Then nothing is ordered or asked until the admin moves the key away (FAULTS A36)."""
    await stack.cycle()
    code, output = await stack.command("account", "deactivate")
    assert (code, "say --yes if that is meant" in output) == (2, True)
    code, output = await stack.command("account", "deactivate", "--yes")
    assert (code, "to have a new one, move" in output) == (0, True)
    mark, accounts = stack.mark(), stack.accounts()
    stack.clock.let_pass(days=61)
    for _ in range(2):
        assert (await stack.cycle()).failed
        stack.clock.let_pass(days=1)
    assert [one.path for one in stack.since(mark) if one.path == "/order-plz"] == []
    assert (await stack.held()).memory.lineage_failures == {}
    _, output = await stack.command("status")
    assert f"nothing is ordered from {stack.proxy.directory_url}: " in output
    for command in ("check", "plan"):
        _, output = await stack.command(command)
        assert f"Nothing is ordered from {stack.proxy.directory_url} until that is put right" in output
        _, output = await stack.command(command, "--json")
        assert "Nothing is ordered from" in " ".join(json.loads(output)["warnings"])

    key = stack.volume / "acme/account.pem"
    code, output = await stack.command("account", "show")
    assert (code, f"; the account's key is {key}" in output) == (1, True)
    key.rename(key.with_suffix(".old"))
    assert not (await stack.cycle()).failed
    assert stack.accounts() == accounts + 1


async def test_given_up_and_asked_again(stack: Stack):
    """A CA has no more to say than that the account is dead: what to do stands beside it."""
    await stack.cycle()
    await stack.command("account", "deactivate", "--yes")

    report = await stack.cycle(force=True)

    sentences = [one.sentence for one in report.done]
    assert report.failed
    assert "(unauthorized): move the account key away so that a new account is made. Nothing" in sentences[0]


async def test_given_up_long_before_it_is_needed(stack: Stack):
    """Every cycle says it while there is time to act, also those that have nothing to order; and no more once it is over."""
    await stack.cycle()
    await stack.command("account", "deactivate", "--yes")
    report = await stack.cycle()
    [warning] = report.warnings

    assert (report.failed, "to have a new one, move" in warning) == (False, True)
    (stack.volume / "acme/account.pem").rename(stack.volume / "acme/account.pem.old")
    again = await stack.cycle(force=True)
    assert (again.failed, again.warnings) == (False, ())


async def test_lost_key_with_and_without_records(stack: Stack):
    """FAULTS A37, A38: with a CAA record for the old account no new one is made, and every word is said; without, one is."""
    await stack.cycle()
    first, accounts = await uri(stack), stack.accounts()
    stack.dns.add_caa(stack.imap, ("issue", f"pebble.letsencrypt.org; accounturi={first}"))
    (stack.volume / "acme/account.pem").unlink()
    for _ in range(2):
        report = await stack.cycle(force=True)
        assert (report.failed, stack.accounts()) == (True, accounts)
    [sentence, *_] = [line for line in stack.log.lines("error") if "accounturi" in line]
    assert f"records for {stack.imap} let only that account issue" in sentence
    mark = stack.mark()
    assert (await stack.cycle()).failed
    assert [one for one in stack.since(mark) if one.method == "POST"] == []

    stack.dns.clear_caa(stack.imap)
    assert not (await stack.cycle()).failed
    assert (stack.accounts(), await uri(stack) != first) == (accounts + 1, True)
    assert any("the key of our account" in line for line in stack.log.lines("warning"))


@pytest.fixture
def bound_ca(dns_of_the_ca: ChallengeTestServer):
    with Pebble(
        external_accounts={"kid-1": EAB_KEY},
        dns_server=dns_of_the_ca.dns_address,
        retry_after=(0, 0),
        profiles={PROFILE: {"description": "ninety days", "validityPeriod": 90 * 86_400}},
    ) as ca:
        yield ca


async def test_bound_account(stack: Stack, bound_ca: Pebble):
    """FAULTS A39, O04: said once with what to do, not asked again by restarts, tried at once when set; the secret is nowhere."""
    port = str(bound_ca.http_port)
    stack.environment |= {
        "DIRECTORY_URL": bound_ca.directory_url,
        "CA_BUNDLE": str(bound_ca.ca_bundle),
        "HTTP01_PORT": port,
        "CHECK_HTTP_PORT": port,
    }
    for _ in range(2):
        code, output = await stack.command("once")
        assert (code, "set ACME_EAB_KID and ACME_EAB_HMAC_KEY" in output) == (1, True)
    assert bound_ca.log.count("POST /sign-me-up") <= 2  # the question and nothing else, once
    wrong = {"ACME_EAB_KID": "kid-2", "ACME_EAB_HMAC_KEY": EAB_KEY}
    code, output = await stack.command("--verbose", "once", "--json", **wrong)
    assert (code, "for the key id kid-2" in output) == (1, True)

    secret = stack.volume.with_name("hmac")
    secret.write_text(f"{EAB_KEY}==\n")
    code, output = await stack.command(
        "--verbose", "once", ACME_EAB_KID="kid-1", ACME_EAB_HMAC_KEY_FILE=str(secret)
    )
    assert code == 0, output
    assert stack.names() == {stack.host, stack.imap}
    for arguments in (("account", "show", "--json"), ("status", "--json"), ("plan", "--json")):
        code, output = await stack.command("--verbose", *arguments)
        assert code == 0, output
