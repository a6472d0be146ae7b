"""What a cycle did: one record from which the console, the task's page, JSON and the exit code all read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from cleanup.files import File
from cleanup.storage import Answer, Location, Outcome

REASONS_AT_MOST = 100
"""So many reasons for keeping files are told apart: addresses are made by any user, and reasons speak of them."""

LISTED_AT_MOST = 1_000
"""So many failed files are listed with their addresses; the others are counted."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A task of the plan: as much of it as a list of a hundred thousand can hold. ``since``: when its age began."""

    id: str
    name: str
    project: str
    status: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Gone:
    """A task that was deleted, or in a dry run would be, with its files. ``size``: known bytes."""

    task: Planned
    files: int
    size: int


@dataclass(frozen=True, slots=True)
class Kept:
    """A task that matched and stays, with the reason."""

    task: Planned
    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """A task that should have gone and could not, with the error."""

    task: Planned
    error: str


@dataclass(frozen=True, slots=True)
class FailedFile:
    """A file that could not be deleted, with the storage's reason."""

    task: str
    address: str
    error: str


@dataclass
class FileCounts:
    """Files by what became of them. ``deleted`` in a dry run: what would be. ``size``: known bytes of those."""

    deleted: int = 0
    gone: int = 0
    failed: int = 0
    size: int = 0


@dataclass
class CycleResult:
    """The numbers and lists of one cycle: ``matched == deleted + kept + failed``.

    ``matched`` are the archived tasks past the threshold that the settings reach. A task that another service or a
    user deleted first counts as kept, with that reason.
    """

    started: datetime
    dry_run: bool = False
    seconds: float = 0.0
    matched: int = 0
    deleted: list[Gone] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    force_would_add: int = 0
    files: FileCounts = field(default_factory=FileCounts)
    kept_files: Counter[str] = field(default_factory=Counter)
    storages: dict[str, FileCounts] = field(default_factory=dict)
    unreachable: dict[str, str] = field(default_factory=dict)
    failed_files: list[FailedFile] = field(default_factory=list)
    projects: dict[str, str] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    interrupted: str = ""

    @property
    def ok(self) -> bool:
        """True if all that matched was deleted or kept for a reason, and nothing went wrong on the way."""
        return not (self.failed or self.errors or self.interrupted or self.failed_files or self.unreachable)

    def kept_by_reason(self) -> Counter[str]:
        """Return how many tasks stayed for each reason, equal but for ids counted together."""
        return Counter(without_ids(entry.reason) for entry in self.kept)

    def count_files(
        self, files: Iterable[File], answers: Mapping[Location, Answer], name: Callable[[str], str]
    ) -> None:
        """Add what became of the files of one task. ``name``: from a storage's root to its name for people."""
        for file in files:
            if file.keep:
                reason = without_ids(file.keep)
                known = reason in self.kept_files or len(self.kept_files) < REASONS_AT_MOST
                self.kept_files[reason if known else "other reasons"] += 1
                continue
            if file.location is None:
                self.files.failed += 1
                self._list_failed(file, file.error)
                continue
            answer = answers[file.location]
            per_storage = self.storages.setdefault(name(file.location.root), FileCounts())
            for counts in (self.files, per_storage):
                if answer.outcome is Outcome.DELETED:
                    counts.deleted += 1
                    counts.size += file.size or 0
                elif answer.outcome is Outcome.GONE:
                    counts.gone += 1
                else:
                    counts.failed += 1
            if answer.outcome is Outcome.FAILED:
                self._list_failed(file, answer.error)

    def _list_failed(self, file: File, error: str) -> None:
        if len(self.failed_files) < LISTED_AT_MOST:
            self.failed_files.append(FailedFile(file.task, file.address, error))


def without_ids(reason: str) -> str:
    """Return ``reason`` with an ellipsis for every id in it, so that equal reasons count together."""
    return " ".join("…" if len(word.strip(",.;:")) == 32 else word for word in reason.split())
