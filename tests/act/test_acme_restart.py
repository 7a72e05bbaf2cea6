"""A real CA that was started anew knows nobody any more, and one whose renewal information an admin of it sets."""

from __future__ import annotations

import json
import ssl
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from acme_companion.act.acme.network import trust_in
from acme_companion.decide.facts import Unanswered
from acme_companion.decide.pair import certificate_of, leaf_of
from acme_companion.decide.renewal import RenewalAdvice
from acme_companion.look.renewal_info import renewal_advice
from tests.act.acme_world import CERTIFICATE_KEY, HeardLog, issue, names, new_key, session_with
from tests.bed.pebble import Pebble

if TYPE_CHECKING:
    from acme_companion.decide.memory import Authority
    from tests.bed.challtest import ChallengeTestServer

NOW = datetime.now(UTC)


async def test_pebble_that_was_started_anew(names_dns: ChallengeTestServer) -> None:
    """A37, P-14: our key is the same, the account that we remember is nobody's: another is made, and that is told loudly."""
    key, log = new_key(), HeardLog()
    with Pebble(dns_server=names_dns.dns_address, retry_after=(0, 0)) as before:
        async with session_with(before, account_key=key) as session:
            remembered: Authority = await session.knowledge()
            port = before.directory_url.rpartition(":")[2].partition("/")[0]
    with Pebble(dns_server=names_dns.dns_address, retry_after=(0, 0)) as after:
        moved = after.directory_url.rpartition(":")[2].partition("/")[0]
        # Its port is another one each time; the URL of an account at a real CA is not.
        lost = type(remembered)(account_uri=remembered.account_uri.replace(port, moved))
        async with session_with(after, account_key=key, log=log, remembered=lost) as session:
            await session.issue(names("again.example.org"), (), CERTIFICATE_KEY, "")
            now = await session.knowledge()

    assert now.account_uri.startswith(f"https://127.0.0.1:{moved}/")
    assert now.account_uri != lost.account_uri
    assert [warning for warning in log.warnings if lost.account_uri in warning]


def window(start: datetime, end: datetime) -> str:
    return json.dumps(
        {"suggestedWindow": {"start": f"{start:%Y-%m-%dT%H:%M:%SZ}", "end": f"{end:%Y-%m-%dT%H:%M:%SZ}"}}
    )


def in_days(start: float, end: float) -> str:
    return window(NOW + timedelta(days=start), NOW + timedelta(days=end))


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    """One certificate for all windows."""
    return {}


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        pytest.param(in_days(-2, -1), -2, id="in the past: revoked, renew now"),
        pytest.param(in_days(20, 22), 20, id="in the future"),
        pytest.param(in_days(300, 301), 300, id="behind the end of the certificate"),
        pytest.param(in_days(2, 1), None, id="ends before it begins"),
        pytest.param('{"suggestedWindow": {"start": "soon"}}', None, id="malformed"),
        pytest.param("<html>", None, id="HTML"),
        pytest.param("null", None, id="null"),
    ],
)
async def test_renewal_information_set_at_the_ca(
    ca: Pebble, made: dict[str, Any], text: str, begins: float | None
) -> None:
    """A41, A42, A44: whatever the CA's management sets is either a window or no answer."""
    if not made:
        made["chain"] = (await issue(ca, "window.example.org")).chain_pem
    chain: bytes = made["chain"]
    trust = ssl.create_default_context(cafile=str(ca.ca_bundle))
    body = json.dumps({"certificate": chain.decode(), "ariResponse": text}).encode()
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust)
    )
    opener.open(f"{ca.management_url}/set-renewal-info/", body, 5).close()
    url = f"{ca.directory()['renewalInfo']}/{certificate_of(leaf_of(chain)).renewal_id}"
    async with aiohttp.ClientSession() as session:
        found = await renewal_advice(session, trust_in(str(ca.ca_bundle)), url, NOW)

    if begins is None:
        assert isinstance(found, Unanswered)
    else:
        assert isinstance(found, RenewalAdvice)
        assert found.start == (NOW + timedelta(days=begins)).replace(microsecond=0)
