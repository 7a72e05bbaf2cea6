"""Our account at a CA: made once, found again, kept up to date, and given up only loudly."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from acme_companion.decide.memory import Authority
from acme_companion.decide.problems import AccountStopped, Damaged, NotYet, Refused
from tests.act.acme_proxy import answer, problem
from tests.act.acme_world import CERTIFICATE_KEY, HeardLog, names, new_key, session_with
from tests.bed.pebble import Pebble

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

    from tests.act.acme_proxy import AcmeProxy

ACCOUNTS = "/sign-me-up"


async def test_account_is_made_once_and_found_by_its_key(proxy: AcmeProxy) -> None:
    """With memory the account costs no request; without, the CA is asked for it before another is made."""
    key = new_key()
    async with session_with(proxy, account_key=key, contact="postmaster@example.org") as session:
        first = await session.knowledge()
    async with session_with(
        proxy, account_key=key, contact="postmaster@example.org", remembered=first
    ) as session:
        remembered = await session.knowledge()
    asked = proxy.asked(ACCOUNTS)
    async with session_with(proxy, account_key=key, contact="postmaster@example.org") as session:
        recovered = await session.knowledge()

    assert asked == [
        {"onlyReturnExisting": True},
        {"contact": ["mailto:postmaster@example.org"], "termsOfServiceAgreed": True},
    ]
    assert first == remembered == recovered
    assert first.account_uri.startswith("https://127.0.0.1")
    assert first.renewal_info.startswith("https://127.0.0.1")
    assert proxy.asked(ACCOUNTS) == [*asked, {"onlyReturnExisting": True}]


@pytest.mark.parametrize(
    ("contact", "sent"),
    [
        pytest.param("new@example.org", [{"contact": ["mailto:new@example.org"]}], id="another one"),
        pytest.param(None, [{"contact": []}], id="none any more"),
        pytest.param("old@example.org", [], id="the same: no request"),
    ],
)
async def test_contact_follows_the_setting(proxy: AcmeProxy, contact: str | None, sent: list[object]) -> None:
    key = new_key()
    async with session_with(proxy, account_key=key, contact="old@example.org") as session:
        before = await session.knowledge()
    async with session_with(proxy, account_key=key, contact=contact, remembered=before) as session:
        after = await session.knowledge()

    assert after == replace(before, contact=contact)
    assert proxy.asked("/my-account") == sent


@pytest.mark.parametrize("remembers", [True, False])
async def test_contact_that_the_ca_does_not_take(proxy: AcmeProxy, remembers: bool) -> None:
    """An account that works goes on working; it is said once, and sent again when it is another one."""
    key, log = new_key(), HeardLog()
    async with session_with(proxy, account_key=key) as session:
        before = await session.knowledge()
    proxy.on("/my-account", problem(400, "invalidContact", "example.net is forbidden"))
    known = before if remembers else Authority()
    async with session_with(
        proxy, account_key=key, contact="a@example.net", remembered=known, log=log
    ) as session:
        after = await session.knowledge()

    assert after == replace(before, contact="a@example.net")
    assert ["example.net is forbidden (invalidContact)" in line for line in log.warnings] == [True]


async def test_ca_that_lost_everything_gets_a_new_account(ca: Pebble) -> None:
    """A remembered account that the CA does not know is replaced, and the operator told about CAA accounturi."""
    log, key = HeardLog(), new_key()
    lost = Authority(account_uri=ca.directory_url.replace("/dir", "/my-account/gone"))
    async with asyncio.timeout(30), session_with(ca, account_key=key, log=log, remembered=lost) as session:
        done = await asyncio.gather(
            *(
                session.issue(names(f"{n}.lost-account.example.org"), (), CERTIFICATE_KEY, "")
                for n in range(3)
            )
        )
        now = await session.knowledge()

    assert len(done) == 3
    assert now.account_uri != lost.account_uri
    assert len(log.warnings) == 1
    assert "accounturi" in log.warnings[0]


async def test_lost_account_with_a_changed_contact(ca: Pebble) -> None:
    log = HeardLog()
    lost = Authority(
        account_uri=ca.directory_url.replace("/dir", "/my-account/gone"), contact="a@example.org"
    )
    async with session_with(
        ca, account_key=new_key(), log=log, remembered=lost, contact="b@example.org"
    ) as session:
        now = await session.knowledge()

    assert now.account_uri != lost.account_uri
    assert len(log.warnings) == 1


async def test_external_account_is_needed(names_dns: object) -> None:
    """Such a CA is told apart before it refuses."""
    with Pebble(
        external_accounts={"kid": "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"}
    ) as ca:
        async with session_with(ca) as session:
            with pytest.raises(Refused, match="external account"):
                await session.knowledge()


async def test_changed_terms_name_their_page(proxy: AcmeProxy) -> None:
    """RFC 8555 section 7.3.3: somebody must read and agree; nothing is tried again by itself."""
    link = '<https://ca.example/terms-v2>;rel="terms-of-service"'
    proxy.on("/order-plz", problem(403, "userActionRequired", "terms have changed", headers={"Link": link}))
    async with session_with(proxy) as session:
        with pytest.raises(Refused, match=r"https://ca.example/terms-v2"):
            await session.issue(names("terms.example.org"), (), CERTIFICATE_KEY, "")


@pytest.mark.parametrize("status", ["deactivated", "revoked"])
async def test_dead_account_is_final(proxy: AcmeProxy, status: str) -> None:
    proxy.on(ACCOUNTS, answer(200, {"status": status}, Location="https://ca.example/acct/1"))
    async with session_with(proxy) as session:
        with pytest.raises(Refused, match=f"{status}, which is final"):
            await session.knowledge()


async def test_account_without_location(proxy: AcmeProxy) -> None:
    """Without its URL an account cannot be used."""
    proxy.on(ACCOUNTS, answer(200, {"status": "valid"}))
    async with session_with(proxy) as session:
        with pytest.raises(NotYet, match="Location"):
            await session.knowledge()


async def test_fifty_certificates_find_out_once_that_the_account_is_refused(proxy: AcmeProxy) -> None:
    """A failed sign-in answers for all certificates of a pass."""
    proxy.on(ACCOUNTS, *[problem(403, "unauthorized", "account is blocked")] * 50)
    async with session_with(proxy) as session:
        done = await asyncio.gather(
            *(session.issue(names(f"{n}.example.org"), (), CERTIFICATE_KEY, "") for n in range(50)),
            return_exceptions=True,
        )

    assert [type(one) for one in done] == [AccountStopped] * 50
    assert len(proxy.asked(ACCOUNTS)) == 1


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(rsa.generate_private_key(65537, 2048), id="RSA"),
        pytest.param(ec.generate_private_key(ec.SECP256R1()), id="P-256"),
        pytest.param(ec.generate_private_key(ec.SECP384R1()), id="P-384"),
    ],
)
@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
async def test_account_keys(ca: Pebble, key: PrivateKeyTypes, form: PrivateFormat) -> None:
    """Every kind of key that CAs accept, in either PEM form: mailcow's is RSA in PKCS#1."""
    pem = key.private_bytes(Encoding.PEM, form, NoEncryption())
    async with session_with(ca, account_key=pem) as session:
        assert (await session.knowledge()).account_uri


@pytest.mark.parametrize(
    "pem",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", id="damaged"),
        pytest.param(
            ed25519.Ed25519PrivateKey.generate().private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
            ),
            id="a kind that no CA takes",
        ),
    ],
)
async def test_unusable_account_key(proxy: AcmeProxy, pem: bytes) -> None:
    """Said at once, without asking the CA."""
    with pytest.raises(Damaged, match="account key"):
        async with session_with(proxy, account_key=pem):
            pass
    assert proxy.requests == []
