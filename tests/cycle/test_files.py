"""Files that are many, odd, gone or refused, and what is said of them. Who keeps what: tests/faults/cases."""

from __future__ import annotations

import json

import pytest

from cleanup.sandbox import Fault
from tests.cycle.world import World, errors, exit_code, ids


@pytest.mark.parametrize("first", [0, -1500])
def test_a_task_with_3000_debug_samples_leaves_none(world: World, first: int) -> None:
    task, other = world.add(), world.add("other", archived=False)
    world.sandbox.add_debug_samples(task, 3000, first_iteration=first)
    for number in range(300):
        world.sandbox.add_debug_samples(task, 1, metric=f"m{number}")
    theirs = set(map(world.path, world.sandbox.add_debug_samples(other, 3)))
    result = world.clean()

    assert set(world.sandbox.tasks) == {other}
    assert world.sandbox.files() == theirs
    assert result.files.deleted == 3300


def test_plot_images_of_every_form_go(world: World) -> None:
    task = world.add()
    for number in range(3):
        world.sandbox.add_plot_image(task, iteration=number)
    deep = world.sandbox.put_file(f"{world.sandbox.folder(task)}/metrics/deep/v/x.png", b"png")
    plot = json.dumps({"data": [{"source": deep}], "layout": {}})
    world.sandbox.add_event(task, {"type": "plot", "metric": "deep", "variant": "v", "iter": 0, "plot_str": plot})
    result = world.clean()

    assert (world.sandbox.tasks, world.sandbox.files()) == ({}, set())
    assert result.files.deleted == 4


def test_what_stays_of_a_task_that_goes_is_told_with_who_needs_it(world: World) -> None:
    task, user = world.add_full(), world.add("user", archived=False)
    model = world.sandbox.add_model(task, "used")
    world.sandbox.use_model(user, model)
    world.sandbox.add_artifact(task, "link", uri="s3://datasets/cats.zip")
    result = world.clean()

    assert result.kept_files_by_reason == {
        "model … is in use by task …": 1, "linked, not written by this task": 1,
    }  # fmt: skip
    assert (task, user) in [(file.task, file.holder) for file in result.kept_files]
    assert (result.files.deleted, exit_code(result)) == (6, 0)


def test_files_that_are_gone_already_count_as_such(world: World) -> None:
    task = world.add_full()
    for path in sorted(world.sandbox.files())[:2]:
        (world.sandbox.files_root / path).unlink()
    result = world.clean()

    assert (world.sandbox.tasks, world.sandbox.files()) == ({}, set())
    assert (result.files.deleted, result.files.gone, result.files.failed) == (4, 2, 0)
    assert ids(result.deleted) == {task}


def test_links_are_not_looked_for_where_that_is_not_wanted(world: World) -> None:
    task, living = world.add(), world.add("living", archived=False)
    world.sandbox.add_artifact(living, "link", uri=world.sandbox.add_artifact(task, "data"))
    world.clean(check_links=False)

    assert world.sandbox.files() == set()


def test_a_task_that_writes_into_the_folder_of_another_keeps_all_that_is_there(world: World) -> None:
    outer, living = world.add_full("outer"), world.add("inner", archived=False)
    destination = f"{world.sandbox.files_url}/{world.sandbox.folder(outer)}"
    world.sandbox.edit_task(living, **{"output.destination": destination})
    inner = f"{world.sandbox.folder(outer)}/team/inner.{living}"
    world.sandbox.add_artifact(living, "data", uri=world.sandbox.put_file(f"{inner}/artifacts/data/data.bin", b"x"))
    world.sandbox.put_file(f"{inner}/metrics/a/b/sample.png", b"x")
    theirs = world.files_of(living)
    assert len(theirs) == 2
    world.clean()

    assert set(world.sandbox.tasks) == {living}
    assert world.sandbox.files() == theirs


def test_a_folder_named_almost_as_a_tasks_own_is_another(world: World) -> None:
    old, living = world.add_full("same"), world.add_full("same", archived=False)
    world.sandbox.put_file(f"{world.sandbox.folder(living)}/x.{old}y/artifacts/a/a.bin", b"x")
    theirs = world.files_of(living)
    world.clean()

    assert world.sandbox.files() == theirs


def test_a_chain_of_fine_tuned_models_archived_one_after_another_leaves_nothing(world: World) -> None:
    tasks = [world.add(f"{n}", archived=False, age_days=90.0 - n) for n in range(4)]
    models = [world.sandbox.add_model(task, "weights") for task in tasks]
    for user, model in zip(tasks[1:], models[:-1], strict=True):
        world.sandbox.use_model(user, model)
    for task in tasks:
        world.sandbox.edit_task(task, system_tags=["archived"])
        world.clean()

    assert (world.sandbox.tasks, world.sandbox.models, world.sandbox.files()) == ({}, {}, set())


# Files that cannot be deleted


def test_files_of_a_task_that_no_address_can_name_keep_it_and_say_so(world: World) -> None:
    task, other = world.add_full("climbing", project="%2e%2e"), world.add_full()
    result = world.clean()

    assert set(world.sandbox.tasks) == {task}
    assert len(world.files_of(task)) == 6
    assert ids(result.deleted) == {other}
    assert "climbs" in errors(result)[task]
    assert exit_code(result) == 1


@pytest.mark.parametrize("ignored", [False, True])
def test_a_file_that_cannot_be_deleted_keeps_its_task_whole_unless_that_is_ignored(world: World, ignored: bool) -> None:
    stuck, other = world.add_full("stuck"), world.add_full()
    address = f"https://nowhere.test/team/stuck.{stuck}/artifacts/x/x.bin"
    world.sandbox.add_artifact(stuck, "elsewhere", uri=address)
    result = world.clean(ignore_file_errors=ignored)

    assert set(world.sandbox.tasks) == (set() if ignored else {stuck})
    assert ids(result.deleted) == {other, *([stuck] if ignored else [])}
    assert len(world.files_of(stuck)) == (0 if ignored else 6)
    assert [(file.task, file.address) for file in result.failed_files] == [(stuck, address)]
    assert ignored or address in errors(result)[stuck]
    assert ignored or "api.files_server" in errors(result)[stuck]
    assert exit_code(result) == 1


def test_a_file_server_that_refuses_keeps_every_task_with_files(world: World) -> None:
    tasks = [world.add_full(f"{number}") for number in range(5)]
    bare = world.add("bare")
    world.sandbox.inject(Fault("files.*", status=403, times=None))
    before = world.state
    result = world.clean()

    assert set(world.sandbox.tasks) == set(errors(result)) == set(tasks)
    assert world.state.files == before.files
    assert ids(result.deleted) == {bare}


def test_a_task_whose_own_model_has_an_address_that_climbs_stays_whole_and_failed(world: World) -> None:
    task = world.add_full()
    world.sandbox.add_model(task, "odd", uri=f"{world.sandbox.files_url}/{world.sandbox.folder(task)}/../x.bin")
    result = world.clean()

    assert len(world.files_of(task)) == 6
    assert set(errors(result)) == {task}
