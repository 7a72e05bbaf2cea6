"""Our account at a CA (RFC 8555 section 7.3): found by its key, made when there is none, kept up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acme import messages

from acme_companion.act.acme.answer import Declined
from acme_companion.decide.acme_problems import legible
from acme_companion.problems import Refused

if TYPE_CHECKING:
    from acme_companion.act.acme.answer import Answer
    from acme_companion.act.acme.network import Network
    from acme_companion.decide.acme_answers import Directory
    from acme_companion.decide.memory import Authority
    from acme_companion.ports import Log


class Account:
    """Signs in once: afterwards `network` signs for the account. `contact` is an e-mail address or None."""

    def __init__(self, network: Network, contact: str | None, log: Log) -> None:
        self._network, self._log = network, log
        self._contact = (contact if ":" in contact else f"mailto:{contact}",) if contact else ()

    async def sign_in(self, directory: Directory, remembered: Authority, contact: str | None) -> None:
        """Use the remembered account, else the one that our key has, else a new one.

        A remembered account costs no request unless the contact changed. Raises `Refused`, `NotYet`, `Declined`.
        """
        self._network.account_url = remembered.account_uri
        if not remembered.account_uri:
            await self._find_or_register(directory)
        elif remembered.contact != contact:
            try:
                _check_status(await self._update_contact())
            except Declined as declined:
                if declined.kind != "accountDoesNotExist":
                    raise
                await self.replace(directory, remembered.account_uri)

    async def replace(self, directory: Directory, lost: str) -> None:
        """The CA does not know the account `lost` any more: have another one, and say so."""
        if self._network.account_url != lost:
            return  # another order noticed first
        await self._find_or_register(directory)
        self._log.warning(
            f"the CA no longer knows our account {lost}: our account is now {self._network.account_url}; "
            "change CAA records with accounturi, if there are any"
        )

    async def _find_or_register(self, directory: Directory) -> None:
        try:
            found = messages.NewRegistration(only_return_existing=True)
            answer = await self._network.post(directory.new_account, found.to_json(), by_key=True)
        except Declined as declined:
            if declined.kind != "accountDoesNotExist":
                raise
            self._network.account_url = await self._register(directory)
            return
        _check_status(answer)
        self._network.account_url = answer.location()
        if (
            self._contact
            and tuple(answer.read(lambda account: account.get("contact") or ())) != self._contact
        ):
            await self._update_contact()

    async def _register(self, directory: Directory) -> str:
        if directory.external_account_required:
            raise Refused(
                "the CA registers only accounts that are bound to an account at its own site (external account "
                "binding, RFC 8555 section 7.3.4), which is not supported: use another CA"
            )
        new = messages.NewRegistration(contact=self._contact, terms_of_service_agreed=True)
        answer = await self._network.post(directory.new_account, new.to_json(), by_key=True)
        _check_status(answer)
        terms = f"; this accepts the CA's terms at {legible(directory.terms_of_service, 300)}"
        self._log.info(
            f"registered the ACME account {answer.location()}{terms * bool(directory.terms_of_service)}"
        )
        return answer.location()

    async def _update_contact(self) -> Answer:
        # `to_json` of acme keeps an empty contact, which takes the old one away.
        changed = messages.UpdateRegistration(contact=self._contact)
        return await self._network.post(self._network.account_url, changed.to_json())


def _check_status(answer: Answer) -> None:
    status = answer.read(lambda account: account.get("status", "valid"))
    if status in {"deactivated", "revoked"}:
        raise Refused(
            f"the CA says that our account is {status}, which is final (RFC 8555 section 7.3.6): "
            "move the account key away so that a new account is made"
        )
