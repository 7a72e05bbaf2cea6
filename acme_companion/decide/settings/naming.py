"""The settings about names: which are wanted, and how many may stand in one certificate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acme_companion.decide.names import Name, quoted
from acme_companion.decide.settings import Challenges, ChallengeType, Naming, values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from acme_companion.decide.settings.source import Source

_SMALL_PROFILES = {"tlsserver", "shortlived"}
_MOST_NAMES = 100
_MOST_NAMES_OF_SMALL_PROFILES = 25
_MOST_ODD_ENTRIES = 20
_NOT_SET = Name("not-set.invalid")


def naming(source: Source, challenges: Challenges, *, skip_acme: bool) -> Naming:
    """Which names are wanted. A wildcard is one of them only where `challenges` validates its zone through DNS."""
    named, odd = source.get("ADDITIONAL_SAN", values.usable(values.name_address_or_prefix))
    additional = tuple(item for item in named if isinstance(item, Name))
    impossible = {name for name in additional if name.is_wildcard and not _by_dns(name, challenges)}
    only_hostname = source.get("ONLY_MAILCOW_HOSTNAME", values.yes)
    _tolerate(source, odd, () if skip_acme else [name for name in additional if name in impossible])
    if named and (skip_acme or only_hostname):
        because = "SKIP_LETS_ENCRYPT" if skip_acme else "ONLY_MAILCOW_HOSTNAME"
        source.warn("ADDITIONAL_SAN", f"has no effect, as {because} is yes")
    return Naming(
        hostname=_hostname(source),
        additional=tuple(name for name in additional if name not in impossible),
        prefixes=tuple(item for item in named if isinstance(item, str)),
        autodiscover=source.get("AUTODISCOVER_SAN", values.yes),
        only_hostname=only_hostname,
        sni=source.get("ENABLE_SSL_SNI", values.yes),
        mail_domains=source.get("MAIL_DOMAINS", values.listed(values.name)),
        mta_sts_domains=source.get("MTA_STS_DOMAINS", values.listed(values.name)),
        most_names=_most_names(source),
    )


def _by_dns(name: Name, challenges: Challenges) -> bool:
    return challenges.type_for(name) is not ChallengeType.HTTP_01


def _tolerate(source: Source, odd: Sequence[str], wildcards: Sequence[Name]) -> None:
    """Say what is left out of ADDITIONAL_SAN: one odd entry costs itself, not the other names their certificate."""
    sentences = [f"{sentence}; left out: correct or remove this entry" for sentence in odd]
    sentences += [
        f"{quoted(name.text)} is a wildcard, which needs DNS-01, and {name.host} is validated over HTTP (HTTP-01); left out: set "
        "ACME_DNS_CHALLENGE=y or ACME_DNS_ZONES, or write the names one by one, or as prefixes like imap.*"
        for name in wildcards
    ]
    for sentence in sentences[:_MOST_ODD_ENTRIES]:
        source.warn("ADDITIONAL_SAN", sentence)
    if len(sentences) > _MOST_ODD_ENTRIES:
        source.warn("ADDITIONAL_SAN", f"and {len(sentences) - _MOST_ODD_ENTRIES} more entries left out")


def _most_names(source: Source) -> int:
    asked = source.get("MAX_NAMES_PER_CERTIFICATE", values.optional(values.whole(1, _MOST_NAMES)))
    profile = source.text("ACME_PROFILE")
    if profile not in _SMALL_PROFILES:
        return asked or _MOST_NAMES
    if asked and asked > _MOST_NAMES_OF_SMALL_PROFILES:
        source.warn(
            "MAX_NAMES_PER_CERTIFICATE",
            f"Let's Encrypt puts at most {_MOST_NAMES_OF_SMALL_PROFILES} names into a certificate of the profile {profile}, and "
            f"refuses to issue any with more: leave it empty, or set it to {_MOST_NAMES_OF_SMALL_PROFILES} or less",
        )
    return asked or _MOST_NAMES_OF_SMALL_PROFILES


def _hostname(source: Source) -> Name:
    if not source.is_set("MAILCOW_HOSTNAME"):
        source.complain(
            "MAILCOW_HOSTNAME", "is not set: write the server's full name, such as mail.example.org"
        )
        return _NOT_SET
    return source.get("MAILCOW_HOSTNAME", values.optional(values.name)) or _NOT_SET
