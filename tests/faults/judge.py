"""The judge: from the world before and after a cycle, and what the cycle said, which of the six laws were broken."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from cleanup.cycle.result import CycleResult
from tests.faults.snapshot import Snapshot, plain, users_of, writer_of

_UNSURE = "the next cycle sees"


@dataclass
class Meddling:
    """What the test did to the world while the cycle ran, so that nobody else is blamed for it."""

    removed: set[str] = field(default_factory=set)
    """Tasks that the test deleted."""
    spared: set[str] = field(default_factory=set)
    """Tasks that the test took out of reach (unarchived, rerun) before the service looked at them the last time."""
    touched: set[str] = field(default_factory=set)
    """Tasks that the test changed at some time: they may go or stay."""


@dataclass(frozen=True)
class Rules:
    """What the settings of the cycle mean, worked out here again and not taken from the service."""

    now: datetime
    days: float = 30.0
    force: bool = True
    keep_tags: frozenset[str] = frozenset()
    linked: bool = False
    ignore_file_errors: bool = False

    def reaches(self, task: Mapping[str, Any]) -> bool:
        """Tell whether the settings let ``task`` go, whatever else holds it."""
        since = task.get("status_changed")
        if since is None and task["status"] == "created":
            since = task.get("last_update")
        cutoff = self.now - timedelta(days=self.days)
        alive = task["status"] in {"in_progress", "queued", "publishing"}
        return bool(
            "archived" in task["system_tags"]
            and task.get("company")
            and since
            and _time(since) < cutoff
            and (self.force or task["status"] == "created")
            and not (alive and _time(task.get("last_update")) >= cutoff)
            and not self.keep_tags.intersection([*task["tags"], *task["system_tags"]])
        )


@dataclass
class Case:
    """What a cycle was asked to do, and what is allowed to be unfinished after it."""

    before: Snapshot
    after: Snapshot
    rules: Rules
    result: CycleResult | None
    meddling: Meddling = field(default_factory=Meddling)
    complete: bool = False
    """Every task that may go must be gone now: no fault was in the way."""
    exempt: frozenset[str] = frozenset()
    """Files that an earlier cycle had to keep for others and that nobody writes any more."""
    others_than: frozenset[str] | None = None
    """Only these tasks were under attack: every other one must be gone."""


def broken_laws(case: Case) -> list[str]:
    """Return one line for each breach of a law."""
    return [
        *_only_the_archive(case),
        *_all_of_it(case),
        *_files_first(case),
        *_only_its_own(case),
        *_says_what_happened(case),
    ]


def gone_tasks(case: Case) -> set[str]:
    """Return the tasks that were there before and are not now, without those that the test deleted."""
    return set(case.before.tasks) - set(case.after.tasks) - case.meddling.removed


def held_tasks(world: Snapshot, rules: Rules) -> set[str]:
    """Return the tasks that the settings reach but that others still need: their output lists another's model."""
    held: set[str] = set()
    reach = {task for task, fields in world.tasks.items() if rules.reaches(fields)}
    while True:
        living = set(world.tasks) - (reach - held)
        more = {task for task in reach - held if _needed(world, task, living)}
        if not more:
            return held
        held |= more


def _needed(world: Snapshot, task: str, living: Collection[str]) -> bool:
    listed = (entry.get("model") for entry in world.tasks[task]["models"]["output"])
    models = (world.models.get(str(model)) for model in listed)
    return any(
        model is not None and not model["ready"] and model.get("task") not in {task, None} and model["task"] in living
        for model in models
    )


def _only_the_archive(case: Case) -> Iterable[str]:
    for task in gone_tasks(case):
        fields = case.before.tasks[task]
        if not case.rules.reaches(fields) and task not in case.meddling.touched:
            yield f"law 1: task {fields['name']!r} is gone, which the settings do not reach"
        if task in case.meddling.spared:
            yield f"law 1: task {fields['name']!r} is gone, though it was taken out of reach in time"
    for task, fields in case.after.tasks.items():
        was = case.before.tasks.get(task)
        if was is None or task in case.meddling.touched | case.meddling.spared or case.rules.reaches(was):
            continue
        changed = {name for name in {*was, *fields} if was.get(name) != fields.get(name)}
        if changed - {"parent", "last_change"}:
            yield f"law 1: task {was['name']!r} was changed: {sorted(changed)}"


def _all_of_it(case: Case) -> Iterable[str]:
    if not case.complete and case.others_than is None:
        return
    held = held_tasks(case.before, case.rules)
    spared = held | (case.others_than or frozenset()) | case.meddling.spared | case.meddling.touched
    law = "law 2" if case.others_than is None else "law 5"
    for task, fields in case.before.tasks.items():
        if task in case.after.tasks and task not in spared and case.rules.reaches(fields):
            yield f"{law}: task {fields['name']!r} should be gone and is not{_why(case, task)}"


def _files_first(case: Case) -> Iterable[str]:
    """No file outlives its task, unless law 4 keeps it."""
    registered = {plain(model.get("uri")) for model in case.after.models.values()}
    gone = gone_tasks(case)
    for address in sorted(case.after.files):
        writer = writer_of(address)
        if address in case.exempt or case.rules.ignore_file_errors or _freed_by_test(case, address):
            continue
        if writer in gone and address not in registered:
            yield f"law 3: {address} is orphaned: its task is gone"
        elif writer in gone and _held_for_going(case, address):
            yield f"law 3: {address} was kept for a task that is itself to go: nothing will delete it"


