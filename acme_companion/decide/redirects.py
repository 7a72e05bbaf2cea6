"""Which redirects of a probe are followed: what a CA would follow, and nothing that reaches into our own networks."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urljoin, urlsplit

from acme_companion.decide.names import Name, NameRefused, quoted

if TYPE_CHECKING:
    from collections.abc import Collection

FOLLOWED = frozenset({301, 302, 307, 308})
"""303 is missing on purpose: CAs refuse it."""
MOST_REDIRECTS = 10
_LONGEST_TARGET = 2000
_NAT64 = IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes; `target` is path and query as they stand in the request line."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """The value of the Host header (RFC 9110 section 7.2)."""
        usual = 443 if self.scheme == "https" else 80
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == usual else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


def follow(base: Target, location: str, http_port: int) -> Target | str:
    """Where a redirect from `base` leads, or why a CA (or we) would not go there. `http_port` is what stands for port 80."""
    if len(location) > _LONGEST_TARGET:
        return f"redirects to an address of more than {_LONGEST_TARGET} characters"
    try:
        parts = urlsplit(urljoin(base.url, location))
        port = parts.port or (http_port if parts.scheme == "http" else 443)
        # To itself over HTTPS a name that is an address may well redirect; to any other address a CA does not go.
        same = parts.hostname == base.host
        host = Name(base.host) if same else Name.parse(parts.hostname or "")
    except NameRefused:
        return f"redirects to {quoted(location)}, which has no host name that a CA would follow"
    except ValueError:
        return f"redirects to {quoted(location)}, which is not a URL"
    if parts.scheme not in {"http", "https"} or port not in {80, 443, http_port} or host.is_wildcard:
        return f"redirects to {quoted(location)}: CAs follow http and https to ports 80 and 443 only"
    return Target(parts.scheme, host.text, port, _request_target(parts))


def forbidden(
    address: IPv4Address | IPv6Address, expected: Collection[IPv4Address | IPv6Address | None]
) -> bool:
    """Whether a redirect must not lead us to `address`: not public, and neither the name's own nor one of ours.

    A customer's domain may redirect anywhere, to metadata services and databases in our networks too.
    """
    plain = _unwrapped(address)
    return address not in expected and (not plain.is_global or plain.is_multicast)


def _unwrapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address inside an IPv6 one (mapped, 6to4, NAT64), which is where a packet would end up."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return ip_address(address.packed[-4:])
    return address.ipv4_mapped or address.sixtofour or address


def _request_target(parts: SplitResult) -> str:
    path = parts.path or "/"
    return f"{path}?{parts.query}" if parts.query else path
