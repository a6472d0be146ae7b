"""The folders of tasks on a storage, one after the other. What lies in them is kept on disk: there may be millions."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from itertools import count

from cleanup.cycle.result import FileCounts
from cleanup.files import tasks_of
from cleanup.storage import Listed, Location, task_depth

_FIRST = datetime.min.replace(tzinfo=timezone.utc)
_LAST = datetime.max.replace(tzinfo=timezone.utc)
_TASK_FOLDER = re.compile(r"\.[0-9a-f]{32}(?=/)")

Row = tuple[str, int | None, str | None, str, bool]
"""A file: its name in its folder, size in bytes, time of the last change (ISO 8601, UTC), why it stays, or "", and
whether it was seen again."""


def shelf() -> sqlite3.Connection:
    """Return where the files of folders are kept: a database without a name is a file that goes when it is closed."""
    opened = sqlite3.connect("", isolation_level=None)
    # Names are bytes, which can hold every name that a disk can.
    opened.executescript(
        "PRAGMA journal_mode = OFF; CREATE TABLE files (folder INTEGER, name BLOB, size INTEGER, modified TEXT,"
        " why TEXT, seen INTEGER, PRIMARY KEY (folder, name)) WITHOUT ROWID"
    )
    return opened


@dataclass
class Folder:
    """A task's folder in the storage of this number, its files on ``shelf``, and what was decided about it.

    ``many``: how many files; ``newest``: the last change of one, or the end of all times where one does not tell.
    ``tasks``: all ids in the paths of its files, and of those in task folders inside it. ``why``: why it stays as a
    whole. ``needed``: files of it may stay. ``counts``: what became of them; ``kept`` stayed, the first ``error``.
    """

    storage: int
    location: Location
    shelf: sqlite3.Connection
    number: int = field(default_factory=count().__next__)
    many: int = 0
    newest: datetime = _FIRST
    tasks: set[str] = field(default_factory=set)
    why: str = ""
    needed: bool = False
    counts: FileCounts = field(default_factory=FileCounts)
    kept: int = 0
    error: str = ""

    @property
    def task(self) -> str:
        """The id in its name."""
        return self.location.path[-32:]

    def at(self, name: str) -> Location:
        """Return where its file ``name`` lies."""
        return Location(self.location.root, f"{self.location.path}/{name}")

    def add(self, file: Listed, why: str) -> None:
        """Add a file, which stays for the reason ``why``, if there is one."""
        self.shelf.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, 0)", (*self._row(file), why))
        self.many += 1
        self.newest = max(self.newest, file.modified or _LAST)

    def see(self, file: Listed) -> bool:
        """Note that ``file`` is there still; return False if it is new, or has changed since."""
        same = "folder = ? AND name = ? AND size IS ? AND modified IS ?"
        return self.shelf.execute(f"UPDATE files SET seen = 1 WHERE {same}", self._row(file)).rowcount > 0  # noqa: S608

    def rows(self) -> Iterator[Row]:
        """Yield its files, by name. Nothing may be added meanwhile."""
        asked = "SELECT name, size, modified, why, seen FROM files WHERE folder = ? ORDER BY name"
        for name, *others in self.shelf.execute(asked, (self.number,)):
            yield (name.decode(errors="surrogatepass"), *others)

    def forget(self) -> None:
        """Forget its files."""
        self.shelf.execute("DELETE FROM files WHERE folder = ?", (self.number,))

    def _row(self, file: Listed) -> tuple[int, bytes, int | None, str | None]:
        name = file.location.path[len(self.location.path) + 1 :].encode(errors="surrogatepass")
        time = file.modified.astimezone(timezone.utc).isoformat() if file.modified else None
        return self.number, name, file.size, time


def task_folders(storage: int, files: Iterable[tuple[Listed, str]], shelf: sqlite3.Connection) -> Iterator[Folder]:
    """Yield the task folders that hold ``files``, each of which comes with why it stays.

    They come as storages list them: those in a folder, and in folders inside, with no others between. If not, a
    folder comes in parts, and no part is as the whole folder is when that is listed again.
    """
    opened: list[Folder] = []
    for file, why in files:
        path = file.location.path
        while opened and not path.startswith(f"{opened[-1].location.path}/"):
            yield from _closed(opened)
        around = [path[: found.end()] for found in _TASK_FOLDER.finditer(path)]
        opened += [Folder(storage, Location(file.location.root, name), shelf) for name in around[len(opened) :]]
        tasks, own = tasks_of(path) if opened else set(), own_folder(path)
        for folder in opened:
            folder.tasks |= tasks
            if folder.location.path == own:
                folder.add(file, why)
    while opened:
        yield from _closed(opened)


def own_folder(path: str) -> str:
    """Return the task folder of a file: the folder of a project with a long name ends in an id, too."""
    return "/".join(path.split("/")[: task_depth(path)])


def _closed(opened: list[Folder]) -> Iterator[Folder]:
    folder = opened.pop()
    if folder.many:
        yield folder
