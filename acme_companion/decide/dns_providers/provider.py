"""What is known about a DNS provider's interface besides its address."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_VARIABLE = re.compile(r"\{(\w+)\}")


class Interface(StrEnum):
    """How TXT records are changed: by a protocol that we speak, by a command, or by dns-lexicon."""

    RFC_2136 = "RFC 2136"
    ACME_DNS = "acme-dns"
    SERVERCOW = "Servercow"
    COMMAND = "command"
    LEXICON = "lexicon"


@dataclass(frozen=True, slots=True)
class Way:
    """Credentials that suffice: all of the variables `needed`. `options`: lexicon's names for them, as `made_of` reads them."""

    needed: tuple[str, ...]
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Provider:
    """One interface under acme.sh's name.

    `ways`: one of them must be complete. `optional`: variables that may be set besides. `options`: what lexicon is told in
    every way; an option whose variables are neither set nor in `defaults` is left out. `unused`: variables of acme.sh that
    are not needed here. `ttl`: seconds, never below what the provider accepts. `remark`: what an admin has to know besides.
    """

    name: str
    title: str
    interface: Interface
    ways: tuple[Way, ...]
    optional: tuple[str, ...] = ()
    library: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    unused: tuple[str, ...] = ()
    ttl: int = 300
    remark: str = ""

    @property
    def variables(self) -> tuple[str, ...]:
        """Every variable that may be set for it, each once."""
        return tuple(
            dict.fromkeys([name for way in self.ways for name in way.needed] + [*self.optional, *self.unused])
        )

    def way(self, given: Mapping[str, object]) -> Way | None:
        """The first complete way."""
        return next((way for way in self.ways if all(given.get(name) for name in way.needed)), None)

    def lexicon_options(self, given: Mapping[str, str]) -> dict[str, str]:
        """Lexicon's options from acme.sh's variables; empty when no way is complete."""
        way = self.way(given)
        templates = {**self.options, **way.options} if way else {}
        known = {**self.defaults, **{name: value for name, value in given.items() if value}}
        return {
            option: _VARIABLE.sub(lambda match: known[match[1]], template)
            for option, template in templates.items()
            if all(name in known for name in made_of(template))
        }


def made_of(template: str) -> tuple[str, ...]:
    """The variables that stand in braces in a template."""
    return tuple(_VARIABLE.findall(template))


def by(**options: str) -> Way:
    """A way of lexicon's: the variables of all templates are needed."""
    needed = dict.fromkeys(name for template in options.values() for name in made_of(template))
    return Way(tuple(needed), options)


def by_lexicon(
    name: str,
    title: str,
    library: str,
    *ways: Way,
    options: Mapping[str, str] | None = None,
    defaults: Mapping[str, str] | None = None,
    unused: tuple[str, ...] = (),
    ttl: int = 300,
    remark: str = "",
) -> Provider:
    """A provider of lexicon's."""
    optional = tuple(variable for template in (options or {}).values() for variable in made_of(template))
    return Provider(
        name,
        title,
        Interface.LEXICON,
        ways,
        optional=optional,
        library=library,
        options=options or {},
        defaults=defaults or {},
        unused=unused,
        ttl=ttl,
        remark=remark,
    )
