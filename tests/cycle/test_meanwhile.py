"""What others do, and what fails, while a cycle works. What becomes of tasks and files: tests/faults/cases."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from typing import Any

import pytest

from cleanup.sandbox import Fault
from tests.cycle.world import World, errors, exit_code, ids

When = Callable[[str, dict[str, Any]], bool]


def once(world: World, at: When, act: Callable[[], object]) -> None:
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


def unarchive(world: World, task: str) -> None:
    world.sandbox.edit_task(task, system_tags=[])


def test_a_task_that_stays_after_it_lost_files_says_so_on_its_own_page(world: World) -> None:
    task = world.add_full()
    once(world, files_are_deleted, lambda: unarchive(world, task))
    result = world.clean()

    assert exit_code(result) == 1
    note = world.sandbox.tasks[task]["hyperparams"]["properties"]["cleanup_service"]["value"]
    assert errors(result)[task] in note
    assert "after 6 files" in note


def test_tasks_that_others_delete_while_the_list_is_read_hide_none(world: World) -> None:
    tasks = [world.add(f"{number}", age_days=100 - number / 100) for number in range(1200)]
    second = lambda endpoint, body: endpoint == "tasks.get_all" and body.get("page") == 1  # noqa: E731
    once(world, second, lambda: [world.sandbox.remove_task(task) for task in tasks[:300]])

    assert ids(world.clean().deleted) == set(tasks[300:])
    assert world.is_empty


@pytest.mark.parametrize("at", [batch_is_read, files_are_deleted, tasks_are_deleted])
def test_tokens_that_the_server_takes_back_in_the_middle_are_renewed(world: World, at: When) -> None:
    for number in range(5):
        world.add_full(f"{number}")
    once(world, at, lambda: setattr(world.sandbox._authority, "_signing_key", secrets.token_bytes(32)))
    result = world.clean()

    assert world.is_empty
    assert (len(result.deleted), exit_code(result)) == (5, 0)
    assert world.sandbox.requests["auth.login"] >= 2


def test_a_model_that_is_published_between_two_readings_at_one_look_keeps_its_file(world: World) -> None:
    task = world.add()
    model = world.sandbox.add_model(task, "weights")
    kept = world.files_of(task)
    named: list[Any] = []

    def its_own_are_asked_for(endpoint: str, body: dict[str, Any]) -> bool:
        named.extend([body] if "_any_" in body and endpoint == "models.get_all" else [])
        return bool(named) and endpoint == "models.get_all" and bool(body.get("task"))

    once(world, its_own_are_asked_for, lambda: world.sandbox.edit_model(model, ready=True))
    # With one request at a time it is known which of the two comes later.
    world.clean(parallel_requests=1)

    assert world.sandbox.models[model]["ready"]
    assert world.files_of(task) == kept


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
    assert exit_code(world.clean()) == 0
    assert world.is_empty


@pytest.mark.parametrize("how", ["lost", "stopped"])
def test_tasks_without_their_lists_of_outputs_are_named_when_it_ends_before_they_have_them_again(
    world: World, how: str
) -> None:
    model, stop = world.sandbox.add_model(world.add("maker", archived=False), "weights"), threading.Event()
    tasks = {world.add(f"{number}") for number in range(3)}
    for task in tasks:
        world.sandbox.edit_task(task, **{"models.output": [{"name": "theirs", "model": model}]})

    def end() -> None:
        stop.set() if how == "stopped" else world.sandbox.inject(Fault("*", "drop", times=None))

    once(world, lambda endpoint, body: endpoint == "tasks.get_all" and world.sandbox.requests["tasks.edit"] == 3, end)
    result = world.clean(network={"stop": stop})

    assert result.interrupted
    assert {error.split()[1] for error in result.errors if "may lack its output models" in error} == tasks
    world.sandbox.clear_faults()
    world.sandbox.on_request = None
    assert ids(world.clean().deleted) == tasks
    assert set(world.sandbox.models) == {model}


def test_a_task_whose_deletion_may_be_under_way_does_not_get_its_list_of_outputs_back(world: World) -> None:
    """The server would delete the model of the other task with it."""
    model, task = world.sandbox.add_model(world.add("maker", archived=False), "weights"), world.add()
    world.sandbox.edit_task(task, **{"models.output": [{"name": "theirs", "model": model}]})
    world.sandbox.inject(Fault("tasks.delete_many", "drop", times=None))
    result = world.clean()

    assert world.sandbox.tasks[task]["models"]["output"] == []
    assert errors(result).keys() == {task}
    assert [error.split()[1] for error in result.errors] == [task]


def test_what_is_cut_off_between_file_and_entry_of_the_archive_is_finished_by_the_next_cycle(world: World) -> None:
    model, stop = world.sandbox.add_model(world.add("maker", archived=False)), threading.Event()
    world.sandbox.edit_model(model, system_tags=["archived"], last_change="2020-01-01T00:00:00")
    once(world, lambda endpoint, _: endpoint == "models.delete_many", stop.set)
    world.sandbox.inject(Fault("models.delete_many", status=503, times=1))
    result = world.clean(network={"stop": stop}, archived_models=True)
    assert (set(world.sandbox.models), world.sandbox.files()) == ({model}, set())
    assert result.interrupted
    world.sandbox.on_request = None
    result = world.clean(archived_models=True)

    assert ids(result.models.deleted) == {model}
    assert (result.files.gone, exit_code(result)) == (1, 0)


@pytest.mark.parametrize(
    "which",
    [slice(-1, None), slice(-9, None), slice(0, None, 3)],
    ids=["the oldest", "the 9 oldest", "every third"],
)
def test_tasks_that_the_server_cannot_even_read_stop_no_other_also_with_a_limit_of_one(
    world: World, which: slice
) -> None:
    tasks = [world.add_full(f"{age}", age_days=age) for age in range(40, 80)]
    bad = set(tasks[which])
    world.sandbox.inject(Fault("tasks.get_all", times=None, match=lambda body: bool(bad & set(body.get("id") or []))))
    oldest = [task for task in tasks if task not in bad][-1]
    assert ids(world.clean(max_tasks_per_cycle=1).deleted) == {oldest}
    result = world.clean()

    assert set(world.sandbox.tasks) == errors(result).keys() == bad
    assert len(world.files_of(*bad)) == 6 * len(bad)


def test_a_server_that_fails_at_every_task_costs_a_few_requests_each(world: World) -> None:
    for number in range(300):
        world.add(f"{number}")
    world.sandbox.inject(Fault("tasks.get_all", times=None, match=lambda body: bool(body.get("id"))))
    result = world.clean(network={"attempts": 1})

    assert len(world.sandbox.tasks) == len(result.failed) == 300
    assert world.sandbox.api_requests < 5.1 * 300


def test_a_user_that_others_delete_during_the_look_keeps_no_file(world: World) -> None:
    maker, user = world.add("maker"), world.add("user", archived=False)
    world.sandbox.use_model(user, world.sandbox.add_model(maker, "weights"))
    once(world, lambda _, body: body.get("id") == [user], lambda: world.sandbox.remove_task(user))
    world.clean()

    assert world.is_empty


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
