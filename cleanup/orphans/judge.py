"""What stays: everything that a task of the server, a model or an artifact may need, and what is new."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cleanup.base.chunks import chunks
from cleanup.base.errors import ServerError
from cleanup.cycle.surroundings import Surroundings
from cleanup.files import Holder, Holders, Place, places
from cleanup.orphans.folders import Folder
from cleanup.server import Server, census

AT_ONCE = 500
"""Folders that the server is asked about together."""

IN_USE = "its task is on the server"


class Judge:
    """Decides which folders stay, or which of their files. Those with a file after ``newest`` (aware) do."""

    def __init__(self, server: Server, newest: datetime) -> None:
        self._server, self._newest = server, newest
        self._around = Surroundings(server, links_wanted=True)

    def judge(self, folders: Sequence[Folder]) -> None:
        """Ask the server about ``folders``, and note in them what stays, and why.

        Raises:
            ServerError: it does not answer in full, so nothing can be concluded.
        """
        self._around.read(census.now(self._server))
        for error in self._server.survey.unreadable:
            raise ServerError(f"What tasks refer to cannot be read in full: {error}")
        there = self._server.tasks.existing({task for folder in folders for task in folder.tasks})
        for folder in folders:
            folder.why = folder.why or self._reason(folder, there)
        left = [folder for folder in folders if not folder.why]
        held = self._holders(sorted({task for folder in left for task in folder.tasks}))
        for folder in left:
            if any(held.of(Place(task, "")) for task in folder.tasks):
                found = {name: _first(held, folder.at(name).path) for name in folder.files}
                folder.held |= {name: holder.why for name, holder in found.items() if holder}

    def _reason(self, folder: Folder, there: set[str]) -> str:
        if folder.task in there:
            return IN_USE
        if folder.tasks & there:
            return f"the folder of task {min(folder.tasks & there)} lies in it or around it"
        return "" if folder.newest and folder.newest <= self._newest else "a file in it is too new"

    def _holders(self, tasks: Sequence[str]) -> Holders:
        held = Holders()
        for some in chunks(tasks, AT_ONCE):
            for model in self._server.models.naming(some):
                held.add(model.uri, Holder(f"model {model.id} names it", model.id))
        for address, linker in self._around.links_to(tasks):
            held.add(address, Holder(f"task {linker} links to it", linker))
        for task, [(claimer, why), *_] in self._around.claims_on(tasks).items():
            held.add(f".{task}/", Holder(why, claimer))
        return held


def _first(held: Holders, path: str) -> Holder | None:
    return next(filter(None, map(held.of, places(path))), None)
