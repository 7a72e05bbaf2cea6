"""The public suffix list: under which domain a name was registered, and which top-level domains there are."""

from __future__ import annotations

from functools import cache
from ipaddress import IPv6Address, IPv6Network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

    from acme_companion.decide.names import Name

_BITS_OF_ONE_SITE = 64


def registered_domain(name: Name) -> str:
    """What a CA counts certificates by: the domain one label below the public suffix that `name` is under.

    The name itself where there is none. For an address it is that, or the /64 of an IPv6 address, as at Let's Encrypt.
    """
    address = name.address
    if address is not None:
        one_site = isinstance(address, IPv6Address)
        return str(IPv6Network((address, _BITS_OF_ONE_SITE), strict=False)) if one_site else name.text
    return _list().privatesuffix(name.host) or name.host


def is_public_suffix(host: str) -> bool:
    """Whether everybody may register below `host`, by the part of the list that registries of top-level domains answer for."""
    return _registries().publicsuffix(host) == host


def has_public_top_level_domain(host: str) -> bool:
    """Whether `host` ends in a top-level domain of the list: IANA's root zone has no others that anybody registers below."""
    return _registries().publicsuffix(host) is not None


@cache
def _list() -> PublicSuffixList:
    """With its second part, of companies that let strangers register below their domains: a CA counts these apart."""
    # Loading it takes a tenth of a second, and not every command asks.
    from publicsuffixlist import PublicSuffixList  # noqa: PLC0415

    return PublicSuffixList()


@cache
def _registries() -> PublicSuffixList:
    from publicsuffixlist import PublicSuffixList  # noqa: PLC0415

    return PublicSuffixList(only_icann=True, accept_unknown=False)
