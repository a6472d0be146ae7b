"""Reading long lists page by page, until an empty one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from contextlib import closing
from functools import partial
from typing import Any, Protocol, TypeVar

from clearml.backend_api.session.client import APIClient

from cleanup.base.errors import ServerError, ServerUnreachable

PAGE = 500
"""Rows a page: the server cuts longer pages to this without a word."""

SPLIT = 5
"""Into so many smaller pages goes one that the server fails at: 500 rows, 100, 20, 4, one."""

BEHIND = 10**9
"""A row that no list has: a server that cannot give out even this one, which is nothing, fails at more than rows."""

AHEAD = 8
"""So many pages are read ahead at most: a page of artifacts, previews included, can have megabytes."""

PASSES = 10
"""So often a list is read at most, for what was shifted meanwhile: a bound for a server that lists for ever."""

FEW = ["-created"]
"""The order of a list that fits on a page. In an ascending one the server, whose page is not full, asks its database
up to twice more, for rows without a time: up to three passes over all rows where no index helps."""

Fetch = Callable[[int, int], Any]
"""Asks for a page: its number, and the rows a page."""


class _HasId(Protocol):
    @property
    def id(self) -> str: ...


_Page = tuple[list[Mapping[str, Any]], list[str]]
_Item = TypeVar("_Item")
_Row = TypeVar("_Row", bound=_HasId)


class Lists:
    """Calls that read lists. ``unreadable`` fills with the errors of single rows that the server fails at."""

    def __init__(self, client: APIClient) -> None:
        self._client = client
        self.unreadable: list[str] = []


def listing(service: Any, fields: Sequence[str], **filters: Any) -> Fetch:
    """Return what asks ``service`` for the rows that ``filters`` let through.

    What the request classes for an older server do not know passes; the server ignores it.
    """
    return lambda page, size: service.get_all(
        **filters, only_fields=list(fields), page=page, page_size=size, _allow_extra_fields_=True
    )


def every(fetch: Fetch, parse: Callable[[Mapping[str, Any]], _Row | None], size: int = PAGE) -> Iterator[_Row]:
    """Yield what :func:`complete` does, and raise ServerError for a row that cannot be read: it may keep a file."""
    unreadable: list[str] = []
    yield from complete(fetch, parse, unreadable, size)
    if unreadable:
        raise ServerError(unreadable[0], 500)


def complete(
    fetch: Fetch,
    parse: Callable[[Mapping[str, Any]], _Row | None],
    unreadable: list[str],
    size: int = PAGE,
    pool: Executor | None = None,
    ids: Fetch | None = None,
) -> Iterator[_Row]:
    """Yield the parsed rows of all pages, each id once, and read the list again until that brings nothing new.

    Paging counts over the live query: what somebody else deletes meanwhile shifts the rows behind it out of sight, if
    there are more than fit on a page. A short page is not the last, an empty one is. A row that the server fails at
    must not hide all others: it is left out, with the error in ``unreadable``; so are rows that ``parse`` makes nothing
    of. With a ``pool`` pages of a long list are read ahead in its threads. ``ids`` asks for the same rows with nothing
    but their ids: enough to see that there is nothing new.

    Raises:
        ServerError: the server fails at more than single rows, or gives the same page again and again.
    """
    seen: set[str] = set()
    missing: set[str] = set()
    count = 0
    for number in range(PASSES):
        before, expected, count, missed, missing = len(seen), count, 0, missing, set()
        last: list[Mapping[str, Any]] = []
        failed: list[str] = []
        ask = partial(_where_new, fetch, ids, seen, missing) if ids and number else fetch
        with closing(_pages(ask, size, pool, expected)) as pages:
            for found, errors in pages:
                if found and found == last:
                    raise ServerError("the server lists the same rows on every page")
                last = found
                for row in parsed((row for row in found if row.get("id") not in seen), parse):
                    if row.id not in seen:
                        seen.add(row.id)
                        yield row
                count += 1
                failed += errors
        # A row can slip away between its id and its page.
        if (len(seen) == before and missing - seen <= missed) or (count < 2 and len(seen) < size):
            break
    # Each reading comes to all rows that the server fails at, and the last one to those that had been shifted, too.
    unreadable += failed


def _where_new(fetch: Fetch, ids: Fetch, seen: Container[str], missing: set[str], page: int, size: int) -> Any:
    """Return the ids of a page, or the whole page if some were not ``seen``, which are added to ``missing``."""
    found = ids(page, size)
    new = [str(row.get("id")) for row in rows(found) if row.get("id") not in seen]
    missing.update(new)
    return fetch(page, size) if new else found


def _pages(fetch: Fetch, size: int, pool: Executor | None, expected: int) -> Generator[_Page, None, None]:
    """Yield the pages in their order until an empty one; with a ``pool`` some that follow are read meanwhile.

    Those up to the empty one behind the ``expected``, and behind a full page ``AHEAD``: a list of one page that is not
    full costs no request more.
    """
    waiting: deque[Future[_Page]] = deque()
    number, behind = 0, 1
    try:
        while True:
            wanted = behind if number > expected else expected + 1 - number
            while pool and len(waiting) < min(wanted, AHEAD):
                waiting.append(pool.submit(_read, fetch, number + len(waiting), size))
            future = waiting.popleft() if waiting else None
            # What nobody began is read here: all threads of the pool may wait as this one does.
            page = _read(fetch, number, size) if future is None or future.cancel() else future.result()
            if page == ([], []):
                return
            number += 1
            behind = AHEAD if len(page[0]) == size else 1
            yield page
    finally:
        for future in waiting:
            future.cancel()


def _read(fetch: Fetch, page: int, size: int) -> _Page:
    """Return a page, in smaller parts where the server fails at it, without the rows it fails at, and their errors."""
    try:
        return rows(fetch(page, size)), []
    except ServerError as error:
        if error.code < 500 or isinstance(error, ServerUnreachable):
            raise
        if size == 1:
            # Is it this row, or the server? That raises here.
            fetch(BEHIND, 1)
            return [], [f"row {page} of a list cannot be read: {error}"]
    smaller = max(1, size // SPLIT)
    parts = [_read(fetch, part, smaller) for part in range(page * size // smaller, (page + 1) * size // smaller)]
    return [row for found, _ in parts for row in found], [error for _, errors in parts for error in errors]


def parsed(found: Iterable[Mapping[str, Any]], parse: Callable[[Mapping[str, Any]], _Item | None]) -> Iterator[_Item]:
    """Yield what ``parse`` makes of each row."""
    return (item for item in map(parse, found) if item is not None)


def rows(answer: Any) -> list[Mapping[str, Any]]:
    """Return the rows of a ``get_all`` answer as plain mappings."""
    return [entity.data for entity in answer if isinstance(entity.data, dict)]
