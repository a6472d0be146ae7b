"""The threads that send all requests to storages: the one bound on them, and no wait that is deaf to a stop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from queue import SimpleQueue
from typing import TypeVar

from cleanup.base.errors import Stopped

T = TypeVar("T")

LOOK = 0.2
"""Seconds between two looks at the stop while a request is under way."""


class Workers:
    """At most ``bound`` requests at once, over all storages together.

    The threads are daemons: a request to a storage that stays silent must not hold up the end of the process, as
    the threads of a ThreadPoolExecutor do.
    """

    def __init__(self, bound: int, stop: threading.Event) -> None:
        self.bound, self.stop = max(1, bound), stop
        self._todo: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._starting = threading.Lock()
        self._threads: list[threading.Thread] = []

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Let a thread do ``work`` as soon as one is free. It must not wait for other work: that could block all."""
        future: Future[T] = Future()

        def act() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(work())
            except BaseException as error:
                future.set_exception(error)

        with self._starting:
            if len(self._threads) < self.bound:
                self._threads.append(threading.Thread(target=self._work, name="cleanup-storage", daemon=True))
                self._threads[-1].start()
        self._todo.put(act)
        return future

    def result(self, work: Callable[[], T]) -> T:
        """Return what ``work`` returns. Raises what it raises, and Stopped as soon as a stop is asked for."""
        future = self.submit(work)
        while not self.stop.is_set():
            if wait([future], timeout=LOOK).done:
                return future.result()
        future.cancel()
        raise Stopped("Stopped while a storage was being asked")

    def close(self) -> None:
        """End the threads, each after the request that it is sending."""
        for _ in self._threads:
            self._todo.put(None)

    def _work(self) -> None:
        while act := self._todo.get():
            act()
