"""What was seen before: one task can have a million files and events."""

from __future__ import annotations

from array import array
from collections.abc import Hashable


class Seen:
    """Remembers things by one number each, in 12 to 24 bytes; a set of numbers takes a hundred.

    A number has 64 bits: that two of a million things have the same one happens once in forty million times.
    """

    def __init__(self) -> None:
        # A power of two, and never full. 0 stands for an empty place.
        self._places = array("Q", [0]) * 1024
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, thing: Hashable) -> bool:
        return self._places[self._place(_number(thing))] != 0

    def add(self, thing: Hashable) -> bool:
        """Remember ``thing``; return whether it is new."""
        number = _number(thing)
        place = self._place(number)
        if self._places[place]:
            return False
        self._places[place] = number
        self._count += 1
        if 3 * self._count > 2 * len(self._places):
            old, self._places = self._places, array("Q", [0]) * (2 * len(self._places))
            for number in filter(None, old):
                self._places[self._place(number)] = number
        return True

    def _place(self, number: int) -> int:
        """Return where ``number`` stands, or the empty place where it would."""
        last = len(self._places) - 1
        place = number & last
        while self._places[place] not in (0, number):
            place = (place + 1) & last
        return place


def _number(thing: Hashable) -> int:
    return hash(thing) & 0xFFFF_FFFF_FFFF_FFFF or 1
