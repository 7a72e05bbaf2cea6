"""Serving http-01 challenge files (RFC 8555 section 8.3): through the stack's web server, or by ourselves."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, assert_never

from acme_companion.act.challenges.standalone import listening
from acme_companion.act.challenges.webroot import Webroot
from acme_companion.decide.settings import Http01Mode

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from acme_companion.decide.names import Name
    from acme_companion.decide.settings import Http01
    from acme_companion.ports import Clock, Proof, Responder


class Http01Solver:
    """A `ports.Solver`: a file is there at once, so there is nothing to wait for."""

    def __init__(self, responder: Responder) -> None:
        self._responder = responder

    async def present(self, proof: Proof) -> None:
        self._responder.present(proof.token, proof.key_authorization)

    async def wait(self, proofs: Sequence[Proof]) -> Mapping[Name, str]:  # noqa: ARG002 - see above
        return {}

    async def clean_up(self, proof: Proof) -> None:
        self._responder.clean_up(proof.token)


@asynccontextmanager
async def responding(http01: Http01, clock: Clock) -> AsyncIterator[Responder]:
    """Able to serve challenge files while the block runs; whatever is left is taken away at its end.

    Raises `NotYet` when the webroot cannot be written or the port cannot be had.
    """
    match http01.mode:
        case Http01Mode.WEBROOT:
            webroot = Webroot(http01.webroot)
            webroot.open(clock.now())
            try:
                yield webroot
            finally:
                webroot.close()
        case Http01Mode.STANDALONE:
            async with listening(http01.port, clock) as responder:
                yield responder
        case _:
            assert_never(http01.mode)
