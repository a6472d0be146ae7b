"""One batch of a cycle: look again, collect, delete the files, look once more, delete the tasks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

from cleanup import selection
from cleanup.base.errors import ServerError, Stopped
from cleanup.base.records import Task
from cleanup.base.text import plural
from cleanup.cycle.evidence import collect
from cleanup.cycle.result import CycleResult, Failed, Gone, Kept, Planned
from cleanup.files import Evidence, TaskFiles, decide
from cleanup.server import LISTED, WITH_FILES, Server
from cleanup.server.paging import chunks
from cleanup.settings import Settings
from cleanup.storage import Answer, Location, Outcome, Storages
from cleanup.storage.address import LOCAL
from cleanup.storage.base import DELETED

DELETE_AT_ONCE = 100
"""Tasks in one call of ``tasks.delete_many``."""

_AFTER_FILES = ", after its files were deleted"


@dataclass
class BatchOutcome:
    """What became of the tasks of one batch. ``settled`` holds the ids of all that are decided."""

    deleted: list[Gone] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    deferred: list[Planned] = field(default_factory=list)
    settled: set[str] = field(default_factory=set)
    files: dict[str, TaskFiles] = field(default_factory=dict)
    answers: dict[Location, Answer] = field(default_factory=dict)
    failures_alone: int = 0
    last_error: str = ""

    @property
    def all_failed(self) -> bool:
        """True if every task failed, and by an error of the server."""
        return bool(self.failures_alone) and len(self.failed) == len(self.settled)

    def note(self, answers: Mapping[Location, Answer]) -> None:
        """Remember what became of files. What this cycle deleted is not gone already when a batch is run again."""
        for location, answer in answers.items():
            if answer.outcome is not Outcome.GONE or location not in self.answers:
                self.answers[location] = answer

    def errors_of(self, files: TaskFiles) -> list[tuple[str, str]]:
        """Return the addresses of a task's files that could not be deleted, each with the reason."""
        return [(file.address, file.error) for file in files.refused] + [
            (file.address, self.answers[file.location].error)
            for file in files.going
            if file.location and self.answers[file.location].outcome is Outcome.FAILED
        ]

    def go(self, task: Planned) -> None:
        """The task is deleted, or would be."""
        going = self.files[task.id].going
        gone = [f for f in going if f.location and self.answers[f.location].outcome is not Outcome.FAILED]
        self.deleted.append(Gone(task, len(gone), sum(file.size or 0 for file in gone)))
        self.settled.add(task.id)

    def keep(self, task: Planned, reason: str) -> None:
        """The task stays, for ``reason``."""
        self.kept.append(Kept(task, reason))
        self.settled.add(task.id)

    def fail(self, tasks: Iterable[Planned], error: str) -> None:
        """The tasks could not be deleted, because of ``error``. Tasks that are decided already are left out."""
        self.last_error = error
        for task in tasks:
            if task.id not in self.settled:
                self.failed.append(Failed(task, error))
                self.settled.add(task.id)

    def add_to(self, result: CycleResult, name: Callable[[str], str]) -> None:
        """Add all to the result of the cycle. ``name``: from a storage's root to its name for people."""
        result.deleted += self.deleted
        result.kept += self.kept
        result.failed += self.failed
        for files in self.files.values():
            result.count_files(files.files, self.answers, name)