def _freed_by_test(case: Case, address: str) -> bool:
    """Tell whether a task that the test changed held a file, maybe when the service looked: then law 4 kept it."""
    users = users_of(case.before)
    models = [model for model in case.before.models.values() if plain(model.get("uri")) == address]
    holders = {task for model in models for task in {str(model.get("task")), *users.get(str(model["id"]), set())}}
    return bool((holders - {writer_of(address)}) & (case.meddling.removed | case.meddling.touched))


def _held_for_going(case: Case, address: str) -> bool:
    """Tell whether the only entries that hold a file are drafts of tasks that merely failed in this cycle."""
    holders = [model for model in case.after.models.values() if plain(model.get("uri")) == address]
    kept = {entry.task.id for entry in case.result.kept} if case.result and not case.result.interrupted else set()
    staying = case.meddling.spared | case.meddling.touched | held_tasks(case.before, case.rules)
    going = {
        task
        for task, fields in case.before.tasks.items()
        if task in case.after.tasks and case.rules.reaches(fields) and task not in kept | staying
    }
    users = users_of(case.after)
    return all(
        not model["ready"] and {str(model.get("task")), *users.get(str(model["id"]), set())} <= going
        for model in holders
    )


def _only_its_own(case: Case) -> Iterable[str]:
    lost = case.before.files - case.after.files
    linked_by_going = _links(case) if case.rules.linked else set()
    for address in sorted(lost):
        writer = writer_of(address)
        if writer in case.meddling.removed:
            continue
        fields = case.before.tasks.get(writer or "")
        own = fields is not None and (case.rules.reaches(fields) or writer in case.meddling.touched)
        if not own and address not in linked_by_going:
            yield f"law 4: {address} is gone, whose task stays or did not write it"
        if writer in case.meddling.spared and not _deleted_before(case, writer):
            yield f"law 4: {address} is gone, though its task was taken out of reach in time"
    yield from _dangling(case, lost)


def _deleted_before(case: Case, writer: str | None) -> bool:
    """Tell whether the service said that it deleted the files of a task that then was taken out of reach."""
    kept = case.result.kept if case.result else []
    return any(entry.task.id == writer and "after its files were deleted" in entry.reason for entry in kept)


def _dangling(case: Case, lost: Collection[str]) -> Iterable[str]:
    """No model entry that stays names a file that is gone, except of a task that the next cycle takes."""
    users = users_of(case.after)
    for model in case.after.models.values():
        address = plain(model.get("uri"))
        if address not in lost:
            continue
        maker = str(model.get("task"))
        unfinished = maker in case.after.tasks and not model["ready"]
        own = unfinished and maker in case.before.tasks and case.rules.reaches(case.before.tasks[maker])
        if not own or users.get(str(model["id"]), set()) - {maker}:
            yield f"law 4: model {model['id']} stays and its file {address} is gone"


def _links(case: Case) -> set[str]:
    return {
        plain(artifact.get("uri"))
        for task, fields in case.before.tasks.items()
        if case.rules.reaches(fields)
        for artifact in fields["execution"].get("artifacts", [])
    }


def _says_what_happened(case: Case) -> Iterable[str]:
    result = case.result
    if result is None:
        return
    deleted = [entry.task.id for entry in result.deleted]
    failed = {entry.task.id: entry.error for entry in result.failed}
    kept = {entry.task.id: entry.reason for entry in result.kept}
    told = [*deleted, *failed, *kept]
    if result.matched != len(result.deleted) + len(result.kept) + len(result.failed) or len(told) != len(set(told)):
        yield f"law 6: {result.matched} matched, {len(deleted)} deleted, {len(kept)} kept, {len(failed)} failed"
    names = {**case.before.tasks, **case.after.tasks}
    for task in sorted(set(deleted)):
        if task in case.after.tasks:
            yield f"law 6: task {names[task]['name']!r} is said to be deleted and is there"
    unsure = {task for task, error in failed.items() if _UNSURE in error}
    for task in sorted(gone_tasks(case) - set(deleted) - unsure):
        said = failed.get(task) or kept.get(task) or "nothing"
        yield f"law 6: task {names[task]['name']!r} was deleted and the report says: {said}"
    for task, text in [*failed.items(), *kept.items()]:
        if not text.strip():
            yield f"law 6: no reason for task {names.get(task, {}).get('name', task)!r}"
    if not case.complete:
        return
    if not result.ok:
        yield f"law 6: a cycle without faults says {_complaints(result)}"


def _complaints(result: CycleResult) -> str:
    texts = [
        *(entry.error for entry in result.failed),
        *result.errors,
        result.interrupted,
        *map(str, result.failed_files),
    ]
    return "; ".join(filter(None, texts))[:500]


def _why(case: Case, task: str) -> str:
    if case.result is None:
        return ""
    entries = [(entry.task.id, entry.error) for entry in case.result.failed]
    entries += [(entry.task.id, entry.reason) for entry in case.result.kept]
    return ": " + next((text for found, text in entries if found == task), "not in the report")


def _time(value: object) -> datetime:
    moment = datetime.fromisoformat(str(value)) if value else datetime.max.replace(tzinfo=timezone.utc)
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
