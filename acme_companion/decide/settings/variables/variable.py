"""What is known about a setting besides its value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Variable:
    """One setting. `default` as it would be written; empty: nothing. `because` is the reason for that default.

    The value of a `secret` is shown nowhere.
    """

    name: str
    default: str
    meaning: str
    because: str
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Theme:
    """Settings that a reader looks for together."""

    title: str
    variables: tuple[Variable, ...]
