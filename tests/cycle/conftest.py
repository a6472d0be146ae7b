"""One sandbox for all tests of a process, since the SDK reads its configuration once; emptied before each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial

import pytest

from cleanup.sandbox import Sandbox
from cleanup.server import Network
from tests.cycle.world import World
from tests.faults.rig import empty


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def world(shared_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> World:
    empty(shared_sandbox)
    return _at(shared_sandbox, monkeypatch)


@pytest.fixture
def other_world(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., World]]:
    """Make a world on a sandbox of its own, with other options."""
    with ExitStack() as stack:
        yield lambda **options: _at(stack.enter_context(Sandbox(**options)), monkeypatch)


def _at(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> World:
    # Hosts and keys are read for each session; the configuration file was read before, and says nothing.
    for name, value in sandbox.environment().items():
        if name != "CLEARML_CONFIG_FILE":
            monkeypatch.setenv(name, value)
    monkeypatch.delenv("CLEARML_AUTH_TOKEN", raising=False)
    # Nobody waits for the second try of a file server.
    monkeypatch.setattr("cleanup.storage.Network", partial(Network, backoff=0.0))
    return World(sandbox)
