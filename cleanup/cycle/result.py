"""What a cycle did: one record from which the console, the task's page, JSON and the exit code all read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

REASONS_AT_MOST = 100
"""So many reasons for keeping files are told apart: addresses are made by any user, and reasons speak of them."""

LISTED_AT_MOST = 1_000
"""So many files that stayed, and so many that failed, are listed with their addresses; the others are counted."""


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
    """A task that was deleted, or in a dry run would be, with its files.

    ``size``: the bytes of those whose size is known; ``unsized``: how many have none that is known.
    """

    task: Planned
    files: int
    size: int
    unsized: int = 0


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
    """A file that could not be deleted, with the storage's reason. ``task``: the id of the task that wrote it."""

    task: str
    address: str
    error: str


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file that stays although its task goes: ``why``, and ``holder``, the id of the task or model that needs it."""

    task: str
    address: str
    why: str
    holder: str = ""


@dataclass
class FileCounts:
    """Files by what became of them. In a dry run ``deleted`` counts what would be.

    ``unnamed``: those of the deleted that nothing on the server named any more. ``size``: bytes of the deleted whose
    size is known; ``unsized``: how many of the deleted have none that is known.
    """

    deleted: int = 0
    gone: int = 0
    failed: int = 0
    unnamed: int = 0
    size: int = 0
    unsized: int = 0


@dataclass
class ModelFates:
    """What became of the archived model entries: ``matched == deleted + kept + failed``."""

    deleted: list[Gone] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)

    @property
    def matched(self) -> int:
        """How many entries matched: each is deleted, kept or failed."""
        return len(self.deleted) + len(self.kept) + len(self.failed)


@dataclass
class CycleResult:
    """The numbers and lists of one cycle: ``matched == deleted + kept + failed``.

    ``matched`` are the archived tasks past the threshold that the settings reach, and those of the plan that the
    settings name, whatever became of them. A task that another service or a
    user deleted first counts as kept, with that reason. In a dry run ``deleted`` is what would be, and ``failed`` what
    would fail.
    """

    started: datetime
    dry_run: bool = False
    seconds: float = 0.0
    deleted: list[Gone] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    force_would_add: int = 0
    files: FileCounts = field(default_factory=FileCounts)
    storages: dict[str, FileCounts] = field(default_factory=dict)
    """Counts by the name of the storage."""
    kept_files_by_reason: Counter[str] = field(default_factory=Counter)
    kept_files: list[KeptFile] = field(default_factory=list)
    failed_files: list[FailedFile] = field(default_factory=list)
    models_deleted: int = 0
    """Model entries that outlived their task and went with the last task that used them."""
    models: ModelFates = field(default_factory=ModelFates)
    """The model entries in the archive: they count apart from tasks, but their files together with theirs."""
    plan: Path | None = None
    """Of a dry run that was not interrupted: the file with its plan, which goes when this record does."""
    unlisted: dict[str, str] = field(default_factory=dict)
    """Storages in which files that nothing names could not be looked for, by name, each with the reason."""
    unreachable: dict[str, str] = field(default_factory=dict)
    """Of a dry run: storages that it would delete from and that cannot be reached, by name, each with the reason."""
    projects: dict[str, str] = field(default_factory=dict)
    """Names of the projects by id."""
    errors: list[str] = field(default_factory=list)
    interrupted: str = ""
    """Why the cycle ended before its list was worked off: the server went away, or a stop was asked for."""

    @property
    def matched(self) -> int:
        """How many tasks matched: each is deleted, kept or failed."""
        return len(self.deleted) + len(self.kept) + len(self.failed)

    @property
    def ok(self) -> bool:
        """True if all that matched was deleted or kept for a reason, and nothing went wrong on the way."""
        failed = self.failed or self.models.failed or self.failed_files
        return not (failed or self.errors or self.interrupted or self.unreachable)

    def kept_by_reason(self) -> Counter[str]:
        """Return how many tasks stayed for each reason, equal but for ids counted together."""
        return Counter(without_ids(entry.reason) for entry in self.kept)

    def keep_file(self, file: KeptFile) -> None:
        """Count a file that stays, and list it while there is room."""
        reason = without_ids(file.why)
        known = reason in self.kept_files_by_reason or len(self.kept_files_by_reason) < REASONS_AT_MOST
        self.kept_files_by_reason[reason if known else "other reasons"] += 1
        if len(self.kept_files) < LISTED_AT_MOST:
            self.kept_files.append(file)

    def fail_file(self, file: FailedFile) -> None:
        """List a file that could not be deleted while there is room."""
        if len(self.failed_files) < LISTED_AT_MOST:
            self.failed_files.append(file)


def without_ids(reason: str) -> str:
    """Return ``reason`` with an ellipsis for every id in it, so that equal reasons count together."""
    return " ".join("…" if len(word.strip(",.;:")) == 32 else word for word in reason.split())
