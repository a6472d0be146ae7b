"""The one way to cut a long list into parts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def chunks(
    items: Iterable[T], most: int, weight: Callable[[T], int] = lambda _: 0, heaviest: int = 0
) -> Iterator[list[T]]:
    """Yield ``items`` in their order, at most ``most`` at a time and never an empty part.

    With ``weight``, the items of one part weigh at most ``heaviest`` together; one that alone weighs more goes alone.
    """
    part: list[T] = []
    load = 0
    for item in items:
        heavy = weight(item)
        if part and (len(part) >= most or load + heavy > heaviest):
            yield part
            part, load = [], 0
        part.append(item)
        load += heavy
    if part:
        yield part
