"""What was found or deleted, in the record of a cycle: a folder counts as the task that it was of."""

from __future__ import annotations

from cleanup.base.text import plural
from cleanup.cycle.result import CycleResult, Failed, FailedFile, FileCounts, Gone, Kept, KeptFile, Planned
from cleanup.orphans.folders import Folder
from cleanup.report.render import ROWS, as_text
from cleanup.report.tables import Row, Table, in_bytes
from cleanup.selection import NOT_REACHED
from cleanup.storage import Answer, Outcome


def keep(folder: Folder, name: str, why: str, result: CycleResult) -> None:
    """Count a file that stays."""
    folder.kept += 1
    result.keep_file(KeptFile(folder.task, folder.at(name).path, why))


def count(folder: Folder, name: str, size: int | None, answer: Answer, result: CycleResult) -> None:
    """Count what became of a file that goes."""
    for counts in (folder.counts, result.files, result.storages.setdefault(folder.location.root, FileCounts())):
        counts.gone += answer.outcome is Outcome.GONE
        counts.failed += answer.outcome is Outcome.FAILED
        if answer.outcome is Outcome.DELETED:
            counts.deleted += 1
            counts.unnamed += 1
            counts.size += size or 0
            counts.unsized += size is None
    if answer.outcome is Outcome.FAILED:
        path = folder.at(name).path
        folder.error = folder.error or f"{path}: {answer.error}"
        result.fail_file(FailedFile(folder.task, path, answer.error))


def close(folder: Folder, result: CycleResult) -> None:
    """Count ``folder`` by what was decided about it, and what became of its files."""
    project, _, name = folder.location.path.rpartition("/")
    task = Planned(folder.task, name[:-33], project, "", min(folder.newest, result.started))
    result.projects[project] = project
    done = folder.counts
    decided = folder.kept + done.deleted + done.gone + done.failed
    if done.failed:
        error = f"{plural(done.failed, 'file')} could not be deleted; the first: {folder.error}"
        result.failed.append(Failed(task, error))
    elif folder.why:
        result.kept.append(Kept(task, folder.why))
    elif decided < folder.many and result.interrupted:
        result.kept.append(Kept(task, f"{NOT_REACHED}{result.interrupted}"))
    elif decided == folder.kept:
        result.kept.append(Kept(task, "all its files are needed"))
    else:
        result.deleted.append(Gone(task, done.deleted, done.size, done.unsized))


def table(result: CycleResult) -> list[str]:
    """Return the lines of a table of the orphans by their projects' folders, the largest first."""
    totals: dict[str, tuple[int, int, int, str]] = {}
    for gone in result.deleted:
        size, tasks, files, newest = totals.get(gone.task.project, (0, 0, 0, ""))
        newest = max(newest, f"{gone.task.since:%Y-%m-%d}")
        totals[gone.task.project] = (size + gone.size, tasks + 1, files + gone.files, newest)
    rows = [
        Row((name, str(tasks), str(files), in_bytes(size), newest))
        for name, (size, tasks, files, newest) in sorted(totals.items(), key=lambda item: item[1], reverse=True)[:ROWS]
    ]
    header = ("project folder", "tasks", "files", "size", "newest file")
    return as_text(Table("orphans by project, largest first", header, rows, len(totals)), "--json") if rows else []
