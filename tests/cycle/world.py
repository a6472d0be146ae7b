"""A sandbox, emptied before each test, and the service on it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any
from urllib.parse import unquote

from cleanup.cycle import run_once
from cleanup.cycle.result import CycleResult
from cleanup.sandbox import Sandbox
from cleanup.server import Network, Server
from cleanup.service import ending_of
from cleanup.settings import Settings
from cleanup.storage import Storages, known_file_servers


@dataclass(frozen=True)
class World:
    """Makes tasks, runs cycles with ``force_delete`` unless told otherwise, and shows what is left."""

    sandbox: Sandbox

    def add(self, name: str = "old", status: str = "completed", *, archived: bool = True, **more: Any) -> str:
        """Add a task that may go with force: archived, and older than every threshold that a test does not lengthen."""
        return self.sandbox.add_task(
            name, status=status, archived=archived, **{"project": "team", "age_days": 60, **more}
        )

    def add_full(self, name: str = "old", status: str = "completed", **more: Any) -> str:
        """Add a task with six files: two artifacts, a model, two debug samples and a plot image."""
        task = self.add(name, status, **more)
        for key in ("data", "a b+c%41"):
            self.sandbox.add_artifact(task, key)
        self.sandbox.add_model(task, "weights")
        self.sandbox.add_debug_samples(task, 2)
        self.sandbox.add_plot_image(task)
        return task

    def clean(self, *, own_task: str | None = None, network: Any = None, **given: Any) -> CycleResult:
        """Run one cycle as the service does, and check what is true of every result."""
        server = Server(Network(**{"attempts": 3, "backoff": 0.0, **(network or {})}))
        storages = Storages(known_file_servers(), server.session.token_for_files, bound=8)
        settings = Settings.parse({"force_delete": True, **given})
        before = self.state if settings.dry_run else ()
        try:
            result = run_once(server, storages, settings, now=datetime.now(timezone.utc), own_task=own_task)
        finally:
            storages.close()
            server.close()
        # The numbers add up, each is told once, and what is said of each is so.
        for fates, left in ((result, self.sandbox.tasks), (result.models, self.sandbox.models)):
            told = [entry.task.id for entries in (fates.deleted, fates.kept, fates.failed) for entry in entries]
            assert fates.matched == len(told) == len(set(told))
            assert all(reasons(fates).values())
            assert all(errors(fates).values())
            assert result.dry_run or not ids(fates.deleted) & left.keys()
        assert not result.dry_run or self.state == before
        return result

    @property
    def state(self) -> tuple[Any, ...]:
        """All that the server and its disk hold: tasks, models, files and folders."""
        return self.sandbox.tasks, self.sandbox.models, self.sandbox.files(), self.sandbox.folders()

    @property
    def is_empty(self) -> bool:
        """Tell whether no task, no model and no file is left."""
        return not (self.sandbox.tasks or self.sandbox.models or self.sandbox.files())

    def files_of(self, *tasks: str) -> set[str]:
        """Return the files on disk in the folders of ``tasks``."""
        return {path for path in self.sandbox.files() if {*tasks} & {*re.findall(r"\.([0-9a-f]{32})/", path)}}

    def path(self, uri: str) -> str:
        """Return where on its disk the file server keeps the file at ``uri``."""
        return unquote(uri.removeprefix(f"{self.sandbox.files_url}/"))


def ids(entries: Any) -> set[str]:
    """Return the ids of the tasks in a list of a result."""
    return {entry.task.id for entry in entries}


def reasons(result: Any) -> dict[str, str]:
    """Return why each task (or model) stays, by id."""
    return {entry.task.id: entry.reason for entry in result.kept}


def errors(result: Any) -> dict[str, str]:
    """Return why each task (or model) failed, by id."""
    return {entry.task.id: entry.error for entry in result.failed}


def exit_code(result: CycleResult) -> int:
    """Return what a run ends with after this cycle."""
    return ending_of(result).code
