"""What a CA answers (RFC 8555 section 7.1), read tolerantly: unknown statuses, fields and challenge types do no harm."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from acme_companion.decide.acme_problems import ProblemDocument, legible, problem_of
from acme_companion.decide.settings import ChallengeType

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from acme_companion.decide.names import Name

TOKEN = re.compile(r"[A-Za-z0-9_-]{16,128}\Z")
"""A challenge token (section 8.3): it becomes a file name, so nothing else may stand in it."""
_PLAIN_URL = re.compile(r"https://[a-z0-9.-]*[a-z0-9](:[0-9]{1,5})?/[!-~]*")
"""What nearly every URL of a CA looks like: it need not be taken apart to see that it is absolute, and https."""


_KNOWN_TYPES = frozenset(ChallengeType)
_DRAFTS = frozenset({ChallengeType.DNS_ACCOUNT_01, ChallengeType.DNS_PERSIST_01})


class NotAnAcmeAnswer(ValueError):
    """An answer that RFC 8555 does not allow; the message says what is wrong with it, safe to print."""


@dataclass(frozen=True, slots=True)
class Directory:
    """The CA's URLs and what it tells about itself (section 7.1.1). Absent optional parts are empty.

    `profiles`: names with their descriptions (draft-ietf-acme-profiles).
    """

    new_nonce: str
    new_account: str
    new_order: str
    key_change: str = ""
    revoke_cert: str = ""
    renewal_info: str = ""
    terms_of_service: str = ""
    caa_identities: tuple[str, ...] = ()
    profiles: Mapping[str, str] = field(default_factory=dict)
    external_account_required: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """An order (section 7.1.3). `identifiers` are DNS names in lower case; anything else keeps its type as a prefix.

    `expires`: when it dies if it is not finalized before; None when the CA does not say so in a way that can be read.
    """

    status: str
    identifiers: frozenset[str]
    authorizations: tuple[str, ...]
    finalize: str
    certificate: str = ""
    error: ProblemDocument | None = None
    expires: datetime | None = None


@dataclass(frozen=True, slots=True)
class Challenge:
    """A challenge (section 8) of a type that we know. `token` was checked; dns-persist-01 has none.

    dns-persist-01 instead has `issuer_domain_names`, any of which its record may name, and the `account_uri` to put there.
    """

    type: ChallengeType
    url: str
    token: str
    status: str
    issuer_domain_names: tuple[str, ...] = ()
    account_uri: str = ""


@dataclass(frozen=True, slots=True)
class Authorization:
    """An authorization (section 7.1.4) for `name`: the challenges of types that we know, and the types of all `offered`."""

    name: str
    status: str
    challenges: tuple[Challenge, ...] = ()
    offered: tuple[str, ...] = ()
    error: ProblemDocument | None = None
    expires: datetime | None = None

    def challenge(self, kind: ChallengeType) -> Challenge | None:
        """The challenge of this type, None when the CA does not offer it."""
        return next((one for one in self.challenges if one.type is kind), None)


def object_of(body: bytes) -> dict[str, Any]:
    """A JSON object from a body; raises `NotAnAcmeAnswer` for anything else, however deep or odd."""
    try:
        value = json.loads(body, object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise NotAnAcmeAnswer(_beginning(body)) from None
    if not isinstance(value, dict):
        raise NotAnAcmeAnswer(_beginning(body))
    return value


def acme_url(value: object, what: str) -> str:
    """An absolute https URL (section 6.1), unchanged; raises `NotAnAcmeAnswer` that names `what` it is for."""
    text = value if isinstance(value, str) else ""
    if _PLAIN_URL.fullmatch(text):
        return text
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    if (
        parts.scheme != "https"
        or not parts.hostname
        or not text.isascii()
        or not text.isprintable()
        or " " in text
    ):
        raise NotAnAcmeAnswer(f"{what} is '{legible(text, 100)}', not an absolute https URL")
    return text


def directory_of(value: Mapping[str, Any]) -> Directory:
    """Read the directory; raises `NotAnAcmeAnswer` when a URL that we need is missing or not https."""
    meta = value.get("meta")
    meta = meta if isinstance(meta, dict) else {}
    profiles, identities = meta.get("profiles"), meta.get("caaIdentities")
    return Directory(
        new_nonce=acme_url(value.get("newNonce"), "newNonce"),
        new_account=acme_url(value.get("newAccount"), "newAccount"),
        new_order=acme_url(value.get("newOrder"), "newOrder"),
        key_change=_optional_url(value, "keyChange"),
        revoke_cert=_optional_url(value, "revokeCert"),
        renewal_info=_optional_url(value, "renewalInfo"),
        terms_of_service=_text(meta.get("termsOfService")),
        caa_identities=tuple(_texts(identities)),
        profiles={name: _text(about) for name, about in profiles.items()}
        if isinstance(profiles, dict)
        else {},
        external_account_required=meta.get("externalAccountRequired") is True,
    )


def _optional_url(value: Mapping[str, Any], key: str) -> str:
    return acme_url(value[key], key) if value.get(key) else ""


def order_of(value: Mapping[str, Any]) -> Order:
    """Read an order; raises `NotAnAcmeAnswer` when it has no status or no usable URLs."""
    certificate, error = value.get("certificate"), value.get("error")
    return Order(
        status=_status(value),
        identifiers=frozenset(_identifier(one) for one in _list(value.get("identifiers"))),
        authorizations=tuple(acme_url(one, "an authorization") for one in _list(value.get("authorizations"))),
        finalize=acme_url(value.get("finalize"), "finalize"),
        certificate=acme_url(certificate, "certificate") if certificate else "",
        error=problem_of(error) if isinstance(error, dict) else None,
        expires=_moment(value.get("expires")),
    )


def identifier_of(name: Name) -> str:
    """A name as `Order.identifiers` and `Authorization.name` have it."""
    return f"ip:{name.text}" if name.is_address else name.text


def authorization_of(value: Mapping[str, Any]) -> Authorization:
    """Read an authorization; challenges of types that we do not know are passed over, whatever they hold."""
    name = _identifier(value.get("identifier"))
    challenges = [one for one in _list(value.get("challenges")) if isinstance(one, dict)]
    errors = (problem_of(one["error"]) for one in challenges if isinstance(one.get("error"), dict))
    return Authorization(
        name=f"*.{name}" if value.get("wildcard") is True else name,
        status=_status(value),
        challenges=tuple(_challenges(challenges)),
        offered=tuple(legible(_text(one.get("type")), 40) for one in challenges),
        error=next(errors, None),
        expires=_moment(value.get("expires")),
    )


def _challenges(values: Iterable[Mapping[str, Any]]) -> Iterator[Challenge]:
    for value in values:
        if (kind := _text(value.get("type"))) not in _KNOWN_TYPES:
            continue
        try:
            yield _challenge_of(ChallengeType(kind), value)
        except NotAnAcmeAnswer:
            # The drafts may still change, and whoever proves nothing by them must not notice.
            if kind not in _DRAFTS:
                raise


def _challenge_of(kind: ChallengeType, value: Mapping[str, Any]) -> Challenge:
    token = _text(value.get("token"))
    if kind is ChallengeType.DNS_PERSIST_01:
        token = ""
    elif not TOKEN.match(token):
        raise NotAnAcmeAnswer(
            f"a challenge has the token '{legible(token, 40)}', which is not safe as a file name"
        )
    return Challenge(
        type=kind,
        url=acme_url(value.get("url"), "a challenge"),
        token=token,
        status=_text(value.get("status")),
        issuer_domain_names=tuple(_texts(value.get("issuer-domain-names"))),
        account_uri=_text(value.get("accounturi")),
    )


def _identifier(value: object) -> str:
    given = value if isinstance(value, dict) else {}
    kind, text = _text(given.get("type")), _text(given.get("value")).lower()
    if kind == "ip":
        # RFC 8738 wants the canonical form (RFC 5952); whoever writes another one means the same.
        with suppress(ValueError):
            text = str(ip_address(text))
    return text if kind == "dns" else f"{kind}:{text}"


def _status(value: Mapping[str, Any]) -> str:
    if not (status := _text(value.get("status"))):
        raise NotAnAcmeAnswer("it has no status")
    return status


def _moment(value: object) -> datetime | None:
    """An RFC 3339 time (section 7.1.3)."""
    try:
        moment = datetime.fromisoformat(_text(value))
        return moment.astimezone(UTC) if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key stands twice")
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _beginning(body: bytes) -> str:
    text = legible(body[:400].decode("utf-8", "replace"), 80)
    return f"it begins with '{text}'" if text else "it is empty"


def _texts(value: object) -> Iterable[str]:
    return (one for one in _list(value) if isinstance(one, str))


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
