"""The tables of a cycle: what went, what failed, what stayed and why, totals. Rows are plain text."""

from __future__ import annotations

from typing import NamedTuple

from cleanup.base.text import cut, one_line, plural
from cleanup.cycle.result import CycleResult, Planned
from cleanup.report.figures import left_behind, per_project, project_name, verbs

NAME = 40
"""Columns of a terminal that a name takes at most."""


class Row(NamedTuple):
    """``task``: the id of the task in the first cell, empty where there is no page of it to look at."""

    cells: tuple[str, ...]
    task: str = ""


class Table(NamedTuple):
    """The first rows of a table under its header. ``total``: how many rows it has with those left out."""

    name: str
    header: tuple[str, ...]
    rows: list[Row]
    total: int


def all_tables(result: CycleResult, limit: int) -> list[Table]:
    """Return the tables of a cycle with at most ``limit`` rows each, what matters most first."""
    first = (going, failures) if result.dry_run else (failures, going)
    last = (storages, models) if result.models.matched else (storages,)
    return [table(result, limit) for table in (*first, kept_tasks, kept_files, projects, *last)]


def going(result: CycleResult, limit: int) -> Table:
    """Return the tasks that went, or in a dry run would."""
    rows = []
    for entry in sorted(result.deleted, key=lambda entry: entry.task.since)[:limit]:
        days = (result.started - entry.task.since).total_seconds() / 86_400
        age = f"{days:.0f}" if days >= 10 else f"{days:.1f}"
        cells = (*_named(entry.task, result), age, str(entry.files), in_bytes(entry.size, entry.unsized))
        rows.append(Row(cells, entry.task.id if result.dry_run else ""))
    header = ("task", "project", "days", "files", "size")
    return Table(f"{verbs(result)[0]}, oldest first", header, rows, len(result.deleted))


def failures(result: CycleResult, limit: int) -> Table:
    """Return all that went wrong, or in a dry run would: storages and other calls, tasks, files left behind."""
    gone = {entry.task.id: entry.task for entry in result.deleted}
    rows = [Row(("interrupted", "", result.interrupted))] if result.interrupted else []
    rows += [Row(("storage out of reach", "", f"{name}: {why}")) for name, why in result.unreachable.items()]
    rows += [Row(("error", "", error)) for error in result.errors]
    rows += [Row((*_named(entry.task, result), entry.error), entry.task.id) for entry in result.failed]
    rows += [Row((*_named(entry.task, result), f"model: {entry.error}")) for entry in result.models.failed]
    for file in left_behind(result):
        rows.append(Row((*_named(gone[file.task], result), f"left behind: {file.address}: {file.error}")))
    return Table(verbs(result)[1], ("task", "project", "error and what to do"), rows[:limit], len(rows))


def kept_tasks(result: CycleResult, limit: int) -> Table:
    """Return the tasks that matched and stay."""
    rows = []
    for entry in sorted(result.kept, key=lambda entry: entry.reason)[:limit]:
        gone = entry.reason.startswith("already gone")
        rows.append(Row((*_named(entry.task, result), entry.reason), "" if gone else entry.task.id))
    return Table("kept tasks, by reason", ("task", "project", "why it stays"), rows, len(result.kept))


def kept_files(result: CycleResult, limit: int) -> Table:
    """Return the files that stay although their tasks go, and what needs them."""
    tasks = {entry.task.id for entry in result.deleted}
    names = {entry.task.id: task_name(entry.task) for entry in (*result.deleted, *result.models.deleted)}
    rows = []
    for file in sorted(result.kept_files, key=lambda file: file.why)[:limit]:
        in_its_folder = file.address.partition(f".{file.task}/")[2]
        cells = (names.get(file.task, file.task), _short(in_its_folder or file.address), file.why)
        rows.append(Row(cells, file.task if result.dry_run and file.task in tasks else ""))
    return Table("kept files, by reason", ("task", "file", "why it stays"), rows, result.kept_files_by_reason.total())


def models(result: CycleResult, limit: int) -> Table:
    """Return what became of the model entries in the archive."""
    deleted, failed = verbs(result)
    told = [(entry.task, f"{failed}: {entry.error}") for entry in result.models.failed]
    told += [(entry.task, f"{deleted}, with {plural(entry.files, 'file')}") for entry in result.models.deleted]
    told += [(entry.task, f"kept: {entry.reason}") for entry in result.models.kept]
    rows = [Row((*_named(model, result), fate)) for model, fate in told[:limit]]
    return Table("models in the archive", ("model", "project", "what became of it"), rows, len(told))


def projects(result: CycleResult, limit: int) -> Table:
    """Return what went, or would, by project."""
    rows = []
    for name, total in per_project(result).items():
        size = in_bytes(total["known_bytes"], total["files_of_unknown_size"])
        rows.append(Row((_short(name), str(total["tasks"]), str(total["files"]), size)))
    return Table("projects, most files first", ("project", "tasks", "files", "size"), rows[:limit], len(rows))


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
        rows.append(Row((_short(name), str(counts.deleted), in_bytes(counts.size, counts.unsized), state)))
    return Table("storages", ("storage", "files", "size", "state"), rows[:limit], len(rows))


def task_name(task: Planned) -> str:
    """Return a task's name as people can read it: on one line, not too long, never empty."""
    return _short(task.name) or "(no name)"


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


def _short(text: str) -> str:
    return cut(one_line(text, 1000), NAME)
