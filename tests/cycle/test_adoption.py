"""From mailcow's container to ours and back: nothing but what is needed changes, and acme-tiny, which is in there, goes on."""

from __future__ import annotations

import asyncio
import os
import subprocess
import threading
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from acme_companion.decide.pair import Pair
from tests.act.store_parts import OTHER_KEY, issued, pair_in, put
from tests.bed.process import LOOPBACK
from tests.cycle import mailcow_volume
from tests.cycle.stack import steps

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cycle.stack import Stack


def as_pkcs8(path: Path) -> None:
    key = load_pem_private_key(path.read_bytes(), None)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def content(volume: Path) -> dict[str, bytes]:
    """Every file that siblings or mailcow's container read."""
    return {
        str(path.relative_to(volume)): path.read_bytes()
        for path in volume.rglob("*")
        if path.is_file() and ".companion" not in path.parts
    }


@pytest.mark.parametrize("sni", ["n", "y"])
@pytest.mark.parametrize("form", ["PKCS#1", "PKCS#8"])
async def test_nothing_changes(stack: Stack, form: str, sni: str):
    """No certificate, no key, no account, no byte: all that is added is what siblings need, and our own memory."""
    stack.environment |= {"ENABLE_SSL_SNI": sni}
    lineages = (stack.host, stack.imap) if sni == "y" else (f"{stack.host} {stack.imap}",)
    mailcow_volume.with_sni(stack.volume, *lineages, days_left=60)
    put(
        stack.volume / "backups" / stack.host / "2026-01-01_00_00_00",
        issued(stack.host, key=OTHER_KEY),
        stack.host,
    )
    if form == "PKCS#8":
        for path in (stack.volume / "acme").glob("*.pem"):
            as_pkcs8(path)
    before = content(stack.volume)
    report = await stack.cycle()
    again = await stack.cycle()

    assert {kind for one in (report, again) for kind, _ in steps(one)} == {"Keep"}
    assert content(stack.volume) == {**before, "dhparams.pem": (stack.volume / "dhparams.pem").read_bytes()}
    assert [one for one in stack.proxy.requests if one.method == "POST"] == []


async def test_an_admins_pair_beside_old_certificates(stack: Stack):
    """Lineages of mailcow's container lie there still; the pair on top is the admin's, by whichever CA: only watched."""
    mailcow_volume.with_sni(stack.volume, stack.host, days_left=60)
    theirs = issued(stack.host, key=OTHER_KEY, issuer="R13")
    put(stack.volume, theirs)
    before = content(stack.volume)
    for force in (False, True):
        assert steps(await stack.cycle(force=force)) == [("Skip", "")]

    assert (pair_in(stack.volume), stack.orders()) == (theirs, [])
    assert {name: data for name, data in content(stack.volume).items() if name in before} == before


async def test_a_pair_of_another_ca_is_known_as_ours(stack: Stack):
    """CONTRACT 7: with a CA of their own, mailcow's container took its certificates for the admin's after a restart."""
    mailcow_volume.with_sni(stack.volume, f"{stack.host} {stack.imap}", days_left=60)
    pair = mailcow_volume.pair_of(stack.host, stack.imap, days_left=20)
    own_ca = issued(stack.host, stack.imap, key=mailcow_volume.rsa_4096("shared")[0], issuer="Own CA")  # type: ignore[arg-type]
    for directory in (stack.volume, stack.volume / stack.host):
        put(directory, Pair(pair.key_pem, own_ca.chain_pem))

    assert steps(await stack.cycle()) == [("Keep", stack.host)]
    assert (await stack.held()).server_is_ours


@contextmanager
def served(directory: Path, port: int) -> Iterator[None]:
    """What nginx does with the web root."""

    class Handler(SimpleHTTPRequestHandler):
        def translate_path(self, path: str) -> str:
            return str(directory / path.rpartition("/")[2])

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer((LOOPBACK, port), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _run(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command, env=environment, capture_output=True, check=False, timeout=60)


@pytest.mark.parametrize("origin", ["mailcow", "ours"])
async def test_acme_tiny_goes_on(stack: Stack, tmp_path: Path, origin: str):
    """With our volume mailcow's container finds its account and orders by the CSR that lies there, for the same key.

    Also when the volume began with us, and nothing was set for that: acme-tiny knows only RSA account keys.
    """
    if origin == "mailcow":
        mailcow_volume.with_sni(stack.volume, f"{stack.host} {stack.imap}", days_left=20)
    assert not (await stack.cycle(ACME_ACCOUNT_KEY_TYPE="", ACME_KEY_TYPE="")).failed
    before, accounts = stack.certificate(), stack.accounts()
    webroot = tmp_path / "webroot"
    webroot.mkdir()
    command = ["acme-tiny", "--quiet", "--disable-check", "--acme-dir", str(webroot)]
    command += ["--account-key", str(stack.volume / "acme/account.pem")]
    command += ["--csr", str(stack.volume / stack.host / "acme.csr")]
    command += ["--directory-url", stack.proxy.directory_url]
    environment = {**os.environ, "SSL_CERT_FILE": str(stack.proxy.ca_bundle)}
    with served(webroot, stack.ca.http_port):
        done = await asyncio.to_thread(_run, command, environment)

    assert done.returncode == 0, done.stderr
    made = Pair((stack.volume / "acme/key.pem").read_bytes(), done.stdout).certificate()
    assert (made.spki, set(made.names)) == (before.spki, set(before.names))
    assert made.fingerprint != before.fingerprint
    assert stack.accounts() == accounts
    assert x509.load_pem_x509_certificates(done.stdout)
