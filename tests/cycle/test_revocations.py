"""Certificates that an admin has revoked, and keys that are not secret any more."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from cryptography import x509

from tests.act.store_parts import pair_in
from tests.cycle.stack import steps

if TYPE_CHECKING:
    from tests.cycle.stack import Stack


def status(stack: Stack, directory: str) -> str:
    pair = pair_in(stack.volume / directory)
    assert pair
    serial = x509.load_pem_x509_certificates(pair.chain_pem)[0].serial_number
    return str(stack.ca.status(serial)["Status"])


async def test_revoked_certificate_is_replaced(stack: Stack):
    """By the account; the next cycle orders another one with the same key, once."""
    await stack.cycle()
    before = stack.certificate()
    code, output = await stack.command("revoke", stack.host, "--reason", "superseded", "--json")
    assert (code, json.loads(output)["fingerprint"]) == (0, before.fingerprint)
    assert status(stack, stack.host) == "Revoked"
    assert (await stack.command("revoke", stack.host))[0] == 0  # asked twice is done once
    report = await stack.cycle()

    assert [step.because for step in report.plan.issues] == ["the certificate was revoked"]
    assert status(stack, stack.host) == "Valid"
    assert stack.certificate().spki == before.spki
    assert steps(await stack.cycle()) == [("Keep", stack.host)]


async def test_compromised_key_is_used_no_more(stack: Stack):
    """Revoked by the key itself; all certificates that share it get another one, and the old one is only kept."""
    stack.environment |= {"ENABLE_SSL_SNI": "y"}
    await stack.cycle()
    before, key = stack.certificate(), (stack.volume / "acme/key.pem").read_bytes()
    code, output = await stack.command(
        "revoke", stack.host, "--reason", "keyCompromise", "--by-certificate-key"
    )
    assert code == 0, output
    assert f"the same key, replaced as well, but not revoked by this: {stack.imap}" in output
    assert (
        "makes another one for all that have it (TLSA 3 1 1 records for the old one become untrue; " in output
    )
    assert (status(stack, stack.host), status(stack, stack.imap)) == ("Revoked", "Valid")
    assert not (await stack.cycle()).failed

    spkis = {stack.certificate(directory).spki for directory in ("", stack.host, stack.imap)}
    assert (len(spkis), before.spki in spkis) == (1, False)
    [told] = [text for level, text in stack.log.said if level == "warning" and "TLSA 3 1 1" in text]
    assert told.endswith(f"publish {stack.certificate().spki}")
    assert (stack.volume / "acme/key.pem").read_bytes() != key
    [kept] = (stack.volume / "backups/acme").iterdir()
    assert kept.name.endswith(".compromised")
    assert (kept / "key.pem").read_bytes() == key
    assert {kind for kind, _ in steps(await stack.cycle())} == {"Keep"}
    assert stack.unfinished() == []


async def test_certificate_from_a_file(stack: Stack):
    """Wherever it lies, by the account or by a key beside it; a key that is not there is said."""
    await stack.cycle()
    copy = stack.volume.with_name("copy.pem")
    copy.write_bytes((stack.volume / "cert.pem").read_bytes())
    key = stack.volume / "acme/key.pem"
    key.rename(stack.volume / "acme/key.away")
    code, output = await stack.command("revoke", "--certificate", str(copy), "--by-certificate-key")
    assert (code, "its private key is in neither of" in output) == (1, True)
    (stack.volume / "acme/key.away").rename(key)
    code, output = await stack.command("revoke", "--certificate", str(copy), "--by-certificate-key")
    assert (code, "is served as it is until the next cycle" in output) == (0, True)
    assert status(stack, "") == "Revoked"
