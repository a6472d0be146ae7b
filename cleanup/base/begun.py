"""Calls that are begun ahead, in another thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, wait
from contextlib import contextmanager
from typing import TypeVar

_T = TypeVar("_T")


@contextmanager
def begun(pool: Executor | None, call: Callable[[], _T]) -> Iterator[Callable[[], _T]]:
    """Begin ``call`` in ``pool`` and yield what waits for its result, and raises what it raises.

    What no thread of the pool began is done by whoever waits: all of them may wait as this one does. Behind the block
    nothing of it goes on, however the block is left.
    """
    future = pool.submit(call) if pool else None

    def result() -> _T:
        return call() if future is None or future.cancel() else future.result()

    try:
        yield result
    finally:
        if future and not future.cancel():
            wait([future])
