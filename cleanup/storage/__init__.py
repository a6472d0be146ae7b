"""Deletes and lists files wherever the SDK stored them: addresses to locations, locations to storages, in bulk."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import wait
from functools import partial
from pathlib import Path

from cleanup.base.errors import CommandLineError, Stopped
from cleanup.base.http import Network
from cleanup.storage.address import LOCAL, Addresses, BadAddress, is_task_folder, sdk_path, task_depth
from cleanup.storage.azure import open_container
from cleanup.storage.base import (
    Answer,
    DeletionStopped,
    Listed,
    Location,
    Outcome,
    Request,
    Storage,
    Unavailable,
    Unlistable,
    failed,
)
from cleanup.storage.bulk import LOOK, Turn, Workers, carry_out
from cleanup.storage.fileserver import FileServer
from cleanup.storage.gcs import GoogleBucket
from cleanup.storage.local import LocalFiles
from cleanup.storage.s3 import open_bucket
from cleanup.storage.sdk import SdkConfig, known_file_servers
from cleanup.storage.sdk import load as load_sdk_config

__all__ = ["LOCAL", "Answer", "BadAddress", "DeletionStopped", "Listed", "Location", "Outcome", "SdkConfig", "Storages"]
__all__ += ["Unlistable", "known_file_servers", "sdk_path", "task_depth"]

REOPEN = 600.0
"""Seconds after which a storage that could not be opened is tried again: somebody may have installed its client."""


class Storages:
    """All storages behind one door, for one caller or several threads.

    ``file_servers``: base URLs that answer as the ClearML file server, the configured one first; an http(s) address
    elsewhere gets no request and no token. ``token(refused)`` returns the API session's token, another one than
    ``refused``. ``bound``: most requests open at once, over all storages together. ``stop``: looked at between any
    two requests and while one is under way. ``timeout``: seconds that a storage may stay silent. ``sdk``: what
    clearml.conf says; the SDK's own configuration if left out.
    """

    def __init__(
        self,
        file_servers: Sequence[str],
        token: Callable[[str], str],
        *,
        bound: int = 4,
        stop: threading.Event | None = None,
        timeout: float = 60.0,
        sdk: SdkConfig | None = None,
    ) -> None:
        self._sdk = sdk if sdk is not None else load_sdk_config()
        self._token, self._timeout = token, timeout
        self._addresses = Addresses(file_servers, self._sdk)
        self._workers = Workers(bound, stop or threading.Event())
        self._opened: dict[str, tuple[Storage | str, float]] = {}
        self._opening = threading.Lock()

    def locate(self, address: object) -> tuple[Location, ...]:
        """Return every exact name that ``address`` may stand for, the likeliest first. Pure. Raises BadAddress.

        An http(s) address stands for its decoded and its raw path alike; all others have one name.
        """
        return self._addresses.locate(address)

    def task_folder(
        self, destination: str, project: str, name: str, task: str, project_id: str = ""
    ) -> Location | None:
        """Return the folder that the SDK would have used for a task's files, see :func:`sdk_path`. Pure.

        ``destination`` "" stands for the first file server. None where the destination is none that files can be
        deleted from.
        """
        path = sdk_path(project, name, task, project_id)
        return self._addresses.task_folder(destination, path) if path else None

    def listable(self, address: str) -> Location:
        """Return the folder, or all of the bucket, at ``address``.

        Raises:
            CommandLineError: it cannot be listed, or is a folder that is not there.
        """
        try:
            # Only addresses of files can be located.
            file = self._addresses.locate(f"{address.rstrip('/')}/file")[0]
        except BadAddress as error:
            raise CommandLineError(f"{address}: {error}") from None
        place = Location(file.root, file.path.removesuffix("file").rstrip("/"))
        if not self.can_list(place.root):
            why = "a file server does not list its files: name its data folder, on its host"
        elif place.root == LOCAL:
            why = "" if place.path and Path(place.path).is_dir() else "there is no such folder on this machine"
        else:
            why = self.unusable(place.root)
        if why:
            raise CommandLineError(f"{address}: {why}")
        return place

    def unusable(self, root: str) -> str:
        """Return why nothing can be asked of this storage (no client, no credentials, ...), "" if it can be tried.

        Opens it, and sends it nothing. What could not be opened is tried again after ten minutes.
        """
        storage = self._storage(root)
        return storage if isinstance(storage, str) else ""

    def can_list(self, root: str) -> bool:
        """Return whether this kind of storage can tell what lies in a folder: file servers cannot."""
        return not root.startswith(("http://", "https://"))

    def delete(self, locations: Iterable[Location]) -> dict[Location, Answer]:
        """Delete files and answer for every location; duplicates are deleted once.

        No folder goes, unless one is named as the SDK names its files and lies where those lie on a file server.
        Raises nothing but DeletionStopped, with what is known by then.
        """
        return self._carry_out(locations, lambda storage, paths: storage.deletions(paths))

    def remove_folders(self, folders: Iterable[Location]) -> dict[Location, Answer]:
        """Remove task folders: on file servers, which cannot list them, with all that is left; on disks if empty.

        The caller promises that nothing in them is to be kept. Object stores have no folders: GONE. FAILED, as is
        whatever is not named like a task's folder, is no reason to keep a task. Raises nothing but DeletionStopped.
        """
        folders = list(folders)
        refused = failed("not named like a task's folder")
        named = self._carry_out(
            (folder for folder in folders if is_task_folder(folder.path)),
            lambda storage, paths: storage.removals(paths),
        )
        return {folder: named.get(folder, refused) for folder in folders}

    def check(self, roots: Iterable[str]) -> dict[str, str]:
        """Return for every root "" if it can be reached with the credentials at hand, else why not. Raises Stopped."""
        asked = {root: self._workers.submit(partial(self._check, root)) for root in dict.fromkeys(roots)}
        while wait(asked.values(), timeout=LOOK).not_done:
            if self._workers.stop.is_set():
                raise Stopped("Stopped while storages were being checked")
        return {root: answer.result() for root, answer in asked.items()}

    def name(self, root: str) -> str:
        """Return the storage's name for people. Opens nothing."""
        return "local files" if root == LOCAL else root

    def close(self) -> None:
        """Let go of connections. Requests under way end by themselves."""
        for storage, _ in self._opened.values():
            if not isinstance(storage, str):
                storage.close()

    def open(self, root: str) -> Storage:
        """Open the storage ``root``. Raises Unavailable."""
        scheme = root.partition("://")[0]
        if root == LOCAL:
            return LocalFiles()
        if scheme in {"http", "https"}:
            return self._open_file_server(root)
        if scheme == "s3":
            return open_bucket(root, self._sdk, self._workers.bound, self._timeout)
        if scheme == "gs":
            return GoogleBucket(root, self._sdk, self._timeout)
        if scheme == "azure":
            return open_container(root, self._sdk, self._timeout)
        raise Unavailable(f"unknown storage {root}")

    def _open_file_server(self, root: str) -> Storage:
        if root not in {base.url for base in self._addresses.bases}:
            raise Unavailable(
                f"{root} is not a ClearML file server that this service knows: set api.files_server, or name it in "
                "sdk.storage.http.legacy_fileservers or sdk.storage.path_substitution"
            )
        wait, workers = self._timeout, self._workers
        network = Network(read_timeout=wait, delete_timeout=wait, total=wait, parallel=workers.bound, stop=workers.stop)
        return FileServer(root, self._token, network, self._sdk.verify)

    def _storage(self, root: str) -> Storage | str:
        """Return the opened storage, or why it cannot be opened."""
        with self._opening:
            storage, opened = self._opened.get(root, ("", 0.0))
            if not storage or (isinstance(storage, str) and time.monotonic() > opened + REOPEN):
                try:
                    storage = self.open(root)
                except Unavailable as error:
                    storage = failed(error).error
                except Exception as error:
                    storage = failed(f"{self.name(root)}: {type(error).__name__}: {error}").error
                self._opened[root] = (storage, time.monotonic())
            return storage

    def _check(self, root: str) -> str:
        storage = self._storage(root)
        if isinstance(storage, str):
            return storage
        try:
            storage.check()
        except Stopped:
            raise
        except Exception as error:
            return storage.failure(error).reason
        return ""

    def _carry_out(
        self, locations: Iterable[Location], requests: Callable[[Storage, Sequence[str]], list[Request]]
    ) -> dict[Location, Answer]:
        """Let every storage act on its own locations, side by side."""
        groups: dict[str, dict[str, None]] = {}
        for location in locations:
            groups.setdefault(location.root, {})[location.path] = None
        turns: dict[str, Turn] = {}
        for root, paths in groups.items():
            storage = self._storage(root)
            if isinstance(storage, str):
                turns[root] = Turn(Storage(), (), dict.fromkeys(paths, failed(storage)))
            else:
                turns[root] = Turn(storage, requests(storage, [*paths]))
        try:
            carry_out([*turns.values()], self._workers)
        except Stopped:
            raise DeletionStopped(_answers(groups, turns)) from None
        return _answers(groups, turns)

    # Last, since its name hides the type that the annotations above mean.
    def list(self, folder: Location) -> Iterator[Listed]:
        """Yield all files below ``folder``, page by page as they are asked for. A folder that is not there has none.

        An empty path stands for all of a bucket.

        Raises Unlistable where the storage refuses, at the start or in the middle, and Stopped.
        """
        storage = self._storage(folder.root)
        if isinstance(storage, str):
            raise Unlistable(storage)
        pages = storage.pages(folder.path)
        while True:
            try:
                page = self._workers.result(lambda: next(pages, None))
            except (Stopped, Unlistable):
                raise
            except Exception as error:
                raise Unlistable(storage.failure(error).reason) from None
            if page is None:
                return
            yield from page


def _answers(groups: Mapping[str, Iterable[str]], turns: Mapping[str, Turn]) -> dict[Location, Answer]:
    """Return the answers that there are, in the order in which they were asked for."""
    return {
        Location(root, path): turns[root].answers[path]
        for root, paths in groups.items()
        for path in paths
        if path in turns[root].answers
    }
