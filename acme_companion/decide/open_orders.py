"""Orders that were placed and whose certificates are not in place yet: gone on with after a crash or a long wait, or left."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from acme_companion.decide.names import Name

SCHEMA = 1
ORDER_LIFE = timedelta(days=7)
"""How long an order is gone on with at most, whatever its CA says: a certificate must not be waited for until another one ends."""
MADE_WITHIN = timedelta(days=2)
"""A CA that has made no certificate of a CSR for so long never will, and some keep such orders for months."""
FETCHED_WITHIN = timedelta(days=1)
"""For so long at least a certificate that was delivered is fetched again; orders for those of six days expire in hours."""

AHEAD = timedelta(days=1)
"""So much more than its age does no harm to any of these."""


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """What is written down of one order (RFC 8555 section 7.1.3) before anything is done that must not be done twice.

    `identifiers`: the names as they were ordered. `replaces`: the CertID (RFC 9773) that was
    sent, as no later answer repeats it. `key_digest`: of the certificate's public key. `placed`, `expires`: when; None if
    the CA did not say. `refused`: names that the CA refused on the way to this order, each with its sentence.
    `finalizing`: the CSR was sent, or was about to be. `certificate`: its URL, empty until the CA issued it. `directory`: the
    lineage's.
    """

    url: str
    directory_url: str
    account_uri: str
    identifiers: tuple[str, ...]
    key_digest: str
    placed: datetime
    expires: datetime | None = None
    profile: str = ""
    replaces: str = ""
    refused: Mapping[str, str] = field(default_factory=dict)
    finalizing: bool = False
    certificate: str = ""
    directory: str = ""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be ordered now, and by whom."""

    names: tuple[Name, ...]
    directory_url: str
    account_uri: str
    key_digest: str
    profile: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """A new order is needed; `because`: why the one that was written down will not do, empty when there is none."""

    because: str = ""


@dataclass(frozen=True, slots=True)
class Resume:
    """Go on with this order, by its status at the CA. `left_out`: wanted names that the CA refused on the way to it."""

    order: OpenOrder
    left_out: Mapping[Name, str] = field(default_factory=dict)


def next_move(known: OpenOrder | None, wish: Wish, now: datetime) -> Place | Resume:
    """Whether the order that was written down is what is wanted now.

    It is when it is for the same names, less those that the CA refused on the way to it: an order without a name that
    nobody refused would deliver less than is wanted, and one with a name that is not wanted any more would deliver
    what somebody took out.
    """
    if known is None:
        return Place()
    left_out = {name: known.refused[name.text] for name in wish.names if name.text in known.refused}
    names = {name.text for name in wish.names if name not in left_out}
    objections = (
        (known.directory_url != wish.directory_url, f"it is at another CA ({known.directory_url})"),
        (known.account_uri != wish.account_uri, "it belongs to another account"),
        (known.key_digest != wish.key_digest, "it is for another key"),
        (known.profile != wish.profile, f"it has the profile {known.profile or 'of the CA'}"),
        (names != set(known.identifiers), "it is for other names"),
        (is_over(known, now), "its time is over"),
        (placed_ahead(known, now), "this host's clock was ahead when it was placed"),
    )
    because = next((text for holds, text in objections if holds), "")
    return Place(because) if because else Resume(known, left_out)


def is_over(order: OpenOrder, now: datetime) -> bool:
    """Whether neither the order nor its certificate can be had any more, or is worth having."""
    age = now - order.placed
    expired = order.expires is not None and now >= order.expires
    stuck = order.finalizing and not order.certificate
    return age >= (MADE_WITHIN if stuck else ORDER_LIFE) or (
        expired and (age >= FETCHED_WITHIN or not order.certificate)
    )


def placed_ahead(order: OpenOrder, now: datetime) -> bool:
    """Whether a clock that was ahead dated it: it would be waited for until that day comes.

    Not `is_over`, by which it would be swept: it is the clock of now that may be wrong.
    """
    return order.placed > now + AHEAD
