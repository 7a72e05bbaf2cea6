"""The CA's advice on when to renew one certificate (RFC 9773)."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING

import aiohttp

from acme_companion.decide.facts import Unanswered
from acme_companion.decide.names import quoted
from acme_companion.decide.renewal import RenewalAdvice, ask_again_after

if TYPE_CHECKING:
    import ssl

_LIMIT = aiohttp.ClientTimeout(total=15)
_MOST_BYTES = 64 * 1024


async def renewal_advice(
    session: aiohttp.ClientSession, trust: ssl.SSLContext, url: str, now: datetime
) -> RenewalAdvice | Unanswered:
    """Ask `url` (renewalInfo URL and CertID). An answer that breaks RFC 9773 section 4.2 is `Unanswered`."""
    if not url.startswith("https://"):
        return Unanswered(f"{quoted(url)} is not an https URL")
    try:
        async with session.get(url, ssl=trust, timeout=_LIMIT, allow_redirects=False) as answer:
            if answer.status != 200:
                return Unanswered(
                    f"the CA answered the question for renewal information with status {answer.status}"
                )
            body = await answer.content.read(_MOST_BYTES)
            return _parsed(body, answer.headers.get("Retry-After", ""), now)
    except (TimeoutError, aiohttp.ClientError, OSError) as problem:
        return Unanswered(f"the CA's renewal information cannot be fetched ({type(problem).__name__})")


def _parsed(body: bytes, retry_after: str, now: datetime) -> RenewalAdvice | Unanswered:
    try:
        document = json.loads(body)
        window = document["suggestedWindow"]
        start, end = (datetime.fromisoformat(window[key]) for key in ("start", "end"))
        if start.tzinfo is None or end.tzinfo is None or end <= start:
            return Unanswered("the CA's renewal window ends before it starts, or has no time zone")
        explanation = str(document.get("explanationURL", ""))[:500]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Unanswered("the CA's renewal information cannot be understood")
    return RenewalAdvice(start, end, ask_again_after(retry_after, now), explanation)
