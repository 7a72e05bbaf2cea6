"""Whether a TXT value has reached the servers that a CA may ask (RFC 8555 section 8.4), or who is still without it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from acme_companion.decide.facts import Unanswered
from acme_companion.decide.names import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from acme_companion.decide.facts import AuthoritativeServer, TxtLook

SILENT_FOR = 20.0
"""Seconds after which a server that never answers is passed over when others show the value: the CA will find these, too."""
SILENT_ADDRESS_FOR = 3.0
"""The same for one address of a server that shows the value at another one: then it is our network, mostly IPv6."""
NOBODY_FOR = 10.0
"""Seconds after which the resolvers are asked instead when no authoritative server answers: we cannot reach them from here."""
_SHOWN_VALUES = 3


@dataclass(frozen=True, slots=True)
class ServerLook:
    """What one address of one server says now. `silent_for`: seconds since the first of the looks without an answer, in a row."""

    server: AuthoritativeServer
    values: TxtLook
    silent_for: float = 0.0


@dataclass(frozen=True, slots=True)
class Propagation:
    """`seen`: the CA can be asked. `because`: what is missing, in words. `passed_over`: who was not waited for, and why.

    `nobody`: not one server answers, for so long that the resolvers have to tell.
    """

    seen: bool
    because: str = ""
    passed_over: tuple[str, ...] = ()
    nobody: bool = False


def propagation(looks: Sequence[ServerLook], value: str) -> Propagation:
    """Every server that answers must show `value`, and one of them at least does. Values of others beside it do no harm."""
    showing = [one for one in looks if not isinstance(one.values, Unanswered) and value in one.values]
    lagging = [one for one in looks if not isinstance(one.values, Unanswered) and value not in one.values]
    silent = [one for one in looks if isinstance(one.values, Unanswered)]
    names = {one.server.name for one in showing}
    awaited = [
        one
        for one in silent
        if one.silent_for < (SILENT_ADDRESS_FOR if one.server.name in names else SILENT_FOR)
    ]
    if showing and not lagging and not awaited:
        return Propagation(seen=True, passed_over=tuple(_why(one) for one in silent))
    nobody = len(silent) == len(looks) and all(one.silent_for >= NOBODY_FOR for one in silent)
    return Propagation(seen=False, because=_missing(lagging, silent), nobody=nobody)


def _missing(lagging: Sequence[ServerLook], silent: Sequence[ServerLook]) -> str:
    """Who lags matters most: a server that does not answer may be passed over, one without the value never."""
    parts = [f"{one.server} says {said(one.values)}" for one in lagging]
    return "; ".join(parts or [_why(one) for one in silent]) or "its zone has no server with an address"


def _why(one: ServerLook) -> str:
    because = one.values.why if isinstance(one.values, Unanswered) else ""
    return f"{one.server} does not answer ({because})"


def said(values: TxtLook) -> str:
    """What a server says of a name, in words."""
    if isinstance(values, Unanswered):
        return f"nothing ({values.why})"
    return f"only {_listed(values)}" if values else "that there is no TXT record"


def _listed(values: Iterable[str]) -> str:
    shown = [quoted(value) for value in sorted(values)]
    return ", ".join(shown[:_SHOWN_VALUES]) + (" …" if len(shown) > _SHOWN_VALUES else "")
