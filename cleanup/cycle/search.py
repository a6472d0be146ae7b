"""Finds the files of a batch that its rows do not name: what the tasks reported, and what lies in their folders."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field

from cleanup.base.chunks import chunks
from cleanup.base.errors import CleanupError, CredentialsError, ServerError, ServerUnreachable, Stopped
from cleanup.files import Kind
from cleanup.server import Server, events
from cleanup.storage import BadAddress, Location, Storages, Unlistable

FILES_AT_ONCE = 10_000
"""Files that are looked at and deleted together: what bounds the memory."""

_ASKED_AT_ONCE = 100
"""Tasks in one question whether they have events: the server looks at each by itself, and answers when all are done."""

_LISTED_AT_ONCE = 1_000
_KINDS = {events.DEBUG_SAMPLE: Kind.DEBUG_SAMPLE, events.PLOT: Kind.PLOT_IMAGE}


@dataclass(frozen=True, slots=True)
class Found:
    """A file of a task. ``locations``: where it may lie, as far as that was found out with it."""

    task: str
    kind: Kind
    address: object
    locations: tuple[Location, ...] = ()
    size: int | None = None
    writer: str = ""
    """The task that wrote it, if that is another one, which is gone."""
    by_other: bool = False
    """Another task's record names it."""


_Pages = Generator[tuple[list[Found], bool], None, None]
"""Files, a page at a time, and whether it is the last."""


@dataclass
class Search:
    """Goes through the files of tasks, a bounded part at a time.

    ``unreadable`` fills with the tasks whose files cannot all be known, each with the error; ``unlisted`` with the
    roots of storages that do not let themselves be listed, each with the reason.
    """

    server: Server
    storages: Storages
    pool: Executor
    ahead: int
    """So many sources are read at once."""
    unreadable: dict[str, ServerError] = field(default_factory=dict)
    unlisted: dict[str, str] = field(default_factory=dict)
    _lost: CleanupError | None = None
    """Why no source can be read any more."""

    def parts(self, folders: Mapping[str, set[Location]]) -> Iterator[tuple[list[Found], bool]]:
        """Yield what was found, at least one part, each of about ``FILES_AT_ONCE`` files, and whether it is the last.

        ``folders``: by task the folders that are known; those that its events name are added. What lies in the folders
        comes last.

        Raises:
            ServerError: the batch as a whole cannot be read.
        """
        part: list[Found] = []
        for some in self._pages(folders):
            part += some
            if len(part) >= FILES_AT_ONCE:
                yield part, False
                part = []
        yield part, True

    def _pages(self, folders: Mapping[str, set[Location]]) -> Iterator[list[Found]]:
        for some in self._side_by_side(self._reported(list(folders))):
            for found in some:
                folders[found.task].update(folders_named(found.locations, found.task))
            yield some
        yield from self._side_by_side(
            (task, self._in_folder(task, folder))
            for task, places in folders.items()
            for folder in sorted(places, key=lambda place: (place.root, place.path))
            if task not in self.unreadable and self.storages.can_list(folder.root)
        )

    def _reported(self, ids: list[str]) -> list[tuple[str, _Pages]]:
        """Return what each task that has events of a type with files reported."""
        asked = [(some, kind) for kind in _KINDS for some in chunks(ids, _ASKED_AT_ONCE)]
        having = self.pool.map(lambda one: self.server.tasks_with_events(*one), asked)
        return [
            (task, self._events(task, kind))
            for (_, kind), tasks in zip(asked, having, strict=True)
            for task in sorted(tasks)
        ]

    def _events(self, task: str, kind: str) -> _Pages:
        for addresses, last in self.server.event_addresses(task, kind):
            found = [Found(task, _KINDS[kind], name, located(self.storages, name)) for name in sorted(addresses)]
            yield found, last

    def _in_folder(self, task: str, folder: Location) -> _Pages:
        some: list[Found] = []
        try:
            for listed in self.storages.list(folder):
                some.append(Found(task, Kind.UNNAMED, listed.location.path, (listed.location,), listed.size))
                if len(some) == _LISTED_AT_ONCE:
                    yield some, False
                    some = []
        except Unlistable as error:
            self.unlisted[folder.root] = str(error)
        yield some, True

    def _side_by_side(self, sources: Iterable[tuple[str, _Pages]]) -> Iterator[list[Found]]:
        """Yield the pages of all sources, several of them read ahead at once."""
        waiting = iter(sources)
        reading: deque[tuple[str, _Pages, Future[tuple[list[Found], bool]]]] = deque()
        try:
            while True:
                while len(reading) < 2 * self.ahead and (source := next(waiting, None)):
                    reading.append((*source, self.pool.submit(self._next, source[1])))
                if not reading:
                    return
                task, pages, page = reading.popleft()
                try:
                    some, last = page.result()
                except ServerError as error:
                    if self._lost:
                        raise self._lost from None
                    self.unreadable[task] = error
                    continue
                if last:
                    # What it holds on to would stay until all sources are read.
                    pages.close()
                else:
                    reading.append((task, pages, self.pool.submit(self._next, pages)))
                yield some
        finally:
            for *_, page in reading:
                page.cancel()

    def _next(self, pages: _Pages) -> tuple[list[Found], bool]:
        """Return the next page. Once the server is lost, none is asked for that was waiting for its turn."""
        if self._lost:
            raise self._lost
        try:
            return next(pages)
        except (Stopped, ServerUnreachable, CredentialsError) as error:
            self._lost = error
            raise


def located(storages: Storages, address: object) -> tuple[Location, ...]:
    """Return every name under which a file at ``address`` may lie, none if it cannot be read."""
    try:
        return storages.locate(address)
    except BadAddress:
        return ()


def folders_named(locations: Iterable[Location], task: str) -> set[Location]:
    """Return the folders of ``task`` in which ``locations`` lie."""
    return {folder for place in locations if (folder := place.folder_of(task))}
