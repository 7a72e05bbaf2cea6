"""The `acme` library's own client at a CA of ours: what stands in its way is why ours replaces it."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from acme import client, crypto_util, messages
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from josepy.jwa import ES256
from josepy.jwk import JWKEC

from tests.act.acme_world import CERTIFICATE_KEY, new_key
from tests.act.scripted_ca import scripted_ca

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.act.catalogue import Script
    from tests.act.scripted_ca import ScriptedCa

    Order = messages.OrderResource
    Work = Callable[[client.ClientV2, Callable[[], messages.OrderResource]], Any]


def still(holds: bool, what: str) -> None:
    """Fail with a sentence that says what to do when the library has been mended."""
    assert holds, (
        f"acme {version('acme')} does better now: {what} no longer. STANDARDS.md section 13 can be changed, and our own way "
        "perhaps be left for the library's"
    )


def network(ca: ScriptedCa, timeout: int = 45) -> client.ClientNetwork:
    key = JWKEC(key=load_pem_private_key(new_key(), None))
    made = client.ClientNetwork(key=key, alg=ES256, timeout=timeout)
    made.verify_ssl = str(ca.ca_bundle)  # type: ignore[assignment]  # as `requests` takes it
    return made


def soon(seconds: float) -> datetime:
    """The library's deadlines are naive and local."""
    return datetime.now() + timedelta(seconds=seconds)  # noqa: DTZ005 - see above


async def library(script: Script, work: Work, *texts: str) -> tuple[Any, ScriptedCa]:
    """What `work` gives or raises, with a registered client and a way to place an order; and the CA afterwards."""
    async with scripted_ca(strict=False) as ca:
        script(ca)
        csr = crypto_util.make_csr(CERTIFICATE_KEY, list(texts or ("a.example.org",)))

        def run() -> Any:
            net = network(ca)
            try:
                made = client.ClientV2(client.ClientV2.get_directory(ca.directory_url, net), net)
                made.new_account(messages.NewRegistration.from_data(terms_of_service_agreed=True))
                return work(made, lambda: made.new_order(csr))
            except Exception as problem:
                return problem
            finally:
                net.session.close()

        return await asyncio.to_thread(run), ca
