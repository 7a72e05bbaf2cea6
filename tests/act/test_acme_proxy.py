"""The tests' own proxy keeps Pebble's whims away from tests that count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.act.acme_proxy import acme_proxy
from tests.act.acme_world import issue
from tests.bed.pebble import Pebble

if TYPE_CHECKING:
    from tests.bed.challtest import ChallengeTestServer


async def test_reuse_that_nobody_asked_for(names_dns: ChallengeTestServer) -> None:
    """One authorization in a hundred, here one in two: an order with one does not count, whichever proxy saw it first."""
    with Pebble(dns_server=names_dns.dns_address, authz_reuse=50, retry_after=(0, 0)) as whimsical:
        whimsical.reuses_authorizations = False
        for _ in range(10):
            async with acme_proxy(whimsical) as proxy:
                await issue(proxy, "whim.example.org")
                assert (len(proxy.asked("/order-plz")), len(proxy.asked("/chalZ"))) == (1, 1)
