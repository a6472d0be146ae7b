"""A world of living and deleted tasks on each kind of storage."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cycle.conftest import shared_sandbox, world
from tests.cycle.world import World
from tests.orphans.world import OrphanWorld
from tests.storage import stores
from tests.storage.conftest import azurite, gcs_server, s3_server

__all__ = ["azurite", "gcs_server", "s3_server", "shared_sandbox", "world"]


@pytest.fixture
def store(request: pytest.FixtureRequest, world: World) -> Iterator[stores.Store]:
    """The file server's own disk, or the storage that a test asks for by parameter."""
    kind, patch = getattr(request, "param", "disks"), pytest.MonkeyPatch()
    opened: dict[str, contextlib.AbstractContextManager[stores.Store]] = {
        "disks": lambda: stores.disks(world.sandbox.files_root, patch),
        "s3": lambda: stores.s3(request.getfixturevalue("s3_server"), patch, minio=True),
        "gs": lambda: stores.google(request.getfixturevalue("gcs_server"), patch),
        "azure": lambda: stores.azure(request.getfixturevalue("azurite"), patch),
    }
    with opened[kind]() as made:
        yield made


@pytest.fixture
def orphans(world: World, store: stores.Store, tmp_path: Path) -> OrphanWorld:
    """The world, filled with every kind of folder."""
    made = OrphanWorld(world.sandbox, store, tmp_path / "orphans.jsonl.gz")
    made.fill()
    return made
