"""Fetching a certificate (RFC 8555 section 7.4.2): the chain that the CA gives, or the alternate that is preferred."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from acme_companion.act.acme.answer import Declined
from acme_companion.decide.acme_problems import legible
from acme_companion.decide.preferred_chain import is_preferred, topmost_issuer
from acme_companion.decide.problems import NotYet

if TYPE_CHECKING:
    from collections.abc import Callable

    from acme_companion.act.acme.answer import Answer
    from acme_companion.act.acme.network import Network
    from acme_companion.ports import Log

PEM_CHAIN: Final = "application/pem-certificate-chain"
MOST_ALTERNATES: Final = 10


@dataclass(frozen=True)
class Delivery:
    """`preferred`: see `Ca.preferred_chain`. `roots`: certificates (DER) among which a preferred root is looked for."""

    network: Network
    log: Log
    preferred: str
    roots: Callable[[], list[bytes]]

    async def fetch(self, url: str) -> bytes:
        """The chain at `url`, or its alternate that is preferred; raises `Declined`, `NotYet`.

        A preference that nobody fulfils costs a warning, not the certificate.
        """
        answer = await self._chain(url)
        if not self.preferred:
            return answer.body
        roots = self.roots()
        if is_preferred(answer.body, self.preferred, roots):
            return answer.body
        offered = [topmost_issuer(answer.body)]
        for alternate in answer.links("alternate")[:MOST_ALTERNATES]:
            try:
                chain = (await self._chain(alternate)).body
            except (Declined, NotYet) as problem:
                self.log.warning(f"an alternate chain cannot be fetched: {problem}")
                continue
            if is_preferred(chain, self.preferred, roots):
                return chain
            offered.append(topmost_issuer(chain))
        self.log.warning(
            f"no chain of the CA ends in the preferred {legible(self.preferred, 100)}; offered: "
            f"{', '.join(dict.fromkeys(offered))}; the CA's own choice is used: look at ACME_PREFERRED_CHAIN"
        )
        return answer.body

    async def _chain(self, url: str) -> Answer:
        answer = await self.network.fetch(url, accept=PEM_CHAIN)
        kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind != PEM_CHAIN:
            raise NotYet(
                f"{answer.url} gave something that is not a certificate chain (Content-Type '{kind[:60]}')"
            )
        return answer
