"""Values of settings: text in, a value out, or `ValueRefused` with a sentence that is safe to show."""

from __future__ import annotations

import ipaddress
import re
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from acme_companion.decide.names import Name, NameRefused, prefix, quoted
from acme_companion.decide.settings import HostPort, Secret

if TYPE_CHECKING:
    from collections.abc import Callable
    from enum import StrEnum

_T = TypeVar("_T")
_E = TypeVar("_E", bound="StrEnum")

_YES = {"y", "yes", "true", "on", "1"}
_NO = {"n", "no", "false", "off", "0"}
_WHOLE = re.compile(r"[0-9]{1,9}")
_DECIMAL = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")
_LOCAL_PART = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}")
_PROJECT = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")
_MAC_KEY = re.compile(r"[A-Za-z0-9_-]{11,1024}")


class ValueRefused(ValueError):
    """Text that is not a value of its setting: one sentence for each thing that is wrong with it."""

    def __init__(self, *sentences: str) -> None:
        super().__init__("; ".join(sentences))
        self.sentences = sentences


def optional(parse: Callable[[str], _T]) -> Callable[[str], _T | None]:
    """A value that may be absent."""
    return lambda text: parse(text) if text else None


def listed(parse: Callable[[str], _T]) -> Callable[[str], tuple[_T, ...]]:
    """Values separated by commas, each once, in their order; every wrong one is complained about."""
    tolerant = usable(parse)

    def parse_all(text: str) -> tuple[_T, ...]:
        found, sentences = tolerant(text)
        if sentences:
            raise ValueRefused(*sentences)
        return found

    return parse_all


def usable(parse: Callable[[str], _T]) -> Callable[[str], tuple[tuple[_T, ...], tuple[str, ...]]]:
    """As `listed`, but the wrong ones are left out, with a sentence for each."""

    def parse_all(text: str) -> tuple[tuple[_T, ...], tuple[str, ...]]:
        found: dict[_T, None] = {}
        sentences: list[str] = []
        for item in filter(None, (item.strip() for item in text.split(","))):
            try:
                found[parse(item)] = None
            except ValueRefused as problem:
                # Where an @ stands, a password may stand before it.
                several = re.search(r"[;\s]", item) and "@" not in item
                commas = f"{quoted(item)} is not one entry: separate entries with commas"
                sentences += [commas] if several else problem.sentences
        return tuple(found), tuple(sentences)

    return parse_all


def yes(text: str) -> bool:
    if text.lower() in _YES:
        return True
    if text.lower() in _NO:
        return False
    raise ValueRefused(f"{quoted(text)} is neither yes nor no: write y or n")


def anything_but_no(text: str) -> bool:
    """For mailcow's SNAT settings, which hold an address, or n."""
    return text.lower() not in _NO


def whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not _WHOLE.fullmatch(text) or not low <= int(text) <= high:
            raise ValueRefused(f"{quoted(text)} is not a whole number from {low} to {high}")
        return int(text)

    return parse


