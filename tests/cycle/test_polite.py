"""Many tasks: 600 that go and 300 that stay, counted on server and disk; and at what cost for the server."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from cleanup.sandbox.values import stamp
from cleanup.selection import PUBLIC, REPORTING
from cleanup.server.rows import NO_DRAFT
from tests.cycle.world import World, errors, exit_code, ids
from tests.faults.rig import empty

STATUSES = ("created", *NO_DRAFT)


def add(world: World, number: int, status: str, **more: Any) -> str:
    """Add a task with two files, every tenth with all kinds of files, every seventh hidden, over four projects."""
    more = {"project": f"team/{number % 4}", **({"system_tags": ["hidden"]} if number % 7 == 0 else {}), **more}
    if number % 10 == 0:
        return world.add_full(f"task {number}", status, **more)
    task = world.add(f"task {number}", status, **more)
    world.sandbox.add_artifact(task, "data")
    world.sandbox.add_debug_samples(task, 1)
    return task


def test_drafts_go_by_default_then_all_but_those_that_fail_and_at_last_they_too_and_none_of_the_others(
    world: World,
) -> None:
    old = {status: [add(world, n, status) for n in range(60)] for status in STATUSES}
    others = [
        *(add(world, n, STATUSES[n % 10], archived=False) for n in range(100)),
        *(add(world, n, STATUSES[n % 10], age_days=1) for n in range(100)),
        *(add(world, n, STATUSES[n % 10], archived=False, system_tags=["hidden"]) for n in range(40)),
        *(add(world, n, STATUSES[n % 10], public=True) for n in range(40)),
        *(add(world, n, "in_progress") for n in range(20)),
    ]
    for task in others[-20:]:
        world.sandbox.edit_task(task, last_update=stamp(datetime.now(timezone.utc)))
    drafts, forced = set(old["created"]), {task for status in NO_DRAFT for task in old[status]}
    rows = world.sandbox.tasks
    theirs = world.files_of(*others)

    result = world.clean(force_delete=False)
    assert ids(result.deleted) == drafts
    assert rows.keys() - world.sandbox.tasks.keys() == drafts
    left = world.sandbox.files()
    assert left == world.files_of(*forced, *others)
    assert (result.force_would_add, exit_code(result)) == (len(forced), 0)

    # One in every page of the list.
    failing = sorted(forced, key=lambda task: rows[task]["status_changed"])[::90]
    for number, task in enumerate(failing):
        world.sandbox.task_failures[task] = ((500, 100), (400, 123))[number % 2] + (f"cannot delete {task}",)
    result = world.clean()
    assert set(world.sandbox.tasks) == {*others, *failing}
    assert not world.files_of(*forced.difference(failing))
    assert errors(result).keys() == set(failing)
    assert all(f"cannot delete {task}" in error for task, error in errors(result).items())
    assert (result.kept_by_reason(), exit_code(result)) == ({PUBLIC: 40, REPORTING: 20}, 1)
    assert result.files.deleted == len(left - theirs) > 1100

    world.sandbox.task_failures.clear()
    assert ids(world.clean().deleted) == set(failing)
    assert world.sandbox.tasks == {task: rows[task] for task in others}
    assert world.sandbox.files() == theirs
    assert {folder.rpartition(".")[2] for folder in world.sandbox.folders()}.isdisjoint(forced | drafts)


@pytest.mark.parametrize("bound", [1, 3])
def test_never_more_requests_are_open_than_parallel_requests(world: World, bound: int) -> None:
    for number in range(40):
        world.add_full(f"t {number}")
    world.sandbox.latency = 0.005
    world.sandbox.reset_requests()

    assert len(world.clean(network={"parallel": bound}, parallel_requests=bound).deleted) == 40
    assert world.sandbox.peak_concurrency <= bound


@pytest.mark.parametrize("version", ["2.9", "2.12", "2.30", "2.31"])
def test_one_login_does_whatever_the_server_understands(
    world: World, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.sandbox._authority, "api_version", version)
    maker, user = world.add_full("maker"), world.add_full("user")
    for model in world.sandbox.models:
        world.sandbox.use_model(user, model)
    world.sandbox.reset_requests()
    assert ids(world.clean().deleted) == {maker, user}
    assert world.sandbox.requests["auth.login"] == 1


def cost(world: World, count: int, uses: list[tuple[int, int]]) -> float:
    """Return the API requests a task of a cycle over ``count`` tasks with a model each, used as (maker, user)."""
    empty(world.sandbox)
    tasks = [world.add(f"t {number}", age_days=100 - number / 10) for number in range(count)]
    models = [world.sandbox.add_model(task, "weights") for task in tasks]
    for task in tasks:
        world.sandbox.add_artifact(task, "data")
    for maker, user in uses:
        world.sandbox.use_model(tasks[user], models[maker])
    world.sandbox.reset_requests()
    assert len(world.clean().deleted) == count
    assert world.is_empty
    return world.sandbox.api_requests / count


def test_tasks_without_samples_cost_about_an_eighth_of_a_request_each(world: World) -> None:
    assert cost(world, 300, []) <= 0.13
    assert world.sandbox.file_requests <= 6


@pytest.mark.parametrize(
    ("count", "uses"),
    [
        pytest.param(700, [(i, i + 1) for i in range(699)], id="a chain across batches"),
        pytest.param(10, [(i, (i + 1) % 10) for i in range(10)], id="a ring"),
        pytest.param(8, [(i + a, i + b) for i in (0, 4) for a, b in ((0, 1), (0, 2), (1, 3), (2, 3))], id="diamonds"),
    ],
)
def test_tasks_that_use_each_others_models_cost_no_more(world: World, count: int, uses: list[tuple[int, int]]) -> None:
    assert cost(world, count, uses) <= cost(world, count, []) + 0.2
