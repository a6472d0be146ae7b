"""The file in which a dry run leaves its plan: every task and model entry that would go, with every file of theirs.

Compressed lines of JSON, written while the cycle works: what made it, the files of an owner as they are found, then the
owner (a task or a model entry); the last line counts them all, so that a cut file shows. Files whose owner does not
follow belong to what would stay.
"""

from __future__ import annotations

import gzip
import json
import shutil
import sqlite3
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from cleanup.base.errors import CleanupError
from cleanup.base.text import one_line
from cleanup.cycle.result import Planned
from cleanup.storage import Location

FORMAT = 1
NAME = "plan.jsonl.gz"
FOLDER = "folder with what is left in it"
"""The kind of a task's folder on a file server: nobody can list it, so it goes as a whole once its files are gone."""

_LONGEST = 1_000_000
"""Characters of the longest line that a plan may have: a damaged one must not fill the memory."""


class BadPlan(CleanupError):
    """A file that is no whole plan of this format: the message says why."""


class PlanWriter:
    """Writes a plan, in bounded memory, to a file in a folder of its own that goes when ``keeper`` does."""

    def __init__(self, keeper: object, header: Mapping[str, Any]) -> None:
        folder = Path(tempfile.mkdtemp(prefix="cleanup-plan-"))
        weakref.finalize(keeper, shutil.rmtree, folder, ignore_errors=True)
        self.path = folder / NAME
        self._out = gzip.open(self.path, "wt", compresslevel=5, encoding="utf-8")  # noqa: SIM115 - to be finished
        self._counts = dict.fromkeys(("task", "model", "file"), 0)
        self._write({"plan": FORMAT, **header})

    def file(self, owner: str, kind: str, locations: Sequence[Location], size: int | None = None) -> None:
        """Add a file (or folder) of ``owner``, with every name that its address may stand for, the likeliest first."""
        first, also = locations[0], [[at.root, at.path] for at in locations[1:]]
        self._write({"file": first.path, "storage": first.root, "of": owner, "kind": kind, "size": size, "also": also})
        self._counts["file"] += 1

    def owner(self, kind: str, entry: Planned, project: str) -> None:
        """Add the ``task`` or ``model`` itself, after its files. ``project``: the name of its project."""
        since = entry.since.isoformat()
        self._write({kind: entry.id, "name": entry.name, "project": project, "status": entry.status, "since": since})
        self._counts[kind] += 1

    def finish(self) -> Path:
        """Write the end; return the path of the file, which is whole now."""
        self._write({"end": self._counts})
        self._out.close()
        return self.path

    def drop(self) -> None:
        """Leave the file without an end: what it holds is no plan."""
        self._out.close()

    def _write(self, line: Mapping[str, Any]) -> None:
        self._out.write(json.dumps(line, separators=(",", ":")) + "\n")


@dataclass(frozen=True, slots=True)
class Owner:
    """A task or model entry of a plan; ``kind`` says which. Of its files how many, and their known bytes."""

    kind: str
    entry: Planned
    files: int
    size: int


class Plan:
    """A plan that was read, checked whole, and can be asked; kept on disk, and for one thread.

    Raises:
        BadPlan: it is damaged, cut off, of another format, or no plan at all.
    """

    def __init__(self, path: Path) -> None:
        self.header: dict[str, Any] = {}
        # A database without a name is a file of its own that goes when it is closed.
        self._tables = sqlite3.connect("")
        self._tables.executescript(
            "CREATE TABLE owners (id TEXT PRIMARY KEY, kind TEXT, line TEXT) WITHOUT ROWID;"
            "CREATE TABLE files (owner TEXT, file TEXT, kind TEXT, size INTEGER, PRIMARY KEY (owner, file))"
            " WITHOUT ROWID;"
        )
        try:
            with gzip.open(path, "rt", encoding="utf-8") as lines:
                self._take(lines)
        except Exception as why:
            # A damaged file fails at whatever its bytes happen to mean.
            self.close()
            if isinstance(why, BadPlan):
                raise
            if isinstance(why, FileNotFoundError):
                raise BadPlan("there is no such file on this machine") from None
            raise BadPlan(f"it is no plan, or a damaged one ({type(why).__name__}: {one_line(why, 200)})") from None

    def close(self) -> None:
        """Let go of what was read."""
        self._tables.close()

    def __contains__(self, owner: object) -> bool:
        return bool(self._tables.execute("SELECT 1 FROM owners WHERE id = ?", (owner,)).fetchone())

    def knows(self, owner: str, locations: Iterable[Location]) -> bool:
        """True if every one of ``locations`` is a name of a file that the plan has for ``owner``."""
        return all(
            self._tables.execute("SELECT 1 FROM files WHERE owner = ? AND file = ?", (owner, _file(at))).fetchone()
            for at in locations
        )

    def owners(self) -> Iterator[Owner]:
        """Yield all that would go, by id."""
        # A size stands with the first name of a file alone; other names have none, and the kind "".
        files = "SELECT count(*), total(size) FROM files WHERE owner = ? AND kind NOT IN ('', ?)"
        for name, kind, line in self._tables.execute("SELECT id, kind, line FROM owners ORDER BY id"):
            told = json.loads(line)
            count, size = self._tables.execute(files, (name, FOLDER)).fetchone()
            since = datetime.fromisoformat(told["since"]).astimezone(timezone.utc)
            entry = Planned(name, str(told["name"]), str(told["project"]), str(told["status"]), since)
            yield Owner(kind, entry, count, int(size))

    def files(self, owner: str) -> dict[tuple[str, str], tuple[str, int | None]]:
        """Return the files of ``owner``: storage and path, each with its kind and size."""
        found = self._tables.execute("SELECT file, kind, size FROM files WHERE owner = ? AND kind != ''", (owner,))
        return {(root, path): (kind, size) for file, kind, size in found for root, path in [json.loads(file)]}

    def _take(self, lines: Any) -> None:
        counts = dict.fromkeys(("task", "model", "file"), 0)
        ended = False
        while text := lines.readline(_LONGEST):
            line = json.loads(text)
            if ended:
                raise BadPlan("it goes on behind its end")
            if not self.header:
                self.header = _checked(line)
            elif "file" in line:
                self._take_file(line)
                counts["file"] += 1
            elif "end" in line:
                ended = True
                if line["end"] != counts:
                    raise BadPlan("it does not hold as much as its last line counts")
            else:
                kind = "task" if "task" in line else "model"
                datetime.fromisoformat(line["since"])
                self._tables.execute("INSERT OR REPLACE INTO owners VALUES (?, ?, ?)", (line[kind], kind, text))
                counts[kind] += 1
        if not ended:
            raise BadPlan("it is cut off: its end is missing")

    def _take_file(self, line: Mapping[str, Any]) -> None:
        row = (line["of"], _file(Location(line["storage"], line["file"])), line["kind"], line["size"])
        self._tables.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)", row)
        for root, path in line["also"]:
            other = (line["of"], _file(Location(root, path)), "", None)
            self._tables.execute("INSERT OR IGNORE INTO files VALUES (?, ?, ?, ?)", other)


def _file(location: Location) -> str:
    """Return the key of a file: as JSON, which can hold every name that a disk can."""
    return json.dumps([location.root, location.path])


def _checked(line: Any) -> dict[str, Any]:
    made = line.get("plan") if isinstance(line, dict) else None
    if made is None:
        raise BadPlan("it does not begin as a plan does")
    if made != FORMAT:
        raise BadPlan(f"it has the format {made}, and this version reads {FORMAT}: make another dry run")
    return dict(line)