def seconds(low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        if not _DECIMAL.fullmatch(text) or not low <= float(text) <= high:
            raise ValueRefused(f"{quoted(text)} is not a number of seconds from {low:g} to {high:g}")
        return float(text)

    return parse


port = whole(1, 65535)


def choice(kinds: type[_E]) -> Callable[[str], _E]:
    def parse(text: str) -> _E:
        try:
            return kinds(text.lower())
        except ValueError:
            raise ValueRefused(f"{quoted(text)} is not one of {', '.join(kinds)}") from None

    return parse


def path(text: str) -> str:
    if not text.startswith("/"):
        raise ValueRefused(f"{quoted(text)} is not an absolute path: begin it with /")
    if ".." in text.split("/"):
        raise ValueRefused(f"{quoted(text)} contains ..: write the path without it")
    return text.rstrip("/") or "/"


def name(text: str) -> Name:
    """A host name, not a wildcard."""
    found = name_or_wildcard(text)
    if found.is_wildcard:
        raise ValueRefused(f"{quoted(text)} is a wildcard; write a name")
    return found


def name_or_wildcard(text: str) -> Name:
    try:
        return Name.parse(text)
    except NameRefused as problem:
        raise ValueRefused(str(problem)) from None


def name_address_or_prefix(text: str) -> Name | str:
    """A name, a wildcard, an IP address, or the prefix of an item like `imap.*`."""
    try:
        if text.endswith(".*"):
            return prefix(text)
        if _looks_like_an_address(text):
            return Name.parse_address(text)
    except NameRefused as problem:
        raise ValueRefused(str(problem)) from None
    return name_or_wildcard(text)


def _looks_like_an_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return False
    return True


def address(text: str) -> IPv4Address | IPv6Address:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        raise ValueRefused(f"{quoted(text)} is not an IP address") from None
    if isinstance(found, IPv6Address) and found.scope_id:
        raise ValueRefused(f"{quoted(text)} has a zone: write the address without it")
    return found


def ipv4(text: str) -> IPv4Address:
    found = address(text)
    if not isinstance(found, IPv4Address):
        raise ValueRefused(f"{quoted(text)} is not an IPv4 address")
    return found


def ipv6(text: str) -> IPv6Address:
    found = address(text)
    if not isinstance(found, IPv6Address):
        raise ValueRefused(f"{quoted(text)} is not an IPv6 address")
    return found


def host(text: str) -> str:
    """A host name (of one label too: containers have such) or an address, without brackets."""
    _refuse_user(text)
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if ":" in bare or text != bare:
        return str(ipv6(bare))
    if not _HOST.fullmatch(bare):
        raise ValueRefused(f"{quoted(text)} is not a host name or an IP address")
    return bare


def host_port(default_port: int) -> Callable[[str], HostPort]:
    """`host`, `host:port`, `[IPv6]`, `[IPv6]:port`, or a bare IPv6 address."""

    def parse(text: str) -> HostPort:
        _refuse_user(text)
        if "/" in text:
            raise ValueRefused(f"{quoted(text)} is neither host nor host:port: no / may stand in it")
        if text.count(":") > 1 and not text.startswith("["):
            return HostPort(host(text), default_port)
        before, colon, after = text.rpartition(":")
        if not colon or after.endswith("]"):
            return HostPort(host(text), default_port)
        return HostPort(host(before), port(after))

    return parse


def resolver(text: str) -> HostPort:
    found = host_port(53)(text)
    if _HOST.fullmatch(found.host) and not found.host[-1].isdigit():
        raise ValueRefused(f"{quoted(text)} is not an IP address: a resolver is given by its address")
    return HostPort(str(address(found.host)), found.port)


def published(text: str) -> HostPort:
    """A published port: `port` (then without a host) or `ip:port`."""
    _refuse_user(text)
    try:
        if ":" not in text:
            return HostPort("", port(text))
        found = host_port(0)(text)
        return HostPort(str(address(found.host)), port(str(found.port)))
    except ValueRefused:
        raise ValueRefused(f"{quoted(text)} is neither a port from 1 to 65535 nor ip:port") from None


def url(*schemes: str) -> Callable[[str], str]:
    """An absolute URL of one of `schemes`, with a host and without a user (which is never shown)."""
    wanted = " or ".join(f"{scheme}://" for scheme in schemes)

    def parse(text: str) -> str:
        _refuse_user(text)
        if any(c.isspace() for c in text) or not text.isascii():
            raise ValueRefused(f"{quoted(text)} contains a character that may not stand in a URL")
        try:
            parts = urlsplit(text)
            valid = parts.scheme in schemes and parts.hostname and host(parts.hostname) and parts.port != 0
        except ValueError:
            valid = False
        if not valid:
            raise ValueRefused(f"{quoted(text)} is not a URL that begins with {wanted} and a host")
        return text

    return parse


def contact(text: str) -> str | None:
    """An e-mail address that a CA accepts (RFC 8555 section 7.3); mailcow's example is none."""
    if text.lower() == "me@example.com":
        return None
    local, at, domain = text.rpartition("@")
    if not at or not _LOCAL_PART.fullmatch(local):
        raise ValueRefused(f"{quoted(text)} is not one e-mail address like postmaster@example.org")
    return f"{local}@{name(domain)}"


def project(text: str) -> str:
    if not _PROJECT.fullmatch(text):
        raise ValueRefused(
            f"{quoted(text)} is not a Compose project: write it as `docker compose ls` shows it"
        )
    return text


def key_id(text: str) -> str:
    """A key identifier, which CAs give in ASCII (RFC 8555 section 7.3.4)."""
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueRefused(
            f"{quoted(text)} is not a key id: it contains a blank or a character that is not ASCII"
        )
    return text


def mac_key(text: str) -> Secret:
    """A key in base64url (padded or not; plain base64 is understood as well), without its padding."""
    bare = text.strip().rstrip("=").replace("+", "-").replace("/", "_")
    # The value is not shown. A remainder of one character is never base64: a character was lost.
    if not _MAC_KEY.fullmatch(bare) or len(bare) % 4 == 1:
        raise ValueRefused(
            "is not a key in base64url: copy it whole from the CA's site (the value is not shown here)"
        )
    return Secret(bare)


def _refuse_user(text: str) -> None:
    # Where an @ stands, a password may stand before it: the value is not shown.
    if "@" in text:
        raise ValueRefused("may not hold a user, a password or an @ (the value is not shown here)")
