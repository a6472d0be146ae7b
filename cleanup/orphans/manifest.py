"""The manifest: packed JSON lines, a header and then one for each file."""

from __future__ import annotations

import gzip
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import chain, groupby, islice
from pathlib import Path
from typing import Any, NamedTuple

from cleanup.base.errors import CommandLineError
from cleanup.orphans.folders import Folder, task_folders
from cleanup.storage import LOCAL, Listed, Location

FORMAT = "clearml orphans 2"


class Header(NamedTuple):
    """``server``: the identity of the one that was asked; ``newest``: no file was younger (ISO 8601, UTC)."""

    format: str
    server: str
    newest: str
    storages: list[str]


Line = tuple[int, str, int | None, str | None, str]
"""A file: number of its storage, path, size in bytes, time of the last change (ISO 8601), and why it stays, or ""."""


def write(path: Path, header: Header, files: Iterable[Line]) -> None:
    """Write ``files``. What they raise leaves no manifest, or the one before. Raises CommandLineError."""
    part = path.with_name(f"{path.name}.part")
    try:
        with gzip.open(part, "wt", encoding="ascii") as out:
            for line in chain([header], files):
                print(json.dumps(line, separators=(",", ":")), file=out)
        part.replace(path)
    except OSError as error:
        raise CommandLineError(f"{path} cannot be written: {error.strerror or error}") from None
    finally:
        part.unlink(missing_ok=True)


def header(path: Path) -> Header:
    """Return what the first line says. Raises CommandLineError."""
    with _understood(path):
        found = Header(*next(_lines(path)))
        if found.format != FORMAT or not datetime.fromisoformat(found.newest).tzinfo:
            raise ValueError("its first line is not that of a manifest of orphans")
        return found


def folders(path: Path, places: Sequence[Location], shelf: sqlite3.Connection) -> Iterator[Folder]:
    """Yield the folders of the files after the header. ``places``: the storages that it names.

    Raises:
        CommandLineError: it is damaged, cut off, or was edited to reach out of its storages.
    """
    with _understood(path):
        for number, some in groupby(islice(_lines(path), 1, None), lambda line: line[0]):
            yield from task_folders(number, (_file(line, places) for line in some), shelf)


def _lines(path: Path) -> Iterator[Any]:
    with gzip.open(path, "rt", encoding="ascii") as file:
        yield from map(json.loads, file)


def _file(line: Line, places: Sequence[Location]) -> tuple[Listed, str]:
    number, path, size, time, why = line
    place = places[number]
    climbs = place.root == LOCAL and ".." in path.split("/")
    if number < 0 or climbs or not path.startswith(f"{place.path}/" if place.path else ""):
        raise ValueError(f"{path} does not lie in the storage that it says")
    return Listed(Location(place.root, path), size, datetime.fromisoformat(time) if time else None), why


@contextmanager
def _understood(path: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        # A damaged file fails at whatever its bytes happen to mean.
        raise CommandLineError(f"{path} is no manifest, or damaged: {error or type(error).__name__}") from None
