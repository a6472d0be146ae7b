"""Deletes files wherever the SDK stored them: addresses to locations, locations grouped by storage, in bulk."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from cleanup.storage.address import LOCAL, Addresses, BadAddress, Location
from cleanup.storage.base import Answer, Outcome, Storage, StorageUnavailable, Unavailable, failed
from cleanup.storage.crew import Crew
from cleanup.storage.fileserver import FileServer
from cleanup.storage.local import LocalFiles
from cleanup.storage.sdk import SdkConfig, known_file_servers
from cleanup.storage.sdk import load as load_sdk_config
from cleanup.storage.wire import Wire

__all__ = [
    "Answer",
    "BadAddress",
    "Location",
    "Outcome",
    "SdkConfig",
    "Storage",
    "StorageUnavailable",
    "Storages",
    "known_file_servers",
]

_FOREIGN = (
    "not a ClearML file server that this service knows: set api.files_server, or name it in "
    "sdk.storage.http.legacy_fileservers or sdk.storage.path_substitution"
)


class Storages:
    """All storages behind one door.

    ``file_servers``: base URLs that answer as the ClearML file server, the configured one first; an http(s) address
    elsewhere gets no request and no token. ``token(refresh)`` returns the API session's token, a new one if
    ``refresh``. ``bound``: most requests open at once, over all storages together. ``timeout``: seconds that a
    storage may stay silent. ``open_storage(root)`` replaces how storages are opened (it may raise
    StorageUnavailable). ``sdk``: what clearml.conf says; the SDK's own configuration if left out.
    """

    def __init__(
        self,
        file_servers: Sequence[str],
        token: Callable[[str], str],
        *,
        bound: int = 4,
        timeout: float = 60.0,
        open_storage: Callable[[str], Storage] | None = None,
        sdk: SdkConfig | None = None,
    ) -> None:
        self._sdk = sdk if sdk is not None else load_sdk_config()
        self._token, self._timeout = token, timeout
        self._addresses = Addresses(file_servers, self._sdk)
        self._crew = Crew(bound)
        self._open_storage = open_storage or self._open
        self._opened: dict[str, Storage] = {}
        self._opening = threading.Lock()

    def locate(self, address: object) -> Location:
        """Return where ``address`` points to, as the SDK reads it. Pure. Raises BadAddress."""
        return self._addresses.locate(address)

    def delete(self, locations: Iterable[Location], keep: Iterable[Location] = ()) -> dict[Location, Answer]:
        """Delete files and answer for every location; duplicates are deleted once. Never raises.

        ``keep``: files known to stay. No location that is the folder of one of them is deleted as a whole.
        """
        kept = _by_root(keep)
        return self._at_every(
            locations, lambda root, storage, paths: storage.delete(paths, frozenset(kept.get(root, ())))
        )

    def remove_task_folders(self, folders: Iterable[Location]) -> dict[Location, Answer]:
        """Remove emptied task folders, see :meth:`Location.folder_of`. Never raises.

        The caller promises that every known file in them is gone and that nothing in them is to be kept: a file
        server deletes them with all that is left inside. Local folders go only when empty. Object stores have no
        folders: GONE. FAILED here is no reason to keep a task: its files are gone all the same.
        """
        return self._at_every(folders, lambda _, storage, paths: storage.remove_folders(paths))

    def check(self, roots: Iterable[str]) -> dict[str, str]:
        """Return for every root "" if it can be reached with the credentials at hand, else why not. Never raises."""
        wanted = list(dict.fromkeys(roots))
        return dict(zip(wanted, self._crew.each(self._check, wanted), strict=True))

    def name(self, root: str) -> str:
        """Return the storage's name for people. Opens nothing."""
        return LocalFiles.name if root == LOCAL else root

    def close(self) -> None:
        """Let go of threads and connections. Requests under way end by themselves."""
        self._crew.close()
        for storage in self._opened.values():
            storage.close()

    def _at_every(
        self, locations: Iterable[Location], act: Callable[[str, Storage, Sequence[str]], Mapping[str, Answer]]
    ) -> dict[Location, Answer]:
        """Let every storage act on its own locations, side by side."""
        groups = _by_root(locations)

        def answers(root: str) -> dict[Location, Answer]:
            paths = groups[root]
            try:
                given = act(root, self._storage(root), paths)
            except Exception as error:
                given = dict.fromkeys(paths, failed(f"{type(error).__name__}: {error}"))
            silent = failed("the storage gave no answer for it")
            return {Location(root, path): given.get(path, silent) for path in paths}

        if len(groups) < 2:
            parts = [answers(root) for root in groups]
        else:
            with ThreadPoolExecutor(min(len(groups), 32), thread_name_prefix="cleanup-storages") as side_by_side:
                parts = list(side_by_side.map(answers, groups))
        return {location: answer for part in parts for location, answer in part.items()}

    def _check(self, root: str) -> str:
        try:
            return self._storage(root).check()
        except Exception as error:
            return failed(f"{type(error).__name__}: {error}").error

    def _storage(self, root: str) -> Storage:
        """Return the opened storage; one that cannot be opened is tried again the next time."""
        with self._opening:
            if root not in self._opened:
                try:
                    self._opened[root] = self._open_storage(root)
                except StorageUnavailable as error:
                    return Unavailable(self.name(root), str(error))
            return self._opened[root]

    def _open(self, root: str) -> Storage:
        scheme = root.partition("://")[0]
        if root == LOCAL:
            return LocalFiles(self._crew)
        if scheme in {"http", "https"}:
            return self._open_file_server(root)
        if scheme == "s3":
            from cleanup.storage.s3 import open_bucket  # noqa: PLC0415 - the client is an extra

            return open_bucket(root, self._sdk, self._crew, self._timeout)
        if scheme == "gs":
            from cleanup.storage.gcs import GoogleBucket  # noqa: PLC0415 - the client is an extra

            return GoogleBucket(root, self._sdk, self._crew, self._timeout)
        if scheme == "azure":
            from cleanup.storage.azure import open_container  # noqa: PLC0415 - the client is an extra

            return open_container(root, self._sdk, self._crew, self._timeout)
        raise StorageUnavailable(f"unknown storage {scheme}")

    def _open_file_server(self, root: str) -> Storage:
        if root not in {base.url for base in self._addresses.bases}:
            raise StorageUnavailable(_FOREIGN)
        wire = Wire(root, self._token, verify=self._sdk.verify, timeout=self._timeout, connections=self._crew.bound)
        return FileServer(root, wire, self._crew)


def _by_root(locations: Iterable[Location]) -> dict[str, list[str]]:
    groups: dict[str, dict[str, None]] = {}
    for location in locations:
        groups.setdefault(location.root, {})[location.path] = None
    return {root: list(paths) for root, paths in groups.items()}
