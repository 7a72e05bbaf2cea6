"""Signed requests to a CA (RFC 8555 section 6): nonces, patience, limits, and every failure as one sentence."""

from __future__ import annotations

import asyncio
import json
import ssl
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import aiohttp
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception
from yarl import URL

from acme_companion import USER_AGENT
from acme_companion.act.acme.answer import Answer, Declined
from acme_companion.act.acme.pacing import Nonces, Pace
from acme_companion.act.acme.proxies import proxy_for
from acme_companion.decide.acme_answers import NotAnAcmeAnswer, acme_url
from acme_companion.decide.acme_headers import retry_after
from acme_companion.decide.acme_problems import legible, without_credentials
from acme_companion.decide.limits.requests import CONNECTIONS, NONCES, requests_at
from acme_companion.decide.problems import NotYet

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from acme_companion.act.acme.signing import AccountKey
    from acme_companion.ports import Clock

TIME_LIMIT = 30.0  # seconds for one request, whatever the other side does
MOST_BYTES = 1024 * 1024
NONCE_TRIES = 140  # of a CA that rejects nine in ten, one request in two million fails
TRIES = 5
FIRST_PAUSE = 0.25  # seconds, doubled with every try
LONGEST_PAUSE = 20.0  # seconds: a CA that names a later time is left for the next cycle
HEADERS = {
    "User-Agent": f"{USER_AGENT} (aiohttp {aiohttp.__version__})",
    # Without compression no answer can be larger than what was counted.
    "Accept-Encoding": "identity",
}


class Unavailable(NotYet):
    """The CA was not reached, or `answered` that it is not well. `pause`: seconds that it asked for."""

    def __init__(
        self, text: str, clock: Clock, answer: Answer | None = None, *, answered: bool = False
    ) -> None:
        self.answered = answered
        self.pause = answer.retry_after if answer else None
        super().__init__(
            text,
            retry_at=None if self.pause is None else clock.now() + timedelta(seconds=self.pause),
            rejection=Declined(answer).rejection if answer else None,
        )

    @property
    def worth_waiting(self) -> bool:
        return self.pause is None or self.pause <= LONGEST_PAUSE


