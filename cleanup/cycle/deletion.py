"""Deletes tasks whose files are gone, as many in a request as one takes, each request right after a look at them."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import replace

from cleanup import selection
from cleanup.base.chunks import chunks
from cleanup.base.errors import CleanupError, CredentialsError, ServerError, ServerUnreachable, Stopped
from cleanup.base.records import Task
from cleanup.cycle.docket import Docket
from cleanup.files import View, Without, must_unlist, outlived_models, reason_task_stays, spared_models
from cleanup.server import LISTED, Server


class TaskDeletion:
    """Deletes the tasks of ``docket``, or decides otherwise about each. In a ``dry_run`` it only counts."""

    def __init__(self, server: Server, rules: selection.Rules, docket: Docket, *, dry_run: bool) -> None:
        self._server, self._rules, self._docket, self._dry_run = server, rules, docket, dry_run
        self._unlisted: dict[str, Task] = {}
        """Tasks whose lists of outputs were cleared, as they were before."""
        self._outputs: dict[str, list[dict[str, str]]] = {}
        """What those listed that are without their list at the moment."""
        self._asked: set[str] = set()
        """Tasks whose deletion was asked for without a clear answer: those that are gone since then were deleted."""

    def delete(self, ids: Sequence[str], view: View, condemned: Container[str]) -> None:
        """Delete the tasks ``ids``. ``view`` and ``condemned``: what the last look at their files showed.

        Raises:
            ServerError: the server fails at them; what is still open in the docket is undecided.
        """
        if not self._dry_run:
            for chunk in chunks(ids, self._server.deleted_at_once):
                try:
                    self._delete_at_once(chunk, view, condemned)
                finally:
                    self._list_again()
            return
        outlived = outlived_models(view, condemned, self._docket.behind)
        self._docket.result.models_deleted += sum(map(len, outlived.values()))
        self._docket.entries_behind.update(model.id for models in outlived.values() for model in models)
        for task in ids:
            self._docket.delete(task)

    def _delete_at_once(self, ids: Sequence[str], view: View, condemned: Container[str]) -> None:
        """Look at ``ids`` again and delete them in one request; where that fails, in halves, each after a look."""
        still = self._look(ids, view, condemned)
        listing = [task for task in still if task not in self._outputs and must_unlist(view.rows[task], view)]
        if listing:
            self._unlist({task: still[task] for task in listing})
            # That took a request for each of them: so look again.
            left = [task for task in still if task in self._docket.open]
            still = self._look(left, view, condemned)
        ready = self._without_entries([*still], view, condemned)
        if not ready:
            return
        try:
            deletion = self._server.delete(ready)
        except ServerError as error:
            self._is_unclear(ready, error)
            if self._server.away(error):
                for task in ready:
                    self._docket.fail(task, f"{error}; the next cycle sees whether the task is gone")
                raise
            if len(ready) == 1:
                self.settle(ready[0], error)
                return
            for half in (ready[: len(ready) // 2], ready[len(ready) // 2 :]):
                self._delete_at_once(half, view, condemned)
            return
        for task in ready:
            if task in deletion.deleted:
                self._docket.delete(task)
            elif task in deletion.gone:
                self._is_gone(task)
            else:
                self._docket.fail(task, deletion.refused[task])

    def _is_unclear(self, asked: Sequence[str], error: ServerError) -> None:
        self._asked.update(asked)
        if isinstance(error, ServerUnreachable):
            # The server may be about to do it: with their lists again, others' models would go with them.
            for task in [task for task in asked if self._outputs.pop(task, None)]:
                self._lacks_outputs(task, error)

    def _look(self, ids: Sequence[str], view: View, condemned: Container[str]) -> dict[str, Task]:
        """Return those of ``ids`` that qualify at this moment and that nothing which stays needs; decide the others."""
        claimers = {claimer for task in ids for claimer, _ in view.claims.get(task, ())}
        others = sorted(claimers.intersection(self._docket.open).difference(ids))
        found = self._read([*ids, *others])
        changed = {task for task in others if task not in found or selection.changed_since(found[task], self._rules)}
        still = self.qualified(ids, found)
        left = Without(condemned, changed)
        while stays := {task: why for task in still if (why := reason_task_stays(task, view, left))}:
            for task, why in stays.items():
                self.leave(task, why)
                del still[task]
        return still

    def _read(self, ids: Sequence[str]) -> dict[str, Task]:
        found = self._server.tasks.read(ids, LISTED)
        for task in self._unlisted.keys() & found.keys():
            # To the server that was an update of the task, from which a draft's age counts.
            was = self._unlisted[task]
            found[task] = replace(found[task], last_update=was.last_update, last_change=was.last_change)
        return found

    def _unlist(self, tasks: Mapping[str, Task]) -> None:
        """Take the models off the lists of outputs: the server would delete those that are not the task's with it."""
        for task, was in tasks.items():
            self._unlisted.setdefault(task, was)
            try:
                self._outputs[task] = self._server.tasks.listed_models(task, "output")
                self._server.tasks.list_outputs(task, [])
            except (ServerUnreachable, CredentialsError):
                raise
            except ServerError as error:
                self._docket.fail(task, str(error))

    def _list_again(self) -> None:
        """Give their lists of outputs back to the tasks that were not deleted: they need what they list."""
        left = {task: outputs for task, outputs in self._outputs.items() if task not in self._docket.behind}
        self._outputs.clear()
        while left:
            task, outputs = left.popitem()
            try:
                if self._server.tasks.existing([task]):
                    self._server.tasks.list_outputs(task, outputs)
            except (ServerError, Stopped) as error:
                self._lacks_outputs(task, error)
                if isinstance(error, (ServerUnreachable, CredentialsError, Stopped)):
                    for one in left:
                        self._lacks_outputs(one, error)
                    return

    def _lacks_outputs(self, task: str, error: CleanupError) -> None:
        self._docket.result.errors.append(f"task {task} may lack its output models: {error}")

    def _without_entries(self, ids: Sequence[str], view: View, condemned: Container[str]) -> list[str]:
        """Delete the model entries that the server would leave behind; return the tasks of which none is left."""
        docket = self._docket
        outlived = outlived_models(view, condemned, docket.behind)
        before = {user for users in view.users.values() for user in users if user in docket.behind}
        entries: dict[str, str] = {}
        for task in ids:
            going = [*outlived.get(task, ()), *spared_models(task, view, condemned, before)]
            entries |= {model.id: task for model in going if model.id not in docket.entries_behind}
            before.add(task)
        errors = self._server.models.delete(list(entries))
        gone = entries.keys() - errors.keys()
        docket.result.models_deleted += sum(model.id in gone for task in ids for model in outlived.get(task, ()))
        docket.entries_behind |= gone
        failed = {entries[model]: f"model {model} could not be deleted: {error}" for model, error in errors.items()}
        for task, why in failed.items():
            docket.fail(task, why)
        return [task for task in ids if task not in failed]

    def qualified(
        self, ids: Sequence[str], found: Mapping[str, Task], there: Container[str] | None = None
    ) -> dict[str, Task]:
        """Return those of ``ids`` that still qualify by ``found``, which holds the archived ones; decide the others.

        ``there``: which of the others exist; asked of the server if left out.
        """
        missing = [task for task in ids if task not in found]
        if there is None:
            there = self._server.tasks.existing(missing) if missing else ()
        qualified = {}
        for task in ids:
            row = found.get(task)
            reason = selection.changed_since(row, self._rules) if row else f"{selection.CHANGED}not archived"
            if row and not reason:
                qualified[task] = row
            elif row or task in there:
                self.leave(task, reason)
            else:
                self._is_gone(task)
        return qualified

    def leave(self, task: str, reason: str) -> None:
        """Leave ``task``: kept, or failed if files of it are gone already, which its own page then tells, too."""
        error = self._docket.leave(task, reason)
        if error and not self._dry_run:
            self._server.tasks.note(task, f"The cleanup service left this task: {error}")

    def settle(self, task: str, error: ServerError) -> None:
        """Decide about a task that the server fails at."""
        if task not in self._docket.open:
            return
        try:
            there = bool(self._server.tasks.existing([task]))
        except (ServerUnreachable, CredentialsError):
            raise
        except ServerError:
            there = True
        if there:
            self._docket.fail(task, str(error))
        else:
            self._is_gone(task)

    def _is_gone(self, task: str) -> None:
        if task in self._asked:
            self._docket.delete(task)
        else:
            self._docket.gone(task)
