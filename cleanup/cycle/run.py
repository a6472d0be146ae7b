"""One cycle: find the tasks, check them again batch by batch, delete their files, then them, and count."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Protocol

from cleanup import selection
from cleanup.base.errors import CleanupError, CredentialsError, ServerError, ServerUnreachable, Stopped
from cleanup.cycle.batch import Batch, BatchOutcome
from cleanup.cycle.plan import count_force_would_add, make_plan
from cleanup.cycle.result import CycleResult, Failed, Kept, Planned
from cleanup.server import Server
from cleanup.settings import Settings
from cleanup.storage import Storages

BATCH = 200
"""Tasks that are read, checked and collected together. Deletion takes them in hundreds."""

PASSES = 10
"""So often a cycle lists again for what came or was shifted meanwhile: a bound for a server that lists for ever."""

FAILED_ALONE = 10
"""After so many tasks in a row that the server fails at one by one, the rest of a batch is not tried in this cycle."""

HOPELESS = 30
"""After so many of them, and no batch in between in which anything works, the cycle gives up: it is the server."""

_RING = "holds files of tasks that hold files of it, and not all of them could go at once"


class Watcher(Protocol):
    """What is told of a cycle while it works."""

    def planned(self, result: CycleResult, count: int) -> None:
        """A plan of ``count`` tasks is about to be worked off."""

    def batch_done(self, result: CycleResult, done: int, total: int) -> None:
        """``done`` of ``total`` planned tasks are behind; ``result`` holds all so far."""


def run_once(
    server: Server,
    storages: Storages,
    settings: Settings,
    *,
    now: datetime,
    own_task: str | None = None,
    watcher: Watcher | None = None,
) -> CycleResult:
    """Delete every archived task that ``settings`` reach at ``now`` (aware), with its files, and say what happened.

    ``own_task``: the id of the task that runs the service, which is never deleted. With ``dry_run`` all is done but
    the deletion. Errors of tasks, files and batches are counted in the result; the cycle goes on.

    Raises:
        SettingsError: a project of the settings does not exist.
        ServerUnreachable, CredentialsError, ServerError: the list of tasks could not be read; nothing was deleted.
    """
    projects = server.tasks.projects_under(settings.project_names) if settings.project_names else None
    # A clock of this machine that runs ahead of the server's would make tasks look older than they are.
    now = now + timedelta(seconds=min(0.0, server.session.clock_skew))
    rules = selection.rules_of(settings, now, projects, own_task)
    result = CycleResult(started=now, dry_run=settings.dry_run)
    begun = time.monotonic()
    with ThreadPoolExecutor(settings.parallel_requests, thread_name_prefix="cleanup") as pool:
        batch = Batch(server, storages, settings, rules, pool)
        _Cycle(server, settings, rules, batch, result, watcher).run()
    if settings.dry_run:
        result.unreachable = batch.unreachable_storages()
    result.projects = _project_names(server, result)
    result.seconds = time.monotonic() - begun
    return result


class _Cycle:
    """The state of one cycle."""

    def __init__(
        self,
        server: Server,
        settings: Settings,
        rules: selection.Rules,
        batch: Batch,
        result: CycleResult,
        watcher: Watcher | None,
    ) -> None:
        self._server, self._settings, self._rules, self._batch = server, settings, rules, batch
        self._result, self._watcher = result, watcher
        self._storage_name = batch.storage_name
        self._seen: set[str] = set()
        self._pending: dict[str, Planned] = {}
        self._failed_alone = 0

    def run(self) -> None:
        """List, work the list off, and list again until nothing new comes."""
        if not self._rules.force_delete:
            self._result.force_would_add = count_force_would_add(self._server, self._rules)
        for number in range(1 if self._settings.dry_run else PASSES):
            try:
                plan = make_plan(self._server, self._rules, self._seen, self._result)
            except ServerError as error:
                if not number:
                    raise
                self._result.errors.append(f"the list could not be read again: {error}")
                return
            except Stopped as error:
                self._result.interrupted = str(error)
                return
            if not plan:
                return
            self._work_off(plan)
            if self._result.interrupted:
                return

    def _work_off(self, plan: list[Planned]) -> None:
        if self._watcher:
            self._watcher.planned(self._result, len(plan))
        self._pending = {task.id: task for task in plan}
        waiting = deque(plan)
        total = len(plan)
        at_once = False
        try:
            while waiting and self._room() > 0:
                before = len(self._pending)
                deferred: list[Planned] = []
                size = len(waiting) if at_once else BATCH
                while waiting and self._room() > 0:
                    part = [waiting.popleft() for _ in range(min(size, self._room(), len(waiting)))]
                    deferred += self._part(part, at_once=at_once)
                    if self._watcher:
                        self._watcher.batch_done(self._result, total - len(self._pending), total)
                # What waited for others is tried again while others go; those left wait for each other and go at once.
                stuck = len(self._pending) == before
                if stuck and at_once:
                    self._fail_ring()
                    break
                at_once = stuck
                waiting.extendleft(reversed(deferred))
            self._keep_rest(selection.OVER_LIMIT)
        except (Stopped, ServerUnreachable, CredentialsError) as error:
            self._result.interrupted = str(error)
            self._keep_rest(f"{selection.NOT_REACHED}{error}")

    def _fail_ring(self) -> None:
        if self._settings.max_tasks_per_cycle and self._room() < len(self._pending):
            return
        self._result.failed += [Failed(task, _RING) for task in self._pending.values()]
        self._pending.clear()

    def _room(self) -> int:
        limit = self._settings.max_tasks_per_cycle
        return limit - len(self._result.deleted) if limit else BATCH

    def _keep_rest(self, reason: str) -> None:
        self._result.kept += [Kept(task, reason) for task in self._pending.values()]
        self._pending.clear()

    def _part(self, tasks: list[Planned], *, at_once: bool) -> list[Planned]:
        """Work on one batch; return the tasks that wait for others."""
        outcome = BatchOutcome()
        try:
            self._attempt(tasks, at_once, outcome)
        finally:
            self._take(outcome)
        self._failed_alone = self._failed_alone + outcome.failures_alone if outcome.all_failed else 0
        if self._failed_alone >= HOPELESS:
            raise ServerUnreachable(f"nothing worked for {HOPELESS} tasks in a row, last: {outcome.last_error}")
        return outcome.deferred

    def _attempt(self, tasks: Sequence[Planned], at_once: bool, outcome: BatchOutcome) -> None:
        """Run the batch; if the server fails at it, take it apart until the one task that it fails at is alone."""
        if outcome.failures_alone >= FAILED_ALONE:
            outcome.fail(tasks, outcome.last_error)
            return
        try:
            self._batch.run(tasks, frozenset(self._pending), outcome, at_once=at_once)
        except (Stopped, CredentialsError):
            raise
        except CleanupError as error:
            if isinstance(error, ServerUnreachable) and not self._server.alive():
                raise
            if len(tasks) == 1:
                outcome.failures_alone += 1
                outcome.fail(tasks, str(error))
                return
            half = len(tasks) // 2
            self._attempt(tasks[:half], at_once, outcome)
            self._attempt(tasks[half:], at_once, outcome)
        else:
            outcome.failures_alone = 0

    def _take(self, outcome: BatchOutcome) -> None:
        """Add what became of a batch to the result, and take its tasks off the list of those to come."""
        for task in outcome.settled:
            self._pending.pop(task, None)
        self._batch.failed.update(entry.task.id for entry in outcome.failed)
        outcome.add_to(self._result, self._storage_name)


def _project_names(server: Server, result: CycleResult) -> dict[str, str]:
    """Return the names of the projects in ``result``; without them, where the server has gone, ids must do."""
    tasks = [entry.task for entries in (result.deleted, result.kept, result.failed) for entry in entries]
    try:
        return server.tasks.project_names({task.project for task in tasks})
    except (ServerError, Stopped):
        return {}