class Batch:
    """Works on batches of one cycle. ``pool``: threads for calls about single tasks."""

    def __init__(
        self, server: Server, storages: Storages, settings: Settings, rules: selection.Rules, pool: Executor
    ) -> None:
        self._server, self._storages, self._settings = server, storages, settings
        self._rules, self._pool = rules, pool
        self._would_go: set[str] = set()
        self.failed: set[str] = set()
        """Tasks of the cycle that failed: the next cycle takes them, and files that only they hold."""
        self._roots: set[str] = set()

    def storage_name(self, root: str) -> str:
        """Return the name for people of the storage at ``root``."""
        return self._storages.name(root)

    def unreachable_storages(self) -> dict[str, str]:
        """Return the storages that a dry run would delete from and that cannot be reached, each with the reason."""
        return {self.storage_name(root): why for root, why in self._storages.check(sorted(self._roots)).items() if why}

    def run(
        self, tasks: Sequence[Planned], pending: Collection[str], outcome: BatchOutcome, *, at_once: bool = False
    ) -> None:
        """Delete ``tasks`` and their files into ``outcome``; those that wait for one of ``pending`` are deferred.

        ``at_once``: the tasks wait for each other; all of them go, or those of them that can go at once.

        Raises:
            ServerError: the server fails at the batch; what is not in ``outcome.settled`` or ``deferred`` is open.
        """
        done = outcome.settled | {task.id for task in outcome.deferred}
        plan = {task.id: task for task in tasks if task.id not in done}
        fresh = self._qualified(plan, WITH_FILES, outcome)
        evidence = collect(
            self._server, fresh, self._pool, linked=self._settings.delete_linked_files, going=self._would_go
        )
        decided = self._decide(evidence, frozenset(fresh) if at_once else frozenset())
        pending = set(pending) - evidence.together
        ready = self._ready(plan, evidence, decided, pending, outcome)
        if self._settings.dry_run:
            self._pretend(plan, ready, outcome)
            return
        self._delete_tasks(plan, self._delete_files(plan, ready, decided, evidence, outcome), outcome)

    def _decide(self, evidence: Evidence, together: frozenset[str]) -> dict[str, TaskFiles]:
        """Decide about the files, with as many of ``together`` going at once as nothing else keeps."""
        while True:
            evidence.together = together
            decided = decide(evidence, self._storages.locate, delete_linked=self._settings.delete_linked_files)
            going = frozenset(task for task in together if self._unhindered(decided[task], evidence))
            if going == together:
                return decided
            together = going

    def _unhindered(self, files: TaskFiles, evidence: Evidence) -> bool:
        refused = files.refused and not self._settings.ignore_file_errors
        stuck = self.failed.intersection(files.waits_for)
        return not (refused or stuck or files.task in evidence.unreadable or evidence.claims_on(files.task))

    def _qualified(
        self, plan: Mapping[str, Planned], fields: Sequence[str], outcome: BatchOutcome, then: str = ""
    ) -> dict[str, Task]:
        """Read the tasks again and return those that still qualify; keep the others, each with its reason."""
        found = self._server.tasks.read(list(plan), fields)
        missing = [task for task in plan if task not in found]
        exist = self._server.tasks.existing(missing) if missing else set()
        qualified = {}
        for task_id, task in plan.items():
            if task_id not in found:
                not_archived = f"{selection.CHANGED}not archived{then}"
                outcome.keep(task, not_archived if task_id in exist else selection.GONE)
                continue
            reason = selection.mismatch(found[task_id], self._rules)
            reason = f"{selection.CHANGED}{reason}" if reason else selection.reason_to_keep(found[task_id], self._rules)
            if reason:
                outcome.keep(task, reason + then)
            else:
                qualified[task_id] = found[task_id]
        return qualified

    def _ready(
        self,
        plan: Mapping[str, Planned],
        evidence: Evidence,
        decided: Mapping[str, TaskFiles],
        pending: Collection[str],
        outcome: BatchOutcome,
    ) -> dict[str, TaskFiles]:
        """Return the tasks whose files may be deleted now; defer, keep or fail the others."""
        ready = {}
        for task, files in decided.items():
            if task in evidence.unreadable:
                outcome.fail([plan[task]], evidence.unreadable[task])
            elif stuck := self.failed.intersection(files.waits_for):
                outcome.fail([plan[task]], f"waits for task {min(stuck)}, which holds a file of it and failed")
            elif lasting := [why for other, why in evidence.claims_on(task).items() if other not in pending]:
                outcome.keep(plan[task], lasting[0])
            elif any(other in pending and other != task for other in files.waits_for):
                outcome.deferred.append(plan[task])
            else:
                ready[task] = files
        return ready

    def _pretend(self, plan: Mapping[str, Planned], ready: Mapping[str, TaskFiles], outcome: BatchOutcome) -> None:
        for task, files in ready.items():
            locations = [file.location for file in files.going if file.location]
            self._roots.update(location.root for location in locations)
            outcome.note(dict.fromkeys(locations, DELETED))
            outcome.files[task] = files
            if files.refused and not self._settings.ignore_file_errors:
                outcome.fail([plan[task]], _file_errors(outcome.errors_of(files)))
                continue
            outcome.go(plan[task])
            self._would_go.add(task)

    def _delete_files(
        self,
        plan: Mapping[str, Planned],
        ready: Mapping[str, TaskFiles],
        decided: Mapping[str, TaskFiles],
        evidence: Evidence,
        outcome: BatchOutcome,
    ) -> dict[str, TaskFiles]:
        """Delete the files; return the tasks that may follow theirs."""
        going = {file.location for files in ready.values() for file in files.going if file.location}
        named = {file.location for files in decided.values() for file in files.files if file.location}
        outcome.note(self._storages.delete(going, keep=named - going))
        clean: dict[str, TaskFiles] = {}
        for task, files in ready.items():
            outcome.files[task] = files
            errors = outcome.errors_of(files)
            if errors and not self._settings.ignore_file_errors:
                outcome.fail([plan[task]], _file_errors(errors))
            else:
                clean[task] = files
        failed = {location for location in going if outcome.answers[location].outcome is Outcome.FAILED}
        self._remove_folders(clean.values(), (named - going) | failed, evidence.folders_clear)
        return clean

    def _remove_folders(self, tasks: Iterable[TaskFiles], staying: Iterable[Location], folders_clear: bool) -> None:
        """Remove emptied task folders. One that cannot be removed is no reason to keep a task.

        A file server removes a folder with all that is in it, so none goes there while it is not certain that no
        model entry has an address in it.
        """
        occupied = {
            Location(location.root, location.path[:end])
            for location in staying
            for end, char in enumerate(location.path)
            if char == "/"
        }
        folders = {folder for files in tasks for folder in files.folders} - occupied
        removable = [folder for folder in folders if folders_clear or folder.root == LOCAL]
        if removable:
            self._storages.remove_task_folders(removable)

    def _delete_tasks(self, plan: Mapping[str, Planned], ready: Mapping[str, TaskFiles], outcome: BatchOutcome) -> None:
        if not ready:
            return
        still = self._qualified({task: plan[task] for task in ready}, LISTED, outcome, _AFTER_FILES)
        for chunk in chunks(self._without_own_models(plan, list(still), ready, outcome), DELETE_AT_ONCE):
            # Without force the server refuses drafts with published models or children, whose files are gone by now.
            deletion = self._server.delete(chunk, force=True)
            for task in deletion.deleted:
                outcome.go(plan[task])
            for task in deletion.gone:
                outcome.keep(plan[task], selection.GONE)
            for task, error in deletion.failed.items():
                outcome.fail([plan[task]], error)
            if deletion.stopped:
                raise Stopped(deletion.stopped)

    def _without_own_models(
        self, plan: Mapping[str, Planned], tasks: list[str], ready: Mapping[str, TaskFiles], outcome: BatchOutcome
    ) -> list[str]:
        """Delete the model entries that the server would leave behind; return the tasks that can follow."""
        free = []
        for task in tasks:
            try:
                for model in ready[task].used_by_itself:
                    self._server.models.delete(model)
                free.append(task)
            except Stopped:
                raise
            except ServerError as error:
                outcome.fail([plan[task]], str(error))
        return free


def _file_errors(errors: Sequence[tuple[str, str]]) -> str:
    shown = "; ".join(f"{address}: {error}" for address, error in errors[:3])
    more = f"; and {len(errors) - 3} more" if len(errors) > 3 else ""
    return f"{plural(len(errors), 'file')} could not be deleted, so the task stays: {shown}{more}"
