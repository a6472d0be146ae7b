"""Samples of the tables of ways in and of stops; the whole are `python -m tests.service.ways` and `...stops`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.service import stops, ways


def test_each_way_in_ends_in_time_with_its_exit_code_and_a_line_that_says_why() -> None:
    with ThreadPoolExecutor(2) as pool:
        rows = list(pool.map(ways.tried, ways.sample()))
    assert len(rows) == 11
    assert not [(row.way.name, row.wrong, row.line) for row in rows if row.wrong]


def test_a_signal_is_heard_wherever_the_run_is_and_the_second_one_ends_it_at_once() -> None:
    asked = [(1, 1, False), (8, 1, False), (30, 2, False), (40, 1, False), (12, 1, True)]
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda stop: stops.tried(stop[0], stop[1], agent=stop[2]), asked))
    assert all(stop.endpoint for stop in done)
    assert not [stop for stop in done if stop.wrong]
