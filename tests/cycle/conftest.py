"""One sandbox for all tests of a process, since the SDK reads its configuration once; emptied before each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from cleanup.sandbox import Sandbox
from cleanup.server import Network
from tests.cycle.world import World


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def world(shared_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> World:
    world = World(shared_sandbox)
    world.empty()
    _point_to(shared_sandbox, monkeypatch)
    return world


@pytest.fixture
def other_world(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., World]]:
    """Make a world on a sandbox of its own, with other options."""
    started: list[Sandbox] = []

    def make(**options: Any) -> World:
        started.append(Sandbox(**options).start())
        _point_to(started[-1], monkeypatch)
        return World(started[-1])

    yield make
    for sandbox in started:
        sandbox.stop()


def _point_to(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    # Hosts and keys are read for each session; the configuration file was read before, and says nothing.
    for name, value in sandbox.environment().items():
        if name != "CLEARML_CONFIG_FILE":
            monkeypatch.setenv(name, value)
    monkeypatch.delenv("CLEARML_AUTH_TOKEN", raising=False)
    # Nobody waits for the second try of a file server.
    monkeypatch.setattr("cleanup.storage.Network", partial(Network, backoff=0.0))
