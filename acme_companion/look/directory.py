"""The CA's directory (RFC 8555 section 7.1.1): what it says about itself, without an account."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import aiohttp

from acme_companion.decide.acme_answers import NotAnAcmeAnswer, acme_url, directory_of
from acme_companion.decide.facts import Unanswered
from acme_companion.decide.memory import Authority
from acme_companion.decide.names import quoted

if TYPE_CHECKING:
    import ssl

_LIMIT = aiohttp.ClientTimeout(total=15)
_MOST_BYTES = 256 * 1024


async def directory(
    session: aiohttp.ClientSession, trust: ssl.SSLContext, url: str
) -> Authority | Unanswered:
    """The CA's identities for CAA and its renewalInfo URL. Never raises."""
    try:
        async with session.get(
            acme_url(url, "the directory URL"), ssl=trust, timeout=_LIMIT, allow_redirects=False
        ) as answer:
            if answer.status != 200:
                return Unanswered(f"{url} answered with status {answer.status}")
            document = json.loads(await answer.content.read(_MOST_BYTES))
            found = directory_of(document if isinstance(document, dict) else {})
    except (aiohttp.ClientError, TimeoutError, OSError) as problem:
        return Unanswered(f"{url} cannot be reached ({quoted(str(problem) or type(problem).__name__)})")
    except (NotAnAcmeAnswer, ValueError, RecursionError) as problem:
        return Unanswered(f"{url} is not an ACME directory: {quoted(str(problem))}")
    return Authority(caa_identities=found.caa_identities, renewal_info=found.renewal_info)
