"""One batch of a cycle: find the files, look, delete the files, look again, delete the tasks."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from cleanup import selection
from cleanup.base.begun import begun
from cleanup.base.records import Model, Task
from cleanup.cycle.decision import Decision, Judge
from cleanup.cycle.deletion import TaskDeletion
from cleanup.cycle.docket import Docket, File
from cleanup.cycle.look import Looker
from cleanup.cycle.plan_file import Plan
from cleanup.cycle.removal import Removal
from cleanup.cycle.search import Found, Search, folders_named, located
from cleanup.cycle.surroundings import Surroundings
from cleanup.files import Holders, View, Without, places, tasks_of
from cleanup.server import WITH_FILES, Server
from cleanup.settings import Settings
from cleanup.storage import DeletionStopped, Location, Outcome, Storages


@dataclass
class Means:
    """What the batches of a cycle work with. ``pool``: threads for calls to the server.

    ``approved``: the plan beyond which nothing goes.
    """

    server: Server
    storages: Storages
    settings: Settings
    rules: selection.Rules
    pool: Executor
    approved: Plan | None = None


class Batches:
    """Works off batches of the tasks of ``docket``."""

    def __init__(self, means: Means, surroundings: Surroundings, docket: Docket) -> None:
        self._server, self._storages, self._settings = means.server, means.storages, means.settings
        self._pool, self._approved, self.docket = means.pool, means.approved, docket
        self._looker = Looker(means.server, surroundings, means.rules, means.pool)
        self._judge = Judge(
            means.storages, means.settings.ignore_file_errors, docket.is_handled, approved=means.approved
        )
        self._removal = Removal(means.storages, docket, dry_run=means.settings.dry_run)
        self._tasks = TaskDeletion(means.server, means.rules, docket, dry_run=means.settings.dry_run)
        self.leave, self.settle = self._tasks.leave, self._tasks.settle
        self._condemned = Without(docket.condemned, ())
        """Who is condemned by the last look."""

    def run(self, tasks: Sequence[str]) -> None:
        """Delete ``tasks``, newest first, and their files, or decide otherwise about each.

        Raises:
            ServerError: the server fails at the batch; what is still open in the docket is undecided.
        """
        ids = self._open(tasks)
        with begun(self._pool, lambda: self._server.models.made_by(ids)) as made:
            rows = self._tasks.qualified(ids, self._server.tasks.read(ids, WITH_FILES))
            if not rows:
                return
            folders = self._folders(rows, made())
        view = View(rows)
        parts = self._all_planned if self._approved else self._parts
        for part, last in parts(rows, folders):
            view, decision = self._delete_files(rows, part, folders)
            if last:
                self._remove_folders(folders, view, decision)
        self._tasks.delete(self._open(ids), view, self._condemned)

    def _open(self, tasks: Sequence[str] | Mapping[str, Task]) -> list[str]:
        return [task for task in tasks if task in self.docket.open]

    def _parts(
        self, rows: Mapping[str, Task], folders: Mapping[str, set[Location]]
    ) -> Iterator[tuple[list[Found], bool]]:
        """Yield the files that the rows do not name, as :meth:`Search.parts` does, while a task is open."""
        search = Search(self._server, self._storages, self._pool, self._settings.parallel_requests)
        for part, last in search.parts({task: folders[task] for task in self._open(rows)}):
            for task, error in search.unreadable.items():
                self.settle(task, error)
            # Pages that are read ahead may add to it at this moment.
            for root, why in search.unlisted.copy().items():
                self.docket.result.unlisted[self._storages.name(root)] = why
            if not self._open(rows):
                return
            yield part, last

    def _all_planned(
        self, rows: Mapping[str, Task], folders: Mapping[str, set[Location]]
    ) -> Iterator[tuple[list[Found], bool]]:
        """Return the same parts, but leave the tasks with files beside those of the plan before any part is deleted."""
        parts = self._parts(rows, folders)
        first = next(parts, None)
        if first is None or first[1]:
            return iter([first] if first else [])
        for part, _ in itertools.chain([first], parts):
            self._decide(self._look(rows, part, folders), part)
        return self._parts(rows, folders)

    def _folders(self, rows: Mapping[str, Task], made: Iterable[Model]) -> dict[str, set[Location]]:
        """Return the folders of each task: those that its record and its models name, and the one the SDK would use."""
        folders = {}
        for task, row in rows.items():
            addresses = [*(artifact.uri for artifact in row.artifacts), *row.report_assets]
            named = [located(self._storages, address) for address in addresses]
            folders[task] = folders_named(itertools.chain.from_iterable(named), task)
            project = self.docket.result.projects.get(row.project, "")
            # Debug samples can go to the file server although all else goes elsewhere.
            usual = (
                self._storages.task_folder(at, project, row.name, task, row.project) for at in {row.destination, ""}
            )
            folders[task].update(filter(None, usual))
        for model in made:
            if model.task in folders:
                folders[model.task] |= folders_named(located(self._storages, model.uri), model.task)
        return folders

    def _delete_files(
        self, rows: Mapping[str, Task], part: Sequence[Found], folders: Mapping[str, set[Location]]
    ) -> tuple[View, Decision]:
        """Delete one part of the files; return the last look and what was decided over it.

        Files to which other condemned tasks refer go after all others, and only if those tasks lost theirs: a task that
        fails is condemned no more, and needs what it refers to.
        """
        view = self._look(rows, part, folders)
        decision = self._decide(view, part)
        self._delete(decision.going)
        if decision.lent:
            decision = self._decide(view, part)
            self._delete([*decision.going, *decision.lent])
        return view, decision

    def _look(self, rows: Mapping[str, Task], part: Sequence[Found], folders: Mapping[str, set[Location]]) -> View:
        """Look at the tasks that are still open, and at those whose folders lie in theirs or around them."""
        docket = self.docket
        rows = {task: rows[task] for task in self._open(rows)}
        paths = itertools.chain(
            (found.address for found in part), *((at.path for at in folders[task]) for task in rows)
        )
        nested = {task for path in paths for task in tasks_of(path)}
        looked = self._looker.look(rows, nested, docket.condemned, docket.behind)
        found = looked.view.rows
        looked.view.rows = self._tasks.qualified(list(rows), found, looked.view.existing)
        # What has just been taken out of the batch is there, and its folder with it.
        looked.view.existing.update(found.keys() - looked.view.rows.keys())
        self._condemned = Without(docket.condemned, looked.changed)
        return looked.view

    def _decide(self, view: View, part: Sequence[Found]) -> Decision:
        """Decide about the files of the tasks that are still open, and leave the tasks that must stay."""
        docket = self.docket
        decision = self._judge.decide(view, part, self._condemned, docket.behind)
        for task, reason in decision.stays.items():
            self.leave(task, reason)
        for refused in decision.refused:
            if refused.task in docket.open:
                docket.refuse(refused.task, refused.address, refused.error)
        self._fail_for_files({refused.task for refused in decision.refused})
        for kept in decision.kept:
            docket.keep_file(kept)
        decision.going = [file for file in decision.going if file.task in docket.open]
        decision.lent = [file for file in decision.lent if file.task in docket.open]
        return decision

    def _delete(self, files: Sequence[File]) -> None:
        """Delete ``files``, or in a dry run ask their storages whether they could; fail the tasks of what stays."""
        self._removal.delete(files)
        self._fail_for_files({file.task for file in files})

    def _fail_for_files(self, tasks: set[str]) -> None:
        if not self._settings.ignore_file_errors:
            self.docket.fail_for_files(tasks, "task")

    def _remove_folders(self, folders: Mapping[str, set[Location]], view: View, decision: Decision) -> None:
        """Remove the folders of tasks that keep no file: a file server cannot list them, and removes all that is left.

        A folder that cannot be removed is no reason to keep a task. With a plan only those that it has.
        """
        docket = self.docket
        empty = {
            folder: task
            for task in self._open(view.rows)
            if not docket.errors(task)
            for folder in self._emptied(folders[task], task, view, decision)
            if not self._storages.unusable(folder.root)
        }
        if self._approved:
            empty = {folder: task for folder, task in empty.items() if self._approved.knows(task, [folder])}
        if self._settings.dry_run:
            for folder, task in empty.items():
                if not self._storages.can_list(folder.root):
                    docket.plan_folder(task, folder)
            return
        stopped: DeletionStopped | None = None
        try:
            answers = self._storages.remove_folders(empty) if empty else {}
        except DeletionStopped as error:
            answers, stopped = error.answers, error
        for folder, task in empty.items():
            answer = answers.get(folder)
            if self._storages.can_list(folder.root) or (answer and answer.outcome is Outcome.GONE):
                continue
            docket.empty(task, sure=bool(answer and answer.outcome is Outcome.DELETED))
            if answer and answer.outcome is Outcome.FAILED:
                docket.result.unlisted[self._storages.name(folder.root)] = answer.error
        if stopped:
            raise stopped

    def _emptied(self, folders: Iterable[Location], task: str, view: View, decision: Decision) -> Iterator[Location]:
        """Yield those of the ``folders`` of ``task`` in which nothing stays, or the ones around them.

        A task that was deleted before, and in whose folder this one's lies, had to leave its folder for that.
        """
        occupied = {
            place.task
            for address, writer in view.links
            if writer not in self.docket.behind and not (writer in view.rows and writer in self.docket.open)
            for place in places(address)
            if f".{writer}" in place.rest
        }
        for folder in folders:
            for owner in tasks_of(folder.path) - occupied:
                around = folder if owner == task else Location(folder.root, f"{folder.path}/").folder_of(owner)
                if around and (owner == task or owner in self.docket.behind) and not _is_held(around, decision.held):
                    yield around


def _is_held(folder: Location, held: Holders) -> bool:
    """True if something that stays is needed in ``folder``, or all of a folder around it is."""
    return any(map(held.of, places(folder.path)))
