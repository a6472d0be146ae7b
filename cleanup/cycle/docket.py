"""The list that a cycle works off: what becomes of each task, and of its files."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field

from cleanup.base.seen import Seen
from cleanup.base.text import plural, without_secrets
from cleanup.cycle.plan_file import FOLDER, PlanWriter
from cleanup.cycle.result import CycleResult, Failed, FailedFile, FileCounts, Gone, Kept, KeptFile, ModelFates, Planned
from cleanup.files import Kind, Place, places
from cleanup.selection import ALREADY_GONE
from cleanup.storage import Answer, Location, Outcome


@dataclass(frozen=True, slots=True)
class File:
    """A file that goes with ``task``. ``locations``: every name that its address may stand for, the likeliest first."""

    task: str
    kind: Kind
    address: str
    locations: tuple[Location, ...]
    places: tuple[Place, ...]
    size: int | None = None


@dataclass
class _Tally:
    files: int = 0
    size: int = 0
    unsized: int = 0
    lost_also: str = ""
    errors: list[str] = field(default_factory=list)
    kept: list[KeptFile] = field(default_factory=list)


class Docket:
    """The tasks of a cycle, or with ``fates`` its model entries. Each is open until it is decided.

    Each is condemned until it is kept or fails: a condemned task holds nothing; one that was deleted stays condemned.
    ``plan``: where a dry run writes what would go.
    """

    def __init__(
        self, result: CycleResult, plan: PlanWriter | None = None, fates: CycleResult | ModelFates | None = None
    ) -> None:
        self.result, self._plan = result, plan
        self._fates = fates or result
        self.condemned: set[str] = set()
        self.open: dict[str, Planned] = {}
        self.behind: set[str] = set()
        """Tasks that are deleted, or in a dry run would be."""
        self.entries_behind: set[str] = set()
        """Model entries that went with those tasks, or in a dry run would, because they outlived their makers."""
        self._tallies: dict[str, _Tally] = {}
        self._handled = Seen()

    def condemn(self, tasks: Iterable[Planned]) -> None:
        """Put ``tasks`` on the list."""
        for task in tasks:
            self.open[task.id] = task
            self.condemned.add(task.id)

    def keep(self, task: str, reason: str) -> None:
        """``task`` stays for ``reason``."""
        self.condemned.discard(task)
        self._fates.kept.append(Kept(self._decided(task), reason))

    def gone(self, task: str) -> None:
        """Somebody else deleted ``task``: that counts as kept, and it holds nothing."""
        self._fates.kept.append(Kept(self._decided(task), ALREADY_GONE))

    def fail(self, task: str, error: str) -> None:
        """``task`` could not be deleted because of ``error``."""
        self.condemned.discard(task)
        self._fates.failed.append(Failed(self._decided(task), error))

    def leave(self, task: str, reason: str) -> str:
        """``task`` stays for ``reason``; return the error if files of it are gone already, for then it has failed."""
        lost = self._lost(task)
        if not lost:
            self.keep(task, reason)
            return ""
        error = f"{reason}, after {lost} of it had been deleted"
        self.fail(task, error)
        return error

    def fail_for_files(self, tasks: Iterable[str], noun: str) -> None:
        """Those of ``tasks`` of which a file could not be deleted have failed; ``noun`` says what they are."""
        for task in tasks:
            errors = self.errors(task)
            if errors and task in self.open:
                more = f"; and {len(errors) - 3} more" if len(errors) > 3 else ""
                files = plural(len(errors), "file")
                self.fail(task, f"{files} could not be deleted, so the {noun} stays: {'; '.join(errors[:3])}{more}")

    def delete(self, task: str) -> None:
        """``task`` is deleted, or in a dry run would be."""
        self.behind.add(task)
        tally = self._tallies.get(task, _Tally())
        for kept in tally.kept:
            self.result.keep_file(kept)
        decided = self._decided(task)
        self._fates.deleted.append(Gone(decided, tally.files, tally.size, tally.unsized))
        if self._plan:
            kind = "task" if self._fates is self.result else "model"
            self._plan.owner(kind, decided, self.result.projects.get(decided.project, decided.project))

    def _decided(self, task: str) -> Planned:
        self._tallies.pop(task, None)
        return self.open.pop(task)

    def empty(self, task: str, *, sure: bool = True) -> None:
        """The folder of ``task`` was removed with all that was left in it; if not ``sure``, perhaps it was."""
        self._tallies.setdefault(task, _Tally()).lost_also = "the folder" if sure else "perhaps the folder"

    def _lost(self, task: str) -> str:
        """Return what ``task`` has lost in this cycle, for people; an empty text for nothing."""
        tally = self._tallies.get(task, _Tally())
        return plural(tally.files, "file") if tally.files else tally.lost_also

    def errors(self, task: str) -> list[str]:
        """Return why files of ``task`` could not be deleted, each with its address."""
        return self._tallies.get(task, _Tally()).errors

    def is_handled(self, item: Hashable) -> bool:
        """True if this file was dealt with: the same one can be named, reported and listed, by several tasks."""
        return item in self._handled

    def count(self, file: File, answer: Answer, storage: str) -> None:
        """Count what became of ``file`` in the storage called ``storage``."""
        tally = self._tallies.setdefault(file.task, _Tally())
        for counts in (self.result.files, self.result.storages.setdefault(storage, FileCounts())):
            _count(counts, file, answer.outcome)
        if answer.outcome is Outcome.FAILED:
            tally.errors.append(f"{file.address}: {answer.error}")
            self.result.fail_file(FailedFile(file.task, file.address, answer.error))
            return
        tally.files += 1
        if file.size is None:
            tally.unsized += 1
        tally.size += file.size or 0
        self._deal_with(file)

    def count_no_more(self, file: File) -> None:
        """``file`` went, and was counted under another name of it, or for another that names it."""
        self._tallies.setdefault(file.task, _Tally()).lost_also = "a file"
        self._deal_with(file)

    def _deal_with(self, file: File) -> None:
        self._handled.add(file.locations)
        if self._plan:
            self._plan.file(file.task, file.kind.value, file.locations, file.size)

    def plan_folder(self, task: str, folder: Location) -> None:
        """Let the plan of a dry run have a folder of ``task`` that nobody can list, with all that is left in it."""
        if self._plan:
            self._plan.file(task, FOLDER, [folder])

    def refuse(self, task: str, address: str, error: str) -> None:
        """Count a file of ``task`` that no storage can be asked to delete."""
        if self._first(task, address):
            self.result.files.failed += 1
            self._tallies.setdefault(task, _Tally()).errors.append(f"{address}: {error}")
            self.result.fail_file(FailedFile(task, address, error))

    def keep_file(self, kept: KeptFile) -> None:
        """Remember a file that stays although its task goes: it counts when the task has gone.

        Once, however many addresses name it, and though its folder lists it as well.
        """
        if kept.task in self.open and self._first(kept.task, places(kept.address) or kept.address):
            self._tallies.setdefault(kept.task, _Tally()).kept.append(kept)

    def _first(self, *item: Hashable) -> bool:
        return self._handled.add(item)


def shown(address: object) -> str:
    """Return ``address`` for people: on one line, bounded, without credentials."""
    return without_secrets(address, 500)


def _count(counts: FileCounts, file: File, outcome: Outcome) -> None:
    if outcome is Outcome.FAILED:
        counts.failed += 1
    elif outcome is Outcome.GONE:
        counts.gone += 1
    else:
        counts.deleted += 1
        counts.unnamed += file.kind is Kind.UNNAMED
        counts.size += file.size or 0
        counts.unsized += file.size is None
