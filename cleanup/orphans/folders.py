"""The folders of tasks on a storage, one after the other: no more than those of one project are held at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

from cleanup.files import places
from cleanup.storage import Answer, Listed, Location, task_depth

_TASK_FOLDER = re.compile(r"\.[0-9a-f]{32}(?=/)")


@dataclass
class Folder:
    """A task's folder in the storage of this number, and what was decided about it.

    ``files``: by name, size in bytes and time of the last change. ``tasks``: all ids in the paths of its files, and of
    those in task folders inside it. ``why``: why it stays as a whole. ``held``: why single files stay. ``answers``:
    what became of the others.
    """

    storage: int
    location: Location
    files: dict[str, tuple[int | None, datetime | None]] = field(default_factory=dict)
    tasks: set[str] = field(default_factory=set)
    why: str = ""
    held: dict[str, str] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)

    @property
    def task(self) -> str:
        """The id in its name."""
        return self.location.path[-32:]

    @property
    def newest(self) -> datetime | None:
        """When its newest file was changed, None where one does not tell."""
        times = [modified for _, modified in self.files.values() if modified]
        return max(times) if len(times) == len(self.files) else None

    def goes(self, name: str) -> bool:
        """True for a file that does not stay and has no answer yet."""
        return not self.why and name not in self.held and name not in self.answers

    def going(self) -> list[str]:
        """Return the files that go."""
        return [name for name in self.files if self.goes(name)]

    def at(self, name: str) -> Location:
        """Return where its file ``name`` lies."""
        return Location(self.location.root, f"{self.location.path}/{name}")


def task_folders(storage: int, files: Iterable[Listed]) -> Iterator[Folder]:
    """Yield the task folders among ``files``, which come as storages list them: a folder's with no others between."""
    for outermost, inside in groupby(files, _outermost):
        if outermost:
            yield from _nested(storage, inside)


def _outermost(file: Listed) -> str:
    found = _TASK_FOLDER.search(file.location.path)
    return file.location.path[: found.end()] if found else ""


def _nested(storage: int, files: Iterable[Listed]) -> Iterable[Folder]:
    """Return the folders in one that lies in no other: the folder of a project with a long name ends in an id, too."""
    folders: dict[str, Folder] = {}
    named: dict[str, set[str]] = {}
    for file in files:
        path = file.location.path
        tasks = {place.task for place in places(path)}
        for around in _TASK_FOLDER.finditer(path):
            named.setdefault(path[: around.end()], set()).update(tasks)
        own = "/".join(path.split("/")[: task_depth(path)])
        folder = folders.setdefault(own, Folder(storage, Location(file.location.root, own), tasks=named[own]))
        folder.files[path[len(own) + 1 :]] = (file.size, file.modified)
    return folders.values()
