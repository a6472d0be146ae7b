"""The service in this process on a sandbox, with waits that take no time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cleanup.base.errors import Ending
from cleanup.report.report import Report
from cleanup.sandbox import Sandbox
from cleanup.server import Network, Server
from cleanup.server.own_task import OwnTask
from cleanup.service import Service, open_storages
from cleanup.settings import Settings


class Timeline:
    """Time for a service: waiting moves it on at once. `at` runs an action when the n-th wait begins (from 1)."""

    def __init__(self, stop: threading.Event) -> None:
        self.waits: list[float] = []
        self.now = 0.0
        self._stop, self._actions = stop, dict[int, Callable[[], Any]]()

    def seconds(self) -> float:
        return self.now

    def at(self, wait: int, action: Callable[[], Any]) -> None:
        self._actions[wait] = action

    def end_at(self, wait: int) -> None:
        self.at(wait, self._stop.set)

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds
        self._actions.get(len(self.waits), lambda: None)()


class Rig:
    """A service with one task's worth of everything, none of it shared."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.server = Server(Network(attempts=2, backoff=0.001, backoff_max=0.01))
        self.time = Timeline(self.server.network.stop)

    def run(self, own: str = "", **settings: object) -> Ending:
        chosen = Settings.parse(settings)
        storages = open_storages(self.server, chosen)
        service = Service(
            self.server,
            storages,
            chosen,
            Report(),
            own_task=OwnTask(self.server.client, own) if own else None,
            seconds=self.time.seconds,
            wait=self.time.wait,
        )
        try:
            return service.run()
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
def make_rig(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Rig]]:
    started: list[Sandbox] = []

    def make(**options: Any) -> Rig:
        sandbox = Sandbox(**options).start()
        started.append(sandbox)
        for name, value in sandbox.environment().items():
            monkeypatch.setenv(name, value)
        return Rig(sandbox)

    yield make
    for sandbox in started:
        sandbox.stop()


@pytest.fixture
def rig(make_rig: Callable[..., Rig]) -> Rig:
    return make_rig()
