"""How one sibling is dealt with: by its service, or by labels that make any compose stack servable."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from acme_companion.decide.deployment.actions import (
    NGINX_RELOAD,
    NOTHING,
    RESTART,
    Action,
    ActionKind,
    Change,
)
from acme_companion.decide.names import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from acme_companion.decide.facts import Sibling

T = TypeVar("T")


@dataclass(frozen=True, slots=True, order=True)
class Port:
    """Where a sibling serves TLS; `protocol` as in `Endpoint`."""

    number: int
    protocol: str


@dataclass(frozen=True, slots=True)
class Handling:
    """How one sibling is dealt with. `sni`: it serves each certificate by its names, not only the server pair.

    `complaints`: labels that were not understood; what they govern is left alone.
    """

    renewed: Action
    changed: Action
    ports: tuple[Port, ...]
    sni: bool = True
    complaints: tuple[str, ...] = ()

    def action(self, change: Change) -> Action:
        return self.renewed if change is Change.RENEWED else self.changed


PROTOCOLS = ("tls", "smtp", "imap", "pop3", "sieve")
_POSTFIX = (Port(25, "smtp"), Port(465, "tls"), Port(587, "smtp"))
_DOVECOT = (Port(143, "imap"), Port(993, "tls"), Port(110, "pop3"), Port(995, "tls"), Port(4190, "sieve"))
# nginx first: it serves the challenges and only reloads; then Dovecot, because Postfix asks it for authentication.
_KNOWN: Mapping[str, Callable[[int], Handling]] = {
    "nginx-mailcow": lambda https_port: Handling(NGINX_RELOAD, RESTART, (Port(https_port, "tls"),)),
    "dovecot-mailcow": lambda _: Handling(RESTART, RESTART, _DOVECOT),
    "postfix-mailcow": lambda _: Handling(RESTART, RESTART, _POSTFIX),
}
_PREFIX = "acme-companion."
_LABELS = frozenset(_PREFIX + key for key in ("action", "renewed", "changed", "endpoints", "sni"))
_SIGNAL = re.compile(r"(?:SIG)?([A-Z][A-Z0-9+-]{1,10})\Z")
# What ends a process is no way to make it read a file.
_DEADLY = frozenset(
    {"KILL", "STOP", "ABRT", "SEGV", "TERM", "INT", "QUIT", "ILL", "BUS", "FPE", "SYS", "TRAP"}
)
_MOST_PORTS = 32


def is_sibling(service: str, labels: Mapping[str, str]) -> bool:
    """Whether a container of our compose project uses the pairs: a known service, or one that has our labels."""
    return _known(service) is not None or not _LABELS.isdisjoint(labels)


def handling(sibling: Sibling, https_port: int = 443) -> Handling | None:
    """What `sibling`'s service and labels ask for; None when it is not one of ours.

    `https_port` is the port nginx-mailcow itself listens on, unless its container says which. Labels win over the
    defaults of a known service.
    """
    if not is_sibling(sibling.service, sibling.labels):
        return None
    known = _known(sibling.service)
    default = _KNOWN[known](sibling.https_port or https_port) if known else Handling(NOTHING, NOTHING, ())
    complaints: list[str] = []
    return Handling(
        renewed=_labelled(sibling, ("renewed", "action"), _action, default.renewed, NOTHING, complaints),
        changed=_labelled(sibling, ("changed", "action"), _action, default.changed, NOTHING, complaints),
        ports=_labelled(sibling, ("endpoints",), _ports, default.ports, (), complaints),
        sni=_labelled(sibling, ("sni",), _yes_or_no, default.sni, False, complaints),
        complaints=tuple(dict.fromkeys(complaints)),
    )


def position(sibling: Sibling) -> tuple[int, str, str]:
    known = _known(sibling.service)
    rank = list(_KNOWN).index(known) if known else len(_KNOWN)
    return (rank, sibling.service, sibling.name)


def _known(service: str) -> str | None:
    # The whole name, where mailcow's container is content with a part: an exporter called like its service is not it.
    return service if service in _KNOWN else None


def _labelled(
    sibling: Sibling,
    keys: tuple[str, ...],
    parse: Callable[[str], T],
    default: T,
    when_wrong: T,
    complaints: list[str],
) -> T:
    """The value of the first of `keys` that `sibling` has as a label."""
    for key in keys:
        text = sibling.labels.get(_PREFIX + key)
        if text is None:
            continue
        try:
            return parse(text.strip())
        except ValueError as problem:
            complaints.append(f"{sibling.name}: label {_PREFIX}{key}={quoted(text)}: {problem}; left alone")
            return when_wrong
    return default


def _action(text: str) -> Action:
    kind, _, argument = text.partition(":")
    match kind.strip().lower():
        case "restart" if not argument:
            return RESTART
        case "none" if not argument:
            return NOTHING
        case "signal":
            return Action(ActionKind.SIGNAL, (_signal(argument.strip()),))
        case "exec":
            return _exec(argument)
        case _:
            raise ValueError("write restart, signal:HUP, exec:COMMAND or none")


def _signal(text: str) -> str:
    found = _SIGNAL.match(text.upper())
    if not found:
        raise ValueError("write the name of a signal, such as signal:HUP")
    if found[1] in _DEADLY:
        raise ValueError(f"{found[1]} would end it; write restart")
    return found[1]


def _exec(text: str) -> Action:
    try:
        command = tuple(shlex.split(text))
    except ValueError as problem:
        raise ValueError(f"the command cannot be split into words ({problem})") from None
    if not command:
        raise ValueError("exec: needs a command, such as exec:nginx -s reload")
    return NGINX_RELOAD if command == NGINX_RELOAD.argument else Action(ActionKind.EXEC, command)


def _ports(text: str) -> tuple[Port, ...]:
    entries = text.replace(",", " ").split()
    if len(entries) > _MOST_PORTS:
        raise ValueError(f"more than {_MOST_PORTS} entries")
    return tuple(dict.fromkeys(_port(entry) for entry in entries))


def _port(entry: str) -> Port:
    number, _, protocol = entry.lower().partition("/")
    if not (number.isascii() and number.isdigit() and len(number) <= 5 and 0 < int(number) <= 65535):
        raise ValueError(f"{quoted(entry)} does not begin with a port number, as in 443/tls")
    if protocol not in PROTOCOLS:
        raise ValueError(f"{quoted(entry)} does not end in one of /{', /'.join(PROTOCOLS)}")
    return Port(int(number), protocol)


def _yes_or_no(text: str) -> bool:
    match text.lower():
        case "y" | "yes" | "true" | "on" | "1":
            return True
        case "n" | "no" | "false" | "off" | "0":
            return False
        case _:
            raise ValueError("write yes or no")
