"""The tables of a cycle: what went, what stayed and why, what failed, totals; and a table as plain text."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from cleanup.base.text import one_line
from cleanup.cycle.result import CycleResult, FailedFile, Planned
from cleanup.report.figures import per_project, project_name

CELL, LAST_CELL = 40, 160
"""Columns of a terminal that a cell takes at most; the last one of a row may be longer."""

_NUMBERS = {"age in days", "files", "known size", "tasks"}
"""The headers of columns that stand to the right."""


@dataclass(frozen=True)
class Table:
    """Rows under a header. ``links``: for each row the page that its first cell leads to, or an empty text."""

    name: str
    header: tuple[str, ...]
    rows: list[list[str]]
    links: list[str] = field(default_factory=list)
    left_out: int = 0
    """So many more rows there are."""


def going(result: CycleResult, limit: int, web: str = "") -> Table:
    """Return the tasks that went, or in a dry run would, oldest first."""
    rows = [
        [
            task_name(entry.task),
            entry.task.id,
            project_name(entry.task, result),
            entry.task.status,
            f"{(result.started - entry.task.since).total_seconds() / 86_400:.1f}",
            str(entry.files),
            in_bytes(entry.size),
        ]
        for entry in result.deleted[:limit]
    ]
    header = ("task", "id", "project", "status", "age in days", "files", "known size")
    return Table(
        "would be deleted" if result.dry_run else "deleted",
        header,
        rows,
        [task_url(web, entry.task) for entry in result.deleted[:limit]],
        len(result.deleted) - len(rows),
    )


def staying(result: CycleResult, limit: int, web: str = "") -> Table:
    """Return the tasks that matched and stay, each with the reason."""
    shown = result.kept[:limit]
    rows = [[task_name(entry.task), entry.task.id, project_name(entry.task, result), entry.reason] for entry in shown]
    links = [task_url(web, entry.task) for entry in shown]
    return Table("kept", ("task", "id", "project", "why it stays"), rows, links, len(result.kept) - len(rows))


def failures(result: CycleResult, limit: int, web: str = "") -> Table:
    """Return all that went wrong: tasks first, then files left behind, storages out of reach, and other errors."""
    rows = [[task_name(entry.task), entry.task.id, entry.error] for entry in result.failed]
    links = [task_url(web, entry.task) for entry in result.failed]
    rows += [["file left behind", file.task, f"{file.address}: {file.error}"] for file in left_behind(result)]
    rows += [["storage out of reach", "", f"{name}: {why}"] for name, why in result.unreachable.items()]
    rows += [["error", "", error] for error in result.errors]
    links += [""] * (len(rows) - len(links))
    header = ("task", "id", "error and what to do")
    return Table("failures", header, rows[:limit], links[:limit], max(0, len(rows) - limit))


def projects(result: CycleResult, limit: int) -> Table:
    """Return what went, or would, by project."""
    totals = list(per_project(result).items())
    rows = [[name, str(row["tasks"]), str(row["files"]), in_bytes(row["known_bytes"])] for name, row in totals[:limit]]
    return Table("projects", ("project", "tasks", "files", "known size"), rows, left_out=len(totals) - len(rows))


def storages(result: CycleResult, limit: int) -> Table:
    """Return what went, or would, by storage, and whether a dry run could reach it."""
    entries = sorted(result.storages.items())
    rows = []
    for name, counts in entries[:limit]:
        state = result.unreachable.get(name) or ("in reach" if result.dry_run else _state(counts.gone, counts.failed))
        rows.append([name, str(counts.deleted), in_bytes(counts.size), state])
    return Table("storages", ("storage", "files", "known size", "state"), rows, left_out=len(entries) - len(rows))


def _state(gone: int, failed: int) -> str:
    parts = [f"{count} {what}" for count, what in ((failed, "failed"), (gone, "already gone")) if count]
    return ", ".join(parts) or "all deleted"


def left_behind(result: CycleResult) -> list[FailedFile]:
    """Return the files that could not be deleted and whose tasks went all the same, as ignore_file_errors asks."""
    gone = {entry.task.id for entry in result.deleted}
    return [file for file in result.failed_files if file.task in gone]


def task_name(task: Planned) -> str:
    """Return a task's name as people can read it: on one line, not too long, never empty."""
    return one_line(task.name, 80) or "(no name)"


def task_url(web: str, task: Planned) -> str:
    """Return the address of a task's page in the web UI at ``web``, or an empty text without one."""
    return f"{web}/projects/{quote(task.project) or '*'}/experiments/{quote(task.id)}/output/log" if web else ""


def in_bytes(size: int) -> str:
    """Return ``size`` bytes as people write them: 1.5 MB."""
    value = float(size)
    for unit in ("bytes", "KB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} bytes" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def as_text(table: Table) -> list[str]:
    """Return the lines of ``table``: columns as wide as their longest cell, whatever is in the cells."""
    last = len(table.header) - 1
    cells = [
        [_cut(one_line(cell), LAST_CELL if at == last else CELL) for at, cell in enumerate(row)]
        for row in [list(table.header), *table.rows]
    ]
    widths = [max(columns(row[at]) for row in cells) for at in range(len(table.header))]
    lines = [_line(table.header, row, widths) for row in cells]
    return [lines[0], "  ".join("-" * width for width in widths), *lines[1:]]


def _line(header: Sequence[str], row: Sequence[str], widths: Sequence[int]) -> str:
    parts = []
    for name, cell, width in zip(header, row, widths, strict=True):
        space = " " * (width - columns(cell))
        parts.append(space + cell if name in _NUMBERS else cell + space)
    return "  ".join(parts).rstrip()


def columns(text: str) -> int:
    """Return how many columns of a terminal ``text`` takes: a Chinese sign takes two, an accent of its own none."""
    return sum(_columns(char) for char in text)


def _columns(char: str) -> int:
    if unicodedata.category(char) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _cut(text: str, limit: int) -> str:
    if columns(text) <= limit:
        return text
    kept, width = "", 1
    for char in text:
        width += _columns(char)
        if width > limit:
            break
        kept += char
    return kept + "…"
