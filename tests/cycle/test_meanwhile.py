"""What others do to tasks while a cycle works: the last look before each step counts."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest

from cleanup import selection
from cleanup.sandbox import Fault
from cleanup.sandbox.values import stamp
from tests.cycle.world import World, errors, exit_code, ids, reasons

Change = Callable[[World, str], None]


def unarchive(world: World, task: str) -> None:
    world.sandbox.edit_task(task, system_tags=[])


def rerun(world: World, task: str) -> None:
    now = stamp(datetime.now(timezone.utc))
    world.sandbox.edit_task(task, status="in_progress", status_changed=now, last_update=now, last_change=now)


def tag(world: World, task: str) -> None:
    world.sandbox.edit_task(task, tags=["keep"])


def make_public(world: World, task: str) -> None:
    world.sandbox.edit_task(task, company="")


CHANGES = [
    pytest.param(unarchive, f"{selection.CHANGED}not archived", id="unarchived"),
    pytest.param(rerun, f"{selection.CHANGED}not past the threshold", id="run again"),
    pytest.param(tag, "has the tag keep", id="tagged"),
    pytest.param(make_public, selection.PUBLIC, id="made public"),
]


def once(world: World, at: Callable[[str, dict[str, Any]], bool], act: Callable[[], None]) -> None:
    """Let ``act`` happen when the first request comes that ``at`` accepts, before the server answers it."""
    done: list[bool] = []

    def hook(endpoint: str, body: dict[str, Any]) -> None:
        if not done and at(endpoint, body):
            done.append(True)
            act()

    world.sandbox.on_request = hook


def batch_is_read(endpoint: str, body: dict[str, Any]) -> bool:
    return endpoint == "tasks.get_all" and bool(body.get("id")) and "execution.artifacts" in body["only_fields"]


def files_are_deleted(endpoint: str, body: dict[str, Any]) -> bool:
    return endpoint.startswith("files.")


def tasks_are_deleted(endpoint: str, body: dict[str, Any]) -> bool:
    return endpoint in ("tasks.delete", "tasks.delete_many")


@pytest.mark.parametrize(("change", "reason"), CHANGES)
def test_a_task_changed_after_it_was_listed_keeps_all_its_files(world: World, change: Change, reason: str) -> None:
    tasks = [world.add_full(f"{number}") for number in range(5)]
    files = world.files_of(tasks[2])
    once(world, batch_is_read, lambda: change(world, tasks[2]))
    result = world.clean(keep_tags="keep")

    assert set(world.sandbox.tasks) == {tasks[2]}
    assert world.sandbox.files() == files
    assert reasons(result) == {tasks[2]: reason}
    assert exit_code(result) == 0


@pytest.mark.parametrize(("change", "reason"), CHANGES)
def test_a_task_changed_while_its_files_go_stays_and_says_so(world: World, change: Change, reason: str) -> None:
    tasks = [world.add_full(f"{number}") for number in range(5)]
    once(world, files_are_deleted, lambda: change(world, tasks[2]))
    result = world.clean(keep_tags="keep")

    assert set(world.sandbox.tasks) == {tasks[2]}
    assert errors(result) == {tasks[2]: f"{reason}, after 6 files of it had been deleted"}
    assert exit_code(result) == 1
    if change is not make_public:
        note = world.sandbox.tasks[tasks[2]]["hyperparams"]["properties"]["cleanup_service"]["value"]
        assert "after 6 files" in note


def test_a_task_that_others_delete_after_the_listing_is_gone_already(world: World) -> None:
    tasks = [world.add_full(f"{number}") for number in range(5)]
    once(world, batch_is_read, lambda: world.sandbox.remove_task(tasks[2]))
    result = world.clean()

    assert world.sandbox.tasks == {}
    assert reasons(result) == {tasks[2]: selection.ALREADY_GONE}
    assert exit_code(result) == 0


def test_a_task_that_others_delete_in_the_last_moment_is_gone_already(world: World) -> None:
    tasks = [world.add_full(f"{number}") for number in range(5)]
    once(world, tasks_are_deleted, lambda: world.sandbox.remove_task(tasks[2]))
    result = world.clean()

    assert world.sandbox.tasks == {}
    assert world.sandbox.files() == set()
    assert ids(result.deleted) == {*tasks} - {tasks[2]}
    assert exit_code(result) == 0


def test_tasks_that_others_delete_while_the_list_is_read_hide_none(world: World) -> None:
    tasks = [world.add(f"{number}", age_days=100 - number / 100) for number in range(1200)]

    def remove() -> None:
        for task in tasks[:300]:
            world.sandbox.remove_task(task)

    once(world, lambda endpoint, body: endpoint == "tasks.get_all" and body.get("page") == 1, remove)
    result = world.clean()

    assert world.sandbox.tasks == {}
    assert ids(result.deleted) == set(tasks[300:])


@pytest.mark.parametrize("at", [batch_is_read, files_are_deleted, tasks_are_deleted])
def test_tokens_that_the_server_takes_back_in_the_middle_are_renewed(
    world: World, at: Callable[[str, dict[str, Any]], bool]
) -> None:
    for number in range(5):
        world.add_full(f"{number}")

    def take_back() -> None:
        world.sandbox._authority._signing_key = secrets.token_bytes(32)

    once(world, at, take_back)
    result = world.clean()

    assert (world.sandbox.tasks, world.sandbox.files()) == ({}, set())
    assert (len(result.deleted), exit_code(result)) == (5, 0)
    assert world.sandbox.requests["auth.login"] >= 2


def test_a_server_lost_in_the_middle_interrupts_and_the_next_cycle_finishes(world: World) -> None:
    tasks = [world.add_full(f"{number}") for number in range(300)]
    world.sandbox.inject(Fault("*", "drop", times=None, after=40))
    first = world.clean()

    assert first.interrupted
    assert exit_code(first) == 3
    left = set(world.sandbox.tasks)
    assert left
    assert not world.files_of(*(set(tasks) - left))
    world.sandbox.clear_faults()
    second = world.clean()
    assert world.sandbox.tasks == {}
    assert world.sandbox.files() == set()
    assert exit_code(second) == 0


@pytest.mark.parametrize(
    "which",
    [slice(-1, None), slice(-9, None), slice(0, None, 3)],
    ids=["the oldest", "the 9 oldest", "every third"],
)
def test_tasks_that_the_server_cannot_even_read_stop_no_other(world: World, which: slice) -> None:
    tasks = [world.add_full(f"{age}", age_days=age) for age in range(40, 80)]
    bad = set(tasks[which])
    world.sandbox.inject(Fault("tasks.get_all", times=None, match=lambda body: bool(bad & set(body.get("id") or []))))
    result = world.clean()

    assert set(world.sandbox.tasks) == bad
    assert set(errors(result)) == bad
    assert len(world.files_of(*bad)) == 6 * len(bad)


@pytest.mark.parametrize("how_many", [3, 9])
def test_with_a_limit_of_one_unreadable_tasks_starve_no_other(world: World, how_many: int) -> None:
    tasks = [world.add(f"{age}", age_days=age) for age in range(40, 55)]
    bad = set(tasks[-how_many:])
    world.sandbox.inject(Fault("tasks.get_all", times=None, match=lambda body: bool(bad & set(body.get("id") or []))))
    result = world.clean(max_tasks_per_cycle=1)

    assert ids(result.deleted) == {tasks[-how_many - 1]}


def test_a_server_that_fails_at_every_task_costs_a_few_requests_each(world: World) -> None:
    for number in range(300):
        world.add(f"{number}")
    world.sandbox.inject(Fault("tasks.get_all", times=None, match=lambda body: bool(body.get("id"))))
    result = world.clean(network={"attempts": 1})

    assert len(world.sandbox.tasks) == 300
    assert len(result.failed) == 300
    assert world.sandbox.api_requests < 5 * 300


def test_a_user_that_others_delete_during_the_look_keeps_no_file(world: World) -> None:
    maker, user = world.add("maker"), world.add("user", archived=False)
    world.sandbox.use_model(user, world.sandbox.add_model(maker, "weights"))
    once(world, lambda _, body: body.get("id") == [user], lambda: world.sandbox.remove_task(user))
    world.clean()

    assert (world.sandbox.tasks, world.sandbox.models, world.sandbox.files()) == ({}, {}, set())


def test_a_task_unarchived_while_others_lists_of_outputs_are_cleared_stays(world: World) -> None:
    model = world.sandbox.add_model(world.add("maker", archived=False), "weights")
    tasks = [world.add(f"{number}") for number in range(3)]
    for task in tasks:
        world.sandbox.list_model(task, model)
    once(world, lambda endpoint, _: endpoint == "tasks.edit", lambda: unarchive(world, tasks[0]))
    world.clean()

    assert tasks[0] in world.sandbox.tasks


@pytest.mark.parametrize("how", ["uses its model", "links to its file", "names it as a step"])
def test_what_a_task_of_the_batch_needs_stays_when_that_one_is_unarchived_before_the_look(
    world: World, how: str
) -> None:
    maker, other = world.add("maker", age_days=90.0), world.add("other")
    model = world.sandbox.add_model(maker, "weights")
    if how == "uses its model":
        world.sandbox.use_model(other, model)
    elif how == "links to its file":
        world.sandbox.add_artifact(other, "link", uri=world.sandbox.models[model]["uri"])
    else:
        pipeline = {"Pipeline": {"name": "Pipeline", "value": f'{{"step": {{"job_id": "{maker}"}}}}'}}
        world.sandbox.edit_task(other, type="controller", configuration=pipeline)
    once(world, lambda name, _: name == "events.get_task_metrics", lambda: unarchive(world, other))
    world.clean()

    assert world.files_of(maker)
    assert other in world.sandbox.tasks
    assert (maker in world.sandbox.tasks) == (how == "names it as a step")
