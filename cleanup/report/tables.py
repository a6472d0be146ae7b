"""The tables of a cycle: what went, what failed, what stayed and why, totals. Rows are plain text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cleanup.base.text import cut, cut_in_the_middle, one_line, plural
from cleanup.cycle.result import CycleResult, KeptFile, Planned
from cleanup.report.figures import left_behind, per_project, project_name, verbs

NAME = 40
"""Columns of a terminal that a name takes at most."""


@dataclass(frozen=True)
class Table:
    """The first rows of a table under its header. ``total``: how many rows it has with those left out.

    ``ids``: for each row the id of the task in its first cell, empty where there is no page of it to look at.
    """

    name: str
    header: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    total: int
    ids: Sequence[str] = ()


def all_tables(result: CycleResult, limit: int) -> list[Table]:
    """Return the tables of a cycle with at most ``limit`` rows each, what matters most first."""
    first = [failures(result, limit), going(result, limit)]
    if result.dry_run:
        first.reverse()
    rest = [kept_tasks, kept_files, projects, storages]
    if result.models.matched:
        rest.append(models)
    return [*first, *(table(result, limit) for table in rest)]


def going(result: CycleResult, limit: int) -> Table:
    """Return the tasks that went, or in a dry run would."""
    entries = sorted(result.deleted, key=lambda entry: entry.task.since)[:limit]
    rows = []
    for entry in entries:
        days = (result.started - entry.task.since).total_seconds() / 86_400
        age = f"{days:.0f}" if days >= 10 else f"{days:.1f}"
        rows.append((*_named(entry.task, result), age, str(entry.files), in_bytes(entry.size, entry.unsized)))
    ids = [entry.task.id for entry in entries] if result.dry_run else []
    header = ("task", "project", "days", "files", "size")
    return Table(f"{verbs(result)[0]}, oldest first", header, rows, len(result.deleted), ids)


def failures(result: CycleResult, limit: int) -> Table:
    """Return all that went wrong, or in a dry run would: storages and other calls, tasks, files left behind."""
    gone = {entry.task.id: entry.task for entry in result.deleted}
    rows = [("storage out of reach", "", f"{name}: {why}") for name, why in result.unreachable.items()]
    rows += [("error", "", error) for error in result.errors]
    ids = [*("" for _ in rows), *(entry.task.id for entry in result.failed)]
    rows += [(*_named(entry.task, result), entry.error) for entry in result.failed]
    rows += [
        (*_named(gone[file.task], result), f"left behind: {file.address}: {file.error}") for file in left_behind(result)
    ]
    header = ("task", "project", "error and what to do")
    return Table(verbs(result)[1], header, rows[:limit], len(rows), ids[:limit])


def kept_tasks(result: CycleResult, limit: int) -> Table:
    """Return the tasks that matched and stay."""
    entries = sorted(result.kept, key=lambda entry: entry.reason)[:limit]
    rows = [(*_named(entry.task, result), entry.reason) for entry in entries]
    ids = ["" if entry.reason.startswith("already gone") else entry.task.id for entry in entries]
    return Table("kept tasks, by reason", ("task", "project", "why it stays"), rows, len(result.kept), ids)


def kept_files(result: CycleResult, limit: int) -> Table:
    """Return the files that stay although their tasks go, and what needs them."""
    tasks = {entry.task.id for entry in result.deleted}
    names = {entry.task.id: task_name(entry.task) for entry in (*result.deleted, *result.models.deleted)}
    files = sorted(result.kept_files, key=lambda file: file.why)[:limit]
    rows = [(names.get(file.task, file.task), _in_its_folder(file), file.why) for file in files]
    ids = [file.task if file.task in tasks else "" for file in files] if result.dry_run else []
    total = result.kept_files_by_reason.total()
    return Table("kept files, by reason", ("task", "file", "why it stays"), rows, total, ids)


def models(result: CycleResult, limit: int) -> Table:
    """Return what became of the model entries in the archive."""
    deleted, failed = verbs(result)
    rows = [(entry.task, f"{failed}: {entry.error}") for entry in result.models.failed]
    rows += [(entry.task, f"{deleted}, with {plural(entry.files, 'file')}") for entry in result.models.deleted]
    rows += [(entry.task, f"kept: {entry.reason}") for entry in result.models.kept]
    shown = [(*_named(entry, result), told) for entry, told in rows[:limit]]
    return Table("models in the archive", ("model", "project", "what became of it"), shown, len(rows))


def projects(result: CycleResult, limit: int) -> Table:
    """Return what went, or would, by project."""
    totals = per_project(result)
    rows = [
        (_short(name), str(row["tasks"]), str(row["files"]), in_bytes(row["known_bytes"], row["files_of_unknown_size"]))
        for name, row in list(totals.items())[:limit]
    ]
    return Table("projects, most files first", ("project", "tasks", "files", "size"), rows, len(totals))


def storages(result: CycleResult, limit: int) -> Table:
    """Return what went, or would, by storage, and what could not be done there."""
    rows = []
    for name, counts in sorted(result.storages.items()):
        states = (
            result.unreachable.get(name),
            f"{counts.failed} {verbs(result)[1]}" if counts.failed else "",
            f"{counts.gone} already gone" if counts.gone else "",
            f"cannot be listed: {result.unlisted[name]}" if name in result.unlisted else "",
        )
        state = "; ".join(filter(None, states)) or ("in reach" if result.dry_run else "all deleted")
        rows.append((_short(name), str(counts.deleted), in_bytes(counts.size, counts.unsized), state))
    return Table("storages", ("storage", "files", "size", "state"), rows[:limit], len(rows))


def task_name(task: Planned) -> str:
    """Return a task's name as people can read it: on one line, not too long, never empty."""
    return cut(one_line(task.name, 80) or "(no name)", NAME)


def in_bytes(size: int, unsized: int = 0) -> str:
    """Return ``size`` as people write it: 1.5 MB; at least that where ``unsized`` more files have no known size."""
    if unsized:
        return f"≥{in_bytes(size)}" if size else "unknown"
    value = float(size)
    for unit in ("bytes", "KB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} bytes" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def _named(task: Planned, result: CycleResult) -> tuple[str, str]:
    return task_name(task), _short(project_name(task, result))


def _in_its_folder(file: KeptFile) -> str:
    """Return where a file lies in its task's folder, or its address if it lies elsewhere."""
    return _short(file.address.partition(f".{file.task}/")[2] or file.address)


def _short(text: str) -> str:
    return cut_in_the_middle(one_line(text, 1000), NAME)
