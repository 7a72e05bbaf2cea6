"""What is asked of a DNS provider, and the sentences about what is wrong with that."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from acme_companion.decide.dns_providers import PLACEHOLDER, PROVIDERS, like
from acme_companion.decide.names import quoted
from acme_companion.decide.settings import ChallengeType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from acme_companion.decide.dns_providers import Provider
    from acme_companion.decide.names import Name

_WITHOUT_PROVIDER = {ChallengeType.HTTP_01, ChallengeType.DNS_PERSIST_01}
_MOST_MEANT = 3


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for one zone (None: every name) by the line at `place`."""

    zone: Name | None
    challenge_type: ChallengeType
    provider: str
    place: str

    @property
    def needs_provider(self) -> bool:
        """Whether records have to be changed: dns-persist-01 has a record of the admin's, that we only look at."""
        return self.challenge_type not in _WITHOUT_PROVIDER


def provider_of(name: str) -> Provider | None:
    return PROVIDERS.get(name)


def provider_fault(name: str) -> str:
    """Why `name` is no provider, and what to write instead."""
    if not name:
        return "no DNS provider is set: write its name, such as dns_cf (docs/dns-01.md has the list)"
    if name == PLACEHOLDER:
        return f"{PLACEHOLDER} stands for your DNS provider: write its name, such as dns_cf (docs/dns-01.md has the list)"
    meant, known = like(name), " ".join(sorted(PROVIDERS))
    if meant:
        return f"{quoted(name)} is not a DNS provider that we know: did you mean {_either(meant[:_MOST_MEANT])}? Known are {known}"
    return f"{quoted(name)} is not a DNS provider that we know: known are {known}, and exec runs a command of yours"


def what_is_missing(
    provider: Provider, given: Mapping[str, object], of_others: Mapping[str, object] | None = None
) -> str:
    """The variables that would complete the credentials, empty when nothing is missing.

    `of_others`: what is set besides, of which one may differ by its case only: acme.sh tells interfaces apart by that.
    """
    if provider.way(given):
        return ""
    begun = [way for way in provider.ways if any(given.get(name) for name in way.needed)]
    lacking = [[name for name in way.needed if not given.get(name)] for way in begun or provider.ways]
    text = ", or ".join(" and ".join(names) for names in lacking)
    wanted = {name.lower() for names in lacking for name in names}
    alike = next((key for key in of_others or () if key not in given and key.lower() in wanted), None)
    readers = [one.name for one in PROVIDERS.values() if alike in one.variables]
    return f"{text} ({alike}, which is set, is read by {_either(readers)})" if readers else text


def command_fault(command: str) -> str:
    """Why a command cannot be run without a shell, empty when it can; its words are not shown."""
    try:
        words = shlex.split(command)
    except ValueError:
        return "the command has a quote that does not end"
    return "" if words and words[0].startswith("/") else "the command must begin with its absolute path"


def _either(names: Sequence[str]) -> str:
    return " or ".join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else names[0]
