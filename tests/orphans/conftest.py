"""A world of living and deleted tasks on each kind of storage."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cycle.conftest import shared_sandbox, world
from tests.cycle.world import World
from tests.orphans.world import OrphanWorld
from tests.storage import stores
from tests.storage.conftest import azurite, gcs_server, opened_store, s3_server

__all__ = ["azurite", "gcs_server", "s3_server", "shared_sandbox", "world"]


@pytest.fixture(params=["disks"])
def store(request: pytest.FixtureRequest, world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[stores.Store]:
    """The file server's own disk, or the storage that a test asks for by parameter."""
    yield from opened_store(request, world.sandbox.files_root, monkeypatch)


@pytest.fixture
def orphans(world: World, store: stores.Store, tmp_path: Path) -> OrphanWorld:
    return OrphanWorld(world.sandbox, store, tmp_path / "orphans.jsonl.gz")
