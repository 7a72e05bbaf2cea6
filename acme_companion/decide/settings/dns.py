"""How names are validated: which zones through DNS, by which provider, with whose credentials."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from acme_companion.decide.dns_providers import CREDENTIALS, PLACEHOLDER, Interface, nearest_of
from acme_companion.decide.settings import Challenges, ChallengeType, DnsZone, Secret, values
from acme_companion.decide.settings.dns_file import DnsFile, Section
from acme_companion.decide.settings.dns_words import (
    Asked,
    command_fault,
    provider_fault,
    provider_of,
    what_is_missing,
)
from acme_companion.decide.settings.source import check_text
from acme_companion.decide.settings.values import ValueRefused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from acme_companion.decide.names import Name
    from acme_companion.decide.settings.env_file import EnvFile
    from acme_companion.decide.settings.source import Source

_PROVIDER, _CHALLENGE, _COMMAND = "provider", "challenge", "ACME_DNS_EXEC"
_OURS = {_PROVIDER, _CHALLENGE}
_AT_THE_TOP = {_PROVIDER: "ACME_DNS_PROVIDER", _CHALLENGE: "ACME_DNS_TYPE"}


@dataclass(frozen=True, slots=True)
class DnsGiven:
    """What is given besides the settings: `environment` and `env_file` hold credentials too, `file` is None when there is none."""

    environment: Mapping[str, str]
    env_file: EnvFile | None = None
    file: DnsFile | None = None


def challenges(source: Source, given: DnsGiven) -> Challenges:
    """The zones that are validated through DNS; what is wrong becomes a complaint with its place.

    A credential counts from the zone's own section, else the environment, else the env file, else the top of the file.
    """
    file = given.file or DnsFile(source.text("ACME_DNS_CONF"))
    in_settings = [*_everywhere(source), *_in_settings(source)]
    in_file = list(_in_file(source, file, {asked.zone for asked in in_settings}))
    wanted = [*in_settings, *in_file]
    if not wanted and source.text("ACME_DNS_PROVIDER").lower() not in {"", PLACEHOLDER}:
        source.warn(
            "ACME_DNS_PROVIDER",
            "has no effect, as no name is validated through DNS: set ACME_DNS_CHALLENGE=y, or ACME_DNS_ZONES",
        )
    _tell(source, file, is_wanted=bool(wanted))
    _tell_misspelt(source, file, wanted)
    return Challenges(
        tuple(_zone(source, asked, _given_to(asked, given, file), file) for asked in wanted),
        timeout=source.get("ACME_DNS_TIMEOUT", values.seconds(1, 3600)),
    )


def _everywhere(source: Source) -> Iterator[Asked]:
    kind = source.get("ACME_DNS_TYPE", values.choice(ChallengeType))
    if not source.get("ACME_DNS_CHALLENGE", values.yes):
        return
    if kind is ChallengeType.HTTP_01:
        source.complain("ACME_DNS_TYPE", "http-01 needs no DNS: set ACME_DNS_CHALLENGE to n instead")
    place = f"{source.place('ACME_DNS_PROVIDER')}: ACME_DNS_PROVIDER"
    yield Asked(None, kind, source.get("ACME_DNS_PROVIDER", str).lower(), place)


def _in_settings(source: Source) -> Iterator[Asked]:
    seen: set[Name | None] = set()
    for zone, how in source.get("ACME_DNS_ZONES", values.listed(_zone_and_how)):
        if zone in seen:
            source.complain("ACME_DNS_ZONES", f"{zone} stands there twice: remove one of them")
        seen.add(zone)
        place = f"{source.place('ACME_DNS_ZONES')}: ACME_DNS_ZONES: {zone}"
        is_type = how in set(ChallengeType)
        kind = ChallengeType(how) if is_type else ChallengeType.DNS_01
        yield Asked(zone, kind, "" if is_type else how, place)


def _zone_and_how(text: str) -> tuple[Name, str]:
    zone, colon, how = text.partition(":")
    if not zone or not colon or not how:
        raise ValueRefused(f"{text[:80]!r} is not zone:provider, such as example.org:dns_cf")
    return values.name(zone.strip()), how.strip().lower()


def _in_file(source: Source, file: DnsFile, in_settings: set[Name | None]) -> Iterator[Asked]:
    """One for each section, but for those that only hold the credentials of a zone of the settings."""
    places: dict[Name, str] = {}
    for section in file.sections[1:]:
        zone = _zone_of(source, section)
        if zone is None:
            continue
        if zone in places:
            source.complaints.append(
                f"{section.place}: [{zone}] stands at {places[zone]} already: make it one section"
            )
        places.setdefault(zone, section.place)
        lines = {entry.key: entry.value for entry in section.lines.entries}
        if zone not in in_settings:
            yield Asked(zone, _type_of(source, section, lines), _provider_of(source, lines), _label(section))
        elif _OURS & lines.keys():
            source.warnings.append(
                f"{_label(section)}: its provider= and challenge= have no effect, as the zone stands in ACME_DNS_ZONES too"
            )


def _zone_of(source: Source, section: Section) -> Name | None:
    try:
        return values.name(section.zone)
    except ValueRefused as problem:
        source.complaints += [f"{section.place}: {text}" for text in problem.sentences]
        return None


def _type_of(source: Source, section: Section, lines: Mapping[str, str]) -> ChallengeType:
    try:
        return values.choice(ChallengeType)(lines.get(_CHALLENGE, "") or ChallengeType.DNS_01)
    except ValueRefused as problem:
        source.complaints += [f"{_label(section)}: challenge: {text}" for text in problem.sentences]
        return ChallengeType.DNS_01


def _provider_of(source: Source, lines: Mapping[str, str]) -> str:
    return (lines.get(_PROVIDER, "") or source.text("ACME_DNS_PROVIDER")).lower()


def _label(section: Section) -> str:
    return f"{section.place}: [{section.zone}]"


def _tell(source: Source, file: DnsFile, *, is_wanted: bool) -> None:
    """What is wrong with the file as such: a complaint when it is needed, else a warning."""
    wrong = [file.unread] if file.unread else list(file.complaints)
    if is_wanted or source.is_set("ACME_DNS_CONF"):
        source.complaints += wrong
    else:
        source.warnings += wrong
    source.warnings += file.warnings
    if is_wanted and file.exposed and any(section.lines.entries for section in file.sections):
        source.warnings.append(
            f"{file.file}: holds credentials, and every user of the host can read it: chmod o-r {file.file} there"
        )


def _tell_misspelt(source: Source, file: DnsFile, wanted: Sequence[Asked]) -> None:
    if any(asked.provider == "exec" for asked in wanted):
        return  # whatever stands there may be meant for the command
    for section in file.sections:
        for entry in section.lines.entries:
            if meant := nearest_of(entry.key, {*CREDENTIALS, *_OURS}):
                source.misspelt.append(
                    f"{entry.place}: {entry.key} is unknown and has no effect: did you mean {meant}?"
                )
    source.misspelt += [
        f"{entry.place}: {entry.key} has no effect above the first [zone]: set {_AT_THE_TOP[entry.key]}"
        for section in file.sections[:1]
        for entry in section.lines.entries
        if entry.key in _OURS
    ]


def _given_to(asked: Asked, given: DnsGiven, file: DnsFile) -> dict[str, str]:
    top = _lines(file.sections[:1])
    own = _lines(section for section in file.sections[1:] if _is_of(section, asked.zone))
    from_env_file = {
        entry.key: entry.value
        for entry in (given.env_file.entries if given.env_file else ())
        if entry.key in CREDENTIALS
    }
    from_environment = {key: given.environment[key] for key in CREDENTIALS if given.environment.get(key)}
    return {**top, **from_env_file, **from_environment, **own}


def _is_of(section: Section, zone: Name | None) -> bool:
    try:
        return values.name(section.zone) == zone
    except ValueRefused:
        return False


def _lines(sections: Iterable[Section]) -> dict[str, str]:
    return {
        entry.key: entry.value
        for section in sections
        for entry in section.lines.entries
        if entry.key not in _OURS and entry.value
    }


def _zone(source: Source, asked: Asked, given: Mapping[str, str], file: DnsFile) -> DnsZone:
    """The zone as it is asked for, with the credentials that its provider knows; a complaint for what is missing."""
    if not asked.needs_provider:
        return DnsZone(asked.zone, asked.challenge_type)
    provider = provider_of(asked.provider)
    if provider is None:
        source.complaints.append(f"{asked.place}: {provider_fault(asked.provider)}")
        return DnsZone(asked.zone, asked.challenge_type, asked.provider)
    is_command = provider.interface is Interface.COMMAND
    known = set(provider.variables) | (given.keys() - CREDENTIALS if is_command else set())
    options = {key: value for key, value in given.items() if key in known}
    if missing := what_is_missing(provider, options, given):
        where = f"{file.file}{'' if file.sections else ' (which is not there)'}"
        source.complaints.append(
            f"{asked.place}: {provider.name} needs {missing}: write it into {where} or the environment"
        )
    elif is_command and (fault := command_fault(options[_COMMAND])):
        source.complaints.append(f"{asked.place}: {_COMMAND}: {fault}")
    for key, value in options.items():
        try:
            check_text(value.replace("\n", ""))
        except ValueRefused as problem:
            source.complaints.append(f"{asked.place}: {key}: {problem}")
    return DnsZone(
        asked.zone,
        asked.challenge_type,
        provider.name,
        {key: Secret(value) for key, value in options.items()},
    )
