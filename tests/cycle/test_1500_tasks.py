"""1,200 archived old tasks in all statuses and 300 others that must stay: one cycle, counted on server and disk."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import pytest

from cleanup.sandbox.values import stamp
from cleanup.selection import PUBLIC, REPORTING
from cleanup.server.rows import NO_DRAFT as OTHER_STATUSES
from tests.cycle.world import State, World, errors, exit_code, ids, written_by

STATUSES = ("created", *OTHER_STATUSES)


@dataclass(frozen=True)
class Archive:
    """The 1,200 by status, the 300, and everything as it was before the cycle."""

    old: dict[str, list[str]]
    others: set[str]
    before: State

    @property
    def all_old(self) -> set[str]:
        return {task for tasks in self.old.values() for task in tasks}


@pytest.fixture
def archive(world: World) -> Archive:
    old = {status: [_with_files(world, n, status) for n in range(120)] for status in STATUSES}
    stay = [
        *(_with_files(world, n, STATUSES[n % 10], archived=False) for n in range(100)),
        *(_with_files(world, n, STATUSES[n % 10], age_days=1.0) for n in range(100)),
        *(_with_files(world, n, STATUSES[n % 10], archived=False, system_tags=["hidden"]) for n in range(40)),
        *(_with_files(world, n, STATUSES[n % 10], public=True) for n in range(40)),
        *(_with_files(world, n, "in_progress") for n in range(20)),
    ]
    for task in stay[-20:]:
        world.sandbox.edit_task(task, last_update=stamp(datetime.now(timezone.utc)))
    archive = Archive(old, set(stay), world.state)
    assert (len(archive.all_old), len(archive.others)) == (1200, 300)
    return archive


def _with_files(world: World, number: int, status: str, **more: Any) -> str:
    """Add a task with two files, every tenth with all kinds of files, every seventh hidden, over four projects."""
    if number % 7 == 0:
        more = {"system_tags": ["hidden"], **more}
    more = {"project": f"team/{number % 4}", **more}
    if number % 10 == 0:
        return world.add_full(f"task {number}", status, **more)
    task = world.add(f"task {number}", status, **more)
    world.sandbox.add_artifact(task, "data")
    world.sandbox.add_debug_samples(task, 1)
    return task


def test_one_cycle_with_force_leaves_exactly_the_300_and_all_their_files(world: World, archive: Archive) -> None:
    written = world.files_of(*archive.all_old)
    planned = world.clean(dry_run=True)
    assert world.state == archive.before
    result = world.clean()

    after = world.state
    assert set(after.tasks) == archive.others
    assert after.files == archive.before.files - written
    assert len(written) > 2400
    assert {task: after.tasks[task] for task in archive.others} == {
        task: archive.before.tasks[task] for task in archive.others
    }
    assert ids(result.deleted) == archive.all_old
    assert result.files.deleted == len(written)
    assert result.kept_by_reason() == {PUBLIC: 40, REPORTING: 20}
    assert not world.folders_of(*archive.all_old)
    assert exit_code(result) == 0
    assert (set(planned.deleted), set(planned.kept)) == (set(result.deleted), set(result.kept))
    assert (planned.files, planned.storages) == (result.files, result.storages)


def test_by_default_only_old_drafts_go_and_it_says_how_many_force_would_add(world: World, archive: Archive) -> None:
    drafts = set(archive.old["created"])
    written = world.files_of(*drafts)
    result = world.clean(force_delete=False)

    after = world.state
    assert set(archive.before.tasks) - set(after.tasks) == drafts
    assert archive.before.files - after.files == written
    assert result.force_would_add == 1200 - len(drafts)
    assert exit_code(result) == 0


def test_a_failing_task_in_every_page_stops_no_other(world: World, archive: Archive) -> None:
    in_order = sorted(archive.all_old, key=lambda task: str(archive.before.tasks[task].get("status_changed") or "z"))
    failing = set(in_order[::90])
    for number, task in enumerate(failing):
        code = (500, 400)[number % 2]
        world.sandbox.task_failures[task] = (code, 100 if code == 500 else 123, f"cannot delete {task}")
    result = world.clean()

    after = world.state
    assert set(after.tasks) == archive.others | failing
    assert not world.files_of(*(archive.all_old - failing))
    assert world.files_of(*archive.others) == written_by(archive.before.files, archive.others)
    assert set(errors(result)) == failing
    assert all(f"cannot delete {task}" in error for task, error in errors(result).items())
    assert exit_code(result) == 1
    assert len(failing) == 14

    world.sandbox.task_failures.clear()
    assert ids(world.clean().deleted) == failing
    assert set(world.sandbox.tasks) == archive.others
