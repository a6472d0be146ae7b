"""The service in this process on a sandbox, with waits that take no time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cleanup.base.errors import Ending
from cleanup.report.report import Report
from cleanup.sandbox import Sandbox
from cleanup.server import Network, Server
from cleanup.server.own_task import OwnTask
from cleanup.service import Pace, Service, open_storages
from cleanup.settings import Settings


class Rig:
    """A service, its sandbox, and its time: waiting moves that on at once."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.server = Server(Network(attempts=2, backoff=0.001, backoff_max=0.01))
        self.waits: list[float] = []
        self._actions: dict[int, Callable[[], Any]] = {}

    def at(self, wait: int, action: Callable[[], Any]) -> None:
        """Let ``action`` happen when that wait begins, from 1 on."""
        self._actions[wait] = action

    def _wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self._actions.get(len(self.waits), lambda: None)()

    def run(self, own: str = "", end_at: int = 0, **settings: object) -> Ending:
        """Run the service, until the wait ``end_at`` if it repeats."""
        self.at(end_at, self.server.network.stop.set)
        chosen = Settings.parse(settings)
        storages = open_storages(self.server, chosen)
        own_task = OwnTask(self.server.client, own) if own else None
        pace = Pace(lambda: sum(self.waits), self._wait)
        try:
            return Service(self.server, storages, chosen, Report(), own_task=own_task, pace=pace).run()
        finally:
            storages.close()
            self.server.close()

    def archive(self, count: int = 3) -> set[str]:
        """Old archived drafts with a file each."""
        tasks = {self.sandbox.add_task(f"old {n}", archived=True, age_days=60) for n in range(count)}
        for task in tasks:
            self.sandbox.add_artifact(task, "data")
        return tasks


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    with Sandbox() as sandbox:
        for name, value in sandbox.environment().items():
            monkeypatch.setenv(name, value)
        yield Rig(sandbox)
