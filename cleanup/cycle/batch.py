"""One batch of a cycle: find the files, look, delete the files, look again, delete the tasks."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from cleanup import selection
from cleanup.base.chunks import chunks
from cleanup.base.errors import CredentialsError, ServerError, ServerUnreachable
from cleanup.base.records import Task
from cleanup.cycle.decision import Decision, Judge, Without
from cleanup.cycle.docket import Docket, File
from cleanup.cycle.look import Looker
from cleanup.cycle.plan_file import Plan
from cleanup.cycle.removal import Removal, file_errors
from cleanup.cycle.search import Found, Search, folders_named, in_parts
from cleanup.cycle.surroundings import Surroundings
from cleanup.files import Place, View, must_unlist, outlived_models, places, spared_models
from cleanup.server import LISTED, WITH_FILES, Server
from cleanup.settings import Settings
from cleanup.storage import Location, Outcome, Storages


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
        self._rules, self._pool = means.rules, means.pool
        self.docket = self._docket = docket
        self._looker = Looker(means.server, surroundings, means.rules, means.pool)
        self._approved = means.approved
        self._judge = Judge(
            means.storages, means.settings.ignore_file_errors, docket.is_handled, approved=means.approved
        )
        self._removal = Removal(means.storages, docket, dry_run=means.settings.dry_run)
        self._condemned = Without(docket.condemned, ())
        """Who is condemned by the last look."""

    def run(self, tasks: Sequence[str]) -> None:
        """Delete ``tasks``, newest first, and their files, or decide otherwise about each.

        Raises:
            ServerError: the server fails at the batch; what is still open in the docket is undecided.
        """
        ids = [task for task in tasks if task in self._docket.open]
        read, unreadable = in_parts(lambda some: self._server.tasks.read(some, WITH_FILES), ids)
        self._settle(unreadable)
        found = {task: row for rows in read for task, row in rows.items()}
        rows = self._sort_out([task for task in ids if task not in unreadable], found)
        folders = self._folders(rows)
        rows = {task: row for task, row in rows.items() if task in self._docket.open}
        if not rows:
            return
        view = View(rows)
        parts = self._all_planned if self._approved else self._parts
        for part, last in parts(rows, folders):
            view, decision = self._delete_files(rows, part)
            if last:
                self._remove_folders(folders, view, decision)
        self._delete_tasks([task for task in ids if task in self._docket.open], view)

    def _parts(
        self, rows: Mapping[str, Task], folders: Mapping[str, set[Location]]
    ) -> Iterator[tuple[list[Found], bool]]:
        """Yield the files that the rows do not name, as :meth:`Search.parts` does, while a task is open."""
        search = Search(self._server, self._storages, self._pool, self._settings.parallel_requests)
        for part, last in search.parts({task: folders[task] for task in rows if task in self._docket.open}):
            self._settle(search.unreadable)
            for root, why in search.unlisted.items():
                self._docket.result.unlisted[self._storages.name(root)] = why
            if not any(task in self._docket.open for task in rows):
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
            self._decide(self._look(rows, part), part)
        return self._parts(rows, folders)

    def _fail(self, errors: Mapping[str, str]) -> None:
        for task, error in errors.items():
            if task in self._docket.open:
                self._docket.fail(task, error)

    def _settle(self, errors: Mapping[str, str]) -> None:
        """Decide about tasks that cannot be read: those that are there have failed."""
        there, unclear = in_parts(self._server.tasks.existing, [task for task in errors if task in self._docket.open])
        existing = {task for some in there for task in some} | unclear.keys()
        self._fail({task: error for task, error in errors.items() if task in existing})
        for task in errors.keys() & self._docket.open.keys():
            self._docket.keep(task, selection.ALREADY_GONE)

    def _folders(self, rows: Mapping[str, Task]) -> dict[str, set[Location]]:
        """Return the folders of each task: those that its record names, and the one that the SDK would have used."""
        folders = {}
        for task, row in rows.items():
            addresses = [*(artifact.uri for artifact in row.artifacts), *row.report_assets]
            folders[task] = {folder for address in addresses for folder in folders_named(self._storages, address, task)}
            project = self._docket.result.projects.get(row.project, "")
            # Debug samples can go to the file server although all else goes elsewhere.
            usual = (
                self._storages.task_folder(at, project, row.name, task, row.project) for at in {row.destination, ""}
            )
            folders[task].update(filter(None, usual))
        made, unreadable = in_parts(self._server.models.made_by, list(rows))
        self._settle(unreadable)
        for model in itertools.chain.from_iterable(made):
            folders[model.task] |= folders_named(self._storages, model.uri, model.task)
        return folders

    # Files

    def _delete_files(self, rows: Mapping[str, Task], part: Sequence[Found]) -> tuple[View, Decision]:
        """Delete one part of the files; return the last look and what was decided over it.

        Files to which other condemned tasks refer go after all others, and only if those tasks lost theirs: a task that
        fails is condemned no more, and needs what it refers to.
        """
        view = self._look(rows, part)
        decision = self._decide(view, part)
        self._delete(decision.going)
        if decision.lent:
            decision = self._decide(view, part)
            self._delete([*decision.going, *decision.lent])
        return view, decision

    def _look(self, rows: Mapping[str, Task], part: Sequence[Found]) -> View:
        """Look at the tasks that are still open."""
        docket = self._docket
        rows = {task: row for task, row in rows.items() if task in docket.open}
        inside = {place.task for found in part for place in places(found.address)}
        looked = self._looker.look(rows, inside, docket.condemned, docket.behind)
        looked.view.rows = self._sort_out(list(rows), looked.view.rows)
        # What has just been taken out of the batch is there, and its folder with it.
        looked.view.existing.update(rows.keys() - looked.view.rows.keys())
        self._condemned = Without(docket.condemned, looked.changed)
        return looked.view

    def _decide(self, view: View, part: Sequence[Found]) -> Decision:
        """Decide about the files of the tasks that are still open, and leave the tasks that must stay."""
        docket = self._docket
        decision = self._judge.decide(view, part, self._condemned, docket.behind)
        for task, reason in decision.stays.items():
            self.leave(task, reason)
        for refused in decision.refused:
            if refused.task in docket.open:
                docket.refuse(refused.task, refused.address, refused.error)
        self._fail_those_with_errors({refused.task for refused in decision.refused})
        for kept in decision.kept:
            docket.keep_file(kept)
        decision.going = [file for file in decision.going if file.task in docket.open]
        decision.lent = [file for file in decision.lent if file.task in docket.open]
        return decision

    def _delete(self, files: Sequence[File]) -> None:
        """Delete ``files``, or in a dry run ask their storages whether they could; fail the tasks of what stays."""
        self._removal.delete(files)
        self._fail_those_with_errors({file.task for file in files})

    def _fail_those_with_errors(self, tasks: Iterable[str]) -> None:
        if self._settings.ignore_file_errors:
            return
        for task in tasks:
            errors = self._docket.errors(task)
            if errors and task in self._docket.open:
                self._docket.fail(task, file_errors(errors, "task"))

    def _remove_folders(self, folders: Mapping[str, set[Location]], view: View, decision: Decision) -> None:
        """Remove the folders of tasks that keep no file: a file server cannot list them, and removes all that is left.

        A folder that cannot be removed is no reason to keep a task. With a plan only those that it has.
        """
        docket = self._docket
        occupied = {place.task for kept in decision.kept if kept.holder for place in places(kept.address)}
        occupied |= {
            place.task
            for address, writer in view.links
            if writer not in docket.behind and not (writer in view.rows and writer in docket.open)
            for place in places(address)
            if f".{writer}" in place.rest
        }
        empty = {
            folder: task
            for task in view.rows
            if task in docket.open and task not in occupied and not docket.errors(task)
            if not decision.held.of(Place(task, ""))
            for folder in folders[task]
            if not self._storages.unusable(folder.root)
        }
        if self._approved:
            empty = {folder: task for folder, task in empty.items() if self._approved.knows(task, [folder])}
        if self._settings.dry_run:
            for folder, task in empty.items():
                if not self._storages.can_list(folder.root):
                    docket.plan_folder(task, folder)
            return
        for folder, answer in self._storages.remove_folders(empty).items() if empty else ():
            if self._storages.can_list(folder.root):
                continue
            if answer.outcome is Outcome.DELETED:
                docket.empty(empty[folder])
            elif answer.outcome is Outcome.FAILED:
                docket.result.unlisted[self._storages.name(folder.root)] = answer.error

    # Tasks

    def _delete_tasks(self, ids: Sequence[str], view: View) -> None:
        """Delete the tasks ``ids``, whose files are gone, in requests of as many as one takes."""
        if self._settings.dry_run:
            outlived = outlived_models(view, self._condemned, self._docket.behind)
            self._docket.result.models_deleted += sum(map(len, outlived.values()))
            self._docket.entries_behind.update(model.id for models in outlived.values() for model in models)
            for task in ids:
                self._docket.delete(task)
            return
        for chunk in chunks(ids, self._server.deleted_at_once):
            self._delete_at_once(chunk, view)

    def _delete_at_once(self, ids: Sequence[str], view: View, *, unsure: bool = False) -> None:
        """Look at ``ids`` again and delete them in one request; where that fails, in halves, each after a look.

        ``unsure``: an earlier request had no clear answer, so those that are gone were deleted by it.
        """
        still = self._sort_out(ids, self._server.tasks.read(ids, LISTED), unsure=unsure)
        ready = self._without_entries([task for task in ids if task in still], view)
        if not ready:
            return
        try:
            deletion = self._server.delete(ready)
        except ServerError as error:
            if not self._server.alive():
                self._fail(dict.fromkeys(ready, f"{error}; the next cycle sees whether the task is gone"))
                raise
            if len(ready) == 1:
                self.settle(ready[0], error, asked=True)
                return
            for half in (ready[: len(ready) // 2], ready[len(ready) // 2 :]):
                self._delete_at_once(half, view, unsure=True)
            return
        for task in ready:
            if task in deletion.deleted:
                self._docket.delete(task)
            elif task in deletion.gone:
                self._docket.keep(task, selection.ALREADY_GONE)
            else:
                self._docket.fail(task, deletion.refused[task])

    def settle(self, task: str, error: ServerError, *, asked: bool = False) -> None:
        """Decide about a task that the server fails at; ``asked``: it was asked to delete it, and may have."""
        try:
            there = bool(self._server.tasks.existing([task]))
        except (ServerUnreachable, CredentialsError):
            raise
        except ServerError:
            there = True
        if there:
            self._docket.fail(task, str(error))
        elif asked:
            self._docket.delete(task)
        else:
            self._docket.keep(task, selection.ALREADY_GONE)

    def _without_entries(self, ids: Sequence[str], view: View) -> list[str]:
        """Return the tasks that the server can delete without harm; fail the others.

        Deletes the model entries that it would leave behind, and takes off the tasks' lists what is not theirs.
        """
        docket = self._docket
        outlived = outlived_models(view, self._condemned, docket.behind)
        before = {user for users in view.users.values() for user in users if user in docket.behind}
        entries: dict[str, str] = {}
        for task in ids:
            going = [*outlived.get(task, ()), *spared_models(task, view, self._condemned, before)]
            entries |= {model.id: task for model in going}
            before.add(task)
        errors = self._server.models.delete(list(entries))
        docket.result.models_deleted += sum(model.id not in errors for task in ids for model in outlived.get(task, ()))
        failed = {entries[model]: f"model {model} could not be deleted: {error}" for model, error in errors.items()}
        for task in ids:
            if task not in failed and must_unlist(view.rows[task], view):
                try:
                    self._server.tasks.unlist_models(task)
                except ServerError as error:
                    failed[task] = str(error)
        for task, why in failed.items():
            docket.fail(task, why)
        return [task for task in ids if task not in failed]

    # Looking

    def _sort_out(self, ids: Sequence[str], found: Mapping[str, Task], *, unsure: bool = False) -> dict[str, Task]:
        """Return those of ``ids`` that still qualify by ``found``, which holds the archived ones; decide the others."""
        missing = [task for task in ids if task not in found]
        there = self._server.tasks.existing(missing) if missing else set()
        qualified = {}
        for task in ids:
            row = found.get(task)
            if row is None and task not in there:
                if unsure:
                    self._docket.delete(task)
                else:
                    self._docket.keep(task, selection.ALREADY_GONE)
                continue
            reason = self._reason_to_leave(row)
            if row is None or reason:
                self.leave(task, reason)
            else:
                qualified[task] = row
        return qualified

    def _reason_to_leave(self, row: Task | None) -> str:
        changed = selection.mismatch(row, self._rules) if row else "not archived"
        if row is None or changed:
            return f"{selection.CHANGED}{changed}"
        return selection.reason_to_keep(row, self._rules)

    def leave(self, task: str, reason: str) -> None:
        """Leave ``task``: kept, or failed if files of it are gone already, which its own page then tells, too."""
        lost = self._docket.lost(task)
        if not lost:
            self._docket.keep(task, reason)
            return
        error = f"{reason}, after {lost} of it had been deleted"
        self._docket.fail(task, error)
        if not self._settings.dry_run:
            self._server.tasks.note(task, f"The cleanup service left this task: {error}")
