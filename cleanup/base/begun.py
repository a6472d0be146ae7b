"""Calls that are begun ahead, in another thread."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

_T = TypeVar("_T")


def begun(pool: Executor | None, call: Callable[[], _T]) -> Callable[[], _T]:
    """Begin ``call`` in ``pool``; return what waits for its result, and raises what it raises.

    What no thread of the pool began is done by whoever waits: all of them may wait as this one does.
    """
    future = pool.submit(call) if pool else None

    def result() -> _T:
        return call() if future is None or future.cancel() else future.result()

    return result
