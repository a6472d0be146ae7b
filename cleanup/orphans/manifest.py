"""The manifest: packed JSON lines, a header and then one for each thousand files of a folder."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from cleanup.base.chunks import chunks
from cleanup.base.errors import CommandLineError
from cleanup.files import places
from cleanup.orphans.folders import Folder
from cleanup.storage import Location

FORMAT = "clearml orphans 1"


def write(path: Path, header: Mapping[str, object], folders: Iterable[Folder]) -> None:
    """Write ``folders``. What they raise leaves no manifest, or the one before. Raises CommandLineError."""
    part = path.with_name(f"{path.name}.part")
    try:
        with gzip.open(part, "wt", encoding="ascii") as file:
            print(json.dumps({"format": FORMAT, **header}), file=file)
            for folder in folders:
                for some in chunks(folder.files.items(), 1000):
                    files = [
                        (name, size, time and time.isoformat(), folder.held.get(name)) for name, (size, time) in some
                    ]
                    line = {"storage": folder.storage, "folder": folder.location.path, "files": files}
                    print(json.dumps(line, separators=(",", ":")), file=file)
        part.replace(path)
    except OSError as error:
        raise CommandLineError(f"{path} cannot be written: {error.strerror or error}") from None
    finally:
        part.unlink(missing_ok=True)


def read(path: Path) -> Iterator[Any]:
    """Yield the lines of the manifest at ``path``, the header first. Raises CommandLineError where it is none.

    One that is cut off is good up to there: files of a folder that it does not list are new ones to the deletion.
    """
    try:
        with gzip.open(path, "rt", encoding="ascii") as file:
            lines = map(json.loads, file)
            header: Any = next(lines, {})
            if header.get("format") != FORMAT:
                raise ValueError("its first line is not that of a manifest of orphans")
            yield header
            yield from lines
    except (OSError, EOFError, ValueError, AttributeError) as error:
        raise CommandLineError(f"{path} is no manifest, or damaged: {error}") from None


def folders(lines: Iterator[Any], storages: Sequence[Location]) -> Iterator[Folder]:
    """Yield the folders of the lines after the header."""
    for (number, path), pieces in groupby(lines, lambda line: (line["storage"], line["folder"])):
        folder = Folder(number, Location(storages[number].root, path))
        for name, size, time, why in (file for piece in pieces for file in piece["files"]):
            folder.files[name] = (size, datetime.fromisoformat(time) if time else None)
            folder.tasks.update(place.task for place in places(folder.at(name).path))
            folder.held.update({name: why} if why else {})
        yield folder
