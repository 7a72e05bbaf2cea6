"""The proxy on the way to a CA. Nobody else is asked through one: not probes, which go the CA's way, and not Docker."""

from __future__ import annotations

from functools import cache
from ipaddress import ip_address
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass  # noqa: TID251 - the CA's proxy


def proxy_for(url: str) -> str | None:
    """The proxy that the environment (`HTTPS_PROXY`, `NO_PROXY`) names for an https URL. Loopback has none; `~/.netrc` is never read."""
    try:
        return _proxy(urlsplit(url).hostname or "")
    except ValueError:
        return None


@cache
def _proxy(host: str) -> str | None:
    try:
        if ip_address(host).is_loopback:
            return None
    except ValueError:
        if host == "localhost":
            return None
    return None if proxy_bypass(host) else getproxies().get("https")
