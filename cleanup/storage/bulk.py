"""The one way in which deletions are carried out: side by side, repeated where that may help, until a stop comes."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import replace
from functools import partial
from typing import TypeVar

from cleanup.base.errors import Stopped
from cleanup.storage.base import Answer, Answers, Failure, Request, Storage, Then, failed

T = TypeVar("T")

WAITS = (0.5, 1.0, 2.0)
"""Seconds between the tries of one request."""

HALVINGS = 40
"""How often requests may be halved in a row without one path that goes through: then it is the storage, not a path."""

GRACE = 3.0
"""Seconds that requests under way still get when a stop comes, so that their answers are known."""

LOOK = 0.2
"""Seconds between two looks at the stop while a request is under way."""


class Workers:
    """At most ``bound`` requests at once, over all storages together.

    The threads are daemons: a request to a storage that stays silent must not hold up the end of the process, as
    the threads of a ThreadPoolExecutor do.
    """

    def __init__(self, bound: int, stop: threading.Event) -> None:
        self.bound, self.stop = max(1, bound), stop
        self._free = threading.Semaphore(self.bound)

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Let a thread do ``work`` as soon as one may. It must not wait for other work: that could block all."""
        future: Future[T] = Future()

        def act() -> None:
            with self._free:
                if future.set_running_or_notify_cancel():
                    try:
                        future.set_result(work())
                    except BaseException as error:
                        future.set_exception(error)

        threading.Thread(target=act, name="cleanup-storage", daemon=True).start()
        return future

    def result(self, work: Callable[[], T]) -> T:
        """Return what ``work`` returns. Raises what it raises, and Stopped as soon as a stop is asked for."""
        future: Future[T] = Future()
        if not self.stop.is_set():
            future = self.submit(work)
        while not self.stop.is_set():
            if wait([future], timeout=LOOK).done:
                return future.result()
        future.cancel()
        raise Stopped("Stopped while a storage was being asked")


class Turn:
    """What one storage has to do in one call: the requests still to be sent, and the answers so far."""

    def __init__(
        self, storage: Storage, requests: Iterable[Request], answers: Mapping[str, Answer] | None = None
    ) -> None:
        self.todo = deque(requests)
        self.answers = dict(answers or {})
        self.under_way = 0
        self._storage, self._given_up, self._halvings = storage, "", HALVINGS

    def next(self) -> Request | None:
        """Take out a request that is due, if there is one."""
        now = time.monotonic()
        for _ in range(len(self.todo)):
            request = self.todo.popleft()
            if request.due <= now:
                return request
            self.todo.append(request)
        return None

    def take(self, request: Request, future: Future[Answers]) -> None:
        """Note what came of ``request``, and what is to be asked because of it."""
        self.under_way -= 1
        try:
            self._note(request, future.result())
        except Stopped:
            self.todo.append(request)
        except Exception as error:
            self._react(request, self._storage.failure(error))
        while self._given_up and self.todo:
            self._fail(self.todo.popleft().paths, self._given_up)

    def _react(self, request: Request, failure: Failure) -> None:
        paths = request.paths
        if failure.then is Then.AGAIN:
            self._note(request, dict.fromkeys(paths, failure))
        elif failure.then is Then.EACH:
            self.todo.extend(replace(request, paths=[path]) for path in paths)
        elif failure.then is Then.HALVE and len(paths) > 1 and self._halvings:
            self._halvings -= 1
            middle = len(paths) // 2
            # The halves come first, so that one path stands alone soon.
            self.todo.extendleft(replace(request, paths=half) for half in (paths[middle:], paths[:middle]))
        else:
            self._fail(paths, failure.reason)
            if failure.then is Then.GIVE_UP:
                self._given_up = failure.reason

    def _note(self, request: Request, given: Answers) -> None:
        again = []
        for path in request.paths:
            answer = given.get(path) or Failure("the storage's answer does not mention it")
            if isinstance(answer, Answer):
                self.answers[path] = answer
                self._halvings = HALVINGS
            elif request.tries <= len(WAITS):
                again.append(path)
            else:
                self._fail([path], answer.reason)
        if again:
            due = time.monotonic() + WAITS[request.tries - 1]
            self.todo.append(Request(again, request.send, request.tries + 1, due))

    def _fail(self, paths: Sequence[str], reason: str) -> None:
        self.answers |= dict.fromkeys(paths, failed(reason))


def carry_out(turns: Sequence[Turn], workers: Workers) -> None:
    """Send all requests of all turns. Raises Stopped; every turn then holds the answers that came until then."""
    running: dict[Future[Answers], tuple[Turn, Request]] = {}
    while not workers.stop.is_set():
        _start(turns, running, workers)
        if running:
            _collect(running, wait(running, timeout=LOOK, return_when=FIRST_COMPLETED).done)
        elif any(turn.todo for turn in turns):
            workers.stop.wait(LOOK)
        else:
            return
    for future in [future for future in running if future.cancel()]:
        turn, request = running.pop(future)
        turn.todo.append(request)
    _collect(running, wait(running, timeout=GRACE).done)
    if running or any(turn.todo for turn in turns):
        raise Stopped("Stopped while files were being deleted")


def _start(turns: Sequence[Turn], running: dict[Future[Answers], tuple[Turn, Request]], workers: Workers) -> None:
    """Fill the bound, the storage with the fewest requests under way first: a slow one must not hold up others."""
    while len(running) < workers.bound:
        for turn in sorted(turns, key=lambda turn: turn.under_way):
            request = turn.next()
            if request:
                turn.under_way += 1
                running[workers.submit(partial(request.send, request.paths))] = (turn, request)
                break
        else:
            return


def _collect(running: dict[Future[Answers], tuple[Turn, Request]], done: Iterable[Future[Answers]]) -> None:
    for future in done:
        turn, request = running.pop(future)
        turn.take(request, future)
