"""Which account a key has at a CA, without registering one (RFC 8555 section 7.3.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acme import messages

from acme_companion.act.acme.answer import Declined
from acme_companion.act.acme.network import Network, open_session, trust_in
from acme_companion.act.acme.signing import AccountKey
from acme_companion.decide.acme_answers import directory_of
from acme_companion.decide.memory import Authority
from acme_companion.problems import Refused

if TYPE_CHECKING:
    from acme_companion.decide.settings import Ca
    from acme_companion.ports import Clock


async def look_up(ca: Ca, clock: Clock, account_key: bytes) -> Authority:
    """The account of `account_key` (PEM) at `ca`, and what the CA says about itself.

    Raises `Refused` when the CA knows no such account, `Damaged` for a key that is none, `NotYet`.
    """
    key = AccountKey(account_key)
    async with open_session() as http:
        network = Network(http, key, clock, trust_in(ca.ca_bundle))
        try:
            directory = (await network.get(ca.directory_url)).read(directory_of)
            network.new_nonce_url = directory.new_nonce
            question = messages.NewRegistration(only_return_existing=True)
            answer = await network.post(directory.new_account, question.to_json(), by_key=True)
        except Declined as declined:
            if declined.kind == "accountDoesNotExist":
                raise Refused(f"{ca.directory_url} knows no account with this key") from None
            raise declined.as_problem(clock.now()) from None
        return Authority(
            account_uri=answer.location(),
            caa_identities=directory.caa_identities,
            renewal_info=directory.renewal_info,
        )
