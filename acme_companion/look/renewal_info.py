"""The CA's advice on when to renew one certificate (RFC 9773)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import aiohttp

from acme_companion.decide.acme_answers import NotAnAcmeAnswer, acme_url, object_of
from acme_companion.decide.facts import Unanswered
from acme_companion.decide.renewal import RenewalAdvice, ask_again_after
from acme_companion.look.http_bodies import TooLong, whole_body
from acme_companion.look.http_faults import reason_of

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

_LIMIT = 15.0
_MOST_BYTES = 64 * 1024
_LONGEST_EXPLANATION = 500


async def renewal_advice(
    session: aiohttp.ClientSession,
    trust: ssl.SSLContext,
    url: str,
    now: datetime,
    limit: float = _LIMIT,
    *,
    proxy: str | None = None,
) -> RenewalAdvice | Unanswered:
    """Ask `url` (renewalInfo URL and CertID) within `limit` seconds, through the HTTP `proxy` if there is one.

    An answer that breaks RFC 9773 section 4.2 is `Unanswered`.
    """
    try:
        async with session.get(
            acme_url(url, "the renewalInfo URL"),
            ssl=trust,
            proxy=proxy,
            timeout=aiohttp.ClientTimeout(total=limit),
            allow_redirects=False,
        ) as answer:
            if answer.status != 200:
                return Unanswered(
                    f"the CA answered the question for renewal information with status {answer.status}"
                )
            document = object_of(await whole_body(answer, _MOST_BYTES))
            headers = answer.headers
    except TimeoutError:
        return Unanswered(f"the CA's renewal information did not come within {limit:g} s")
    except (NotAnAcmeAnswer, TooLong) as problem:
        return Unanswered(f"the CA's renewal information cannot be understood: {problem}")
    except (aiohttp.ClientError, OSError, ValueError) as problem:
        return Unanswered(f"the CA's renewal information cannot be fetched: {reason_of(problem)}")
    window = _window(document)
    if window is None:
        return Unanswered("the CA's renewal information has no window that RFC 9773 allows")
    again = ask_again_after(headers.get("Retry-After"), headers.get("Date"), now)
    return RenewalAdvice(*window, again, _explanation(document))


def _window(document: Mapping[str, Any]) -> tuple[datetime, datetime] | None:
    window = document.get("suggestedWindow")
    try:
        start, end = (datetime.fromisoformat(window[key]) for key in ("start", "end"))  # type: ignore[index] # see except
        if start.tzinfo is None or end.tzinfo is None:
            return None
        # The edges of the calendar have no counterpart in UTC.
        start, end = start.astimezone(UTC), end.astimezone(UTC)
    except (ValueError, KeyError, TypeError, OverflowError):
        return None
    return (start, end) if start < end else None


def _explanation(document: Mapping[str, Any]) -> str:
    value = document.get("explanationURL")
    return value[:_LONGEST_EXPLANATION] if isinstance(value, str) else ""
