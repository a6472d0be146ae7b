"""What was found or deleted, in the record of a cycle: a folder counts as the task that it was of."""

from __future__ import annotations

from cleanup.base.text import plural
from cleanup.cycle.docket import Docket, File
from cleanup.cycle.result import CycleResult, KeptFile, Planned
from cleanup.files import Kind
from cleanup.orphans.folders import Folder
from cleanup.report.render import ROWS, as_text
from cleanup.report.tables import Row, Table, in_bytes
from cleanup.selection import NOT_REACHED


def count(folder: Folder, result: CycleResult) -> None:
    """Count ``folder`` in ``result`` by what was decided about it, and what became of its files."""
    path, docket = folder.location.path, Docket(result)
    project, _, name = path.rpartition("/")
    task = Planned(folder.task, name[:-33], project, "", folder.newest or result.started)
    result.projects[project] = project
    docket.condemn([task])
    for file, answer in folder.answers.items():
        place, (size, _) = folder.at(file), folder.files[file]
        docket.count(File(task.id, Kind.UNNAMED, place.path, (place,), (), size), answer, place.root)
    for file, why in folder.held.items():
        docket.keep_file(KeptFile(task.id, folder.at(file).path, why))
    errors, left = docket.errors(task.id), folder.going()
    if errors:
        docket.fail(task.id, f"{plural(len(errors), 'file')} could not be deleted; the first: {errors[0]}")
    elif folder.why or left or not folder.answers:
        why = folder.why or (f"{NOT_REACHED}{result.interrupted}" if left else "all its files are needed")
        docket.keep(task.id, why)
    else:
        docket.delete(task.id)


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
    return as_text(Table("orphans by project, largest first", header, rows, len(totals))) if rows else []
