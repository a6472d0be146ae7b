"""The one way in which deletions are carried out: side by side, repeated where that may help, until a stop comes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import replace
from functools import partial

from cleanup.base.errors import Stopped
from cleanup.storage.base import Answer, failed
from cleanup.storage.request import Failure, Reply, Request, Then
from cleanup.storage.workers import LOOK, Workers

WAITS = (0.5, 1.0, 2.0)
"""Seconds between the tries of one request."""

HALVINGS = 40
"""How often requests may be halved in a row without one path that goes through: then it is the storage, not a path."""

GRACE = 3.0
"""Seconds that requests under way still get when a stop comes, so that their answers are known."""


class Turn:
    """What one storage has to do in one call: the requests still to be sent, and the answers so far."""

    def __init__(self, requests: Iterable[Request], answers: Mapping[str, Answer] | None = None) -> None:
        self.todo = deque(requests)
        self.answers = dict(answers or {})
        self.under_way = 0
        self._given_up = ""
        self._halvings = HALVINGS

    def next(self) -> Request | None:
        """Take out a request that is due, if there is one."""
        now = time.monotonic()
        for _ in range(len(self.todo)):
            request = self.todo.popleft()
            if request.due <= now:
                return request
            self.todo.append(request)
        return None

    def take(self, request: Request, reply: Reply) -> None:
        """Note the answers in ``reply``, and what is to be asked because of it."""
        if not isinstance(reply, Failure):
            self._take_answers(request, reply)
        elif reply.then is Then.AGAIN and request.tries <= len(WAITS):
            self._take_answers(request, dict.fromkeys(request.paths, reply))
        elif reply.then is Then.EACH:
            self.todo.extend(replace(request, paths=[path]) for path in request.paths)
        elif reply.then is Then.HALVE and len(request.paths) > 1 and self._halvings:
            self._halvings -= 1
            middle = len(request.paths) // 2
            halves = (request.paths[middle:], request.paths[:middle])
            # The halves come first, so that one path stands alone soon.
            self.todo.extendleft(replace(request, paths=half) for half in halves)
        else:
            self._fail(request.paths, reply.reason)
            if reply.then is Then.GIVE_UP:
                self._given_up = reply.reason
        while self._given_up and self.todo:
            self._fail(self.todo.popleft().paths, self._given_up)

    def _take_answers(self, request: Request, given: Mapping[str, Answer | Failure]) -> None:
        unanswered = Failure("the storage's answer does not mention it")
        again = []
        for path in request.paths:
            answer = given.get(path, unanswered)
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
    running: dict[Future[Reply], tuple[Turn, Request]] = {}
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


def _start(turns: Sequence[Turn], running: dict[Future[Reply], tuple[Turn, Request]], workers: Workers) -> None:
    """Fill the bound, the storage with the fewest requests under way first: a slow one must not hold up others."""
    while len(running) < workers.bound:
        for turn in sorted(turns, key=lambda turn: turn.under_way):
            request = turn.next()
            if request:
                turn.under_way += 1
                running[workers.submit(partial(_send, request))] = (turn, request)
                break
        else:
            return


def _collect(running: dict[Future[Reply], tuple[Turn, Request]], done: Iterable[Future[Reply]]) -> None:
    for future in done:
        turn, request = running.pop(future)
        turn.under_way -= 1
        try:
            turn.take(request, future.result())
        except Stopped:
            turn.todo.append(request)


def _send(request: Request) -> Reply:
    try:
        return request.send(request.paths)
    except Stopped:
        raise
    except Exception as error:
        return dict.fromkeys(request.paths, failed(f"{type(error).__name__}: {error}"))
