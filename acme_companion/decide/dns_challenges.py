"""The TXT records by which a CA sees that a name is ours: where they stand, and what stands in them."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from acme_companion.decide.names import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from acme_companion.decide.names import Name

_MOST_ISSUERS = 10
"""As many as a challenge may offer (draft-ietf-acme-dns-persist)."""
_SHOWN_FAULTS = 3


def dns01_owner(name: Name) -> str:
    """Where the value of dns-01 stands (RFC 8555 section 8.4): the same place for a name and its wildcard."""
    return f"_acme-challenge.{name.host}"


def dns_account01_owner(name: Name, account_uri: str) -> str:
    """Where the value of dns-account-01 stands (draft-ietf-acme-dns-account-label): every account has a place of its own."""
    label = base64.b32encode(hashlib.sha256(account_uri.encode()).digest()[:10]).decode().lower()
    return f"_{label}.{dns01_owner(name)}"


def txt_value(key_authorization: str) -> str:
    """What stands in the record of dns-01 and dns-account-01: base64url of SHA-256, without padding."""
    digest = hashlib.sha256(key_authorization.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def persist_owner(name: Name) -> str:
    """Where the record of dns-persist-01 stands (draft-ietf-acme-dns-persist)."""
    return f"_validation-persist.{name.host}"


def persist_record(name: Name, issuers: Sequence[str], account_uri: str) -> str:
    """The record of dns-persist-01 that an admin has to publish for `name`, as a line of a zone file."""
    issuer = issuers[0] if issuers else "(the CA's domain, as its documentation has it)"
    account = account_uri or "(the URI of our account, which is not registered yet)"
    policy = "; policy=wildcard" if name.is_wildcard else ""
    return f'{persist_owner(name)}. IN TXT "{issuer}; accounturi={account}{policy}"'


def persist_fault(
    name: Name, values: Iterable[str], issuers: Sequence[str], account_uri: str, now: datetime | None
) -> str:
    """Why none of the TXT `values` lets the CA validate `name`, with the record that would; empty when one does.

    `issuers`: the domains that the CA answers to; `account_uri`: our account there. Without `now` no record has ended.
    """
    ours = {issuer.lower().removesuffix(".") for issuer in issuers[:_MOST_ISSUERS]}
    faults = []
    for value in values:
        issuer = value.partition(";")[0].strip(" \t").lower().removesuffix(".")
        if issuer not in ours:
            continue
        fault = _fault_of(value, name, account_uri, now)
        if not fault:
            return ""
        faults.append(f"{quoted(value)} {fault}")
    because = "; ".join(faults[:_SHOWN_FAULTS]) or f"no TXT record of {persist_owner(name)} names this CA"
    return f"{because}: publish {persist_record(name, issuers, account_uri)}"


@dataclass(frozen=True, slots=True)
class _IssueValue:
    """The parameters of a record, by their tags in lower case."""

    parameters: Mapping[str, str]

    @classmethod
    def parse(cls, value: str) -> Self:
        """RFC 8659 section 4.2, as strict as CAs are; raises `ValueError` with what is wrong."""
        parameters: dict[str, str] = {}
        for part in value.split(";")[1:]:
            tag, equals, content = (text.strip(" \t") for text in part.partition("="))
            if not equals or not tag:
                raise ValueError("has a part that is not tag=value, or a semicolon at its end")
            if any(not "!" <= c <= "~" for c in content):
                raise ValueError(f"has a space or another odd character in {quoted(tag)}")
            if tag.lower() in parameters:
                raise ValueError(f"has {quoted(tag)} twice")
            parameters[tag.lower()] = content
        return cls(parameters)


def _fault_of(value: str, name: Name, account_uri: str, now: datetime | None) -> str:
    try:
        parameters = _IssueValue.parse(value).parameters
        until = _until(parameters.get("persistuntil"))
    except ValueError as problem:
        return str(problem)
    if parameters.get("accounturi", "") != account_uri:
        return "is for another account"
    if name.is_wildcard and parameters.get("policy", "").lower() != "wildcard":
        return "does not allow wildcards"
    if until is not None and now is not None and now.timestamp() > until:
        return f"ended ({_shown(until)})"
    return ""


def _until(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise ValueError("has a persistUntil that is not a UNIX timestamp")
    return int(text)


def _shown(timestamp: int) -> str:
    try:
        return f"persistUntil was {datetime.fromtimestamp(timestamp, UTC):%Y-%m-%d %H:%M} UTC"
    except (ValueError, OverflowError, OSError):
        return "persistUntil"
