"""Samples of the table of ways in and out; the whole is `python -m tests.faults --kind ways`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.service import stops, together, ways
from tests.service.conftest import Rig


def test_each_way_in_ends_in_time_with_its_exit_code_and_a_line_that_says_why() -> None:
    sample = list(ways.sample())
    with ThreadPoolExecutor(2) as pool:
        cells = list(pool.map(ways.tried, sample))
    assert len(cells) == 11
    assert not [(way.name, cell) for way, cell in zip(sample, cells, strict=True) if cell.wrong]


def test_a_signal_is_heard_wherever_the_run_is_and_the_second_one_ends_it_at_once() -> None:
    asked = [(1, 1, False), (8, 1, False), (30, 2, False), (40, 1, False), (12, 1, True)]
    with ThreadPoolExecutor(2) as pool:
        cells = list(pool.map(lambda stop: stops.tried(stop[0], stop[1], agent=stop[2]), asked))
    assert all(cell and not cell.wrong for cell in cells), cells


@pytest.mark.parametrize("services", [2, 3])
def test_what_another_service_deleted_is_already_gone_and_together_they_delete_all(rig: Rig, services: int) -> None:
    cell = together.tried(services, 1, rig.sandbox)
    assert not cell.wrong, cell.line
