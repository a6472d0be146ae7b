"""Reading long lists page by page, until an empty one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from cleanup.base.errors import ServerError, ServerUnreachable

PAGE = 500
"""Rows a page: the server cuts longer pages to this without a word."""

SPLIT = 5
"""Into so many smaller pages goes one that the server fails at: 500 rows, 100, 20, 4, one."""

BEHIND = 10**9
"""A row that no list has: a server that cannot give out even this one, which is nothing, fails at more than rows."""

PASSES = 10
"""So often a list is read at most, for what was shifted meanwhile: a bound for a server that lists for ever."""

Fetch = Callable[[int, int], Any]
"""Asks for a page: its number, and the rows a page."""


class _HasId(Protocol):
    @property
    def id(self) -> str: ...


_Item = TypeVar("_Item")
_Row = TypeVar("_Row", bound=_HasId)


def listing(service: Any, fields: Sequence[str], **filters: Any) -> Fetch:
    """Return what asks ``service`` for the rows that ``filters`` let through.

    What the request classes for an older server do not know passes; the server ignores it.
    """
    return lambda page, size: service.get_all(
        **filters, only_fields=list(fields), page=page, page_size=size, _allow_extra_fields_=True
    )


def pages(fetch: Fetch, parse: Callable[[Mapping[str, Any]], _Item | None], size: int = PAGE) -> Iterator[_Item]:
    """Yield the parsed rows of every page until an empty one: a short page is not the last.

    Rows that ``parse`` makes nothing of are left out.
    """
    page = 0
    while found := rows(fetch(page, size)):
        yield from parsed(found, parse)
        page += 1


def complete(
    fetch: Fetch, parse: Callable[[Mapping[str, Any]], _Row | None], unreadable: list[str], size: int = PAGE
) -> Iterator[_Row]:
    """Yield the parsed rows of all pages, each id once, and read the list again until that brings nothing new.

    Paging counts over the live query: what somebody else deletes meanwhile shifts the rows behind it out of sight, if
    there are more than fit on a page. A row that the server fails at must not hide all others: it is left out, with the
    error in ``unreadable``.

    Raises:
        ServerError: the server fails at more than single rows.
    """
    seen: set[str] = set()
    for number in range(PASSES):
        before, page = len(seen), 0
        while True:
            errors: list[str] = []
            found = _read(fetch, page, size, errors)
            if not found and not errors:
                break
            for row in parsed(found, parse):
                if row.id not in seen:
                    seen.add(row.id)
                    yield row
            unreadable += [] if number else errors
            page += 1
        if len(seen) == before or (page < 2 and len(seen) < size):
            return


def _read(fetch: Fetch, page: int, size: int, errors: list[str]) -> list[Mapping[str, Any]]:
    """Return a page, in smaller parts where the server fails at it, without the rows that it fails at: ``errors``."""
    try:
        return rows(fetch(page, size))
    except ServerError as error:
        if error.code < 500 or isinstance(error, ServerUnreachable):
            raise
        if size == 1:
            # Is it this row, or the server? That raises here.
            fetch(BEHIND, 1)
            errors.append(f"row {page} of a list cannot be read: {error}")
            return []
    smaller = max(1, size // SPLIT)
    parts = range(page * size // smaller, (page + 1) * size // smaller)
    return [row for part in parts for row in _read(fetch, part, smaller, errors)]


def parsed(found: Sequence[Mapping[str, Any]], parse: Callable[[Mapping[str, Any]], _Item | None]) -> Iterator[_Item]:
    """Yield what ``parse`` makes of each row."""
    return (item for item in map(parse, found) if item is not None)


def rows(answer: Any) -> list[Mapping[str, Any]]:
    """Return the rows of a ``get_all`` answer as plain mappings."""
    return [entity.data for entity in answer if isinstance(entity.data, dict)]
