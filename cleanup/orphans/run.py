"""The two steps: find orphans and write them down; delete what was written down."""

from __future__ import annotations

import json
import sqlite3
import time
from argparse import Namespace
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import NoReturn

from tqdm import tqdm

from cleanup.base.chunks import chunks
from cleanup.base.errors import CleanupError, CommandLineError, Ending, ServerError, Stopped
from cleanup.cycle.result import CycleResult
from cleanup.files import tasks_of
from cleanup.launch.guard import Guard
from cleanup.orphans import manifest, report
from cleanup.orphans.folders import Folder, Row, own_folder, shelf, task_folders
from cleanup.orphans.judge import AT_ONCE, IN_USE, Judge
from cleanup.report.figures import as_json
from cleanup.report.render import summary
from cleanup.server import Network, Server, census
from cleanup.service import ending_of, open_storages
from cleanup.settings import Settings
from cleanup.storage import Answer, DeletionStopped, Location, Outcome, Storages, Unlistable

FILES_AT_ONCE = 10_000
"""Files of folders that are judged together, unless one has more; so many go between two looks at the server."""

LEAST_SHARE = 0.05
"""A storage of whose task folders a smaller share belongs to tasks of the server is taken for another server's."""


def run(guard: Guard, given: Namespace) -> Ending:
    """Do what the command line says, and tell what was done."""
    begun, server = time.monotonic(), Server(Network(stop=guard.stop))
    guard.working()
    storages = open_storages(server, Settings())
    steps = Steps(server, storages, given)
    try:
        said = steps.delete() if given.delete else steps.find()
    finally:
        storages.close()
    result = steps.result
    result.seconds = time.monotonic() - begun
    # The last line for a dry run says how to delete, which is another way here.
    print(*report.table(result), *summary(result)[: -1 if result.dry_run else None], *said, sep="\n")
    if guard.json_to:
        print(json.dumps(as_json(result), indent=1), file=guard.json_to)
    return Ending(said=True) if guard.stop.is_set() else ending_of(result)