class Network:
    """Requests to the CA of a directory over few kept-alive connections. `account_url` signs for the account once it is known."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        key: AccountKey,
        clock: Clock,
        trust: ssl.SSLContext,
        directory_url: str,
    ) -> None:
        self._session, self._key, self._clock, self._trust = session, key, clock, trust
        self._slots = asyncio.Semaphore(CONNECTIONS)
        self._pace, self._nonce_pace = Pace(clock, requests_at(directory_url)), Pace(clock, NONCES)
        self._nonces, self._nonces_asked = Nonces(clock), 0
        self.new_nonce_url = ""
        self.account_url = ""

    async def get(self, url: str) -> Answer:
        """An unsigned GET; raises `Declined`, `NotYet`."""
        return await self._patiently("GET", url, None)

    async def fetch(self, url: str, accept: str = "application/json") -> Answer:
        """A POST-as-GET (section 6.3); raises `Declined`, `NotYet`."""
        return await self._patiently("POST", url, b"", accept=accept)

    async def post(
        self, url: str, payload: Mapping[str, Any], *, by_key: bool = False, patient: bool = True
    ) -> Answer:
        """A signed POST; `by_key`: before there is an account. Raises `Declined`, `NotYet`.

        Not `patient`: for requests whose effect must be looked at before they are sent a second time.
        """
        body = json.dumps(payload).encode()
        return await self._patiently("POST", url, body, by_key=by_key, tries=TRIES if patient else 1)

    @contextmanager
    def warming(self, count: int) -> Iterator[None]:
        """Open the connections that `count` requests side by side will want, each with its nonce, while the block runs.

        They cost a handshake and a request each, which an order need not wait for. What fails here will be seen when it is needed.
        """
        enough = min(count, CONNECTIONS)
        # One comes with, or for, what the block asks.
        missing = enough - max(self._nonces_asked, 1)
        warming = [asyncio.create_task(self._warm(enough)) for _ in range(missing)]
        try:
            yield
        finally:
            for one in warming:
                one.cancel()

    async def _warm(self, enough: int) -> None:
        with suppress(NotYet):
            async with self._slots:
                if self._nonces_asked < enough:
                    await self._ask_for_nonce()

    async def _patiently(
        self,
        method: str,
        url: str,
        payload: bytes | None,
        *,
        by_key: bool = False,
        accept: str = "application/json",
        tries: int = TRIES,
    ) -> Answer:
        async for attempt in AsyncRetrying(
            sleep=self._clock.sleep,
            stop=lambda state: state.attempt_number >= tries,
            wait=_pause,
            retry=retry_if_exception(lambda e: isinstance(e, Unavailable) and e.worth_waiting),
            reraise=True,
        ):
            with attempt:
                # Signed afresh at every try: the same bytes must never go out twice (section 6.5).
                async with self._slots:
                    answer = await self._exchange(method, url, payload, by_key=by_key, accept=accept)
                if answer.status >= 500:
                    why = answer.problem().advice
                    raise Unavailable(f"{url}: the CA has trouble: {why}", self._clock, answer, answered=True)
                if answer.status >= 300:
                    raise Declined(answer)
        return answer

    async def _exchange(
        self, method: str, url: str, payload: bytes | None, *, by_key: bool, accept: str
    ) -> Answer:
        if payload is None:
            return await self._send(method, url, None, accept)
        for _ in range(NONCE_TRIES):
            await self._pace.turn()
            # Taken here, where the request has its slot: the answer to another one may just have brought it.
            nonce = self._nonces.take() or await self._new_nonce()
            account = "" if by_key else self.account_url
            signed = self._key.signed(payload, nonce=nonce, url=url, account=account)
            answer = await self._send(method, url, signed, accept)
            # The rejection's own nonce is the newest, so the next turn takes it (section 6.5).
            if answer.status != 400 or answer.problem().kind != "badNonce":
                return answer
        raise NotYet(f"{url}: the CA rejected {NONCE_TRIES} nonces in a row")

    async def _ask_for_nonce(self) -> Answer:
        self._nonces_asked += 1
        await self._nonce_pace.turn()
        # GET, because the answer to a HEAD costs some servers the connection.
        return await self._send("GET", self.new_nonce_url, None, "*/*")

    async def _new_nonce(self) -> str:
        answer = await self._ask_for_nonce()
        if nonce := self._nonces.take():
            return nonce
        if answer.status >= 300:
            why = answer.problem().sentence
            raise Unavailable(f"{self.new_nonce_url}: {why}", self._clock, answer)
        raise NotYet(
            f"{self.new_nonce_url} gave something that is not an ACME answer: no usable Replay-Nonce"
        )

    async def _send(self, method: str, url: str, body: bytes | None, accept: str) -> Answer:
        _check(url)
        headers = {**HEADERS, "Accept": accept}
        if body is not None:
            headers["Content-Type"] = "application/jose+json"
        try:
            async with self._session.request(
                method,
                URL(url, encoded=True),  # the signed URL and the requested one are the same, byte for byte
                data=body,
                headers=headers,
                ssl=self._trust,
                proxy=proxy_for(url),
                allow_redirects=False,
            ) as response:
                text = await _capped(response, url)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as problem:
            raise self._unreachable(url, problem) from None
        self._nonces.keep(response.headers.get("Replay-Nonce"))
        wait = retry_after(
            response.headers.get("Retry-After"), response.headers.get("Date"), self._clock.now()
        )
        return Answer(url, response.status, response.headers, text, wait)

    def _unreachable(self, url: str, problem: Exception) -> NotYet:
        if isinstance(problem, TimeoutError):
            return Unavailable(f"{url}: no whole answer within {TIME_LIMIT:g} s", self._clock)
        if isinstance(problem, aiohttp.ClientConnectorCertificateError):
            return NotYet(
                f"{url}: the TLS certificate of the CA's server is not trusted "
                f"({legible(str(problem.certificate_error), 200)}): is this host's clock right ({self._clock.now():%Y-%m-%d %H:%M} UTC), "
                "and does the CA bundle hold the CA's own root?"
            )
        why = _reason(problem)
        if proxy := proxy_for(url):
            shown = legible(without_credentials(proxy), 100)
            return Unavailable(
                f"{url}: the CA was not reached through the proxy {shown} ({why})", self._clock
            )
        return Unavailable(f"{url}: the CA was not reached ({why})", self._clock)


@asynccontextmanager
async def open_session() -> AsyncIterator[aiohttp.ClientSession]:
    """An HTTP session without cookies, redirects or unbounded waits."""
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=CONNECTIONS, keepalive_timeout=60),
        timeout=aiohttp.ClientTimeout(total=TIME_LIMIT, sock_connect=10),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
    ) as session:
        yield session


def trust_in(ca_bundle: str | None) -> ssl.SSLContext:
    """What the CA's own TLS certificate is checked by: a PEM file, or the system's roots. Raises `NotYet`."""
    try:
        trust = ssl.create_default_context(cafile=ca_bundle)
    except OSError as problem:  # ssl.SSLError is one
        raise NotYet(f"the CA bundle {ca_bundle} cannot be used: {problem}") from None
    trust.minimum_version = ssl.TLSVersion.TLSv1_2
    return trust


def _reason(problem: Exception) -> str:
    if isinstance(problem, aiohttp.ClientResponseError):
        return f"HTTP status {problem.status}: {legible(problem.message, 150)}"
    if isinstance(problem, aiohttp.ClientConnectorError):
        problem = problem.os_error  # aiohttp's own text holds the context of TLS, which tells nobody anything
    return legible(without_credentials(str(problem)), 200) or type(problem).__name__


def _pause(state: RetryCallState) -> float:
    problem = state.outcome.exception() if state.outcome else None
    asked = problem.pause if isinstance(problem, Unavailable) else None
    return FIRST_PAUSE * 2.0 ** (state.attempt_number - 1) if asked is None else asked


async def _capped(response: aiohttp.ClientResponse, url: str) -> bytes:
    body = bytearray()
    async for part in response.content.iter_any():
        body += part
        if len(body) > MOST_BYTES:
            response.close()
            raise NotYet(f"{url} gave something that is not an ACME answer: more than {MOST_BYTES} bytes")
    return bytes(body)


def _check(url: str) -> None:
    try:
        acme_url(url, "a URL of the CA")
    except NotAnAcmeAnswer as problem:
        raise NotYet(f"{problem}; ACME allows no other (RFC 8555 section 6.1)") from None
