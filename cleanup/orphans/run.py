"""The two steps: find orphans and write them down; delete what was written down."""

from __future__ import annotations

import json
import time
from argparse import Namespace
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from tqdm import tqdm

from cleanup.base.chunks import chunks
from cleanup.base.errors import CleanupError, CommandLineError, Ending, ServerError, Stopped
from cleanup.cycle.result import CycleResult
from cleanup.launch.guard import Guard
from cleanup.orphans import manifest, report
from cleanup.orphans.folders import Folder, task_folders
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
        self._server, self._storages, self._given = server, storages, given
        self.result = CycleResult(census.now(server), dry_run=not given.delete)
        self._folders: Counter[int] = Counter()
        self._in_use: Counter[int] = Counter()
        """By storage all folders, and those whose tasks are on the server."""
        self._bar = partial(tqdm, unit=" files", disable=None, leave=False)

    def find(self) -> Sequence[str]:
        """Write a manifest of the orphans; return what else to say."""
        addresses = [one if "://" in one else str(Path(one).resolve()) for one in self._given.storages]
        places = [self._storages.listable(address) for address in addresses]
        # Those that it hides would look gone.
        self._refuse(census.hides_tasks(self._server))
        newest = self.result.started - timedelta(days=self._given.older_than_days)
        header = {"server": census.identity(self._server), "newest": newest.isoformat(), "storages": addresses}
        manifest.write(self._given.output, header, self._orphans(places, Judge(self._server, newest)))
        total, in_use = self._folders.total(), self._in_use.total()
        return [
            f"Looked through {total} task folders; {in_use} are of tasks that are on the server",
            f"Nothing was deleted. To delete it: python -m cleanup.orphans --delete {self._given.output}",
        ]

    def _refuse(self, why: str) -> None:
        if why and not self._given.shared_with_no_other_server:
            raise CommandLineError(f"{why}. If no other server writes there: --shared-with-no-other-server")

    def _orphans(self, places: Sequence[Location], judge: Judge) -> Iterator[Folder]:
        """Yield the folders that do not stay, and refuse in the end if a storage looks like another server's."""
        with self._bar(desc="Looking through") as bar:
            for some in _together(self._listed(places)):
                judge.judge(some)
                for folder in some:
                    self._folders[folder.storage] += 1
                    bar.update(len(folder.files))
                    if folder.why == IN_USE:
                        self._in_use[folder.storage] += 1
                        continue
                    folder.answers = dict.fromkeys(folder.going(), Answer(Outcome.DELETED))
                    report.count(folder, self.result)
                    if folder.answers:
                        yield folder
        for storage, folders in self._folders.items():
            in_use = self._in_use[storage]
            looks = (
                f"Of {folders} task folders in {self._given.storages[storage]} only {in_use} belong to tasks of this "
            )
            looks += f"server, less than {LEAST_SHARE:.0%}: they look like another server's"
            self._refuse(looks if in_use < LEAST_SHARE * folders else "")

    def _listed(self, places: Sequence[Location]) -> Iterator[Folder]:
        for number, place in enumerate(places):
            try:
                yield from task_folders(number, self._storages.list(place))
            except Unlistable as error:
                raise CleanupError(f"{self._given.storages[number]} cannot be listed in full: {error}") from None

    def delete(self) -> Sequence[str]:
        """Delete what a manifest lists, what is still as it was, and what nothing needs."""
        lines = manifest.read(self._given.delete)
        header = next(lines)
        places = [self._storages.listable(address) for address in header["storages"]]
        if header["server"] != census.identity(self._server):
            raise CommandLineError(f"{self._given.delete} was written with another server, {header['server']}")
        # Those that it hides would look gone.
        self._refuse(census.hides_tasks(self._server))
        judge = Judge(self._server, datetime.fromisoformat(header["newest"]))
        with self._bar(desc="Deleting") as bar:
            for some in _together(manifest.folders(lines, places)):
                try:
                    self._delete(some, judge)
                except (ServerError, Stopped) as error:
                    self.result.interrupted = str(error)
                for folder in some:
                    report.count(folder, self.result)
                    bar.update(len(folder.files))
                if self.result.interrupted:
                    break
        return []

    def _delete(self, folders: Sequence[Folder], judge: Judge) -> None:
        for folder in folders:
            self._list_again(folder)
        for part in chunks([(folder, name) for folder in folders for name in folder.going()], FILES_AT_ONCE):
            judge.judge(folders)
            going = {folder.at(name): (folder, name) for folder, name in part if folder.goes(name)}
            stopped: DeletionStopped | None = None
            try:
                answers = self._storages.delete(going)
            except DeletionStopped as error:
                answers, stopped = error.answers, error
            for place, answer in answers.items():
                folder, name = going[place]
                folder.answers[name] = answer
            if stopped:
                raise stopped
        self._storages.remove_folders(folder.location for folder in folders if not folder.why)

    def _list_again(self, folder: Folder) -> None:
        """Note which files are gone, and that the folder stays if one is new in it, or not as it was."""
        left, place = set(folder.files), folder.location
        try:
            for file in self._storages.list(place):
                name = file.location.path[len(place.path) + 1 :]
                left.discard(name)
                if folder.files.get(name) != (file.size, file.modified):
                    folder.why = "a file in it is new, or has changed since"
        except Unlistable as error:
            folder.why = f"it cannot be listed: {error}"
            self.result.errors.append(f"{place.root}/{place.path}: {folder.why}")
        folder.answers = dict.fromkeys(() if folder.why else left.difference(folder.held), Answer(Outcome.GONE))


def _together(folders: Iterable[Folder]) -> Iterator[list[Folder]]:
    return chunks(folders, AT_ONCE, lambda folder: len(folder.files), FILES_AT_ONCE)
