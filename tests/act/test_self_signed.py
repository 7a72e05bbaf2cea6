"""The stopgap pair."""

from __future__ import annotations

import ssl
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from acme_companion.act.issuers.self_signed import self_signed
from acme_companion.decide.names import Name
from acme_companion.decide.pair import NotAPair, leaf_of
from tests.act.store_parts import HOST, KEY, NOW, pem_of

if TYPE_CHECKING:
    from pathlib import Path


def test_facts() -> None:
    """For the host name, valid for a year, from a little before now, with the key that was given."""
    pair = self_signed(HOST, pem_of(KEY), NOW)
    found = pair.certificate()

    assert pair.key_pem == pem_of(KEY)
    assert found == replace(
        found,
        names=(HOST,),
        not_before=NOW - timedelta(hours=1),
        not_after=NOW + timedelta(days=365, hours=-1),
        issuer="CN=mail.example.org",
        self_signed=True,
        renewal_id="",
    )


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(HOST, id="an ordinary name"),
        pytest.param(Name("*.example.org"), id="a wildcard"),
        pytest.param(
            Name.parse(".".join(["a" * 60, "b" * 60, "example.org"])), id="longer than a common name can be"
        ),
    ],
)
def test_whoever_trusts_it_can_verify_it(name: Name, tmp_path: Path) -> None:
    """A TLS client that was given this very certificate to trust accepts the name (RFC 5280, RFC 9525)."""
    pair = self_signed(name, pem_of(KEY), datetime.now(UTC))
    (tmp_path / "key.pem").write_bytes(pair.key_pem)
    (tmp_path / "cert.pem").write_bytes(pair.chain_pem)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    trusting = ssl.create_default_context(cafile=tmp_path / "cert.pem")
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = serving.wrap_bio(to_server, to_client, server_side=True)
    client = trusting.wrap_bio(to_client, to_server, server_hostname=name.text.replace("*", "www"))
    for side in (client, server, client, server):
        with suppress(ssl.SSLWantReadError):
            side.do_handshake()

    assert client.getpeercert(binary_form=True) == leaf_of(pair.chain_pem).public_bytes(Encoding.DER)


def test_rsa() -> None:
    """Mailcow's own kind of key serves as well."""
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())

    assert self_signed(HOST, pem, NOW).certificate().self_signed


@pytest.mark.parametrize("key", [b"", b"garbage"])
def test_a_key_that_cannot_be_read(key: bytes) -> None:
    """Bytes that are no key are refused."""
    with pytest.raises(NotAPair, match="not an unencrypted PEM private key"):
        self_signed(HOST, key, NOW)
