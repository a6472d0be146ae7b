"""Reading a long list: all of it, whatever is deleted meanwhile and whichever of its rows the server fails at."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from cleanup.base.errors import ServerError, ServerUnreachable
from cleanup.server.paging import AHEAD, PASSES, complete, every


class Listing:
    """A list on a server, which gives out pages of it as it is at the moment.

    ``bad`` rows break every page that holds one; ``meanwhile`` happens after each page.
    """

    def __init__(self, rows: int, bad: Iterable[int] = ()) -> None:
        self.rows, self.bad, self.requests = list(range(rows)), set(bad), 0
        self.meanwhile: Callable[[], object] = lambda: None

    def fetch(self, page: int, size: int) -> list[Any]:
        self.requests += 1
        found = self.rows[page * size : (page + 1) * size]
        if self.bad.intersection(found):
            raise ServerError("General server error", 500)
        self.meanwhile()
        return answered(found)

    def read(self, size: int = 100, pool: Executor | None = None) -> tuple[list[int], list[str]]:
        unreadable: list[str] = []
        return [row.id for row in complete(self.fetch, parse, unreadable, size, pool)], unreadable


def answered(numbers: Iterable[int]) -> list[Any]:
    return [SimpleNamespace(data={"id": number}) for number in numbers]


def parse(row: Mapping[str, Any]) -> Any:
    return SimpleNamespace(id=row["id"]) if row["id"] >= 0 else None


@pytest.fixture(params=[0, 1, 8], ids="{} threads".format)
def pool(request: pytest.FixtureRequest) -> Iterator[Executor | None]:
    """No threads to read ahead in, one that has to do it all, and enough of them."""
    with ThreadPoolExecutor(request.param or 1) as pool:
        yield pool if request.param else None


def test_short_pages_and_pages_without_a_usable_row_are_not_the_end() -> None:
    pages = [[-1], [1, 2], []]
    asked: list[int] = []

    def fetch(page: int, _: int) -> list[Any]:
        asked.append(page)
        return answered(pages[page])

    assert [row.id for row in complete(fetch, parse, [])] == [1, 2]
    assert asked == [0, 1, 2] * 2


def test_rows_that_a_deletion_shifts_are_read_all_the_same(pool: Executor | None) -> None:
    listing = Listing(350)

    def delete_what_was_read() -> None:
        if listing.requests == 2:
            del listing.rows[:100]

    listing.meanwhile = delete_what_was_read
    found, unreadable = listing.read(pool=pool)
    assert (sorted(found), unreadable) == (list(range(350)), [])


def test_the_second_time_a_list_is_read_by_its_ids_but_for_pages_with_what_is_new() -> None:
    for deleted, whole in ((0, [100, 100, 100, 50]), (100, [100, 100, 50, 100])):
        listing, asked = Listing(350), list[int]()

        def fetch(page: int, size: int, listing: Listing = listing, asked: list[int] = asked) -> list[Any]:
            answer = listing.fetch(page, size)
            asked.extend([len(answer)] if answer else [])
            return answer

        found: list[int] = []
        for row in complete(fetch, parse, [], 100, None, listing.fetch):
            found.append(row.id)
            if len(found) == 200 and len(listing.rows) == 350:
                del listing.rows[:deleted]
        assert (sorted(found), asked) == (list(range(350)), whole)


def test_rows_that_slip_away_between_their_ids_and_their_page_are_read_all_the_same() -> None:
    listing, found = Listing(350), list[int]()

    def ids(page: int, size: int) -> list[Any]:
        answer = listing.fetch(page, size)
        if page == 1 and len(listing.rows) == 250:
            del listing.rows[:100]
        return answer

    for row in complete(listing.fetch, parse, [], 100, None, ids):
        found.append(row.id)
        if len(found) == 200 and len(listing.rows) == 350:
            del listing.rows[:100]
    assert sorted(found) == list(range(350))


def test_a_row_that_only_the_second_reading_comes_to_and_the_server_fails_at_is_named() -> None:
    listing, found, unreadable = Listing(350, [250]), list[int](), list[str]()

    def ids(page: int, size: int) -> list[Any]:
        return answered(listing.rows[page * size : (page + 1) * size])

    for row in complete(listing.fetch, parse, unreadable, 100, None, ids):
        found.append(row.id)
        if len(found) == 200 and len(listing.rows) == 350:
            del listing.rows[:100]
    assert sorted(found) == [number for number in range(350) if number != 250]
    assert unreadable == ["row 150 of a list cannot be read: General server error"]


def test_a_row_that_the_server_fails_at_is_named_once_wherever_it_is_shifted_to() -> None:
    listing, unreadable = Listing(350, [250]), list[str]()
    for row in complete(listing.fetch, parse, unreadable, 100):
        if row.id == 349 and len(listing.rows) == 350:
            del listing.rows[:3]
    assert unreadable == ["row 247 of a list cannot be read: General server error"]


def test_a_list_of_several_pages_is_read_until_it_does_not_change_but_not_for_ever() -> None:
    for rows, requests in ((99, 2), (100, 2 * 2), (350, 2 * 5)):
        listing = Listing(rows)
        assert (listing.read()[0], listing.requests) == (listing.rows, requests)
    growing = Listing(350)
    growing.meanwhile = lambda: growing.rows.append(len(growing.rows)) if growing.requests % 5 == 0 else None
    assert (len(growing.read()[0]), growing.requests) == (350 + PASSES - 1, 5 * PASSES)


def test_pages_are_read_ahead_in_order_and_never_too_many(pool: Executor | None) -> None:
    listing = Listing(2000)
    found: list[int] = []
    for row in complete(listing.fetch, parse, [], 100, pool):
        found.append(row.id)
        assert listing.requests <= len(found) // 100 + 1 + (AHEAD if pool else 0) + 1
    assert found == listing.rows


def test_pages_of_a_long_list_are_read_side_by_side_and_one_page_costs_no_more() -> None:
    together = threading.Barrier(AHEAD, timeout=10)
    listing, short, asked = Listing(100 * AHEAD * 3), Listing(99), Counter[int]()

    def fetch(page: int, size: int) -> list[Any]:
        asked[page] += 1
        # Of these pages none is there before all have been asked for: the second time they are the first ones.
        if page in {1: range(1, 1 + AHEAD), 2: range(AHEAD)}[asked[page]]:
            together.wait()
        return listing.fetch(page, size)

    with ThreadPoolExecutor(8) as pool:
        assert [row.id for row in complete(fetch, parse, [], 100, pool)] == listing.rows
        assert (short.read(pool=pool)[0], short.requests) == (short.rows, 2)


def test_a_reader_in_the_only_thread_of_its_pool_comes_to_the_end() -> None:
    listing = Listing(1000)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(listing.read, 100, pool).result(10) == (listing.rows, [])


def test_rows_that_the_server_fails_at_are_left_out_and_named_and_all_others_come(pool: Executor | None) -> None:
    for bad in ({0}, {99, 349}, {7, 50, 51}, set(range(120)), set(range(350))):
        found, unreadable = Listing(350, bad).read(pool=pool)
        assert found == [number for number in range(350) if number not in bad]
        named = [f"row {number} of a list cannot be read: General server error" for number in bad]
        assert sorted(unreadable) == sorted(named)


def test_one_bad_row_costs_few_requests_and_is_an_error_for_who_needs_every_row() -> None:
    listing = Listing(450, [250])
    assert len(listing.read(500)[0]) == 449
    # Pages of 500 rows, 100, 20, 4 and one, whether it is the server, and the empty page.
    assert listing.requests == 1 + 5 + 5 + 5 + 4 + 1 + 1
    assert [row.id for row in every(Listing(350).fetch, parse, 100)] == list(range(350))
    with pytest.raises(ServerError, match="row 250 of a list cannot be read") as caught:
        list(every(listing.fetch, parse))
    assert caught.value.code == 500


@pytest.mark.parametrize("before", [0, 2])
def test_a_server_that_fails_at_everything_is_an_error_and_no_shorter_list(before: int) -> None:
    for error, requests in (
        (ServerError("General server error", 500), 5),
        (ServerError("Validation error", 499), 1),
        (ServerUnreachable("too busy", 503), 1),
    ):
        listing = Listing(350)

        def fail(listing: Listing = listing, error: ServerError = error) -> None:
            if listing.requests > before:
                raise error

        listing.meanwhile = fail
        with pytest.raises(ServerError) as caught:
            listing.read()
        assert (caught.value, listing.requests) == (error, before + requests)
