"""The DNS providers that DNS-01 can be done with, under acme.sh's names and with acme.sh's variables."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from acme_companion.decide.dns_providers.large import LARGE
from acme_companion.decide.dns_providers.others import OTHERS
from acme_companion.decide.dns_providers.our_own import OUR_OWN
from acme_companion.decide.dns_providers.provider import Interface, Provider, Way

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = [
    "CREDENTIALS",
    "PLACEHOLDER",
    "PROVIDERS",
    "Interface",
    "Provider",
    "Way",
    "like",
    "nearest_of",
]

PLACEHOLDER = "dns_xxx"
"""What stands in a mailcow.conf until an admin writes a provider there."""

PROVIDERS: dict[str, Provider] = {provider.name: provider for provider in (*OUR_OWN, *LARGE, *OTHERS)}
CREDENTIALS: frozenset[str] = frozenset(name for one in PROVIDERS.values() for name in one.variables)
"""Every variable that some provider knows."""

SHOWN: frozenset[str] = frozenset(
    {
        "ACMEDNS_BASE_URL",
        "ACMEDNS_SUBDOMAIN",
        "ACMEDNS_UPDATE_URL",
        "ACME_DNS_EXEC",
        "AZUREDNS_RESOURCEGROUP",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "NAMECHEAP_SOURCEIP",
        "NSUPDATE_KEY_NAME",
        "NSUPDATE_KEY_TYPE",
        "NSUPDATE_SERVER",
        "NSUPDATE_SERVER_PORT",
        "NSUPDATE_TTL",
        "NSUPDATE_ZONE",
        "OVH_END_POINT",
        "PDNS_ServerId",
        "PDNS_Url",
        "TRANSIP_Key_File",
    }
)
"""Places and kinds, without which a fault could not be told: the only ones whose values may stand in a text."""

_CLOSE = 0.8


def like(name: str) -> tuple[str, ...]:
    """The known providers whose name or title looks like `name`, the nearest first."""
    wanted = name.lower().removeprefix("dns_").removeprefix("dns-")
    keys = {one.library: one.name for one in PROVIDERS.values() if one.library}
    keys |= {one.title.lower(): one.name for one in PROVIDERS.values()}
    keys |= {one.name.removeprefix("dns_"): one.name for one in PROVIDERS.values()}
    found = difflib.get_close_matches(wanted, keys, n=5, cutoff=0.6)
    found += [key for key in keys if wanted and len(wanted) > 2 and wanted in key]
    return tuple(dict.fromkeys(keys[key] for key in found))


def nearest_of(key: str, known: Collection[str] = CREDENTIALS) -> str | None:
    """The one of `known` that `key` is a misspelling of, or None."""
    if key in known:
        return None
    by_lower = {name.lower(): name for name in sorted(known)}
    found = difflib.get_close_matches(key.lower(), by_lower, n=1, cutoff=_CLOSE)
    return by_lower[found[0]] if found else None