class Steps:
    """The two steps, of which one is taken. ``result`` holds what it found or did."""

    def __init__(self, server: Server, storages: Storages, given: Namespace) -> None:
        self._server, self._storages, self._given, self._shelf = server, storages, given, shelf()
        self.result = CycleResult(census.now(server), dry_run=not given.delete)
        self._folders: Counter[str] = Counter()
        self._in_use: Counter[str] = Counter()
        """By storage all folders, and those whose tasks are on the server."""
        self._bar = partial(tqdm, unit=" files", disable=None, leave=False)

    def find(self) -> Sequence[str]:
        """Write a manifest of the orphans; return what else to say."""
        given = dict.fromkeys(self._given.storages)
        addresses = [one if "://" in one else str(Path(one).resolve()) for one in given]
        places = [self._storages.listable(address) for address in addresses]
        self._refuse(census.hides_tasks(self._server))
        newest = self.result.started - timedelta(days=self._given.older_than_days)
        header = manifest.Header(manifest.FORMAT, census.identity(self._server), newest.isoformat(), addresses)
        manifest.write(self._given.output, header, self._orphans(addresses, places, Judge(self._server, newest)))
        total, in_use = self._folders.total(), self._in_use.total()
        return [
            f"Looked through {total} task folders; {in_use} are of tasks that are on the server",
            f"Nothing was deleted. To delete it: python -m cleanup.orphans --delete {self._given.output}",
        ]

    def _refuse(self, why: str) -> None:
        if why and not self._given.shared_with_no_other_server:
            raise CommandLineError(f"{why}. If no other server writes there: --shared-with-no-other-server")

    def _orphans(self, addresses: Sequence[str], places: Sequence[Location], judge: Judge) -> Iterator[manifest.Line]:
        """Yield the files of folders that do not stay, and refuse in the end what looks like another server's."""
        with self._bar(desc="Looking through") as bar:
            for some in _together(self._listed(addresses, places)):
                judge.look(some)
                for folder in some:
                    bar.update(folder.many)
                    self._folders[addresses[folder.storage]] += 1
                    self._in_use[addresses[folder.storage]] += folder.why == IN_USE
                    if not folder.why:
                        yield from (self._found(folder, row, judge) for row in folder.rows())
                    if folder.why != IN_USE:
                        report.close(folder, self.result)
                    folder.forget()
        for address, many in self._folders.items():
            in_use = self._in_use[address]
            looks = f"Of {many} task folders in {address} only {in_use} belong to tasks of this server, less than "
            looks += f"{LEAST_SHARE:.0%}: they look like another server's"
            self._refuse(looks if in_use < LEAST_SHARE * many else "")

    def _found(self, folder: Folder, row: Row, judge: Judge) -> manifest.Line:
        name, size, modified, *_ = row
        why = judge.why(folder, name)
        if why:
            report.keep(folder, name, why, self.result)
        else:
            report.count(folder, name, size, Answer(Outcome.DELETED), self.result)
        return folder.storage, folder.at(name).path, size, modified, why

    def _listed(self, addresses: Sequence[str], places: Sequence[Location]) -> Iterator[Folder]:
        for number, place in enumerate(places):
            try:
                yield from task_folders(number, ((file, "") for file in self._storages.list(place)), self._shelf)
            except Unlistable as error:
                raise CleanupError(f"{addresses[number]} cannot be listed in full: {error}") from None

    def delete(self) -> Sequence[str]:
        """Delete what a manifest lists, what is still as it was, and what nothing needs."""
        path = self._given.delete
        header = manifest.header(path)
        places = [self._storages.listable(address) for address in header.storages]
        if header.server != census.identity(self._server):
            raise CommandLineError(f"{path} was written with another server, {header.server}")
        self._refuse(census.hides_tasks(self._server))
        judge = Judge(self._server, datetime.fromisoformat(header.newest))
        total = 0
        # All of it is read before anything goes: then a damaged one deletes nothing.
        for folder in manifest.folders(path, places, self._shelf):
            total += folder.many
            folder.forget()
        with self._bar(desc="Deleting", total=total) as bar:
            for some in _together(manifest.folders(path, places, self._shelf)):
                try:
                    self._delete(some, judge, bar)
                except (ServerError, Stopped, sqlite3.Error) as error:
                    self.result.interrupted = str(error)
                for folder in some:
                    report.close(folder, self.result)
                    folder.forget()
                if self.result.interrupted:
                    break
        return []

    def _delete(self, folders: Sequence[Folder], judge: Judge, bar: tqdm[NoReturn]) -> None:
        for folder in folders:
            self._list_again(folder)
        for part in chunks(((folder, row) for folder in folders for row in folder.rows()), FILES_AT_ONCE):
            judge.look(folders)
            self._delete_files({f.at(row[0]): (f, *row[:2]) for f, row in part if self._goes(f, row, judge)})
            bar.update(len(part))
        self._storages.remove_folders(folder.location for folder in folders if not folder.why)

    def _goes(self, folder: Folder, row: Row, judge: Judge) -> bool:
        """Return whether a file goes, and count one that was seen no more, or stays."""
        name, size, _, before, seen = row
        why = before or judge.why(folder, name)
        if folder.why:
            return False
        if not seen:
            report.count(folder, name, size, Answer(Outcome.GONE), self.result)
        elif why:
            report.keep(folder, name, why, self.result)
        return seen and not why

    def _delete_files(self, going: dict[Location, tuple[Folder, str, int | None]]) -> None:
        stopped: DeletionStopped | None = None
        try:
            answers = self._storages.delete(going)
        except DeletionStopped as error:
            answers, stopped = error.answers, error
        for place, given in answers.items():
            report.count(*going[place], given, self.result)
        if stopped:
            raise stopped

    def _list_again(self, folder: Folder) -> None:
        """Note in ``folder`` which files are still there, and that it stays if one is not as it was."""
        place = folder.location
        try:
            for file in self._storages.list(place):
                path = file.location.path
                folder.tasks |= tasks_of(path)
                if own_folder(path) == place.path and not folder.see(file):
                    folder.why = "a file in it is new, or has changed since"
        except Unlistable as error:
            folder.why = f"it cannot be listed: {error}"
            self.result.errors.append(f"{place.root}/{place.path}: {folder.why}")


def _together(folders: Iterable[Folder]) -> Iterator[list[Folder]]:
    return chunks(folders, AT_ONCE, lambda folder: folder.many, FILES_AT_ONCE)
