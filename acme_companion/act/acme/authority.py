"""One open session with a CA: signs in on first need, then issues many certificates side by side."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from acme_companion.act.acme.account import Account
from acme_companion.act.acme.answer import Declined
from acme_companion.act.acme.network import Network, open_session, trust_in
from acme_companion.act.acme.order import OrderDead, Orders
from acme_companion.act.acme.proof import NamesDeclined
from acme_companion.act.acme.signing import AccountKey
from acme_companion.decide.acme_answers import NotAnAcmeAnswer, acme_url, directory_of
from acme_companion.decide.chain import ChainRefused, check
from acme_companion.decide.pair import spki_of
from acme_companion.ports import Issued
from acme_companion.problems import AccountStopped, Damaged, NameRefusals, NotOrdered, NotYet, Problem, Refused

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping, Sequence

    import aiohttp

    from acme_companion.decide.acme_answers import Directory
    from acme_companion.decide.acme_problems import ProblemDocument
    from acme_companion.decide.memory import Authority
    from acme_companion.decide.names import Name
    from acme_companion.decide.settings import Ca
    from acme_companion.ports import Clock, Log, Solving

ROUNDS: Final = 5
"""How often one certificate is ordered anew in one go, each time without the names that the CA refused."""
FAILURE_LIFE: Final = 60.0
"""Seconds for which a failed sign-in answers for all certificates: fifty need not find out one after another."""
LONGEST_COMMON_NAME: Final = 63  # RFC 5280 allows 64; Let's Encrypt leaves it out from 64 on


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
        self._orders: Orders | None = None
        self._stopped: AccountStopped | None = None
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
            account_thumbprint=self._key.thumbprint,
            stopped=self._stopped.stop if self._stopped else None,
        )

    async def issue(
        self, names: Sequence[Name], required: Collection[Name], key_pem: bytes, replaces: str
    ) -> Issued:
        """See `ports.CertificateAuthority.issue`."""
        try:
            return await self._issue(tuple(names), required, key_pem, replaces)
        except Declined as declined:
            raise declined.as_problem(self._clock.now()) from None

    async def _issue(
        self, names: tuple[Name, ...], required: Collection[Name], key_pem: bytes, replaces: str
    ) -> Issued:
        key = _certificate_key(key_pem)
        spki = spki_of(key.public_key())
        if spki == self._key.spki:
            raise Refused("the account key must not be the certificate's key as well (RFC 8555 section 11.1)")
        left_out: dict[Name, str] = {}
        documents: dict[Name, ProblemDocument] = {}
        for _ in range(ROUNDS):
            if self._stopped:
                raise self._stopped
            orders = await self._signed_in()
            account = self._network.account_url
            csr = _signing_request(key, names)
            try:
                chain = await orders.obtain(names, csr.public_bytes(Encoding.DER), replaces)
            except NamesDeclined as declined:
                left_out |= declined.by_name
                documents |= declined.documents
                names = _without(names, left_out, required, documents)
            except OrderDead:
                self._log.info(f"{names[0]}: an authorization ran out meanwhile; ordering anew")
            except Declined as declined:
                await self._repair_account(orders.directory, account, declined)
            else:
                believed = self._believed(chain, names, spki)
                return Issued(believed, csr.public_bytes(Encoding.PEM), left_out, documents)
        raise NotYet(
            f"{names[0]}: no certificate after ordering {ROUNDS} times; refused so far: {_listed(left_out)}"
        )

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

    def _believed(self, chain: bytes, names: Collection[Name], spki: str) -> bytes:
        try:
            return check(chain, names, spki, self._clock.now())
        except ChainRefused as problem:
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
        await self._account.sign_in(directory)
        return self._orders_at(directory)

    def _orders_at(self, directory: Directory) -> Orders:
        return Orders(
            network=self._network,
            directory=directory,
            solving=self._solving,
            clock=self._clock,
            thumbprint=self._key.thumbprint,
            profile=self._ca.profile,
            timeout=self._ca.timeout,
            placing=asyncio.Semaphore(self._ca.orders_at_once),
        )

    @cached_property
    def _network(self) -> Network:
        # Loading the system's roots takes 20 ms, so only when the CA is really asked.
        return Network(self._http, self._key, self._clock, trust_in(self._ca.ca_bundle))

    @cached_property
    def _account(self) -> Account:
        return Account(self._network, self._key, self._ca, self._remembered, self._clock, self._log)


def _without(
    names: tuple[Name, ...],
    refused: Mapping[Name, str],
    required: Collection[Name],
    documents: Mapping[Name, ProblemDocument],
) -> tuple[Name, ...]:
    left = tuple(name for name in names if name not in refused)
    if not left or any(name in refused for name in required):
        raise NameRefusals(f"the CA refused {_listed(refused)}", refused, documents)
    return left


def _listed(refused: Mapping[Name, str]) -> str:
    shown = [f"{name}: {why}" for name, why in list(refused.items())[:5]]
    more = [f"and {len(refused) - len(shown)} more"] if len(refused) > len(shown) else []
    return "; ".join(shown + more) or "nothing"


@lru_cache(maxsize=1)
def _certificate_key(key_pem: bytes) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
    """All certificates share one key, so it is loaded once."""
    try:
        # Validating RSA 4096 takes 0.2 s, and a damaged key cannot sign a CSR that the CA accepts.
        key = load_pem_private_key(key_pem, password=None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError) as problem:
        raise Damaged(f"the certificate key is not an unencrypted PEM private key ({problem})") from None
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise Damaged("the certificate key is neither RSA nor EC, which is what CAs accept")
    return key


def _signing_request(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, names: Sequence[Name]
) -> x509.CertificateSigningRequest:
    """A CSR for exactly these names; the first is the common name as well when it is short enough."""
    first = names[0].text
    subject = (
        [x509.NameAttribute(x509.NameOID.COMMON_NAME, first)] if len(first) <= LONGEST_COMMON_NAME else []
    )
    return (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name(subject))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name.text) for name in names]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
