"""A sandbox, emptied before each test, and the service on it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any
from urllib.parse import unquote

from cleanup.cycle import run_once
from cleanup.cycle.result import CycleResult
from cleanup.sandbox import Fault, Sandbox
from cleanup.sandbox.kinds import MODEL, PROJECT, QUEUE, TASK
from cleanup.server import Network, Server
from cleanup.service import ending_of
from cleanup.settings import Settings
from cleanup.storage import Storages, known_file_servers

OLD = 60.0
"""Days: older than every threshold here that is not said to be longer."""


_FOLDER = re.compile(r"\.([0-9a-f]{32})/")


@dataclass(frozen=True)
class State:
    """All that the server and its disk hold."""

    tasks: Mapping[str, Mapping[str, Any]]
    models: Mapping[str, Mapping[str, Any]]
    files: frozenset[str]


class World:
    """Makes tasks, runs cycles with ``force_delete`` unless told otherwise, and shows what is left."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def empty(self) -> None:
        """Leave nothing on the server and on its disk, and no fault in its way."""
        sandbox = self.sandbox
        sandbox.clear_faults()
        sandbox.on_request = None
        sandbox.latency = 0.0
        with sandbox.store.lock:
            for kind in (TASK, MODEL, PROJECT, QUEUE):
                held = sandbox.store.collection(kind)
                for entity in list(held.all()):
                    held.remove(entity["id"])
                    sandbox.store.events.remove(entity["id"])
            sandbox.store.task_failures.clear()
        for entry in sandbox.files_root.iterdir():
            shutil.rmtree(entry)
        sandbox.reset_requests()

    def add(self, name: str = "old", status: str = "completed", *, archived: bool = True, **more: Any) -> str:
        """Add a task that may go with force: archived, and old."""
        fields = {"project": "team", "age_days": OLD, **more}
        return self.sandbox.add_task(name, status=status, archived=archived, **fields)

    def add_full(self, name: str = "old", status: str = "completed", **more: Any) -> str:
        """Add a task with six files: two artifacts, a model, two debug samples and a plot image."""
        task = self.add(name, status, **more)
        for key in ("data", "a b+c%41"):
            self.sandbox.add_artifact(task, key)
        self.sandbox.add_model(task, "weights")
        self.sandbox.add_debug_samples(task, 2)
        self.sandbox.add_plot_image(task)
        return task

    def clean(
        self, *, now: datetime | None = None, own_task: str | None = None, network: Any = None, **given: Any
    ) -> CycleResult:
        """Run one cycle as the service does, and check what is true of every result."""
        server = Server(Network(**{"attempts": 3, "backoff": 0.0, **(network or {})}))
        storages = Storages(known_file_servers(), server.session.token_for_files, bound=8)
        settings = Settings.parse({"force_delete": True, **given})
        before = set(self.sandbox.tasks)
        try:
            result = run_once(server, storages, settings, now=now or datetime.now(timezone.utc), own_task=own_task)
        finally:
            storages.close()
            server.close()
        self._check(result, before)
        return result

    def _check(self, result: CycleResult, before: set[str]) -> None:
        """The numbers add up, every task is told once, and what is said of each is so."""
        told = [entry.task.id for entries in (result.deleted, result.kept, result.failed) for entry in entries]
        assert result.matched == len(told) == len(set(told))
        assert all(entry.reason for entry in result.kept)
        assert all(entry.error for entry in result.failed)
        left = set(self.sandbox.tasks)
        if result.dry_run:
            assert left == before
        else:
            assert left.isdisjoint(ids(result.deleted))

    @property
    def state(self) -> State:
        return State(self.sandbox.tasks, self.sandbox.models, frozenset(self.sandbox.files()))

    def block(self, folder: str) -> None:
        """Make a folder on the file server's disk one out of which nothing can be deleted, not even by root."""
        self.sandbox.inject(
            Fault("files.*", status=500, times=None, match=lambda body: any(folder in f for f in body.get("files", ())))
        )

    def files_of(self, *tasks: str) -> set[str]:
        """Return the files on disk in the folders of ``tasks``."""
        return written_by(self.sandbox.files(), tasks)

    def folders_of(self, *tasks: str) -> set[str]:
        """Return the folders on disk that are named after one of ``tasks``."""
        return {path for path in self.sandbox.folders() if path.rpartition(".")[2] in tasks}

    def path(self, uri: str) -> str:
        """Return where on its disk the file server keeps the file at ``uri``."""
        return unquote(uri.removeprefix(f"{self.sandbox.files_url}/"))


def written_by(files: Collection[str], tasks: Collection[str]) -> set[str]:
    """Return those of ``files`` that lie in folders of ``tasks``."""
    wanted = set(tasks)
    return {path for path in files if wanted.intersection(_FOLDER.findall(path))}


def ids(entries: Any) -> set[str]:
    """Return the ids of the tasks in a list of a result."""
    return {entry.task.id for entry in entries}


def reasons(result: CycleResult) -> dict[str, str]:
    """Return why each task stays, by id."""
    return {entry.task.id: entry.reason for entry in result.kept}


def errors(result: CycleResult) -> dict[str, str]:
    """Return why each task failed, by id."""
    return {entry.task.id: entry.error for entry in result.failed}


def exit_code(result: CycleResult) -> int:
    """Return what a run ends with after this cycle."""
    return ending_of(result).code
