"""What became of tasks, model entries and files, as rows of tables with cells of plain text."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import unquote

from cleanup.base.text import cut, one_line
from cleanup.cycle.result import CycleResult, Planned
from cleanup.report.figures import per_project, project_name, verbs

NAME, PATH = 40, 120
"""Columns of a terminal that a name, and that an address, takes at most."""


class Row(NamedTuple):
    """``id``: of the task or model entry in the first cell. ``what``: what is told of, and what became of it."""

    cells: tuple[str, ...]
    id: str = ""
    what: str = ""


class Table(NamedTuple):
    """The first rows of a table under its header. ``total``: how many rows it has with those left out."""

    name: str
    header: tuple[str, ...]
    rows: list[Row]
    total: int


def all_tables(result: CycleResult, limit: int) -> list[Table]:
    """Return the tables of a cycle with at most ``limit`` rows each, what matters most first."""
    deleted, failed = going(result, limit), failures(result)
    if result.interrupted:
        failed.insert(0, Row(("interrupted", "", result.interrupted)))
    wrong = Table(verbs(result)[1], ("task", "project", "error and what to do"), failed[:limit], len(failed))
    stay, files = (sorted(rows, key=lambda row: row.cells[-1]) for rows in (kept(result), kept_files(result)))
    listed = result.kept_files_by_reason.total()
    return [
        *((deleted, wrong) if result.dry_run else (wrong, deleted)),
        Table("kept, by reason", ("task", "project", "why it stays"), stay[:limit], len(stay)),
        Table("kept files, by reason", ("task", "file", "why it stays"), files[:limit], listed),
        projects(result, limit),
        storages(result, limit),
    ]


def going(result: CycleResult, limit: int) -> Table:
    """Return the tasks and model entries that went, or in a dry run would."""
    entries = [("task", entry) for entry in result.deleted] + [("model", entry) for entry in result.models.deleted]
    rows = []
    for what, entry in sorted(entries, key=lambda one: one[1].task.since)[:limit]:
        days = (result.started - entry.task.since).total_seconds() / 86_400
        age = f"{days:.0f}" if days >= 10 else f"{days:.1f}"
        rows.append(_row(what, entry.task, result, age, str(entry.files), in_bytes(entry.size, entry.unsized)))
    return Table(f"{verbs(result)[0]}, oldest first", ("task", "project", "days", "files", "size"), rows, len(entries))


def failures(result: CycleResult) -> list[Row]:
    """Return all that went wrong, or in a dry run would: storages and other calls, tasks, files left behind."""
    failed = verbs(result)[1]
    gone = {entry.task.id: entry.task for entry in result.deleted}
    rows = [Row((on, "out of reach", why), "", "storage out of reach") for on, why in result.unreachable.items()]
    rows += [Row(("error", "", error), "", "error") for error in result.errors]
    rows += [_row(f"task {failed}", entry.task, result, entry.error) for entry in result.failed]
    rows += [_row(f"model {failed}", entry.task, result, entry.error) for entry in result.models.failed]
    for file in result.failed_files:
        if file.task in gone:
            why = f"left behind, as ignore_file_errors asks: {file.address}: {file.error}"
            rows.append(_row(f"file {failed}", gone[file.task], result, why))
    return rows


def kept(result: CycleResult) -> list[Row]:
    """Return the tasks and model entries that matched and stay."""
    rows = [_row("task kept", entry.task, result, entry.reason) for entry in result.kept]
    return rows + [_row("model kept", entry.task, result, entry.reason) for entry in result.models.kept]


def kept_files(result: CycleResult) -> list[Row]:
    """Return the files that stay although their tasks or entries go, as far as they are listed."""
    names = {entry.task.id: short(entry.task.name) for entry in (*result.deleted, *result.models.deleted)}
    rows = []
    for file in result.kept_files:
        path = file.address.partition(f".{file.task}/")[2] or file.address
        # Addresses are quoted once or twice, and people read what they say.
        path = cut(one_line(unquote(unquote(path)), 1000), PATH)
        rows.append(Row((names.get(file.task, file.task), path, file.why), file.task, "file kept"))
    return rows


def projects(result: CycleResult, limit: int) -> Table:
    """Return what went, or would, by project."""
    rows = []
    for name, total in per_project(result).items():
        size = in_bytes(total["known_bytes"], total["files_of_unknown_size"])
        rows.append(Row((short(name), str(total["tasks"]), str(total["files"]), size)))
    return Table("projects, most files first", ("project", "tasks", "files", "size"), rows[:limit], len(rows))


def storages(result: CycleResult, limit: int) -> Table:
    """Return what went, or would, by storage, and what could not be done there."""
    rows = []
    for name, counts in sorted(result.storages.items()):
        states = (
            "out of reach" if name in result.unreachable else "",
            f"{counts.failed} {verbs(result)[1]}" if counts.failed else "",
            f"{counts.gone} already gone" if counts.gone else "",
            f"cannot be listed: {result.unlisted[name]}" if name in result.unlisted else "",
        )
        state = "; ".join(filter(None, states)) or ("in reach" if result.dry_run else "all deleted")
        rows.append(Row((cut(name, PATH), str(counts.deleted), in_bytes(counts.size, counts.unsized), state)))
    return Table("storages", ("storage", "files", "size", "state"), rows[:limit], len(rows))


def with_page(result: CycleResult) -> set[str]:
    """Return the ids of the tasks that are still there to be looked at."""
    there = [*result.failed, *(entry for entry in result.kept if not entry.reason.startswith("already gone"))]
    return {entry.task.id for entry in (*there, *(result.deleted if result.dry_run else ()))}


def short(name: str) -> str:
    """Return a name as people can read it: on one line, not too long, never empty."""
    return cut(one_line(name, 1000), NAME) or "(no name)"


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


def _row(what: str, task: Planned, result: CycleResult, *more: str) -> Row:
    name = f"{'model ' if what.startswith('model') else ''}{short(task.name)}"
    return Row((name, short(project_name(task, result)), *more), task.id, what)
