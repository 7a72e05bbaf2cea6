"""Which public address is ours, when several services are asked and each may be wrong, slow or hostile."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

Address = TypeVar("Address", IPv4Address, IPv6Address)

LONGEST_ANSWER = 256
"""Bytes of a service's answer; the longest address has 39."""


@dataclass(frozen=True, slots=True)
class Agreed(Generic[Address]):
    """The address that is taken for ours, or None, and what an operator should know about how that came about.

    `remembered`: it is the one from before, and nobody could confirm it.
    """

    address: Address | None
    why: str = ""
    remembered: bool = False


def parse_answer(body: bytes, family: type[Address]) -> Address | str:
    """The global address of `family` that a service answered with, or what is wrong with the answer."""
    if len(body) > LONGEST_ANSWER:
        return f"more than {LONGEST_ANSWER} bytes"
    try:
        found = ip_address(body.decode("ascii").strip())
    except ValueError:
        return "something that is not an address"
    if not isinstance(found, family):
        return "an address of the other family"
    return found if found.is_global and not found.is_multicast else f"{found}, which is not a public address"


def settled(answers: Sequence[Address]) -> bool:
    """Whether two services agree, so that nobody else need be waited for."""
    return any(count > 1 for count in Counter(answers).values())


def agree(
    kind: str, answers: Sequence[Address], failures: Sequence[str], remembered: Address | None
) -> Agreed[Address]:
    """The address that most services told; without an answer the remembered one. `kind` is `IPv4` or `IPv6`.

    `failures`: one text for each service that told none.
    """
    ranked = Counter(answers).most_common(2)
    if ranked and (len(ranked) == 1 or ranked[0][1] > ranked[1][1]):
        return Agreed(ranked[0][0])
    if ranked:
        told = " and ".join(sorted({str(answer) for answer in answers}))
        if remembered in answers:
            return Agreed(
                remembered, f"public {kind}: services disagree ({told}); {remembered} was ours before", True
            )
        return Agreed(None, f"public {kind}: services disagree ({told}): set it in the settings")
    reasons = "; ".join(dict.fromkeys(failures)) or "no service to ask is configured"
    if remembered:
        return Agreed(
            remembered, f"public {kind}: nobody could tell ({reasons}); {remembered} was ours before", True
        )
    return Agreed(None, f"public {kind}: not known ({reasons})")
