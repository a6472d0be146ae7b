"""Exactly the orphans go: what is found, what is looked at again, what is refused."""

from __future__ import annotations

import gzip
import os
import uuid

import pytest

from cleanup.base.errors import CleanupError, CommandLineError, ServerError
from cleanup.orphans.run import Refused
from cleanup.sandbox import Fault
from tests.orphans.world import PROJECT, OrphanWorld


@pytest.mark.parametrize("store", ["disks", "s3", "gs", "azure"], indirect=True)
def test_exactly_the_orphans_go_and_the_first_step_deletes_nothing(orphans: OrphanWorld) -> None:
    before = orphans.store.held()
    found = orphans.find()
    assert orphans.store.held() == before
    assert {entry.task.id for entry in found.deleted} == set(orphans.orphans)
    assert found.files.deleted == len(orphans.going)
    done = orphans.delete()
    assert orphans.store.held() == before - orphans.going
    assert done.ok
    assert (done.files.deleted, done.files.size) == (found.files.deleted, found.files.size)
    assert orphans.delete().files.gone == len(orphans.going)
    assert not orphans.find().deleted
