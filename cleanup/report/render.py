"""What is said about a cycle on the console: the summary, and the tables of a dry run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cleanup.base.text import one_line, plural
from cleanup.cycle.result import CycleResult, Planned, without_ids
from cleanup.report import tables
from cleanup.report.figures import numbers

ROWS = 50
"""So many rows a table has on the console. JSON has all."""

LINES = 20
"""So many lines of a kind the summary has."""

REAL = (
    "Nothing was deleted. To delete for real: run it again without --dry-run "
    "(in the web UI: clone the task, set dry_run to False, enqueue it)"
)
"""The last line of a dry run."""


def dry_run_lines(result: CycleResult) -> list[str]:
    """Return the plan of a dry run as tables: tasks, totals of projects and storages."""
    lines: list[str] = []
    for table in (tables.going(result, ROWS), tables.projects(result, ROWS), tables.storages(result, ROWS)):
        if table.rows:
            lines += tables.as_text(table)
            if table.left_out:
                lines.append(f"… and {table.left_out} more: --output json and the task's artifact list all")
            lines.append("")
    return lines


def summary(result: CycleResult, web: str = "") -> list[str]:
    """Return what happened in a cycle: the numbers, why tasks and files stayed, what failed and what to do."""
    count = numbers(result)
    verb = "would be deleted" if result.dry_run else "deleted"
    lines = [
        f"{'Dry run' if result.dry_run else 'Cleanup'} finished in {count['seconds']:.1f} seconds: "
        f"{plural(int(count['matched']), 'task')} matched = {count['deleted']} {verb} + {count['kept']} kept "
        f"+ {count['failed']} failed",
        f"Files: {count['files_deleted']} {verb}, {count['files_already_gone']} already gone, "
        f"{count['files_kept']} kept, {count['files_failed']} failed; "
        f"{tables.in_bytes(result.files.size)} of known size {'would be ' if result.dry_run else ''}freed",
    ]
    if not result.matched and not result.interrupted:
        lines.append("Nothing to delete: no archived task within the settings is past the threshold")
    lines += _bounded(_kept(result))
    lines += _bounded([f"Kept {plural(many, 'file')}: {why}" for why, many in result.kept_files.most_common()])
    lines += _failed_tasks(result, web)
    files = tables.left_behind(result)
    lines += _bounded([f"Left behind, as ignore_file_errors asks: {file.address}: {file.error}" for file in files])
    lines += _bounded([f"Storage out of reach: {name}: {why}" for name, why in result.unreachable.items()])
    lines += _bounded([f"Error: {error}" for error in result.errors])
    if result.force_would_add:
        more = plural(result.force_would_add, "older archived task")
        lines.append(f"force_delete is False: only drafts go. With True, {more} in other statuses would go too")
    if result.interrupted:
        lines.append(f"Interrupted: {result.interrupted}. The next cycle goes on where this one ended")
    return lines


def _kept(result: CycleResult) -> list[str]:
    """Return a line for each reason for which tasks stayed, with one of them."""
    examples = {without_ids(entry.reason): entry for entry in reversed(result.kept)}
    lines = []
    for reason, many in result.kept_by_reason().most_common():
        entry = examples[reason]
        if many == 1:
            lines.append(f"Kept 1 task: {_named(entry.task)}: {one_line(entry.reason)}")
        else:
            lines.append(f"Kept {many} tasks: {one_line(reason)}; such as {_named(entry.task)}")
    return lines


def _named(task: Planned) -> str:
    return f"{tables.task_name(task)} ({task.id})"


def _failed_tasks(result: CycleResult, web: str) -> Iterable[str]:
    for entry in result.failed[:LINES]:
        yield f"Failed: {_named(entry.task)}: {entry.error}"
        if web:
            yield f"    {tables.task_url(web, entry.task)}"
    if len(result.failed) > LINES:
        yield f"… and {len(result.failed) - LINES} more that failed: see the table of failures, or --output json"
    if result.failed:
        yield (
            f"{plural(len(result.failed), 'task')} failed and stayed; the next cycle tries again. "
            "Where files cannot be deleted, the README says what to do"
        )


def _bounded(lines: Sequence[str]) -> list[str]:
    rest = len(lines) - LINES
    return [*lines[:LINES], f"… and {rest} more like that"] if rest > 0 else list(lines)
