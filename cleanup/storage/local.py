"""Files on this machine's disks and mounts: unlinked one by one, and the folders that this empties."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from cleanup.base.chunks import chunks
from cleanup.storage.address import LOCAL, task_depth
from cleanup.storage.base import DELETED, GONE, Answer, Answers, Listed, Location, Storage, Unlistable, failed

# Missing on Windows, where opening a folder fails and so does every deletion: FAILED, not a broken import.
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0) | _NOFOLLOW
_OUTSIDE = "a link or a file stands where one of its folders should be"
_NOT_MOUNTED = "its folder is not there on this machine: is the storage mounted? See sdk.storage.path_substitution"
_PAGE = 1000


class LocalFiles(Storage):
    """Deletes files by their absolute paths. Only files and links: never a folder, never what a link points to.

    Below a task's folder no link to a folder is followed: each folder on the way is opened from the one above it, so
    a folder that is swapped for a link meanwhile changes nothing. Links above the task's folder (a mount point
    reached through one) are followed, as the SDK does.

    A folder is left alone, and GONE: there is no such file.

    A file that is not there is GONE only if the folder above its task's folder is there. If that is missing too, the
    storage is most likely not mounted on this machine, and the answer is FAILED.
    """

    most = 50

    def delete(self, paths: Sequence[str]) -> Answers:
        return {path: _delete(path) for path in paths}

    def remove(self, folders: Sequence[str]) -> Answers:
        """Remove emptied folders of tasks and the empty folders in them; what holds a file stays: FAILED.

        The project's folder above stays: as long as it is there, a file that is not was there once.
        """
        return {path: _remove(path) for path in folders}

    def pages(self, folder: str) -> Iterator[Sequence[Listed]]:
        """List files and links below ``folder``; no link is followed."""
        return map(list, chunks(_walk(folder), _PAGE))

    def reason(self, error: Exception) -> tuple[str, int | None]:
        return _refused(error).error if isinstance(error, OSError) else str(error), None


def _delete(path: str) -> Answer:
    name = path.rpartition("/")[2]
    try:
        with _parent(path) as folder:
            if stat.S_ISDIR(os.lstat(name, dir_fd=folder).st_mode):
                return GONE  # no file has this name; what lies in the folder is listed, and goes by its own
            os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        return _missing(path)
    except OSError as error:
        return GONE if error.errno == errno.ENAMETOOLONG else _refused(error)
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
    return failed(_NOT_MOUNTED)


def _refused(error: OSError) -> Answer:
    if error.errno in {errno.ENOTDIR, errno.ELOOP}:
        return failed(_OUTSIDE)
    if error.errno in {errno.EACCES, errno.EPERM}:
        return failed(f"{os.strerror(error.errno)}: the user that runs this may not delete there")
    return failed(os.strerror(error.errno) if error.errno else type(error).__name__)


def _walk(folder: str) -> Iterator[Listed]:
    """Yield what lies below ``folder``, one folder open at a time."""
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        try:
            if stat.S_ISLNK(os.lstat(here).st_mode):
                raise NotADirectoryError(errno.ENOTDIR, _OUTSIDE)
            with os.scandir(here) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        yield _listed(entry)
        except FileNotFoundError:
            if here == folder and not Path(folder).parent.parent.is_dir():
                raise Unlistable(_NOT_MOUNTED) from None


def _listed(entry: os.DirEntry[str]) -> Listed:
    try:
        found = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return Listed(Location(LOCAL, entry.path))
    return Listed(Location(LOCAL, entry.path), found.st_size, datetime.fromtimestamp(found.st_mtime, timezone.utc))


def _remove(path: str) -> Answer:
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
