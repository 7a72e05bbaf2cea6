"""Volumes that somebody else filled before us, and volumes that fail."""

from __future__ import annotations

import os
import re
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from acme_companion.act.acme.lookup import look_up
from acme_companion.act.issuers.self_signed import self_signed
from acme_companion.decide.names import Name
from acme_companion.decide.settings.read import read
from tests.act.store_mounts import mounted
from tests.act.store_parts import OTHER_KEY, issued, pair_in, pem_of, put
from tests.bed.doors import RealClock
from tests.cycle import mailcow_volume
from tests.cycle.stack import steps

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cycle.stack import Stack

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
NOW = datetime.now(UTC)


async def test_a_pair_of_the_admin_stays(stack: Stack):
    """A pair that we did not issue is not touched, also when it ends, and nothing is issued beside it."""
    theirs = issued(stack.host, key=OTHER_KEY, days=20, issuer="Company CA", begin=NOW)
    put(stack.volume, theirs)
    (stack.volume / "force_renew").touch()
    for days in (1, 60):
        report = await stack.cycle()
        assert (steps(report), report.failed) == ([("Skip", "")], False)
        stack.clock.let_pass(days=days)

    assert (pair_in(stack.volume), stack.proxy.requests) == (theirs, [])


async def test_a_self_signed_pair_of_the_admin_stays(stack: Stack):
    """Also one that ends soon: it is ours only with the key that only we have."""
    theirs = self_signed(Name.parse(stack.host), pem_of(OTHER_KEY), NOW - timedelta(days=360))
    put(stack.volume, theirs)
    assert steps(await stack.cycle()) == [("Skip", "")]
    assert pair_in(stack.volume) == theirs


async def test_the_example_pair_is_replaced(stack: Stack):
    """The pair that ships with the stack is nobody's: its key is on every installation."""
    example = issued("mail.example.org", key=OTHER_KEY, days=3650, issuer="mailcow", begin=NOW)
    put(stack.volume.with_name("example"), example)
    put(stack.volume, example)
    report = await stack.cycle()

    assert steps(report) == [("Issue", stack.host)]
    assert stack.names() == {stack.host, stack.imap}
    assert stack.certificate().spki != example.certificate().spki


@pytest.mark.parametrize("sni", ["n", "y"])
async def test_a_volume_of_mailcow_is_taken_over(stack: Stack, sni: str):
    """Nothing is issued while its certificates are good; when they are due, its key and its account are used."""
    stack.environment |= {"ENABLE_SSL_SNI": sni, "ACME_KEY_TYPE": "rsa2048"}
    lineages = (stack.host, stack.imap) if sni == "y" else (f"{stack.host} {stack.imap}",)
    mailcow_volume.with_sni(stack.volume, *lineages, days_left=60)
    account = (stack.volume / "acme/account.pem").read_bytes()
    before = stack.certificate()

    assert {kind for kind, _ in steps(await stack.cycle())} == {"Keep"}
    assert (stack.certificate(), stack.orders()) == (before, [])

    stack.clock.let_pass(days=31)
    assert {kind for kind, _ in steps(await stack.cycle())} == {"Issue"}
    assert (stack.certificate().fingerprint != before.fingerprint, stack.certificate().spki) == (
        True,
        before.spki,
    )
    assert (stack.volume / "acme/account.pem").read_bytes() == account
    settings = read(stack.environment)
    known = await look_up(settings.ca, RealClock(), account)
    assert known.account_uri == (await stack.held()).memory.authorities[settings.ca.directory_url].account_uri
    assert stack.covered() == {stack.host, stack.imap}
    assert stack.unfinished() == []


async def test_the_layout_before_sni_is_taken_over(stack: Stack):
    """Keys move to where they are now, the certificate made with them is ours, and is renewed with them."""
    mailcow_volume.before_sni(stack.volume, stack.host, stack.imap, days_left=60)
    before = stack.certificate()
    assert (steps(await stack.cycle())[0][0], stack.certificate().spki) == ("Issue", before.spki)
    assert stack.names() == {stack.host, stack.imap}
    assert not (stack.volume / "acme/private").exists()
    assert steps(await stack.cycle()) == [("Keep", stack.host)]
    assert stack.unfinished() == []


async def test_a_memory_that_is_damaged(stack: Stack):
    """What was remembered is lost, certificates are not: they are still ours, and nothing is issued again."""
    stack.environment |= {"ENABLE_SSL_SNI": "y"}
    await stack.cycle()
    before, orders = stack.certificate(), len(stack.orders())
    (stack.volume / ".companion/state.json").write_text("{")
    report = await stack.cycle()

    assert (steps(report), report.failed) == ([("Keep", stack.host), ("Keep", stack.imap)], False)
    assert (stack.certificate(), len(stack.orders())) == (before, orders)
    assert any("state.json" in line for line in stack.log.lines("warning"))
    stack.clock.let_pass(days=62)
    accounts = stack.accounts()
    assert not (await stack.cycle()).failed
    assert (stack.certificate().fingerprint != before.fingerprint, stack.accounts()) == (True, accounts)


@root_only
async def test_a_full_disk(stack: Stack, tmp_path: Path):
    """No order is placed, one sentence says what to do, what is served stays; with room again it goes on."""
    with mounted("-t", "tmpfs", "-o", "size=400k", "tmpfs", at=tmp_path / "small") as small:
        stack.volume, stack.environment["VOLUME"] = small, str(small)
        await stack.cycle()
        before, orders = stack.certificate(), len(stack.orders())
        with (small / "filler").open("wb", buffering=0) as filler:
            while filler.write(b"x" * 4096) == 4096:
                if os.statvfs(small).f_bavail * os.statvfs(small).f_frsize < 40_000:
                    break
        report = await stack.cycle(force=True)
        assert (report.failed, stack.certificate(), len(stack.orders())) == (True, before, orders)
        [sentence] = [line for line in stack.log.lines("error") if "No space left" in line]
        assert "make room on the volume" in sentence

        (small / "filler").unlink()
        stack.clock.let_pass(minutes=6)
        assert not (await stack.cycle()).failed
        assert stack.certificate().fingerprint != before.fingerprint
        assert stack.unfinished() == []


@root_only
@pytest.mark.parametrize("force", [False, True])
async def test_a_volume_that_cannot_be_written(stack: Stack, tmp_path: Path, force: bool):
    """One sentence, exit code 1, no order; what is there can be looked at all the same."""
    with mounted("-t", "tmpfs", "-o", "size=1m", "tmpfs", at=tmp_path / "small") as small:
        stack.volume, stack.environment["VOLUME"] = small, str(small)
        await stack.cycle()
        before, orders = stack.certificate(), len(stack.orders())
        subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
        code, output = await stack.command("once", *(["--force"] if force else []))
        assert (code, len(output.splitlines())) == (1, 1)
        assert re.search(r"Read-only file system.*mount the volume writable", output), output
        assert (stack.certificate(), len(stack.orders())) == (before, orders)
        assert [one.directory for one in (await stack.held()).lineages] == [stack.host]
