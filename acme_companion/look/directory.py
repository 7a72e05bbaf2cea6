"""The CA's directory (RFC 8555 section 7.1.1): what it says about itself, without an account."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp

from acme_companion.decide.acme_answers import NotAnAcmeAnswer, acme_url, directory_of, object_of
from acme_companion.decide.facts import Unanswered
from acme_companion.decide.memory import Authority
from acme_companion.look.http_bodies import TooLong, whole_body
from acme_companion.look.http_faults import reason_of

if TYPE_CHECKING:
    import ssl

_LIMIT = 15.0
_MOST_BYTES = 256 * 1024


async def directory(
    session: aiohttp.ClientSession,
    trust: ssl.SSLContext,
    url: str,
    limit: float = _LIMIT,
    *,
    proxy: str | None = None,
) -> Authority | Unanswered:
    """The CA's identities for CAA, its renewalInfo URL and its profiles, asked for within `limit` seconds, through the HTTP `proxy` if there is one. Never raises."""
    try:
        async with session.get(
            acme_url(url, "the directory URL"),
            ssl=trust,
            proxy=proxy,
            timeout=aiohttp.ClientTimeout(total=limit),
            allow_redirects=False,
        ) as answer:
            if answer.status != 200:
                return Unanswered(f"{url} answered with status {answer.status}")
            found = directory_of(object_of(await whole_body(answer, _MOST_BYTES)))
    except TimeoutError:
        return Unanswered(f"{url} did not answer within {limit:g} s")
    except (NotAnAcmeAnswer, TooLong) as problem:
        return Unanswered(f"{url} is not an ACME directory: {problem}")
    except (aiohttp.ClientError, OSError, ValueError) as problem:
        return Unanswered(f"{url} cannot be reached: {reason_of(problem)}")
    return Authority(
        caa_identities=found.caa_identities,
        renewal_info=found.renewal_info,
        profiles=tuple(found.profiles),
    )
