"""The one bound on requests: every storage sends its requests through this crew of threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Crew:
    """At most ``bound`` pieces of work at once, over all storages together.

    Work handed in must not hand in work itself: it would wait for a thread that it occupies.
    """

    def __init__(self, bound: int) -> None:
        self.bound = max(1, bound)
        self._pool = ThreadPoolExecutor(self.bound, thread_name_prefix="cleanup-storage")

    def each(self, work: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """Return ``work(item)`` for every item, in their order. The first error of a piece of work is raised."""
        waiting = [self._pool.submit(work, item) for item in items]
        return [piece.result() for piece in waiting]

    def close(self) -> None:
        """Drop work that has not begun; work under way ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)
