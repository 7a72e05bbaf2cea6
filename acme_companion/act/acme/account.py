"""Our account at a CA (RFC 8555 section 7.3): found by its key, made when there is none, kept up to date."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from acme import messages

from acme_companion.act.acme.answer import Declined
from acme_companion.decide.accounts import as_sentence, circumstances, is_stopped
from acme_companion.decide.acme_problems import legible
from acme_companion.decide.memory import Stop
from acme_companion.decide.problems import AccountStopped, Problem, Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from acme_companion.act.acme.answer import Answer
    from acme_companion.act.acme.network import Network
    from acme_companion.act.acme.signing import AccountKey
    from acme_companion.decide.acme_answers import Directory
    from acme_companion.decide.memory import Authority
    from acme_companion.decide.settings import Ca
    from acme_companion.ports import Clock, Log

DEAD = frozenset({"deactivated", "revoked"})
BAD_CONTACT = frozenset({"invalidContact", "unsupportedContact"})
NEEDS_BINDING = (
    "the CA registers only accounts that are bound to an account at its own site (external account "
    "binding, RFC 8555 section 7.3.4): set ACME_EAB_KID and ACME_EAB_HMAC_KEY to what it shows there"
)
NEW_ACCOUNT = ": move the account key away so that a new account is made"


class Account:
    """Signs in once: afterwards `network` signs for the account."""

    def __init__(
        self, network: Network, key: AccountKey, ca: Ca, remembered: Authority, clock: Clock, log: Log
    ) -> None:
        self._network, self._key, self._ca = network, key, ca
        self._remembered, self._clock, self._log = remembered, clock, log
        contact = ca.contact
        self._contact = (contact if ":" in contact else f"mailto:{contact}",) if contact else ()
        self._circumstances = circumstances(key.thumbprint, contact, ca.external_account, remembered)

    def refuse_stopped(self) -> None:
        """Raise `AccountStopped` again, without asking, while nothing has changed since the CA made us stop."""
        stop = self._remembered.stopped
        if stop and is_stopped(stop, self._circumstances, self._clock.now()):
            raise self._as_problem(stop)

    async def sign_in(self, directory: Directory) -> None:
        """Use the remembered account, else the one that our key has, else a new one.

        A remembered account costs no request unless key or contact changed. Raises `AccountStopped`, `NotYet`, `Declined`.
        """
        with self._final_is_final():
            await self._sign_in(directory)

    async def replace(self, directory: Directory, lost: str) -> None:
        """The CA does not know the account `lost` any more: have another one, and say so. Raises as `sign_in`."""
        if self._network.account_url != lost:
            return  # another order noticed first
        with self._final_is_final():
            await self._find_or_register(directory, lost)
        self._warn(f"the CA no longer knows our account {lost}")

    async def fault(self, declined: Declined) -> AccountStopped | None:
        """What is wrong with the account, if that is why the CA declined a request; raises `NotYet`."""
        if declined.kind == "userActionRequired":
            return self.stopped(str(declined.as_problem(self._clock.now())))
        if declined.kind != "unauthorized":
            return None
        try:
            self._check_status(await self._network.fetch(self._network.account_url))
        except AccountStopped as stopped:
            return stopped
        except Declined as about_account:
            problem = about_account.as_problem(self._clock.now())
            if isinstance(problem, Refused):
                return self.stopped(_of_the_account(about_account, problem))
        return None

    def stopped(self, because: str) -> AccountStopped:
        """The CA will have nothing of this account: not asked again until something changes."""
        return self._as_problem(Stop(because, self._clock.now(), self._circumstances))

    @contextmanager
    def _final_is_final(self) -> Iterator[None]:
        """What waiting does not help stops the account; anything else is passed on."""
        try:
            yield
        except Declined as declined:
            problem = declined.as_problem(self._clock.now())
            raise self.stopped(str(problem)) if isinstance(problem, Refused) else declined from None

    def _as_problem(self, stop: Stop) -> AccountStopped:
        url = self._ca.directory_url
        return AccountStopped(as_sentence(url, stop), url, stop)

    async def _sign_in(self, directory: Directory) -> None:
        known = self._remembered
        if not known.account_uri:
            await self._find_or_register(directory)
        elif known.account_thumbprint not in {"", self._key.thumbprint}:
            await self._find_or_register(directory, known.account_uri)
            self._warn(f"the key of our account {known.account_uri} is not here any more")
        else:
            self._network.account_url = known.account_uri
            if known.contact != self._ca.contact:
                await self._follow_contact(directory)

    async def _follow_contact(self, directory: Directory) -> None:
        try:
            await self._update_contact()
        except Declined as declined:
            if declined.kind != "accountDoesNotExist":
                raise
            await self.replace(directory, self._remembered.account_uri)

    async def _find_or_register(self, directory: Directory, lost: str = "") -> None:
        """`lost`: the account that we had."""
        try:
            found = messages.NewRegistration(only_return_existing=True)
            answer = await self._network.post(directory.new_account, found.to_json(), by_key=True)
        except Declined as declined:
            problem = declined.as_problem(self._clock.now())
            if declined.kind == "unauthorized" and isinstance(problem, Refused):
                raise self.stopped(_of_the_account(declined, problem)) from None
            if declined.kind != "accountDoesNotExist":
                raise
            self._refuse_pinned(lost)
            self._network.account_url = await self._register(directory)
            return
        self._check_status(answer)
        self._network.account_url = answer.location()
        if (
            self._contact
            and tuple(answer.read(lambda account: account.get("contact") or ())) != self._contact
        ):
            await self._update_contact()

    def _refuse_pinned(self, lost: str) -> None:
        """No new account where records that somebody published let only the lost one issue (RFC 8657 section 3)."""
        pins = self._remembered.pinned_by
        if lost and pins:
            more = f" and {len(pins) - 3} more" if len(pins) > 3 else ""
            raise self.stopped(
                f"the CA does not know our account {lost} with the key that is here, and records for {', '.join(pins[:3])}{more} let "
                "only that account issue (accounturi in CAA, or in _validation-persist): bring its key back, or take it out of the records"
            )

    async def _register(self, directory: Directory) -> str:
        external = self._ca.external_account
        if directory.external_account_required and not external:
            raise self.stopped(NEEDS_BINDING)
        new = messages.NewRegistration(contact=self._contact, terms_of_service_agreed=True).to_json()
        if external:
            new |= {"externalAccountBinding": self._key.bound_to(external, directory.new_account)}
        try:
            answer = await self._network.post(directory.new_account, new, by_key=True)
        except Declined as declined:
            problem = declined.as_problem(self._clock.now())
            if not isinstance(problem, Refused):
                raise
            if declined.kind == "externalAccountRequired" and not external:
                raise self.stopped(NEEDS_BINDING) from None
            if not external:
                raise
            raise self.stopped(
                f"the CA refused to register an account for the key id {legible(external.key_id, 60)}: {problem}; "
                "ACME_EAB_KID and ACME_EAB_HMAC_KEY must be one pair, whole, and many CAs take each pair only once: "
                "have a fresh one made at the CA's site"
            ) from None
        self._check_status(answer)
        terms = f"; this accepts the CA's terms at {legible(directory.terms_of_service, 300)}"
        self._log.info(
            f"registered the ACME account {answer.location()}{terms * bool(directory.terms_of_service)}"
        )
        return answer.location()

    async def _update_contact(self) -> None:
        # `to_json` of acme keeps an empty contact, which takes the old one away.
        changed = messages.UpdateRegistration(contact=self._contact)
        try:
            self._check_status(await self._network.post(self._network.account_url, changed.to_json()))
        except Declined as declined:
            if declined.kind not in BAD_CONTACT:
                raise
            # An address that a CA dislikes is no reason to let certificates end.
            self._log.warning(
                f"the CA does not take ACME_ACCOUNT_EMAIL as the account's contact, which stays as it was: {declined}"
            )

    def _check_status(self, answer: Answer) -> None:
        status = answer.read(lambda account: account.get("status", "valid"))
        if status in DEAD:
            raise self.stopped(
                f"the CA says that our account is {status}, which is final (RFC 8555 section 7.3.6){NEW_ACCOUNT}"
            )

    def _warn(self, because: str) -> None:
        if self._network.account_url != self._remembered.account_uri:
            self._log.warning(
                f"{because}: our account is now {self._network.account_url}; change CAA records with accounturi (and lasting "
                "records for dns-persist-01), if there are any"
            )


def _of_the_account(declined: Declined, problem: Problem) -> str:
    """What a CA said when it was asked for nothing but our account, and what to do when it has been given up."""
    return f"{problem}{NEW_ACCOUNT if declined.kind == 'unauthorized' else ''}"
