"""The judge: from the world before and after, what was asked meanwhile and what was said, which laws were broken.

It forgives nothing but a change that came after the last look before the request that deleted. What nothing names must
go where somebody can know of it.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from cleanup.cycle.result import CycleResult
from tests.faults.watch import Watch
from tests.faults.world import Change, Names, Row, Rules, Verdict, World, artifacts, names_in, owner_of


@dataclass
class Case:
    """One cycle, or several services' at once.

    ``results``: None for a cycle that did not begin or was killed. ``clean``: nothing was in the way, so all that may
    go must be gone. ``stuck``: tasks that a fault keeps from going; every other one must go all the same.
    """

    before: World
    after: World
    rules: Rules
    results: Sequence[CycleResult | None]
    watch: Watch = field(default_factory=Watch)
    clean: bool = False
    stuck: frozenset[str] = frozenset()

    @cached_property
    def removed(self) -> set[str]:
        """The tasks that somebody else deleted."""
        return {task for one in self.watch.changes for task, fields in one.tasks.items() if fields is None}

    @cached_property
    def touched(self) -> set[str]:
        """The tasks and entries that somebody else changed or deleted."""
        return {key for one in self.watch.changes for key in {*one.tasks, *one.models}}

    @cached_property
    def reports(self) -> list[CycleResult]:
        """The results of those cycles that came to an end."""
        return [result for result in self.results if result]

    @cached_property
    def gone(self) -> set[str]:
        """The tasks that the service deleted."""
        return set(self.before.tasks) - set(self.after.tasks) - self.removed

    @cached_property
    def told(self) -> dict[str, str]:
        """What the reports say of each task, and of each entry of the archive, that was not deleted."""
        fates = [fates for result in self.reports for fates in (result, result.models)]
        kept = {entry.task.id: entry.reason for some in fates for entry in some.kept}
        return kept | {entry.task.id: entry.error for some in fates for entry in some.failed}

    @cached_property
    def failed(self) -> set[str]:
        """The tasks that the reports tell as failed."""
        return {entry.task.id for result in self.reports for entry in result.failed}

    @cached_property
    def lost(self) -> set[str]:
        """The entries of tasks that failed, needed by such alone: they may go like files, before the tasks fail."""
        there, needing = self.after.tasks.keys(), self.before.needing()
        made = {key for key, row in self.before.models.items() if row.get("task") in self.failed}
        return {key for key in made if needing[key] & there <= self.failed}

    @cached_property
    def reached(self) -> set[str]:
        """The entries in the archive that the settings reach, but for those that change as their makers go."""
        changed = {key for key, row in self.before.models.items() if row.get("task") in self.gone}
        return {key for key, row in self.before.models.items() if self.rules.reach_model(row)} - changed

    def verdicts(self, thing: str = "") -> list[Verdict]:
        """Return what the laws said of each world in which the service may have believed when ``thing`` went.

        Without a thing: of each that there was at any time of the cycle.
        """
        changes = range(len(self.watch.changes))
        seen = {number for number in changes if thing and self._seen(self.watch.changes[number], thing)}
        unsure = [number for number in changes if number not in seen]
        some = (itertools.combinations(unsure, many) for many in range(len(unsure) + 1))
        return [self._verdict(frozenset(seen.union(one))) for one in itertools.chain.from_iterable(some)]

    def _seen(self, change: Change, thing: str) -> bool:
        """Tell whether the service had to know of ``change``; one of a task that is gone says nothing of the rest."""
        gone = bool(change.tasks) and change.tasks.keys() <= self.gone - {thing, owner_of(thing)}
        return not gone and self.watch.seen(change, thing)

    def _verdict(self, changes: frozenset[int]) -> Verdict:
        if changes not in self._known:
            made = [self.watch.changes[number] for number in sorted(changes)]
            self._known[changes] = Verdict(self.before.after(made), self.rules, self.stuck)
        return self._known[changes]

    @cached_property
    def _known(self) -> dict[frozenset[int], Verdict]:
        return {}


def broken_laws(case: Case) -> list[str]:
    """Return one line for each breach of a law."""
    laws = (_only_the_archive, _all_of_it, _files_first, _outlived, _shelved, _only_its_own, _says_what_happened)
    return [line for law in laws for line in law(case)]


def kept_its_word(rehearsal: CycleResult, real: CycleResult | None) -> list[str]:
    """Return what a dry run told otherwise than the cycle after it, in which nothing was in the way."""
    if real is None:
        return ["law 5: the cycle could not begin"]
    promised, done = map(_told, (rehearsal, real))
    wrong = [f"{what}: {promised[what]}, then {done[what]}" for what in done if promised[what] != done[what]]
    return [f"law 6: the dry run told otherwise, {'; '.join(wrong)}"] if wrong else []


def _told(result: CycleResult) -> dict[str, Any]:
    """Return all that a result says of tasks, entries and files, but for what only deleting shows."""
    names = ("matched", "force_would_add", "models_deleted", "kept_files_by_reason", "projects")
    told = {name: getattr(result, name) for name in names}
    for what, some in (("tasks", result), ("entries", result.models)):
        told[what] = Counter(some.deleted), Counter(some.kept), Counter(some.failed)
    told["kept files"] = Counter(result.kept_files)
    counts = {at: (some.deleted + some.gone, some.failed, some.unnamed) for at, some in result.storages.items()}
    return {**told, "files": counts}


def _only_the_archive(case: Case) -> Iterator[str]:
    for task in sorted(case.gone):
        if all(verdict.holds_task(task) for verdict in case.verdicts(task)):
            yield f"law 1: task {_name(case, task)} is gone, which had to stay"
    stays = case.verdicts()[0].stays
    for task in sorted((stays & case.after.tasks.keys()) - case.touched):
        was, now = case.before.tasks[task], case.after.tasks[task]
        changed = {name for name in {*was, *now} if was.get(name) != now.get(name)} - {"parent", "last_change"}
        changed -= {"models", "output"} if _listed(case, was) == _listed(case, now) else set()
        if changed:
            yield f"law 1: task {_name(case, task)} stays and was changed: {sorted(changed)}"


def _all_of_it(case: Case) -> Iterator[str]:
    """What may go is gone; with stuck tasks, all but those."""
    if not case.clean:
        return
    verdicts = case.verdicts()
    for task in sorted(set(case.before.tasks) & set(case.after.tasks)):
        if all(task not in verdict.may_stay and task in verdict.world.tasks for verdict in verdicts):
            said = case.told.get(task, "nothing")
            yield f"law {5 if case.stuck else 2}: task {_name(case, task)} had to go: the report says {said[:300]!r}"


def _files_first(case: Case) -> Iterator[str]:
    """No file is left under the folder of a deleted task, unless something that is there refers to it."""
    held = case.after.held()
    for file in sorted(case.after.files & case.before.files):
        owner = owner_of(file)
        if owner not in case.gone or held.holds(file) or case.rules.ignore_file_errors:
            continue
        if _is_known(case, file, held) and not any(verdict.holds_file(file) for verdict in case.verdicts(owner)):
            yield f"law 3: {file} is left, and its task is gone"


def _is_known(case: Case, file: str, held: Names) -> bool:
    """Tell whether anybody can know of ``file``: the server names it, or its folder was listed, or goes whole.

    A file server cannot list, and the folder stays for a file that stays.
    """
    owner, kind = owner_of(file), {"files": "http", "s3": "s3", "disk": "local"}[file.partition(":")[0]]
    if case.before.named_by(owner).names(file):
        return True
    if any(name.startswith(kind) for result in case.reports for name in result.unlisted):
        return False
    beside = [one for one in case.after.files - {file} if any(task == owner for task, _ in names_in(one))]
    kept = held.into(owner) or any(owner_of(one) in case.after.tasks for one in beside)
    return kind != "http" or not kept


def _outlived(case: Case) -> Iterator[str]:
    """A draft that outlived its maker, and its file, go with the last task that used it."""
    users, left = case.before.users(), case.after.users()
    for key in sorted(case.before.models):
        had, model = users[key], case.before.models[key]
        ends = had and had <= case.gone and not ({key} | had) & case.touched
        if model.get("ready") or not model.get("company") or not ends:
            continue
        names = names_in(str(model.get("uri") or ""))
        if not names or names[-1][0] in case.after.tasks or left.get(key):
            continue
        if (model.get("task") or _is_imported(model)) and _may_be_foreign(case, model):
            continue
        others = Names(row.get("uri") for other, row in case.after.models.items() if other != key)
        links = Names(item for row in case.after.tasks.values() for item in artifacts(row))
        files = [file for file in case.after.files if {*names} & {*names_in(file)}]
        if all(others.holds(file) or links.holds(file) for file in files) and (files or key not in case.after.models):
            continue
        yield f"law 4: model {model['name']!r} ({model['uri']}) outlived all its users, and is left: entry or file"


def _is_imported(model: Row) -> bool:
    return str(model.get("comment")).startswith("Imported by task id:")


def _may_be_foreign(case: Case, model: Row) -> bool:
    """Tell whether a file lies on a bucket or a disk, in the folder of a task that may be another server's."""
    uri = str(model.get("uri"))
    return not uri.startswith("http") and owner_of(uri) not in case.before.tasks


