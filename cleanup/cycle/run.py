"""One cycle: list the tasks, look around, work the list off batch by batch, and count."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Protocol

from cleanup import selection
from cleanup.base.begun import begun
from cleanup.base.chunks import chunks
from cleanup.base.errors import CredentialsError, ServerError, ServerUnreachable, Stopped
from cleanup.cycle.approved import open_plan
from cleanup.cycle.batch import Batches, Means
from cleanup.cycle.docket import Docket
from cleanup.cycle.models import ArchivedModels
from cleanup.cycle.plan import count_force_would_add, make_plan
from cleanup.cycle.plan_file import PlanWriter
from cleanup.cycle.result import CycleResult, Kept, Planned
from cleanup.cycle.surroundings import Surroundings
from cleanup.server import Server
from cleanup.settings import Settings
from cleanup.storage import Storages

BATCH = 500
"""Tasks that are read and judged together. Deletion takes them in hundreds."""


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
        SettingsError: a project of the settings does not exist, or the plan cannot be used.
        ServerUnreachable, CredentialsError, ServerError: the list of tasks, or what is around them, could not be read;
            nothing was deleted.
    """
    projects = server.tasks.projects_under(settings.project_names) if settings.project_names else None
    # A clock of this machine that runs ahead of the server's would make tasks look older than they are.
    now = now + timedelta(seconds=min(0.0, server.session.clock_skew))
    rules = selection.rules_of(settings, now, projects, own_task)
    result = CycleResult(started=now, dry_run=settings.dry_run)
    clock = time.monotonic()
    with ExitStack() as stack:
        approved = open_plan(server, settings.plan)
        if approved:
            stack.callback(approved.close)
        pool = stack.enter_context(ThreadPoolExecutor(settings.parallel_requests, thread_name_prefix="cleanup"))
        plan = _plan_of(result, settings, own_task) if settings.dry_run else None
        if plan:
            stack.callback(plan.drop)
        _Cycle(Means(server, storages, settings, rules, pool, approved), result, watcher, plan).run()
        if plan and not result.interrupted:
            result.plan = plan.finish()
    result.seconds = time.monotonic() - clock
    return result


def _plan_of(result: CycleResult, settings: Settings, own_task: str | None) -> PlanWriter:
    made = {"made_by": own_task or "", "made_at": result.started.isoformat(), "settings": asdict(settings)}
    return PlanWriter(result, made)


class _Cycle:
    """The state of one cycle."""

    def __init__(self, means: Means, result: CycleResult, watcher: Watcher | None, written: PlanWriter | None) -> None:
        self._means, self._result, self._watcher = means, result, watcher
        self._docket = Docket(result, written)
        self._surroundings = Surroundings(means.server, means.settings.check_links, means.pool)
        self._batches = Batches(means, self._surroundings, self._docket)
        self._models = ArchivedModels(
            means, self._surroundings, Docket(result, written, result.models), tasks=self._docket
        )
        self._begun = False
        self._total = 0

    def run(self) -> None:
        """List, look around, work the list off; what is not reached stays, with the reason."""
        means = self._means
        plan: list[Planned] = []
        try:
            if not means.rules.force_delete:
                self._result.force_would_add = count_force_would_add(means.server, means.rules)
            make_plan(means.server, means.rules, self._result, plan, means.approved)
            with begun(means.pool, lambda: self._name_projects(plan)) as named:
                if plan:
                    self._surroundings.read(self._result.started)
                named()
            self._keep_claimed(plan)
            self._work_off(plan)
            if means.settings.archived_models:
                self._work_off_models()
        except Stopped as error:
            self._result.interrupted = str(error)
        except (ServerUnreachable, CredentialsError) as error:
            if not self._begun:
                raise
            self._result.interrupted = str(error)
        for source in (means.server.tasks, means.server.survey, means.server.models):
            self._result.errors += dict.fromkeys(source.unreadable)
            source.unreadable.clear()
        reason = f"{selection.NOT_REACHED}{self._result.interrupted}" if self._result.interrupted else ""
        for task in list(self._docket.open):
            self._batches.leave(task, reason or selection.OVER_LIMIT)
        self._result.kept += [Kept(task, reason or selection.OVER_LIMIT) for task in plan]
        for model in list(self._models.docket.open):
            self._models.docket.leave(model, reason)

    def _name_projects(self, entries: Iterable[Planned]) -> None:
        projects = {entry.project for entry in entries} - self._result.projects.keys()
        self._result.projects |= self._means.server.tasks.project_names(projects)

    def _keep_claimed(self, plan: list[Planned]) -> None:
        """Take out of ``plan`` what others need as a whole, unless they go too: once one stays, what it needs stays."""
        claims = self._surroundings.claims_on([task.id for task in plan])
        condemned = {task.id for task in plan}
        while True:
            stays = {
                task: why
                for task, claimers in claims.items()
                if task in condemned
                for claimer, why in claimers
                if claimer not in condemned
            }
            if not stays:
                return
            condemned -= stays.keys()
            self._result.kept += [Kept(task, stays[task.id]) for task in plan if task.id in stays]
            plan[:] = [task for task in plan if task.id not in stays]

    def _work_off(self, plan: list[Planned]) -> None:
        """Take the oldest from ``plan``, at most as many as the settings allow, until so many are deleted."""
        limit = self._means.settings.max_tasks_per_cycle
        self._total = min(limit or len(plan), len(plan))
        self._begun = bool(plan)
        if self._watcher:
            self._watcher.planned(self._result, self._total)
        while plan and (not limit or len(self._result.deleted) < limit):
            room = limit - len(self._result.deleted) if limit else len(plan)
            oldest = plan[:room]
            self._docket.condemn(oldest)
            del plan[:room]
            # Whoever uses something came after it: users go before makers, and a chain is one pass.
            newest_first = [task.id for task in reversed(oldest)]
            for batch in chunks(newest_first, BATCH):
                self._attempt(batch, self._batches)
                if self._watcher:
                    done = min(self._total, self._total - len(self._docket.open) - len(plan))
                    self._watcher.batch_done(self._result, done, self._total)

    def _work_off_models(self) -> None:
        """Delete the model entries of the archive: what used them and goes has gone."""
        try:
            ids = self._models.condemn()
            self._name_projects(self._models.docket.open.values())
        except (ServerUnreachable, CredentialsError):
            raise
        except ServerError as error:
            self._result.errors.append(f"the models in the archive could not be listed: {error}")
            return
        self._begun = self._begun or bool(ids)
        for batch in chunks(ids, BATCH):
            self._attempt(batch, self._models)

    def _attempt(self, ids: Sequence[str], worker: Batches | ArchivedModels) -> None:
        """Work on a batch; if the server fails at it, in halves, until the one that it fails at is alone."""
        try:
            worker.run(ids)
        except ServerError as error:
            if self._means.server.away(error):
                raise
            left = [name for name in ids if name in worker.docket.open]
            if len(left) == 1:
                worker.settle(left[0], error)
                return
            for half in (left[: len(left) // 2], left[len(left) // 2 :]):
                if half:
                    self._attempt(half, worker)
