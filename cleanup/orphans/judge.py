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
    """Decides which folders stay, and which files of the others. Folders with a file after ``newest`` (aware) do."""

    def __init__(self, server: Server, newest: datetime) -> None:
        self._server, self._newest = server, newest
        self._around = Surroundings(server, links_wanted=True)
        self._held = Holders()

    def look(self, folders: Sequence[Folder]) -> None:
        """Ask the server about ``folders``, and note why they stay as a whole, or that files of them may.

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
        self._held = self._holders(sorted({task for folder in left for task in folder.tasks}))
        for folder in left:
            folder.needed = any(self._held.of(Place(task, "")) for task in folder.tasks)

    def why(self, folder: Folder, name: str) -> str:
        """Return why the file ``name`` of ``folder`` stays, by the last look; "" if nothing needs it."""
        found = places(folder.at(name).path) if folder.needed else ()
        return next((holder.why for holder in map(self._held.of, found) if holder), "")

    def _reason(self, folder: Folder, there: set[str]) -> str:
        if folder.task in there:
            return IN_USE
        if folder.tasks & there:
            return f"the folder of task {min(folder.tasks & there)} lies in it or around it"
        return "a file in it is too new" if folder.newest > self._newest else ""

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
