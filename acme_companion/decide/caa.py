"""Whether CAA records let a CA issue for a name (RFC 8659), for our account and our challenge type (RFC 8657)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from acme_companion.decide.facts import Unanswered
from acme_companion.decide.names import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from acme_companion.decide.facts import CaaLook, CaaRecord
    from acme_companion.decide.names import Name

# Bit 0 (128) is "issuer critical"; Let's Encrypt also takes bit 7 (1) for it, because people write it for a "1".
_CRITICAL = 128 | 1
_KNOWN = {"issue", "issuewild", "iodef", "issuemail"}
_WSP = " \t"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_ISSUER = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*)?\Z")
_PARAMETER = re.compile(rf"({_LABEL})[ \t]*=[ \t]*([\x21-\x3a\x3c-\x7e]*)\Z")
_METHODS = re.compile(r"[A-Za-z0-9-]+(?:,[A-Za-z0-9-]+)*\Z")
_LISTED = 3


@dataclass(frozen=True, slots=True)
class CaaDecision:
    """`allowed` is None when nobody can tell; `because` names the record and its place, and what to publish."""

    allowed: bool | None
    because: str


def allows(
    look: CaaLook,
    name: Name,
    identities: tuple[str, ...],
    account_uri: str,
    method: str = "http-01",
) -> CaaDecision:
    """Whether the records found let the CA with these `identities` (`meta.caaIdentities`) issue for `name`.

    `account_uri` is our account's URL, empty when it is not known yet: `accounturi` then restricts nothing. `method` is
    the challenge type (RFC 8657 section 4). No answer is possible where a record restricts and no identity is known.
    """
    if isinstance(look.records, Unanswered):
        return CaaDecision(
            None,
            f"the CAA records of {name} could not be read, and a CA refuses then as well: {look.records.why}",
        )
    place = f"CAA at {look.found_at}"
    if foreign := next(
        (r for r in look.records if r.flags & _CRITICAL and r.tag.lower() not in _KNOWN), None
    ):
        return CaaDecision(
            False,
            f"{place}: the critical record {_shown(foreign)} is of a kind that CAs do not know, so none may issue: remove it "
            "or clear its flag",
        )
    tag, relevant = _relevant(look, wildcard=name.is_wildcard)
    if not relevant:
        return CaaDecision(True, "no CAA record restricts who may issue")
    asked = _Asked(tuple(identity.lower() for identity in identities), account_uri, method)
    answers = [asked.judge(record.value) for record in relevant]
    if any(answer is True for answer in answers):
        return CaaDecision(True, f"{place} allows the CA")
    published = ", ".join(_shown(record) for record in relevant[:_LISTED])
    if len(relevant) > _LISTED:
        published += f" and {len(relevant) - _LISTED} more"
    if any(answer is None for answer in answers):
        unknown = (
            "our account there does not exist yet"
            if identities
            else "the CA does not tell which domain it goes by"
        )
        return CaaDecision(None, f"{place} has {published}; whether that allows us is not known: {unknown}")
    return CaaDecision(
        False,
        f"{place} has {published}, which does not allow {asked.described()}: publish "
        f"{look.found_at} CAA {asked.record(tag, relevant)} beside it, or remove it",
    )


def _relevant(look: CaaLook, *, wildcard: bool) -> tuple[str, list[CaaRecord]]:
    """The tag that governs, and its records: `issuewild` before `issue` for wildcards only (RFC 8659 section 4.3)."""
    assert not isinstance(look.records, Unanswered)
    by_tag: dict[str, list[CaaRecord]] = {}
    for record in look.records:
        by_tag.setdefault(record.tag.lower(), []).append(record)
    tag = "issuewild" if wildcard and "issuewild" in by_tag else "issue"
    return tag, by_tag.get(tag, [])


@dataclass(frozen=True, slots=True)
class _Asked:
    """Who wants to issue, for which account and by which challenge type."""

    identities: tuple[str, ...]
    account_uri: str
    method: str

    def judge(self, value: str) -> bool | None:
        """Whether one property value lets us; a malformed one lets nobody (RFC 8659 section 4.2)."""
        issuer, parameters = _parse(value)
        if not issuer:
            return False
        fits = self._account_fits([text for tag, text in parameters if tag == "accounturi"]) and (
            self._method_fits([text for tag, text in parameters if tag == "validationmethods"])
        )
        if not self.identities:
            return None if fits else False
        return fits and issuer in self.identities

    def _account_fits(self, uris: list[str]) -> bool:
        if len(uris) != 1:  # RFC 8657 section 3: several can never be met
            return not uris
        # Before our first order nobody knows our account's URL, and without an order nobody ever would.
        return uris[0] == self.account_uri or not self.account_uri

    def _method_fits(self, lists: list[str]) -> bool:
        if len(lists) != 1:  # RFC 8657 is silent on several; Let's Encrypt refuses
            return not lists
        return bool(_METHODS.match(lists[0])) and self.method in lists[0].split(",")

    def described(self) -> str:
        by = f" by {self.method}"
        account = f" for the account {self.account_uri}" if self.account_uri else ""
        return f"{' or '.join(self.identities) or 'the CA'}{account}{by}"

    def record(self, tag: str, relevant: list[CaaRecord]) -> str:
        """The record that would let us, bound to our account and our challenge type where the present ones bind to such."""
        identity = self.identities[0] if self.identities else "the CA's domain"
        bound = {parameter for record in relevant for parameter, _ in _parse(record.value)[1]}
        account = f"; accounturi={self.account_uri}" if "accounturi" in bound and self.account_uri else ""
        method = f"; validationmethods={self.method}" if "validationmethods" in bound else ""
        return f'0 {tag} "{identity}{account}{method}"'


def _parse(value: str) -> tuple[str, list[tuple[str, str]]]:
    """Issuer domain (lower case) and parameters by the grammar of RFC 8659 section 4.2; no issuer when malformed."""
    domain, *rest = (part.strip(_WSP) for part in value.split(";"))
    if not _ISSUER.match(domain):
        return "", []
    if rest == [""]:
        rest = []
    parameters = [_PARAMETER.match(text) for text in rest]
    found = [(match[1].lower(), match[2]) for match in parameters if match]
    return (domain.lower(), found) if len(found) == len(rest) else ("", [])


def account_uris(records: Iterable[CaaRecord]) -> frozenset[str]:
    """Every account that these records let issue, and nobody else (RFC 8657 section 3)."""
    governing = (record for record in records if record.tag.lower() in {"issue", "issuewild"})
    return frozenset(
        text for record in governing for tag, text in _parse(record.value)[1] if tag == "accounturi"
    )


def _shown(record: CaaRecord) -> str:
    return f"{record.flags} {quoted(record.tag)[1:-1]} {quoted(record.value)}"


def record(
    owner: str, identity: str, account_uri: str, *, tag: str = "issue", methods: Iterable[str] = ()
) -> str:
    """The CAA record, in a zone file's syntax, that lets only `account_uri` at the CA `identity` issue for `owner` (RFC 8657).

    `owner` is an absolute name with its final dot, or `@` for the zone's own. `methods`: the challenge types that it
    restricts the CA to, any when there are none.
    """
    restricted = ",".join(methods)
    more = f"; validationmethods={restricted}" if restricted else ""
    return f'{owner} IN CAA 128 {tag} "{identity}; accounturi={account_uri}{more}"'


def records(
    owner: str, identity: str, account_uri: str, methods: Sequence[str], wildcard_methods: Sequence[str]
) -> tuple[str, ...]:
    """All records that bind a domain to one account and its challenge types; nobody may issue wildcards that have none."""
    names = record(owner, identity, account_uri, methods=methods)
    if not wildcard_methods:
        return names, f'{owner} IN CAA 128 issuewild ";"'
    return names, record(owner, identity, account_uri, tag="issuewild", methods=wildcard_methods)
