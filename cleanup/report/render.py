"""What is said about a cycle on the console: the summary, and the tables of a dry run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from urllib.parse import quote

from cleanup.base.text import columns, one_line, plural
from cleanup.cycle.result import CycleResult, Planned, without_ids
from cleanup.report import tables
from cleanup.report.figures import left_behind, verbs
from cleanup.report.tables import Row, Table

ROWS = 20
"""So many rows a table has on the console. JSON has all."""

LINES = 10
"""So many reasons of a kind the summary has."""

CELL = 160
"""So many characters a cell of the console's tables has: reasons may be long."""

_NUMBERS = {"days", "files", "size", "tasks"}
"""The headers of columns that stand to the right."""


def dry_run_lines(result: CycleResult) -> list[str]:
    """Return the plan of a dry run as tables: tasks, totals of projects and storages. Of a real run: nothing."""
    if not result.dry_run:
        return []
    plan = tables.going(result, ROWS)
    # Here no link leads to the task: its id does.
    plan = plan._replace(header=(*plan.header, "id"), rows=[Row((*row.cells, row.task)) for row in plan.rows])
    shown = (plan, tables.models(result, ROWS), tables.projects(result, ROWS), tables.storages(result, ROWS))
    return [line for table in shown if table.rows for line in as_text(table)]


def as_text(table: Table) -> list[str]:
    """Return ``table`` as lines: which one it is, then columns as wide as their longest cell.

    No line is blank to set it apart: the web UI's console leaves blank lines out.
    """
    cells = [[one_line(cell, CELL) for cell in row] for row in (table.header, *(row.cells for row in table.rows))]
    widths = [max(map(columns, column)) for column in zip(*cells, strict=True)]
    lines = [_line(table.header, row, widths) for row in cells]
    left_out = f" ({len(table.rows)} of {table.total}; --output json has all)" if table.total > len(table.rows) else ""
    return [f"= {table.name}{left_out} =", lines[0], "  ".join("-" * width for width in widths), *lines[1:]]


def _line(header: Sequence[str], row: Sequence[str], widths: Sequence[int]) -> str:
    parts = []
    for name, cell, width in zip(header, row, widths, strict=True):
        space = " " * (width - columns(cell))
        parts.append(space + cell if name in _NUMBERS else cell + space)
    return "  ".join(parts).rstrip()


def summary(result: CycleResult, web: str = "") -> list[str]:
    """Return what happened in a cycle: the numbers, why tasks and files stayed, what failed and what to do."""
    kept = [(_named(entry.task), entry.reason, 1) for entry in result.kept]
    failed = [(_named(entry.task, web), entry.error, 1) for entry in result.failed]
    left = [(one_line(file.address), file.error, 1) for file in left_behind(result)]
    # Not all files that stayed are listed, and the reasons of all are counted.
    models = {entry.task.id for entry in result.models.deleted}
    listed = [
        (f"{one_line(file.address)} ({'model' if file.task in models else 'task'} {file.task})", file.why, 0)
        for file in result.kept_files
    ]
    counted = [("", reason, many) for reason, many in result.kept_files_by_reason.items()]
    lines = [
        *_totals(result),
        *_by_reason("task", "kept", kept),
        *_by_reason("file", "kept", [*listed, *counted]),
        *_by_reason("task", verbs(result)[1], failed),
        *_by_reason("model", "kept", [(_named(entry.task), entry.reason, 1) for entry in result.models.kept]),
        *_by_reason(
            "model", verbs(result)[1], [(_named(entry.task), entry.error, 1) for entry in result.models.failed]
        ),
        *_by_reason("file", f"{'would be ' if result.dry_run else ''}left behind, as ignore_file_errors asks", left),
        *_bounded(f"Storage out of reach: {name}: {why}" for name, why in result.unreachable.items()),
        *_bounded(f"What nothing names could not be looked for on {on}: {why}" for on, why in result.unlisted.items()),
        *_bounded(f"Error: {one_line(error)}" for error in result.errors),
    ]
    if (result.failed or result.models.failed) and not result.dry_run:
        lines.append("What failed stays, and the next cycle tries it again. The README says what to do about files")
    if result.force_would_add:
        more = plural(result.force_would_add, "older archived task")
        lines.append(f"force_delete is False: only drafts go. With True, {more} in other statuses would go too")
    if result.interrupted:
        lines.append(f"Interrupted: {result.interrupted}. The next cycle goes on where this one ended")
    if result.dry_run:
        again = "run it again without --dry-run (in the web UI: clone the task, set dry_run to False, enqueue it)"
        lines.append(f"Nothing was deleted. To delete for real: {again}")
        lines.append("With the ID of this task as plan, that run deletes nothing that is not in this plan")
    return lines