def _listed(case: Case, row: Row) -> list[list[str]]:
    """Return the models that a task lists without those that are gone: the server takes them off, and notes it."""
    left = [[str(entry.get("model")) for entry in row["models"][side]] for side in ("input", "output")]
    return [[model for model in models if model in case.after.models] for models in left]


def _shelved(case: Case) -> Iterator[str]:
    """An entry that goes by itself was archived, past its time, allowed and used by none, and takes its file along."""
    held, needing = case.after.held(), case.before.needing()
    for key in sorted(case.reached - case.touched):
        model = case.before.models[key]
        name, left = repr(model["name"]), key in case.after.models
        using = (needing[key] & case.after.tasks.keys()) - case.touched
        if using and not left and key not in case.lost:
            yield f"law 4: entry {name} is gone, which task {_name(case, min(using))} uses"
        may_stay = {task for verdict in case.verdicts() for task in verdict.may_stay}
        if case.clean and left and not needing[key] & may_stay and case.told.get(key) is None:
            yield f"law 2: entry {name} of the archive had to go"
        names = set(names_in(str(model.get("uri") or "")))
        for file in case.after.files:
            shown = Names(case.after.samples.get(owner_of(file), ())).holds(file)
            foreign = _is_imported(model) and _may_be_foreign(case, model)
            if not left and names & set(names_in(file)) and not held.holds(file) and not shown and not foreign:
                yield f"law 3: {file} is left, and entry {name} is gone"


