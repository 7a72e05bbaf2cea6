"""More names than one certificate holds are spread over several, so that a new domain changes one of them only."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from acme_companion.decide.names import Name

MOST_CHARACTERS = 10_000
"""Of all names of one certificate together. Let's Encrypt refuses orders beyond a length that it does not tell (Boulder's
MaxCumulativeIdentifierLength); a hundred usual names have 3,000."""


@dataclass(frozen=True, slots=True)
class Home:
    """The names of one certificate that there is, and the directory of its lineage."""

    directory: str
    names: frozenset[Name] = frozenset()


@dataclass(slots=True)
class Share:
    """The names of one certificate. Those that are not `usable` are in it only to be told about: they are never ordered.

    `home`: the directory of the lineage that it continues, empty for a new one.
    """

    most: int
    usable: Collection[Name] | None
    home: str = ""
    names: list[Name] = field(default_factory=list)
    stars: list[Name] = field(default_factory=list)
    counted: int = 0
    characters: int = 0

    def fits(self, unit: Sequence[Name]) -> bool:
        """Whether `unit` has room, and no wildcard would stand beside a name that it covers: a CA refuses both together."""
        return self.takes([name for name in unit if self._counts(name)])

    def takes(self, usable: Sequence[Name]) -> bool:
        """`fits` for names that all are usable."""
        if self.counted + len(usable) > self.most or self.characters + _length(usable) > MOST_CHARACTERS:
            return False
        # Most certificates have no wildcard at all, and most units are asked for room in many of them.
        stars = [name for name in usable if name.is_wildcard]
        return not any(star.covers(name) for star in self.stars for name in usable) and not any(
            star.covers(name) for star in stars for name in self.names if self._counts(name)
        )

    def take(self, unit: Iterable[Name]) -> None:
        for name in unit:
            self.names.append(name)
            if self._counts(name):
                self.counted += 1
                self.characters += len(name.text)
                if name.is_wildcard:
                    self.stars.append(name)

    def _counts(self, name: Name) -> bool:
        return self.usable is None or name in self.usable


@dataclass(frozen=True, slots=True)
class Room:
    """What one certificate holds: so many names; only `usable` ones count, all if None."""

    most: int
    usable: Collection[Name] | None = None

    def share(self, names: Iterable[Name] = (), home: str = "") -> Share:
        made = Share(self.most, self.usable, home)
        made.take(names)
        return made

    def usable_of(self, unit: Sequence[Name]) -> Sequence[Name]:
        return unit if self.usable is None else [name for name in unit if name in self.usable]


def spread(
    first: Sequence[Name],
    favoured: Sequence[Name],
    units: Sequence[Sequence[Name]],
    room: Room,
    homes: Sequence[Home],
) -> list[Share]:
    """Shares for all names; the first one begins with `first`, and has the first home.

    Each of `units` stays together. What stands in one of `homes` stays there; what is new, or does not fit any more, goes
    where room is left, and last into a new share. So no certificate changes for what happens to another's names. The names
    of `favoured` go into the first share when it has room.

    Asked again about what it answered, it answers the same, though a certificate may have more names than were its share.
    """
    shares = [room.share(first), *(room.share() for _ in homes[1:])]
    for share, home in zip(shares, homes, strict=False):
        share.home = home.directory
    parts = [part for unit in units for part in _parts(unit, room)]
    settled = [(name,) for name in favoured if homes and name in homes[0].names]
    new = [(name,) for name in favoured if (name,) not in settled]
    homeless = _placed(settled, shares[:1], room)
    homeless += _placed_at_home(parts, shares, homes, room)
    # Only what finds no room in the first share goes where it was, or anywhere else.
    homeless += _placed_at_home(_placed(new, shares[:1], room), shares, homes, room)
    for unit in homeless:
        # What cannot be certified anyway needs no certificate of its own.
        if not room.usable_of(unit):
            shares[0].take(unit)
        elif _placed([unit], shares, room):
            shares.append(room.share(unit))
    return [shares[0], *(share for share in shares[1:] if share.counted)]


def _parts(unit: Sequence[Name], room: Room) -> Iterator[Sequence[Name]]:
    """`unit` whole, or name by name when no certificate can hold it."""
    if room.share().fits(unit):
        yield unit
    else:
        yield from ((name,) for name in unit)


def _placed_at_home(
    units: Sequence[Sequence[Name]], shares: Sequence[Share], homes: Sequence[Home], room: Room
) -> list[Sequence[Name]]:
    """Put each unit where it is certified already; what is left to place afterwards, in order.

    First those that stand somewhere as a whole, in an order that depends on nothing but their names: whoever needs more
    room than it had must not drive out its neighbours.
    """
    by_name: dict[Name, list[int]] = {}
    for number, home in enumerate(homes):
        for name in home.names:
            by_name.setdefault(name, []).append(number)
    growing, left = [], set(range(len(units)))
    for index, unit in enumerate(units):
        usable = room.usable_of(unit)
        found = Counter(number for name in usable for number in by_name.get(name, ()))
        whole = [shares[number] for number, count in sorted(found.items()) if count == len(usable)]
        if whole and not _placed([unit], whole, room):
            left.remove(index)
        elif found:
            growing.append((index, max(sorted(found), key=found.__getitem__)))
    for index, number in growing:
        if not _placed([units[index]], shares[number : number + 1], room):
            left.remove(index)
    return [units[index] for index in sorted(left)]


def _placed(units: Iterable[Sequence[Name]], shares: Sequence[Share], room: Room) -> list[Sequence[Name]]:
    """Put each unit into the first share that it fits into; what is left to place afterwards."""
    left = []
    for unit in units:
        usable = room.usable_of(unit)
        share = next((share for share in shares if share.takes(usable)), None)
        if share is None:
            left.append(unit)
        else:
            share.take(unit)
    return left


def _length(names: Iterable[Name]) -> int:
    return sum(len(name.text) for name in names)
