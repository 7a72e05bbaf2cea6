"""An account that exists, for what an admin does to it: look, change its key, give it up, revoke (RFC 8555 sections 7.3 and 7.6)."""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from acme import messages
from josepy.b64 import b64encode

from acme_companion.act.acme.answer import Declined
from acme_companion.act.acme.network import Network, open_session, trust_in
from acme_companion.act.acme.signing import AccountKey
from acme_companion.decide.acme_answers import NotAnAcmeAnswer, acme_url, directory_of
from acme_companion.decide.memory import Authority
from acme_companion.decide.problems import Refused

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from acme_companion.decide.acme_answers import Directory
    from acme_companion.decide.settings import Ca
    from acme_companion.ports import Clock


class NoAccount(Refused):
    """The CA knows no account with this key."""


@dataclass(frozen=True, slots=True)
class OpenAccount:
    """`status` and `contact` as the CA tells them (section 7.1.2)."""

    authority: Authority
    status: str
    contact: tuple[str, ...]
    key_kind: str
    _network: Network
    _directory: Directory
    _key: AccountKey
    _clock: Clock

    async def change_key(self, following: bytes) -> None:
        """Have the account known by another key (PEM) from now on (section 7.3.5); its URL stays.

        Raises `Refused`, `NotYet`: whether it has changed is then seen by asking for both keys.
        """
        if not self._directory.key_change:
            raise Refused("the CA offers no change of account keys (its directory has no keyChange)")
        payload = {"account": self.authority.account_uri, "oldKey": self._key.public}
        inner = AccountKey(following).vouched(payload, self._directory.key_change)
        with _understood(self._clock):
            # Once: after a change whose answer was lost, the old key could not ask again anyway.
            await self._network.post(self._directory.key_change, inner, patient=False)

    async def deactivate(self) -> None:
        """Give the account up, for good (section 7.3.6). Raises `Refused`, `NotYet`."""
        with _understood(self._clock):
            await self._network.post(self.authority.account_uri, {"status": "deactivated"})

    async def revoke(self, der: bytes, reason: int) -> None:
        """Have a certificate of this account revoked (section 7.6). `reason`: RFC 5280 section 5.3.1. Raises `Refused`, `NotYet`."""
        with _understood(self._clock):
            await self._network.post(_revoke_url(self._directory), _revocation(der, reason))


@asynccontextmanager
async def open_account(ca: Ca, clock: Clock, account_key: bytes) -> AsyncIterator[OpenAccount]:
    """The account of `account_key` (PEM) at `ca`. Raises `NoAccount`, `Refused`, `Damaged` for a key that is none, `NotYet`."""
    key = AccountKey(account_key)
    async with open_session() as http:
        network = Network(http, key, clock, trust_in(ca.ca_bundle), ca.directory_url)
        directory = await _directory(network, ca, clock)
        question = messages.NewRegistration(only_return_existing=True)
        try:
            answer = await network.post(directory.new_account, question.to_json(), by_key=True)
        except Declined as declined:
            if declined.kind == "accountDoesNotExist":
                raise NoAccount(f"{ca.directory_url} knows no account with this key") from None
            raise declined.as_problem(clock.now()) from None
        network.account_url = answer.location()
        contact = answer.read(lambda account: account.get("contact"))
        authority = Authority(
            account_uri=answer.location(),
            contact=ca.contact,
            caa_identities=directory.caa_identities,
            renewal_info=directory.renewal_info,
            profiles=tuple(directory.profiles),
            account_thumbprint=key.thumbprint,
        )
        yield OpenAccount(
            authority=authority,
            status=str(answer.read(lambda account: account.get("status", "valid"))),
            contact=tuple(str(one) for one in contact) if isinstance(contact, list) else (),
            key_kind=key.kind,
            _network=network,
            _directory=directory,
            _key=key,
            _clock=clock,
        )


async def revoke_by_certificate_key(
    ca: Ca, clock: Clock, certificate_key: bytes, der: bytes, reason: int
) -> None:
    """Have a certificate revoked by whoever has its private key (PEM), with no account (section 7.6). Raises `Refused`, `NotYet`."""
    async with open_session() as http:
        network = Network(http, AccountKey(certificate_key), clock, trust_in(ca.ca_bundle), ca.directory_url)
        directory = await _directory(network, ca, clock)
        with _understood(clock):
            await network.post(_revoke_url(directory), _revocation(der, reason), by_key=True)


async def _directory(network: Network, ca: Ca, clock: Clock) -> Directory:
    try:
        acme_url(ca.directory_url, "the directory URL")
    except NotAnAcmeAnswer as problem:
        raise Refused(f"{problem}: set DIRECTORY_URL right") from None
    with _understood(clock):
        directory = (await network.get(ca.directory_url)).read(directory_of)
    network.new_nonce_url = directory.new_nonce
    return directory


def _revoke_url(directory: Directory) -> str:
    if not directory.revoke_cert:
        raise Refused("the CA takes no revocations by ACME (its directory has no revokeCert)")
    return directory.revoke_cert


def _revocation(der: bytes, reason: int) -> Mapping[str, Any]:
    return {"certificate": b64encode(der).decode(), "reason": reason}


@contextmanager
def _understood(clock: Clock) -> Iterator[None]:
    """Turn what the CA declined into what an operator reads."""
    try:
        yield
    except Declined as declined:
        raise declined.as_problem(clock.now()) from None
