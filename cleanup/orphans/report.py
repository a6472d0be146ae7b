"""What was found or deleted, as the record of a cycle: a folder counts as the task that it was of."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from cleanup.base.text import plural
from cleanup.cycle.docket import Docket, File
from cleanup.cycle.result import CycleResult, KeptFile, Planned
from cleanup.files import Kind
from cleanup.orphans.folders import Folder
from cleanup.orphans.judge import IN_USE
from cleanup.report.render import ROWS, as_text
from cleanup.report.tables import Table, in_bytes
from cleanup.selection import NOT_REACHED


@dataclass
class Tally:
    """Counts folders as they are done. ``folders``, ``in_use``: by storage all, and those of tasks that there are."""

    result: CycleResult
    folders: Counter[int] = field(default_factory=Counter)
    in_use: Counter[int] = field(default_factory=Counter)

    def add(self, folder: Folder) -> None:
        """Count ``folder`` by what was decided about it, and what became of its files."""
        self.folders[folder.storage] += 1
        if folder.why == IN_USE and self.result.dry_run:
            self.in_use[folder.storage] += 1
            return
        result, path = self.result, folder.location.path
        project, _, name = path.rpartition("/")
        task = Planned(path[-32:], name[:-33], project, "", folder.newest or result.started)
        result.projects[project] = project
        docket = Docket(result)
        docket.condemn([task])
        for file, answer in folder.answers.items():
            place = folder.at(file)
            size = folder.files[file][0]
            docket.count(File(task.id, Kind.UNNAMED, place.path, (place,), (), size), answer, place.root)
        for file, why in folder.held.items():
            docket.keep_file(KeptFile(task.id, folder.at(file).path, why))
        errors = docket.errors(task.id)
        if errors:
            docket.fail(task.id, f"{plural(len(errors), 'file')} could not be deleted; the first: {errors[0]}")
        elif folder.why or folder.going or not folder.answers:
            left = f"{NOT_REACHED}{result.interrupted}" if folder.going else "all its files are needed"
            docket.keep(task.id, folder.why or left)
        else:
            docket.delete(task.id)

    def table(self) -> list[str]:
        """Return the lines of a table of the orphans by their projects' folders, the largest first."""
        totals: dict[str, list[int]] = {}
        newest: dict[str, str] = {}
        for gone in self.result.deleted:
            name = gone.task.project
            totals[name] = [a + b for a, b in zip(totals.get(name, (0, 0, 0)), (gone.size, 1, gone.files), strict=True)]
            newest[name] = max(newest.get(name, ""), f"{gone.task.since:%Y-%m-%d}")
        rows = [
            (name, str(folders), str(files), in_bytes(size), newest[name])
            for name, (size, folders, files) in sorted(totals.items(), key=lambda item: item[1], reverse=True)[:ROWS]
        ]
        header = ("project folder", "tasks", "files", "size", "newest file")
        return as_text(Table("orphans by project, largest first", header, rows, len(totals))) if rows else []
