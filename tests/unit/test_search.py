"""The files that tasks reported are read side by side, hold no more than is in work, and end with the server."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from types import SimpleNamespace
from typing import Any

import pytest

from cleanup.base.errors import ServerError, ServerUnreachable
from cleanup.cycle import search
from cleanup.cycle.search import Search
from cleanup.server import events

TASKS = [f"{number:032x}" for number in range(40)]


class Reported:
    """A server on which each of ``TASKS`` has two pages of samples. ``read`` fills with what was asked for."""

    def __init__(self) -> None:
        self.read: list[str] = []
        self.open: set[str] = set()

    def tasks_with_events(self, tasks: Sequence[str], kind: str) -> set[str]:
        return set(tasks) if kind == events.DEBUG_SAMPLE else set()

    def event_addresses(self, task: str, _: str) -> Iterator[tuple[set[str], bool]]:
        self.open.add(task)
        try:
            for page in range(2):
                self.read.append(task)
                yield {f"{task} {page}"}, page == 1
        finally:
            self.open.discard(task)


def searching(server: Any, pool: ThreadPoolExecutor) -> Search:
    storages: Any = SimpleNamespace(locate=lambda _: (), can_list=lambda _: False)
    return Search(server, storages, pool, 2)


def test_every_page_of_every_task_comes_and_a_source_at_its_end_holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "FILES_AT_ONCE", 1)
    server, found, most = Reported(), set[object](), 0
    with ThreadPoolExecutor(2) as pool:
        for part, _ in searching(server, pool).parts({task: set() for task in TASKS}):
            found |= {item.address for item in part}
            most = max(most, len(server.open))
    assert found == {f"{task} {page}" for task in TASKS for page in range(2)}
    assert sorted(server.read) == sorted(TASKS * 2)
    # Those that are read, those that wait for their turn, and the one whose page is looked at.
    assert most <= 2 * 2 + 1


class Pool(ThreadPoolExecutor):
    """A pool that remembers what it was given; ``full``: two questions and all pages that are begun at first."""

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        self.futures: list[Future[Any]] = []
        self.full = threading.Event()

    def submit(self, *call: Any, **more: Any) -> Future[Any]:
        future = super().submit(*call, **more)
        self.futures.append(future)
        if len(self.futures) == 2 + 2 * 2:
            self.full.set()
        return future


def test_once_the_server_is_lost_nothing_is_asked_that_waited_for_its_turn() -> None:
    server = Reported()

    def lost(task: str, _: str) -> Iterator[tuple[set[str], bool]]:
        server.read.append(task)
        if task == TASKS[0]:
            # Whoever reads waits for this one until the other thread has come to the last that waits.
            pool.full.wait(10)
            wait(pool.futures[-1:], timeout=10)
        raise ServerUnreachable("no answer")
        yield set(), True

    server.event_addresses = lost  # type: ignore[method-assign]
    with Pool(2) as pool:
        searched = searching(server, pool)
        with pytest.raises(ServerUnreachable):
            list(searched.parts({task: set() for task in TASKS}))
    assert server.read == TASKS[:2]


def test_a_task_whose_events_cannot_be_read_is_named_and_all_others_are_read() -> None:
    server, good = Reported(), Reported.event_addresses

    def bad(task: str, kind: str) -> Iterator[tuple[set[str], bool]]:
        yield from good(server, task, kind) if task != TASKS[3] else ()
        if task == TASKS[3]:
            raise ServerError("cannot read it")

    server.event_addresses = bad  # type: ignore[method-assign]
    with ThreadPoolExecutor(2) as pool:
        searched = searching(server, pool)
        found = {item.task for part, _ in searched.parts({task: set() for task in TASKS}) for item in part}
    assert (found, [*searched.unreadable]) == ({*TASKS} - {TASKS[3]}, [TASKS[3]])
