"""Authorizations and nonces as no CA should give them, after an order failed: bounded waits, and one clear sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from acme_companion.act.acme.pacing import Nonces
from acme_companion.act.acme.proof import SETTLING
from acme_companion.decide.problems import NotYet, Refused
from tests.act.acme_proxy import as_is, changed, status_becomes
from tests.act.acme_world import StepClock, issue

if TYPE_CHECKING:
    from tests.act.acme_proxy import AcmeProxy

ORDER, AUTHORIZATION = "/my-order", "/authZ"
RENAMED = changed(lambda authorization: authorization["identifier"].update(value="evil.example"))


@pytest.mark.parametrize("order_is", ["invalid", "pending"])
async def test_authorization_that_changes_its_name(proxy: AcmeProxy, order_is: str) -> None:
    """An authorization is for one name for ever (RFC 8555 section 7.1.4): another one is not an ACME answer."""
    proxy.on(ORDER, *[status_becomes(order_is)] * 500)
    proxy.on(AUTHORIZATION, as_is, *[RENAMED] * 5)

    with pytest.raises(NotYet, match=r"not an ACME answer: .* fault\.example\.org is now for another name"):
        await issue(proxy, clock=StepClock())


async def test_authorization_with_an_unknown_status(proxy: AcmeProxy) -> None:
    """What may still change is asked for with growing pauses, and left when the time is over."""
    proxy.on(ORDER, *[status_becomes("invalid")] * 500)
    proxy.on(AUTHORIZATION, as_is, *[status_becomes("thinking")] * 500)
    clock = StepClock()

    with pytest.raises(Refused, match="declared the order invalid"):
        await issue(proxy, clock=clock)

    assert SETTLING <= sum(clock.slept) < 2 * SETTLING
    assert len(proxy.asked(AUTHORIZATION)) < 40


@pytest.mark.parametrize("nonce", ["\udcff" * 4, "\xe9" * 4, "aaaa\x00", "not/base64"])
def test_header_that_is_no_nonce(nonce: str) -> None:
    """Bytes that are no characters reach us as surrogates; whatever is not base64url is ignored."""
    nonces = Nonces(StepClock())
    nonces.keep(nonce)

    assert nonces.take() is None
