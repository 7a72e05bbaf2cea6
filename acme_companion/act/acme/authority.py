"""One open session with a CA: signs in on first need, then issues many certificates side by side."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.serialization import Encoding

from acme_companion.act.acme.account import Account
from acme_companion.act.acme.answer import Declined
from acme_companion.act.acme.delivery import Delivery
from acme_companion.act.acme.network import Network, open_session, trust_in
from acme_companion.act.acme.order import Orders
from acme_companion.act.acme.proof import NamesDeclined
from acme_companion.act.acme.request import Request
from acme_companion.act.acme.signing import AccountKey
from acme_companion.act.acme.signing_request import certificate_key, signing_request
from acme_companion.act.acme.turns import Turns
from acme_companion.act.acme.under_way import OrderDead
from acme_companion.decide.acme_answers import NotAnAcmeAnswer, acme_url, directory_of
from acme_companion.decide.acme_headers import clock_fault
from acme_companion.decide.chain import ChainRefused, begins_in, check
from acme_companion.decide.known_cas import STAGING
from acme_companion.decide.limits.counting import concerns_all
from acme_companion.decide.open_orders import Place, Resume, Wish, next_move
from acme_companion.decide.pair import spki_of
from acme_companion.decide.problems import (
    AccountStopped,
    NotOrdered,
    NotYet,
    Problem,
    Refused,
)
from acme_companion.ports import Issued

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Collection, Sequence

    import aiohttp

    from acme_companion.act.acme.answer import Answer
    from acme_companion.decide.acme_answers import Directory
    from acme_companion.decide.acme_headers import ClockFault
    from acme_companion.decide.memory import Authority
    from acme_companion.decide.names import Name
    from acme_companion.decide.settings import Ca
    from acme_companion.ports import Clock, Journal, Log, Solving

ROUNDS: Final = 5
"""How often one certificate is ordered anew in one go, each time without the names that the CA refused."""
FAILURE_LIFE: Final = 60.0
"""Seconds for which a failed sign-in answers for all certificates: fifty need not find out one after another."""
UNDER_WAY: Final = 200
"""Orders that are under way at the same time: at their slowest pace they ask the CA 40 times a second, far below its limits."""


@asynccontextmanager
async def open_authority(
    ca: Ca, clock: Clock, log: Log, remembered: Authority, account_key: bytes, solving: Solving
) -> AsyncIterator[Session]:
    """A `CertificateAuthority`; the CA is not asked before it is needed.

    Raises `Damaged` for a key that is none, `Refused` for a directory URL that is not https.
    """
    try:
        acme_url(ca.directory_url, "the directory URL")
    except NotAnAcmeAnswer as problem:
        raise Refused(f"{problem}: set DIRECTORY_URL right") from None
    key = AccountKey(account_key)
    async with open_session() as http:
        yield Session(ca, clock, log, remembered, key, solving, http)


class Session:
    """See `ports.CertificateAuthority`."""

    def __init__(
        self,
        ca: Ca,
        clock: Clock,
        log: Log,
        remembered: Authority,
        key: AccountKey,
        solving: Solving,
        http: aiohttp.ClientSession,
    ) -> None:
        self._ca, self._clock, self._log = ca, clock, log
        self._remembered, self._key, self._solving, self._http = remembered, key, solving, http
        self._signing_in = asyncio.Lock()
        self._under_way = asyncio.Semaphore(UNDER_WAY)
        self._orders: Orders | None = None
        self._stopped: AccountStopped | None = None
        self._closed: Declined | None = None
        self._failure: tuple[float, Problem | Declined | None] = (0.0, None)

    async def knowledge(self) -> Authority:
        """What the CA's directory and our account there say; raises `NotYet`, `Refused`."""
        try:
            orders = await self._signed_in()
        except Declined as declined:
            raise declined.as_problem(self._clock.now()) from None
        return replace(
            self._remembered,
            account_uri=self._network.account_url,
            contact=self._ca.contact,
            caa_identities=orders.directory.caa_identities,
            renewal_info=orders.directory.renewal_info,
            profiles=tuple(orders.directory.profiles),
            account_thumbprint=self._key.thumbprint,
            stopped=self._stopped.stop if self._stopped else None,
        )

    async def issue(
        self,
        names: Sequence[Name],
        required: Collection[Name],
        key_pem: bytes,
        replaces: str,
        journal: Journal | None = None,
        keeps: Collection[Name] = (),
    ) -> Issued:
        """See `ports.CertificateAuthority.issue`."""
        try:
            async with self._under_way:
                return await self._issue(Request(tuple(names), required, replaces, journal, keeps), key_pem)
        except Declined as declined:
            raise declined.as_problem(self._clock.now()) from None

    async def _issue(self, request: Request, key_pem: bytes) -> Issued:
        key = certificate_key(key_pem)
        spki = spki_of(key.public_key())
        if spki == self._key.spki:
            raise Refused("the account key must not be the certificate's key as well (RFC 8555 section 11.1)")
        why = ""
        for _ in range(ROUNDS):
            if self._stopped:
                raise self._stopped
            orders = await self._signed_in()
            account = self._network.account_url
            move = self._next_move(request, account, spki)
            csr = signing_request(key, request.names)
            wish = self._wish(request, account, spki)
            try:
                chain = await orders.obtain(
                    wish, csr.public_bytes(Encoding.DER), request.replaces, request.journal, move
                )
            except NamesDeclined as declined:
                request.without(declined)
                why = f"refused so far: {request.listed()}"
            except OrderDead:
                why = "an authorization ran out every time"
                self._log.info(f"{request.names[0]}: an authorization ran out meanwhile; ordering anew")
            except Declined as declined:
                if concerns_all(declined.rejection, request.names):
                    self._closed = declined  # whoever waits for a turn to order need not hear it, too
                await self._repair_account(orders.directory, account, declined)
                why = str(declined)
            else:
                believed = self._believed(chain, request, spki, move)
                if early := begins_in(believed, self._clock.now()):
                    # The CA's clock is ahead of ours by minutes, and who is served it now would refuse it.
                    await self._clock.sleep(early.total_seconds())
                return Issued(believed, csr.public_bytes(Encoding.PEM), request.left_out, request.documents)
        raise NotYet(f"{request.names[0]}: no certificate after ordering {ROUNDS} times; {why}")

    def _wish(self, request: Request, account: str, spki: str) -> Wish:
        return Wish(request.names, self._ca.directory_url, account, spki, self._ca.profile or "")

    def _next_move(self, request: Request, account: str, spki: str) -> Resume | Place:
        """Whether an open order is gone on with, without the names that were refused before it was placed."""
        known = request.journal.known if request.journal else None
        move = next_move(known, self._wish(request, account, spki), self._clock.now())
        if isinstance(move, Resume):
            request.resume(move)
            when = f"{move.order.placed:%d %b %H:%M} UTC"
            self._log.info(f"{request.names[0]}: going on with the order of {when}")
        elif move.because:
            self._log.info(f"{request.names[0]}: the order that was open is left alone, {move.because}")
        return move

    async def _repair_account(self, directory: Directory, account: str, declined: Declined) -> None:
        """Have another account where the CA has lost ours; raises `declined` again when it is about something else."""
        async with self._signing_in:
            try:
                if declined.kind == "accountDoesNotExist":
                    await self._account.replace(directory, account)
                    return
                fault = self._stopped or await self._account.fault(declined)
            except AccountStopped as stopped:
                fault = stopped
            self._stopped = fault
        raise fault or declined

    def _believed(self, chain: bytes, request: Request, spki: str, move: Resume | Place) -> bytes:
        try:
            trusted = self._ca.directory_url in STAGING
            return check(chain, request.names, spki, self._clock.now(), trusted=trusted)
        except ChainRefused as problem:
            if request.journal and isinstance(move, Resume) and move.order.certificate:
                # Fetched for the second time it will not be right at the third; a wrong clock had its chance.
                request.journal.forget()
            raise NotOrdered(
                f"the CA delivered a certificate that was not ordered: {problem}; it is not used", chain
            ) from None

    async def _signed_in(self) -> Orders:
        async with self._signing_in:
            if self._orders is None:
                failed_at, failure = self._failure
                if failure and self._clock.monotonic() - failed_at < FAILURE_LIFE:
                    raise failure
                try:
                    self._orders = await self._sign_in()
                except (Problem, Declined) as failure:
                    self._failure = (self._clock.monotonic(), failure)
                    raise
            return self._orders

    async def _sign_in(self) -> Orders:
        self._account.refuse_stopped()
        answer = await self._network.get(self._ca.directory_url)
        directory = answer.read(directory_of)
        self._network.new_nonce_url = directory.new_nonce
        if self._clock_fault(answer):
            # A cache on the way may have kept the directory for days, and keeps no nonce (RFC 8555 section 7.2).
            self._judge_clock(await self._network.get(directory.new_nonce))
        await self._account.sign_in(directory)
        return self._orders_at(directory)

    def _clock_fault(self, answer: Answer) -> ClockFault | None:
        return clock_fault(answer.headers.get("Date"), self._clock.now(), answer.url)

    def _judge_clock(self, answer: Answer) -> None:
        """No certificate may be spent on a clock that is far ahead; any other difference is only told."""
        fault = self._clock_fault(answer)
        if fault and fault.hopeless:
            raise NotYet(f"{fault.sentence}. Nothing is ordered until then")
        if fault:
            self._log.warning(fault.sentence)

    def _orders_at(self, directory: Directory) -> Orders:
        return Orders(
            network=self._network,
            directory=directory,
            solving=self._solving,
            clock=self._clock,
            log=self._log,
            thumbprint=self._key.thumbprint,
            profile=self._ca.profile,
            timeout=self._ca.timeout,
            delivery=Delivery(self._network, self._log, self._ca.preferred_chain, self._roots),
            placing=Turns(self._ca.orders_at_once, lambda: self._stopped or self._closed),
        )

    @cached_property
    def _network(self) -> Network:
        return Network(self._http, self._key, self._clock, self._trust, self._ca.directory_url)

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        # Loading the system's roots takes 20 ms, so only when the CA is really asked.
        return trust_in(self._ca.ca_bundle)

    def _roots(self) -> list[bytes]:
        return self._trust.get_ca_certs(binary_form=True)

    @cached_property
    def _account(self) -> Account:
        return Account(self._network, self._key, self._ca, self._remembered, self._clock, self._log)
