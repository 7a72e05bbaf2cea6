"""What an admin does to an account and to its certificates, at a real CA."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from josepy.b64 import b64decode
from josepy.jwk import JWK

from acme_companion.act.acme.lookup import has_account, look_up
from acme_companion.act.acme.open_account import NoAccount, open_account, revoke_by_certificate_key
from acme_companion.decide.problems import NotYet, Refused
from acme_companion.decide.settings import Ca
from tests.act.acme_proxy import changed, lost, problem, reset
from tests.act.acme_world import CERTIFICATE_KEY, RealClock, issue, new_key, session_with

if TYPE_CHECKING:
    from tests.act.acme_proxy import AcmeProxy, Fault
    from tests.bed.pebble import Pebble

CLOCK = RealClock()
KEY_CHANGE, REVOKE = "/rollover-account-key", "/revoke-cert"


def at(ca: Pebble | AcmeProxy) -> Ca:
    return Ca(ca.directory_url, ca_bundle=str(ca.ca_bundle))


async def registered(ca: Pebble | AcmeProxy, contact: str | None = None) -> tuple[bytes, str]:
    """A new account: its key and its URL."""
    key = new_key()
    async with session_with(ca, account_key=key, contact=contact) as session:
        return key, (await session.knowledge()).account_uri


async def leaf(ca: Pebble, name: str, account_key: bytes) -> x509.Certificate:
    issued = await issue(ca, name, account_key=account_key)
    return x509.load_pem_x509_certificates(issued.chain_pem)[0]


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


async def test_what_an_account_is(ca: Pebble) -> None:
    key, uri = await registered(ca, "a@example.org")
    async with open_account(at(ca), CLOCK, key) as account:
        assert (account.authority.account_uri, account.status) == (uri, "valid")
        assert (account.contact, account.key_kind) == (("mailto:a@example.org",), "EC P-256")
    assert await has_account(at(ca), CLOCK, key)


async def test_a_key_that_nobody_knows(ca: Pebble) -> None:
    """Nobody is registered by asking."""
    key = new_key()
    for _ in range(2):
        with pytest.raises(NoAccount, match="knows no account with this key"):
            await look_up(at(ca), CLOCK, key)
    assert not await has_account(at(ca), CLOCK, key)


# ---- keyChange (RFC 8555 section 7.3.5) --------------------------------------------------------------------


async def test_another_key(proxy: AcmeProxy) -> None:
    """STANDARDS P-15: the URL stays, the old key is nobody's, and the inner JWS is as the RFC has it."""
    key, uri = await registered(proxy)
    following = new_key()
    async with open_account(at(proxy), CLOCK, key) as account:
        await account.change_key(following)

    assert (await look_up(at(proxy), CLOCK, following)).account_uri == uri
    assert not await has_account(at(proxy), CLOCK, key)
    (inner,) = proxy.asked(KEY_CHANGE)
    protected = json.loads(b64decode(inner["protected"]))
    public = JWK.load(
        load_pem_private_key(following, None)
        .public_key()
        .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    ).to_json()
    assert protected == {
        "alg": "ES256",
        "jwk": public,
        "url": proxy.directory_url.replace("/dir", KEY_CHANGE),
    }
    payload = json.loads(b64decode(inner["payload"]))
    assert (payload["account"], set(payload)) == (uri, {"account", "oldKey"})
    assert "d" not in payload["oldKey"]


async def test_a_key_that_another_account_has(proxy: AcmeProxy) -> None:
    """The CA says so (Pebble does not mind, others answer 409): nothing has changed."""
    key, _ = await registered(proxy)
    proxy.on(KEY_CHANGE, problem(409, "malformed", "the key is in use by another account"))
    async with open_account(at(proxy), CLOCK, key) as account:
        with pytest.raises(Refused, match="in use by another account"):
            await account.change_key(new_key())
    assert await has_account(at(proxy), CLOCK, key)


@pytest.mark.parametrize(
    ("fault", "took_place"),
    [
        pytest.param(
            lost, True, id="the answer was lost: asked once, so that the CA tells which key it knows"
        ),
        pytest.param(reset, False, id="the question was lost"),
        pytest.param(problem(500, "serverInternal"), False, id="the CA stumbled"),
    ],
)
async def test_a_change_that_nobody_is_sure_of(proxy: AcmeProxy, fault: Fault, took_place: bool) -> None:
    key, _ = await registered(proxy)
    following = new_key()
    proxy.on(KEY_CHANGE, fault)
    async with open_account(at(proxy), CLOCK, key) as account:
        with pytest.raises(NotYet):
            await account.change_key(following)

    assert len(proxy.asked(KEY_CHANGE)) == 1
    assert [await has_account(at(proxy), CLOCK, one) for one in (key, following)] == [
        not took_place,
        took_place,
    ]


@pytest.mark.parametrize(
    ("missing", "deed"), [("keyChange", "change of account keys"), ("revokeCert", "revocations by ACME")]
)
async def test_a_ca_that_cannot(proxy: AcmeProxy, missing: str, deed: str) -> None:
    """Both are optional in practice: said, and nothing is sent."""
    key, _ = await registered(proxy)
    proxy.on("/dir", changed(lambda value: value.pop(missing)))
    async with open_account(at(proxy), CLOCK, key) as account:
        with pytest.raises(Refused, match=deed):
            await (account.change_key(new_key()) if missing == "keyChange" else account.revoke(b"", 0))


# ---- deactivation and revocation ---------------------------------------------------------------------------


async def test_give_an_account_up(ca: Pebble) -> None:
    """RFC 8555 section 7.3.6: for good."""
    key, _ = await registered(ca)
    async with open_account(at(ca), CLOCK, key) as account:
        await account.deactivate()

    async with session_with(ca, account_key=key) as session:
        with pytest.raises(Refused):
            await session.knowledge()


async def test_revoke_by_account(ca: Pebble) -> None:
    """RFC 8555 section 7.6; a second time is refused as such."""
    key, _ = await registered(ca)
    certificate = await leaf(ca, "revoked.example.org", key)
    async with open_account(at(ca), CLOCK, key) as account:
        await account.revoke(der(certificate), 4)
        with pytest.raises(Refused) as again:
            await account.revoke(der(certificate), 4)

    assert again.value.rejection
    assert again.value.rejection.kind == "alreadyRevoked"
    assert ca.status(certificate.serial_number)["Status"] == "Revoked"


async def test_revoke_by_the_certificates_key(ca: Pebble) -> None:
    """Whoever has the key may, with no account."""
    key, _ = await registered(ca)
    certificate = await leaf(ca, "compromised.example.org", key)
    with pytest.raises(Refused):
        await revoke_by_certificate_key(at(ca), CLOCK, new_key(), der(certificate), 1)
    await revoke_by_certificate_key(at(ca), CLOCK, CERTIFICATE_KEY, der(certificate), 1)

    assert ca.status(certificate.serial_number)["Status"] == "Revoked"


async def test_the_account_of_somebody_else_revokes_nothing(ca: Pebble) -> None:
    mine, _ = await registered(ca)
    other, _ = await registered(ca)
    certificate = await leaf(ca, "not-yours.example.org", mine)
    async with open_account(at(ca), CLOCK, other) as account:
        with pytest.raises(Refused):
            await account.revoke(der(certificate), 0)
    assert ca.status(certificate.serial_number)["Status"] == "Valid"