def _only_its_own(case: Case) -> Iterator[str]:
    lost = case.before.files - case.after.files
    for file in sorted(lost):
        owner = owner_of(file)
        if owner in case.removed:
            continue
        whys = [verdict.holds_file(file) for verdict in case.verdicts(file)]
        if all(whys):
            yield f"law {1 if 'task stays' in whys[0] else 4}: {file} is gone, though {whys[0]}"
        elif not {task for task, _ in names_in(file)} & case.before.tasks.keys() and not _went_along(case, file):
            yield f"law 4: {file} is gone, and nothing that went referred to it"
    others = {key for change in case.watch.changes for key, fields in change.models.items() if fields is None}
    for key in sorted(set(case.before.models) - set(case.after.models) - others):
        files = [file for file in lost if Names([case.before.models[key].get("uri")]).holds(file)]
        went = key if key in case.reached else min(files, default=key)
        if all(verdict.holds_model(key) for verdict in case.verdicts(went)):
            yield f"law 4: model entry {case.before.models[key]['name']!r} is gone, which something that stays needs"


def _went_along(case: Case, file: str) -> bool:
    """Tell whether only what was to go named a file whose task was gone before."""
    stays, users = case.verdicts()[0].stays, case.before.users()
    went = {key for key in case.before.models if users[key] and not users[key] & stays} | case.reached
    models = [case.before.models[key].get("uri") for key in went]
    links = [uri for task, row in case.before.tasks.items() if task not in stays for uri in artifacts(row)]
    return Names([*models, *links]).holds(file)


