"""What is said about a cycle on the console: the summary, and the tables of a dry run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from urllib.parse import quote

from cleanup.base.text import columns, one_line, plural
from cleanup.cycle.result import CycleResult, ModelFates, without_ids
from cleanup.report import tables
from cleanup.report.figures import verbs
from cleanup.report.tables import Row, Table

ROWS = 20
"""So many rows a table has on the console. JSON has all."""

LINES = 5
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
    plan = plan._replace(header=(*plan.header, "id"), rows=[Row((*row.cells, row.id)) for row in plan.rows])
    shown = (plan, tables.projects(result, ROWS), tables.storages(result, ROWS))
    return [line for table in shown if table.rows for line in as_text(table)]


def as_text(table: Table, flag: str = "--output json") -> list[str]:
    """Return ``table`` as lines: which one it is, then columns as wide as their longest cell. ``flag`` shows all of it.

    No line is blank to set it apart: the web UI's console leaves blank lines out.
    """
    cells = [[one_line(cell, CELL) for cell in row] for row in (table.header, *(row.cells for row in table.rows))]
    widths = [max(map(columns, column)) for column in zip(*cells, strict=True)]
    left_out = f" ({len(table.rows)} of {table.total}; {flag} has all)" if table.total > len(table.rows) else ""
    lines = [f"= {table.name}{left_out} ="]
    for row in (cells[0], ["-" * width for width in widths], *cells[1:]):
        parts = []
        for name, cell, width in zip(table.header, row, widths, strict=True):
            space = " " * (width - columns(cell))
            parts.append(space + cell if name in _NUMBERS else cell + space)
        lines.append("  ".join(parts).rstrip())
    return lines


def summary(result: CycleResult, web: str = "") -> list[str]:
    """Return what happened in a cycle: the numbers, why tasks and files stayed, what failed and what to do.

    The last line of a dry run says how to delete. ``web``: address of the web UI, for links to the tasks that failed.
    """
    wrong = tables.failures(result)
    wrong += [Row((on, why), "", "storage not listed for what nothing names") for on, why in result.unlisted.items()]
    # Not all files that stayed are listed, and the reasons of all are counted.
    listed = [row for row in tables.kept_files(result) if without_ids(row.cells[-1]) in result.kept_files_by_reason]
    others = result.kept_files_by_reason - Counter(without_ids(row.cells[-1]) for row in listed)
    stay = [(row, 1) for row in (*tables.kept(result), *listed)]
    stay += [(Row(("file", reason), "", "file kept"), many) for reason, many in others.items()]
    lines = [*_totals(result), *_by_reason([*stay, *((row, 1) for row in wrong)], web)]
    if (result.failed or result.models.failed) and not result.dry_run:
        lines.append("What failed stays, and the next cycle tries it again")
    if result.force_would_add:
        more = plural(result.force_would_add, "older archived task")
        lines.append(f"force_delete is False: only drafts go. True would add {more} in other statuses")
    if result.interrupted:
        lines.append(f"Interrupted: {result.interrupted}. The next cycle goes on where this one ended")
    if result.dry_run:
        again = "run it again without --dry-run (in the web UI: clone the task, set dry_run to False, enqueue it)"
        only = ". With this task's ID as plan, nothing goes that is not in this plan" if result.plan else ""
        lines.append(f"Nothing was deleted. To delete for real: {again}{only}")
    return lines


def sums(fates: CycleResult | ModelFates, deleted: str, failed: str) -> str:
    """Return how many were deleted, kept and failed, in these words."""
    return f"{len(fates.deleted)} {deleted} + {len(fates.kept)} kept + {len(fates.failed)} {failed}"


def _totals(result: CycleResult) -> list[str]:
    """Return the numbers of tasks, files and model entries, but for what is 0 and part of no sum."""
    deleted, failed = verbs(result)
    ended = f"{'Dry run' if result.dry_run else 'Cleanup'} finished in {result.seconds:.1f} seconds"
    if not result.matched and not result.models.matched and result.ok:
        return [f"{ended}: 0 tasks matched, nothing to delete"]
    lines = [f"{ended}: {plural(result.matched, 'task')} matched = {sums(result, deleted, failed)}"]
    if result.models.matched:
        lines.append(f"Models in the archive: {result.models.matched} matched = {sums(result.models, deleted, failed)}")
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


def _by_reason(rows: Iterable[tuple[Row, int]], web: str) -> list[str]:
    """Return a line for each reason, the most frequent first, with the first of the rows that it applies to.

    Each row comes with how many it stands for. Reasons that differ in ids, numbers and addresses alone count together.
    """
    first: dict[tuple[str, str], Row] = {}
    totals: Counter[tuple[str, str]] = Counter()
    for row, many in rows:
        words = without_ids(row.cells[-1]).split()
        reason = row.what, " ".join("…" if "/" in word or word.isdigit() else word for word in words)
        first.setdefault(reason, row)
        totals[reason] += many
    kinds: dict[str, list[str]] = {what: [] for what, _ in first}
    for (what, alike), many in totals.most_common():
        noun, _, done = what.partition(" ")
        name, why = _named(first[what, alike], web), one_line(first[what, alike].cells[-1], 500)
        such_as = ", such as" if many > 1 else ""
        # What has no name of its own is called by what it is.
        such_as += "" if name == noun else f" {name}" if many > 1 else f": {name}"
        kinds[what].append(f"{plural(many, noun)} {done}".rstrip() + f"{such_as}: {why}")
    for lines in kinds.values():
        if len(lines) > LINES:
            lines[LINES:] = [f"… and {len(lines) - LINES} more like that"]
    return [line for lines in kinds.values() for line in lines]


def _named(row: Row, web: str) -> str:
    """Return the first cell with its id, or of a task that failed with its page in the web UI, which has the id."""
    if not row.id:
        return one_line(row.cells[0])
    page = f"{web}/projects/*/experiments/" if web and row.what in ("task failed", "task would fail") else ""
    file = f"{row.cells[1]} of " if row.what == "file kept" else ""
    return f"{file}{row.cells[0]} ({page}{quote(row.id)})"
