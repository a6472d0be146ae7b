"""The models in the archive: entries that a user archived go with their files, unless anything that stays needs them.

The server guards little: it deletes published entries without force, and by force those that tasks use.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace

from cleanup import selection
from cleanup.base.errors import CredentialsError, ServerError, ServerUnreachable
from cleanup.base.records import Model
from cleanup.base.text import one_line
from cleanup.cycle.approved import NOT_IN_PLAN, told_otherwise
from cleanup.cycle.batch import Means
from cleanup.cycle.decision import Judge, Refused
from cleanup.cycle.docket import Docket, File
from cleanup.cycle.look import Looker
from cleanup.cycle.removal import Removal
from cleanup.cycle.result import Kept, KeptFile, Planned
from cleanup.cycle.search import Found
from cleanup.cycle.surroundings import Surroundings
from cleanup.files import Holder, Holders, Kind, View, holders, is_this_servers, places


class ArchivedModels:
    """Works off the model entries of the archive, when the tasks are behind.

    ``docket``: that of the entries; ``tasks``: that of the tasks, of which a dry run leaves those that would be gone.
    """

    def __init__(self, means: Means, surroundings: Surroundings, docket: Docket, tasks: Docket) -> None:
        self._means, self._server, self._rules = means, means.server, means.rules
        self.docket, self._tasks = docket, tasks
        self._gone: Container[str] = tasks.behind if means.settings.dry_run else frozenset()
        self._looker = Looker(means.server, surroundings, means.rules, means.pool)
        self._judge = Judge(means.storages, ignore_file_errors=False, is_handled=docket.is_handled)
        self._removal = Removal(means.storages, docket, dry_run=means.settings.dry_run)

    def condemn(self) -> list[str]:
        """List the entries of the archive; return those that may go, side by side those that share a file."""
        approved, seen = self._means.approved, set()
        plan: list[tuple[list[tuple[str, str]], str, Planned]] = []
        for model in self._server.models.archived():
            # A deletion of its maker takes an entry along, or changes it: it is not past the threshold any more.
            behind = model.task in self._gone or model.id in self._tasks.entries_behind
            if behind or selection.mismatch(model, self._rules):
                continue
            seen.add(model.id)
            entry = _planned(model)
            reason = selection.reason_to_keep(model, self._rules)
            if approved and not reason and model.id not in approved:
                reason = NOT_IN_PLAN
            if reason:
                self.docket.result.models.kept.append(Kept(entry, reason))
            else:
                plan.append((sorted((place.task, place.rest) for place in places(model.uri)), entry.id, entry))
        if approved:
            self.docket.result.models.kept += told_otherwise(approved, "model", seen, self._why_not)
        self.docket.condemn(entry for *_, entry in sorted(plan))
        return list(self.docket.open)

    def _why_not(self, ids: list[str]) -> dict[str, str]:
        found = self._server.models.whole(ids)
        return {name: selection.mismatch(model, self._rules) for name, model in found.items()}

    def run(self, ids: Sequence[str]) -> None:
        """Delete the files of the entries ``ids``, then the entries, or decide otherwise about each.

        Raises:
            ServerError: the server fails at them; what is still open in the docket is undecided.
        """
        view = self._look(ids)
        files = self._files(view, [name for name in ids if name in self.docket.open])
        self._removal.delete([file for file in files if file.task in self.docket.open])
        self.docket.fail_for_files(ids, "model")
        self._delete(ids)

    def settle(self, name: str, error: ServerError) -> None:
        """Decide about an entry that the server fails at."""
        self.docket.fail(name, str(error))

    def _look(self, ids: Sequence[str], *, asked: bool = False) -> View:
        """Look at the entries, and decide those that changed or are needed. ``asked``: it was asked to delete them."""
        ids = [name for name in ids if name in self.docket.open]
        view = self._looker.look_at_models(ids)
        for name in ids:
            model = view.models.get(name)
            if model is None and asked:
                self.docket.delete(name)
            elif model is None:
                self.docket.gone(name)
            elif reason := self._reason_to_leave(model, view):
                self.docket.leave(name, reason)
        return view

    def _reason_to_leave(self, model: Model, view: View) -> str:
        reason = selection.changed_since(model, self._rules)
        # That its maker lives, and lists it, is no need of it: a user archived it all the same.
        needing = (view.users.get(model.id, set()), view.listers.get(model.id, set()) - {model.task})
        for how, tasks in zip(("in use by", "among the outputs of"), needing, strict=True):
            staying = [task for task in tasks if task not in self._gone]
            if staying and not reason:
                reason = f"{how} task {min(staying)}"
        if not reason and not all(place.rest for place in places(model.uri)):
            # It keeps all that is in that folder, which nothing would name any more without it.
            reason = "its address is that of a task's folder and no file's"
        return reason

    def _files(self, view: View, ids: Sequence[str]) -> list[File]:
        """Return the files that go with the entries ``ids``; remember those that stay, refuse those that cannot go."""
        held = self._held(view, ids)
        files = []
        for model in [view.models[name] for name in ids if view.models[name].uri]:
            written = Found(_writer(model, view) or model.id, Kind.MODEL, model.uri)
            verdict = replace(self._judge.verdict(written, view, held), task=model.id)
            if isinstance(verdict, KeptFile):
                self.docket.keep_file(verdict)
            elif isinstance(verdict, Refused):
                self.docket.refuse(model.id, verdict.address, verdict.error)
            elif self._means.approved and not self._means.approved.knows(model.id, verdict.locations):
                self.docket.keep(model.id, f"the plan does not have its file {verdict.address}")
                return self._files(view, [name for name in ids if name in self.docket.open])
            else:
                files.append(verdict)
        return files

    def _held(self, view: View, ids: Sequence[str]) -> Holders:
        """Return who needs the files beside the entries ``ids``: all other entries, and artifacts of all tasks."""
        others = {name: view.models[name] for name in view.models.keys() - {*ids} - self.docket.behind}
        around = View(view.rows, others, view.users, view.listers, view.links, existing=view.existing)
        held = holders(around, self._gone)
        for task in view.rows.values():
            if task.id not in self._gone:
                for address in (*(artifact.uri for artifact in task.artifacts), *task.report_assets):
                    held.add(address, Holder(f"task {task.id} has it as an artifact", task.id))
        return held

    def _delete(self, ids: Sequence[str]) -> None:
        """Look at the entries again and delete them; where the server fails at them together, one by one."""
        if self._means.settings.dry_run:
            for name in [name for name in ids if name in self.docket.open]:
                self.docket.delete(name)
            return
        self._look(ids)
        ready = [name for name in ids if name in self.docket.open]
        try:
            errors = self._server.models.delete(ready)
        except (ServerUnreachable, CredentialsError):
            raise
        except ServerError as error:
            if len(ready) > 1:
                for name in ready:
                    self._delete([name])
                return
            self._look(ready, asked=True)
            errors = dict.fromkeys(ready, str(error))
        for name in [name for name in ready if name in self.docket.open]:
            if name in errors:
                self.docket.fail(name, errors[name])
            else:
                self.docket.delete(name)


def _planned(model: Model) -> Planned:
    status = "published" if model.published else "draft"
    return Planned(model.id, one_line(model.name, 200), model.project, status, model.last_change or selection.EPOCH)


def _writer(model: Model, view: View) -> str:
    """Return the task in whose folder the file of ``model`` lies, its maker before others that the address names.

    Empty for what was imported from a bucket or a disk, unless that task is here: it may be another server's.
    """
    named = sorted(places(model.uri), key=lambda place: len(place.rest))
    writer = next((place.task for place in named if place.task == model.task), named[0].task if named else "")
    return writer if writer in view.rows or not model.imported or is_this_servers(model.uri) else ""