def _totals(result: CycleResult) -> list[str]:
    """Return the numbers of tasks, files and model entries, but for what is 0 and part of no sum."""
    deleted, failed = verbs(result)
    ended = f"{'Dry run' if result.dry_run else 'Cleanup'} finished in {result.seconds:.1f} seconds"
    if not result.matched and not result.models.matched and result.ok:
        return [f"{ended}: 0 tasks matched, nothing to delete"]
    sums = f"{len(result.deleted)} {deleted} + {len(result.kept)} kept + {len(result.failed)} {failed}"
    lines = [f"{ended}: {plural(result.matched, 'task')} matched = {sums}"]
    if result.models.matched:
        fates = result.models
        sums = f"{len(fates.deleted)} {deleted} + {len(fates.kept)} kept + {len(fates.failed)} {failed}"
        lines.append(f"Models in the archive: {fates.matched} matched = {sums}")
    files, kept = result.files, result.kept_files_by_reason.total()
    parts = [
        f"{files.deleted} {deleted}",
        f", {files.unnamed} of them named by nothing any more" if files.unnamed else "",
        f"; {files.gone} already gone" if files.gone else "",
        f"; {kept} kept" if kept else "",
        f"; {files.failed} {failed}" if files.failed else "",
        f"; {tables.in_bytes(files.size)}",
        f" + {files.unsized} of unknown size" if files.unsized else "",
    ]
    if files.deleted or files.gone or files.failed or kept:
        lines.append("Files: " + "".join(parts))
    if result.models_deleted:
        lines.append(f"Models that had outlived their task and that no task uses: {result.models_deleted} {deleted}")
    return lines


def _by_reason(what: str, done: str, entries: Iterable[tuple[str, str, int]]) -> list[str]:
    """Return a line for each reason, the most frequent first, with the first of the entries that it applies to.

    ``entries`` are names, each with the reason and how many it counts for. Reasons that differ in ids, numbers and
    addresses alone count together.
    """
    first: dict[str, tuple[str, str]] = {}
    totals: Counter[str] = Counter()
    for name, reason, many in entries:
        first.setdefault(_alike(reason), (name, reason))
        totals[_alike(reason)] += many
    lines = []
    for alike, many in totals.most_common():
        name, reason = first[alike]
        such_as = f", such as {name}" if many > 1 else f": {name}"
        lines.append(f"{plural(many, what)} {done}{such_as if name else ''}: {one_line(reason, 500)}")
    return _bounded(lines)


def _alike(reason: str) -> str:
    return " ".join("…" if "/" in word or word.isdigit() else word for word in without_ids(reason).split())


def _named(task: Planned, web: str = "") -> str:
    """Return a task's name with its id, or with its page in the web UI at ``web``, which has the id in it."""
    page = f"{web}/projects/*/experiments/" if web else ""
    return f"{tables.task_name(task)} ({page}{quote(task.id)})"


def _bounded(lines: Iterable[str]) -> list[str]:
    shown = list(lines)
    rest = len(shown) - LINES
    return [*shown[:LINES], f"… and {rest} more like that"] if rest > 0 else shown
