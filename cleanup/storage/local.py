"""Files on this machine's disks and mounts: unlinked one by one, and the task folders that this empties."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cleanup.storage.address import is_task_folder, task_depth
from cleanup.storage.base import DELETED, GONE, Answer, failed
from cleanup.storage.crew import Crew

# Missing on Windows, where opening a folder fails and so does every deletion: FAILED, not a broken import.
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0) | _NOFOLLOW
_OUTSIDE = "a link or a file stands where one of its folders should be"
_PIECE = 250


class LocalFiles:
    """Deletes files by their absolute paths. Only files and links: never a folder, never what a link points to.

    Below a task's folder no link to a folder is followed: each folder on the way is opened from the one above it, so
    a folder that is swapped for a link meanwhile changes nothing. Links above the task's folder (a mount point
    reached through one) are followed, as the SDK does.

    A file that is not there is GONE only if the folder above its task's folder is there. If that is missing too, the
    storage is most likely not mounted on this machine, and the answer is FAILED.
    """

    name = "local files"

    def __init__(self, crew: Crew) -> None:
        self._crew = crew

    def delete(self, paths: Sequence[str], keep: Collection[str] = ()) -> dict[str, Answer]:
        """Unlink every path; ``keep`` changes nothing here, since no folder is ever deleted."""
        del keep
        pieces = [paths[start : start + _PIECE] for start in range(0, len(paths), _PIECE)]
        answers = self._crew.each(lambda piece: [_delete(path) for path in piece], pieces)
        return dict(zip(paths, (answer for piece in answers for answer in piece), strict=True))

    def remove_folders(self, paths: Sequence[str]) -> dict[str, Answer]:
        """Remove the empty folders inside and including each task folder. What still holds a file stays: FAILED."""
        return {path: _remove(path) for path in paths}

    def close(self) -> None:
        """Nothing is held open."""

    def check(self) -> str:
        """Return "": whether a path is mounted here shows only with the path."""
        return ""


def _delete(path: str) -> Answer:
    name = path.rpartition("/")[2]
    try:
        with _parent(path) as folder:
            if stat.S_ISDIR(os.lstat(name, dir_fd=folder).st_mode):
                return failed("it is a folder, not a file")
            os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        return _missing(path)
    except OSError as error:
        return _refused(error)
    except ValueError as error:
        return failed(error)
    return DELETED


@contextmanager
def _parent(path: str) -> Iterator[int]:
    """Open the folder that holds ``path``, following links only above the task's folder."""
    parts = path.split("/")[1:]
    depth = task_depth(path) - 1
    trusted, below = (parts[: depth - 1], parts[depth - 1 : -1]) if depth > 0 else (parts[:-1], [])
    opened = [os.open("/" + "/".join(trusted), _FOLDER & ~_NOFOLLOW)]
    try:
        for part in below:
            opened.append(os.open(part, _FOLDER, dir_fd=opened[-1]))
        yield opened[-1]
    finally:
        for descriptor in opened:
            os.close(descriptor)


def _missing(path: str) -> Answer:
    depth = task_depth(path)
    above = path.split("/")[: depth - 1] if depth else path.split("/")[:-1]
    if Path("/".join(above) or "/").is_dir():
        return GONE
    return failed("its folder is not there on this machine: is the storage mounted? See sdk.storage.path_substitution")


def _refused(error: OSError) -> Answer:
    if error.errno in {errno.ENOTDIR, errno.ELOOP}:
        return failed(_OUTSIDE)
    if error.errno in {errno.EACCES, errno.EPERM}:
        return failed(f"{os.strerror(error.errno)}: the user that runs this may not delete there")
    return failed(os.strerror(error.errno) if error.errno else type(error).__name__)


def _remove(path: str) -> Answer:
    if not is_task_folder(path):
        return failed("not named like a task's folder")
    above, _, name = path.rpartition("/")
    try:
        parent = os.open(above or "/", _FOLDER & ~_NOFOLLOW)
    except OSError as error:
        return GONE if isinstance(error, FileNotFoundError) else _refused(error)
    try:
        _remove_empty(parent, name)
    except FileNotFoundError:
        return GONE
    except OSError as error:
        return failed("it still holds files") if error.errno in {errno.ENOTEMPTY, errno.EEXIST} else _refused(error)
    finally:
        os.close(parent)
    return DELETED


def _remove_empty(parent: int, name: str) -> None:
    """Remove folder ``name`` after the empty folders in it. Raises OSError (ENOTEMPTY) if anything stays."""
    here = os.open(name, _FOLDER, dir_fd=parent)
    try:
        with os.scandir(here) as entries:
            folders = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        for folder in folders:
            try:
                _remove_empty(here, folder)
            except OSError as error:
                if error.errno not in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT}:
                    raise
    finally:
        os.close(here)
    os.rmdir(name, dir_fd=parent)
