"""Turns the result of a cycle into text, rows and JSON: pure functions, all from the same numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from cleanup.result import CycleResult, Planned
from cleanup.text import one_line, plural

ROWS = 50
"""So many tasks are shown in a table on the console and on the task's page; JSON has all."""

HEADER = ("task", "id", "project", "status", "age in days", "files", "known bytes")


def numbers(result: CycleResult) -> dict[str, int | float]:
    """Return the numbers of a cycle: the one source for console, scalars, properties and JSON.

    ``matched == deleted + kept + failed``. Bytes are those whose size the SDK recorded.
    """
    return {
        "matched": result.matched,
        "deleted": len(result.deleted),
        "kept": len(result.kept),
        "failed": len(result.failed),
        "files_deleted": result.files.deleted,
        "files_already_gone": result.files.gone,
        "files_kept": result.kept_files.total(),
        "files_failed": result.files.failed,
        "bytes_freed": result.files.size,
        "seconds": round(result.seconds, 3),
    }


def as_json(result: CycleResult) -> dict[str, Any]:
    """Return everything a cycle knows as plain JSON values: a plan to keep and compare, or what was done."""
    return {
        "started": result.started.isoformat(),
        "dry_run": result.dry_run,
        "ok": result.ok,
        "interrupted": result.interrupted,
        "numbers": numbers(result),
        "force_delete_would_add": result.force_would_add,
        "tasks_deleted": [
            {**_task(entry.task, result), "files": entry.files, "known_bytes": entry.size} for entry in result.deleted
        ],
        "tasks_kept": [{**_task(entry.task, result), "reason": entry.reason} for entry in result.kept],
        "tasks_failed": [{**_task(entry.task, result), "error": entry.error} for entry in result.failed],
        "kept_by_reason": dict(result.kept_by_reason()),
        "files_kept_by_reason": dict(result.kept_files),
        "files_failed": [asdict(file) for file in result.failed_files],
        "projects": per_project(result),
        "storages": {name: asdict(counts) for name, counts in sorted(result.storages.items())},
        "storages_out_of_reach": dict(result.unreachable),
        "errors": list(result.errors),
    }


def _task(task: Planned, result: CycleResult) -> dict[str, Any]:
    project = result.projects.get(task.project, task.project)
    return {
        "id": task.id,
        "name": task.name,
        "project": project,
        "status": task.status,
        "since": task.since.isoformat(),
    }


def per_project(result: CycleResult) -> dict[str, dict[str, int]]:
    """Return tasks, files and known bytes that went (or would), for each project by name."""
    totals: dict[str, dict[str, int]] = {}
    for entry in result.deleted:
        name = result.projects.get(entry.task.project, entry.task.project) or "(no project)"
        row = totals.setdefault(name, {"tasks": 0, "files": 0, "known_bytes": 0})
        row["tasks"] += 1
        row["files"] += entry.files
        row["known_bytes"] += entry.size
    return dict(sorted(totals.items()))


def task_rows(result: CycleResult, limit: int | None = ROWS) -> list[list[str]]:
    """Return a row for each task that went, or would, oldest first: the columns of :data:`HEADER`."""
    return [
        [
            entry.task.name,
            entry.task.id,
            one_line(result.projects.get(entry.task.project, entry.task.project)),
            entry.task.status,
            f"{days_before(result.started, entry.task.since):.1f}",
            str(entry.files),
            str(entry.size),
        ]
        for entry in result.deleted[:limit]
    ]


def days_before(now: datetime, then: datetime) -> float:
    """Return the days from ``then`` to ``now``, both aware."""
    return (now - then).total_seconds() / 86_400


def in_bytes(size: int) -> str:
    """Return ``size`` bytes as people write them: 1.5 MB."""
    value = float(size)
    for unit in ("bytes", "KB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} bytes" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a plain text table, columns as wide as their longest cell (40 characters at most)."""
    cells = [[one_line(cell, 40) for cell in row] for row in [header, *rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return [lines[0], "  ".join("-" * width for width in widths), *lines[1:]]


def task_url(web: str, task: Planned) -> str:
    """Return the address of a task's page in the web UI."""
    return f"{web}/projects/{task.project or '*'}/experiments/{task.id}/output/log"


def summary(result: CycleResult, web: str = "") -> list[str]:
    """Return what happened in a cycle, for the console: the numbers, why tasks stayed, what failed and what to do."""
    count = numbers(result)
    verb = "would be deleted" if result.dry_run else "deleted"
    lines = [
        f"{'Dry run' if result.dry_run else 'Cleanup'} finished in {count['seconds']:.1f} seconds: "
        f"{plural(int(count['matched']), 'task')} matched = {count['deleted']} {verb} + {count['kept']} kept "
        f"+ {count['failed']} failed",
        f"Files: {count['files_deleted']} {verb}, {count['files_already_gone']} already gone, "
        f"{count['files_kept']} kept, {count['files_failed']} failed; "
        f"{in_bytes(result.files.size)} of known size {'would be ' if result.dry_run else ''}freed",
    ]
    lines += [f"Kept: {plural(many, 'task')}, {reason}" for reason, many in result.kept_by_reason().most_common(20)]
    lines += [f"Files kept: {many}, {reason}" for reason, many in result.kept_files.most_common(20)]
    lines += _failures(result, web)
    if result.force_would_add:
        more = plural(result.force_would_add, "older archived task")
        lines.append(f"force_delete is False: only drafts go. With True, {more} in other statuses would go too")
    lines += [f"Storage out of reach: {name}: {why}" for name, why in result.unreachable.items()]
    lines += [f"Error: {error}" for error in result.errors]
    if result.interrupted:
        lines.append(f"Interrupted: {result.interrupted}. The next cycle goes on where this one ended")
    return lines


def _failures(result: CycleResult, web: str) -> Iterable[str]:
    for entry in result.failed[:20]:
        link = f" {task_url(web, entry.task)}" if web else ""
        yield f"Failed: task {entry.task.name!r} ({entry.task.id}): {entry.error}{link}"
    if len(result.failed) > 20:
        yield f"Failed: and {len(result.failed) - 20} more tasks, see the table of failures or --output json"
    if result.failed:
        yield "Failed tasks stay, and the next cycle tries them again"
    left = [file for file in result.failed_files if file.task in {entry.task.id for entry in result.deleted}]
    for file in left[:20]:
        yield f"Left behind, as ignore_file_errors asks: {file.address}: {file.error}"
    if len(left) > 20:
        yield f"Left behind: and {len(left) - 20} more files"


def dry_run_lines(result: CycleResult) -> list[str]:
    """Return the plan of a dry run as tables: tasks, totals of projects and storages, and how to do it for real."""
    lines = []
    if result.deleted:
        lines += table(HEADER, task_rows(result))
        if len(result.deleted) > ROWS:
            lines.append(f"… and {len(result.deleted) - ROWS} more tasks: --output json and the artifact list all")
        totals = per_project(result)
        rows = [[name, *(str(value) for value in row.values())] for name, row in list(totals.items())[:ROWS]]
        lines += ["", *table(("project", "tasks", "files", "known bytes"), rows)]
        stores = [
            [name, str(counts.deleted), str(counts.size), result.unreachable.get(name) or "in reach"]
            for name, counts in sorted(result.storages.items())
        ]
        if stores:
            lines += ["", *table(("storage", "files", "known bytes", "credentials"), stores)]
        lines.append("")
    return lines


REAL = "Nothing was deleted. To delete for real: run it again with dry_run False (without --dry-run)"
"""The last line of a dry run."""
