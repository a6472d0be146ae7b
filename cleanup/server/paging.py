"""Reading long lists: in chunks of ids, and page by page until an empty one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

PAGE = 500
"""Rows a page: the server cuts longer pages to this without a word."""

_Item = TypeVar("_Item")


def chunks(items: Sequence[_Item], size: int) -> Iterator[list[_Item]]:
    """Yield ``items`` in lists of at most ``size``."""
    for start in range(0, len(items), size):
        yield list(items[start : start + size])


def pages(fetch: Callable[[int], Any], parse: Callable[[Mapping[str, Any]], _Item | None]) -> Iterator[_Item]:
    """Yield the parsed rows of every page until an empty one: a short page is not the last.

    Rows that ``parse`` makes nothing of are left out.
    """
    page = 0
    while found := rows(fetch(page)):
        yield from parsed(found, parse)
        page += 1


def parsed(found: Sequence[Mapping[str, Any]], parse: Callable[[Mapping[str, Any]], _Item | None]) -> Iterator[_Item]:
    """Yield what ``parse`` makes of each row."""
    return (item for item in map(parse, found) if item is not None)


def rows(answer: Any) -> list[Mapping[str, Any]]:
    """Return the rows of a ``get_all`` answer as plain mappings."""
    return [entity.data for entity in answer if isinstance(entity.data, dict)]