def _says_what_happened(case: Case) -> Iterator[str]:
    """Each task, and each entry of the archive, is told once, and what is said of it is so."""
    ended, users = bool(case.reports) and None not in case.results, case.before.users()
    reached = {task for task, row in case.before.tasks.items() if case.rules.reach(row)}
    went = case.gone - (set() if case.clean else case.failed) if ended else set()
    alone = case.reached - case.after.models.keys() - case.lost if case.clean else set()
    alone = {key for key in alone if not users[key] & case.gone}
    for noun, fates, there, matching, gone in (
        ("task", case.reports, case.after.tasks, reached, went),
        ("entry", [result.models for result in case.reports], case.after.models, case.reached, alone - case.touched),
    ):
        # An entry may go with its maker, without a word.
        to_tell = (matching if noun == "task" else matching & there.keys()) - case.touched
        for some in fates:
            told = [entry.task.id for entry in (*some.deleted, *some.kept, *some.failed)]
            if some.matched != len(told) or len(told) != len(set(told)):
                yield f"law 6: {some.matched} matched, {len(told)} told, {len(set(told))} of them different"
            if case.clean and (unsaid := to_tell - set(told)):
                yield f"law 6: not a word on {noun} {sorted(_name(case, key) for key in unsaid)}"
        deleted = {entry.task.id for some in fates for entry in some.deleted}
        for key in sorted(deleted & there.keys()):
            yield f"law 6: {noun} {_name(case, key)} is said to be deleted and is there"
        for key in sorted(gone - deleted):
            yield f"law 6: {noun} {_name(case, key)} was deleted, the report says {case.told.get(key, 'nothing')!r}"
    for result in case.reports:
        # S3 answers that it deleted what was not there.
        counted = sum(counts.deleted for name, counts in result.storages.items() if not name.startswith("s3"))
        if counted > sum(not file.startswith("s3") for file in case.before.files - case.after.files):
            yield f"law 6: {counted} files are said to be deleted, more than are gone"
        counted = result.models_deleted + len(result.models.deleted)
        if counted > len(case.before.models.keys() - case.after.models.keys()):
            yield f"law 6: {counted} entries are said to be deleted, more than are gone"
    for thing, text in case.told.items():
        if not text.strip():
            yield f"law 6: no reason for {_name(case, thing)}"
    if ended:
        yield from _tells_the_truth(case)


def _tells_the_truth(case: Case) -> Iterator[str]:
    shelved = Names(case.before.models[key].get("uri") for key in case.reached)
    lost = {file for file in case.before.files - case.after.files if not shelved.holds(file)}
    stripped = {owner_of(file) for file in lost} & set(case.after.tasks)
    for task in sorted(stripped - case.failed):
        yield f"law 5: {_name(case, task)} lost a file and stays, and is not told as failed: {case.told.get(task)!r}"
    good = all(result.ok for result in case.reports)
    if good and stripped:
        yield "law 6: all is well, it says, and tasks stay that lost files"
    failed = case.failed | {entry.task.id for result in case.reports for entry in result.models.failed}
    touched = {key for one in case.watch.changes for key, fields in {**one.tasks, **one.models}.items() if fields}
    needing = case.after.needing()
    near = failed.union(*(needing[key] for key in failed & needing.keys()))
    if case.clean and not case.stuck and not near & touched and not good:
        texts = [text for one in case.reports for text in (*one.errors, one.interrupted, *map(str, one.failed))]
        texts += [str(one) for result in case.reports for one in (*result.failed_files, *result.models.failed)]
        yield f"law 6: a cycle without faults says {json.dumps([text for text in texts if text])[:600]}"


def _name(case: Case, task: str) -> str:
    row = {**case.before.models, **case.after.tasks, **case.before.tasks}.get(task) or {}
    return f"{row.get('name')!r} ({task[:6]})"
