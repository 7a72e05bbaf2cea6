"""What a CA will never certify, whatever DNS says: asking for it would only cost a failed order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acme_companion.decide.known_cas import is_lets_encrypt, is_public
from acme_companion.decide.public_suffixes import has_public_top_level_domain, is_public_suffix
from acme_companion.decide.verdicts import Readiness, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable
    from ipaddress import IPv4Address, IPv6Address

    from acme_companion.decide.memory import Authority
    from acme_companion.decide.names import Name
    from acme_companion.decide.settings import Ca

_PROFILE_WITH_ADDRESSES = "shortlived"
_SPECIAL = ("onion", "arpa")
"""On the list of public suffixes all the same: RFC 7686, RFC 8375."""


def hopeless(names: Iterable[Name], ca: Ca) -> dict[Name, Verdict]:
    """Those of `names` that this CA never certifies: nobody need look at them in DNS."""
    because = ((name, never_certified(name, ca)) for name in names)
    return {name: Verdict(Readiness.NOT_READY, why) for name, why in because if why}


def profile_refused(ca: Ca, authority: Authority | None) -> str:
    """Why nothing can be ordered with ACME_PROFILE, in one sentence; empty when the CA offers it, or was not asked yet.

    An order for a profile that is not in the directory is never placed (draft-ietf-acme-profiles), and never silently
    another profile is taken.
    """
    offered = authority.profiles if authority else None
    if not ca.profile or offered is None or ca.profile in offered:
        return ""
    told = f"the CA does not offer the profile {ca.profile} (ACME_PROFILE)"
    if not offered:
        return f"{told}, nor any other: leave it empty"
    return f"{told}; it offers {', '.join(sorted(offered))}: set one of these, or leave it empty"


def never_certified(name: Name, ca: Ca) -> str:
    """Why this CA certifies `name` under no circumstances, in one sentence; empty when it may.

    Only of CAs known to be public: a CA of one's own may certify what it likes (mail.local, 10.0.0.1).
    """
    if not is_public(ca.directory_url):
        return ""
    address = name.address
    if address is not None:
        return _address_refused(address, ca)
    host = name.host
    top = host.rpartition(".")[2]
    if top in _SPECIAL or not has_public_top_level_domain(host):
        return (
            f".{top} is not a public top-level domain, so no public CA certifies {name}: take a name below a registered "
            "domain, or a CA of your own (DIRECTORY_URL)"
        )
    if is_public_suffix(host):
        return f"{host} is a public suffix, below which everybody may register: no public CA certifies {name}"
    return ""


def _address_refused(address: IPv4Address | IPv6Address, ca: Ca) -> str:
    if is_lets_encrypt(ca.directory_url) and ca.profile != _PROFILE_WITH_ADDRESSES:
        return (
            f"{address} is an IP address, and only Let's Encrypt's profile {_PROFILE_WITH_ADDRESSES} certifies those: set "
            f"ACME_PROFILE={_PROFILE_WITH_ADDRESSES}, or remove it from ADDITIONAL_SAN"
        )
    if not address.is_global or address.is_multicast:
        return (
            f"{address} is not a public address, so no public CA certifies it: remove it from ADDITIONAL_SAN"
        )
    return ""
