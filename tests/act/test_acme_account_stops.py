"""An account that a CA refuses: said once, with what to do, and not asked for again until something changes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from acme_companion.decide.memory import Authority
from acme_companion.decide.problems import AccountStopped, NotYet, Refused
from acme_companion.decide.settings import ExternalAccount, Secret
from tests.act.acme_proxy import acme_proxy, answer, problem
from tests.act.acme_world import (
    CERTIFICATE_KEY,
    HeardLog,
    LaterClock,
    names,
    new_key,
    session_with,
)
from tests.bed.pebble import Pebble

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.act.acme_proxy import AcmeProxy, Fault

ACCOUNTS, ORDERS = "/sign-me-up", "/order-plz"
MAC_KEY = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
BOUND = ExternalAccount("kid-1", Secret(MAC_KEY))
DEAD = answer(200, {"status": "deactivated"}, Location="https://ca.example/acct/1")


async def stopped(ca: Pebble | AcmeProxy, **settings: Any) -> AccountStopped:
    async with session_with(ca, **settings) as session:
        with pytest.raises(AccountStopped) as refused:
            await session.knowledge()
    assert refused.value.directory_url == ca.directory_url
    return refused.value


# ---- external account binding (RFC 8555 section 7.3.4) -----------------------------------------------------


@pytest.fixture(scope="module")
def bound_ca() -> Iterator[Pebble]:
    with Pebble(external_accounts={"kid-1": MAC_KEY}) as ca:
        yield ca


async def test_bound_account(bound_ca: Pebble) -> None:
    """STANDARDS H-6: sent when an account is made, and never again; who has an account needs it no more."""
    key = new_key()
    async with acme_proxy(bound_ca) as proxy:
        async with session_with(proxy, account_key=key, external_account=BOUND) as session:
            made = await session.knowledge()
        async with session_with(proxy, account_key=key) as session:
            found = await session.knowledge()

        assert found == made
        _, registration, _ = proxy.asked(ACCOUNTS)
    assert set(registration) - {"contact"} == {"termsOfServiceAgreed", "externalAccountBinding"}
    assert MAC_KEY not in str(registration)


@pytest.mark.parametrize(
    ("external", "sentence"),
    [
        pytest.param(None, r"external account.* set ACME_EAB_KID and ACME_EAB_HMAC_KEY", id="none"),
        pytest.param(
            ExternalAccount("kid-1", Secret(new_key().hex()[:64])),
            r"one pair, whole.* only once",
            id="wrong key",
        ),
        pytest.param(
            ExternalAccount("kid-2", BOUND.hmac_key),
            r"for the key id kid-2: .* one pair, whole",
            id="wrong id",
        ),
    ],
)
async def test_refused_binding(bound_ca: Pebble, external: ExternalAccount | None, sentence: str) -> None:
    """FAULTS A39: the exact message, and no loop: the CA is left alone until the settings change."""
    key = new_key()
    async with acme_proxy(bound_ca) as proxy:
        refused = await stopped(proxy, account_key=key, external_account=external)
        known = Authority(stopped=refused.stop)
        asked = len(proxy.requests)
        again = await stopped(proxy, account_key=key, external_account=external, remembered=known)
        assert len(proxy.requests) == asked

        async with session_with(proxy, account_key=key, external_account=BOUND, remembered=known) as session:
            assert (await session.knowledge()).stopped is None
    assert (again.stop, str(again)) == (refused.stop, str(refused))
    with pytest.raises(AccountStopped, match=sentence):
        raise refused
    assert "a day after" in str(refused)


async def test_binding_that_was_used_before(bound_ca: Pebble) -> None:
    """Whatever words a CA has for it; nobody shows the key."""
    async with acme_proxy(bound_ca) as proxy:
        proxy.on(
            ACCOUNTS,
            problem(400, "accountDoesNotExist"),
            problem(401, "unauthorized", "external account key was used already"),
        )
        refused = await stopped(proxy, account_key=new_key(), external_account=BOUND)

    assert "external account key was used already (unauthorized)" in str(refused)
    assert MAC_KEY not in str(refused)


async def test_binding_that_the_directory_does_not_tell_of(proxy: AcmeProxy) -> None:
    """Some CAs say so only when an account is asked for."""
    proxy.on(
        ACCOUNTS, problem(400, "accountDoesNotExist"), problem(403, "externalAccountRequired", "eab, please")
    )
    assert "set ACME_EAB_KID and ACME_EAB_HMAC_KEY" in str(await stopped(proxy, account_key=new_key()))


async def test_ca_with_trouble_is_no_refusal(proxy: AcmeProxy) -> None:
    """It is asked again as after every trouble."""
    proxy.on(ACCOUNTS, *[problem(429, "rateLimited", "too many registrations", {"Retry-After": "3600"})] * 2)
    async with session_with(proxy, account_key=new_key(), external_account=BOUND) as session:
        with pytest.raises(NotYet, match="too many registrations") as later:
            await session.knowledge()

    assert later.value.retry_at


# ---- terms, dead accounts ----------------------------------------------------------------------------------


LINKS = {"Link": '<https://ca.example/dir>;rel="index", <https://ca.example/terms-v2>;rel="terms-of-service"'}


@pytest.mark.parametrize(
    ("path", "faults", "sentence"),
    [
        pytest.param(
            ORDERS,
            [problem(403, "userActionRequired", "terms have changed", LINKS)],
            "terms have changed .* read and accept the CA's terms at https://ca.example/terms-v2",
            id="A35: changed terms, with their page",
        ),
        pytest.param(
            ORDERS,
            [problem(403, "userActionRequired", "see instance", instance="https://ca.example/agree")],
            "accept the CA's terms at https://ca.example/agree",
            id="A35: the page in the problem's instance",
        ),
        pytest.param(
            ORDERS,
            [problem(401, "unauthorized", "account is deactivated")],
            "our account is deactivated, which is final .* move the account key away",
            id="A36: a dead account, seen when it orders",
        ),
    ],
)
async def test_order_refused_for_the_accounts_sake(
    proxy: AcmeProxy, path: str, faults: list[Fault], sentence: str
) -> None:
    """Fifty certificates hear it at once, and what is known says it to the next cycle."""
    key = new_key()
    async with session_with(proxy, account_key=key) as session:
        known = await session.knowledge()
        proxy.on(path, *faults * 50)
        proxy.on("/my-account", *[DEAD] * 50)
        done = await asyncio.gather(
            *(session.issue(names(f"{n}.example.org"), (), CERTIFICATE_KEY, "") for n in range(50)),
            return_exceptions=True,
        )
        orders = len(proxy.asked(ORDERS))
        now = await session.knowledge()
    proxy.clear()

    assert {type(one) for one in done} == {AccountStopped}
    assert orders < 50  # those that were placed until the first answer was understood
    with pytest.raises(AccountStopped, match=sentence):
        raise done[0]  # type: ignore[misc]
    assert now.stopped
    assert replace(now, stopped=None) == known
    asked = len(proxy.requests)
    await stopped(proxy, account_key=key, remembered=now)
    assert len(proxy.requests) == asked
    async with session_with(
        proxy, account_key=key, remembered=now, clock=LaterClock(timedelta(days=1))
    ) as session:
        assert (await session.knowledge()).stopped is None


async def test_refused_order_of_an_account_that_is_well(proxy: AcmeProxy) -> None:
    """A CA that will not have one order has nothing against the account: only that certificate waits."""
    async with session_with(proxy, account_key=new_key()) as session:
        await session.knowledge()
        proxy.on(ORDERS, problem(403, "unauthorized", "not this one"))
        with pytest.raises(Refused, match="not this one") as refused:
            await session.issue(names("not-this.example.org"), (), CERTIFICATE_KEY, "")
        done = await session.issue(names("but-this.example.org"), (), CERTIFICATE_KEY, "")
        assert (await session.knowledge()).stopped is None

    assert not isinstance(refused.value, AccountStopped)
    assert done.left_out == {}


@pytest.mark.parametrize(
    "kind",
    ["badSignatureAlgorithm", "badPublicKey", "invalidContact", "unsupportedContact", "unauthorized"],
)
async def test_registration_is_refused(proxy: AcmeProxy, kind: str) -> None:
    """FAULTS A49: final, nothing weaker is tried, no second registration (STANDARDS P-8)."""
    proxy.on(ACCOUNTS, problem(400, "accountDoesNotExist"), problem(400, kind, "not like that"))
    refused = await stopped(proxy, account_key=new_key(), contact="a@example.org")

    assert f"not like that ({kind})" in str(refused)
    assert len(proxy.asked(ACCOUNTS)) == 2


@pytest.mark.parametrize("kind", ["badCSR", "badPublicKey"])
async def test_certificate_key_is_refused(proxy: AcmeProxy, kind: str) -> None:
    """FAULTS A49: one order, one finalization, and no other kind of key is tried."""
    proxy.on("/finalize-order", problem(400, kind, "this key is weak"))
    async with session_with(proxy, account_key=new_key()) as session:
        with pytest.raises(Refused, match=f"this key is weak .{kind}."):
            await session.issue(names(f"{kind.lower()}.example.org"), (), CERTIFICATE_KEY, "")

    assert (len(proxy.asked(ORDERS)), len(proxy.asked("/finalize-order"))) == (1, 1)


# ---- lost accounts -----------------------------------------------------------------------------------------


async def test_lost_account_that_records_depend_on(ca: Pebble) -> None:
    """FAULTS A37, STANDARDS P-14: no new account while CAA records let only the lost one issue; one as soon as they do not."""
    key, log = new_key(), HeardLog()
    async with session_with(ca, account_key=key) as session:
        known = await session.knowledge()
    uri = known.account_uri.rpartition("/")[0] + "/gone"
    lost = replace(known, account_uri=uri, pinned_by=("a.example", "b.example", "c.example", "d.example"))
    with pytest.raises(
        AccountStopped, match=rf"account {uri} .* records for a.example, b.example, c.example and 1 more"
    ) as refused:
        async with session_with(ca, account_key=new_key(), remembered=lost, log=log) as session:
            await session.knowledge()
    assert log.warnings == []

    free = replace(lost, pinned_by=(), stopped=refused.value.stop)
    async with session_with(ca, account_key=new_key(), remembered=free, log=log) as session:
        now = await session.knowledge()
    assert now.account_uri not in {uri, known.account_uri}
    assert [f"the key of our account {uri} is not here any more" in line for line in log.warnings] == [True]


async def test_account_lost_in_the_middle_of_an_order(ca: Pebble) -> None:
    """As above, when the CA says it only then."""
    key = new_key()
    async with session_with(ca, account_key=new_key()) as session:
        there = await session.knowledge()
    uri = there.account_uri.rpartition("/")[0] + "/gone"
    lost = Authority(uri, caa_identities=there.caa_identities, pinned_by=("a.example",))
    async with session_with(ca, account_key=key, remembered=lost) as session:
        for _ in range(2):
            with pytest.raises(AccountStopped, match="only that account issue"):
                await session.issue(names("pinned.example.org"), (), CERTIFICATE_KEY, "")
        assert (await session.knowledge()).stopped


async def test_another_key_of_the_same_account(ca: Pebble) -> None:
    """FAULTS A38: an account key that was put back, or changed elsewhere, is found by asking, with no word."""
    key, log = new_key(), HeardLog()
    async with session_with(ca, account_key=key) as session:
        known = await session.knowledge()
    forgotten = replace(known, account_thumbprint="another")
    async with session_with(ca, account_key=key, remembered=forgotten, log=log) as session:
        assert await session.knowledge() == known

    assert log.warnings == []
