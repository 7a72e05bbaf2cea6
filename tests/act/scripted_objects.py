"""What a CA makes and looks at: orders and authorizations as they are when they are new, and challenge files."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp

from tests.bed.process import LOOPBACK


def new_order(identifiers: list[dict[str, str]], authorizations: list[str], finalize: str) -> dict[str, Any]:
    """RFC 8555 section 7.1.3."""
    return {
        "status": "pending",
        "expires": _soon(),
        "identifiers": identifiers,
        "authorizations": authorizations,
        "finalize": finalize,
    }


def new_authorization(identifier: dict[str, str], challenge_url: str) -> dict[str, Any]:
    """RFC 8555 section 7.1.4, with an http-01 challenge and one of another kind."""
    challenge = {
        "type": "http-01",
        "url": challenge_url,
        "token": secrets.token_urlsafe(32),
        "status": "pending",
    }
    return {
        "status": "pending",
        "expires": _soon(),
        "identifier": {**identifier, "value": identifier["value"].removeprefix("*.")},
        "challenges": [challenge, {"type": "dns-persist-01", "issuer-domain-names": ["ca.example"]}],
        **({"wildcard": True} if identifier["value"].startswith("*.") else {}),
    }


async def visit(port: int, token: str, host: str) -> str:
    """What stands in the challenge file, as a CA sees it (section 8.3)."""
    url = f"http://{LOOPBACK}:{port}/.well-known/acme-challenge/{token}"
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.get(url, headers={"Host": host}, timeout=aiohttp.ClientTimeout(10)) as got,
        ):
            return await got.text()
    except (aiohttp.ClientError, TimeoutError) as problem:
        return f"nothing: {problem}"


def _soon() -> str:
    return f"{datetime.now(UTC) + timedelta(hours=8):%Y-%m-%dT%H:%M:%SZ}"
