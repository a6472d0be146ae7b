"""Every file a task wrote, and no other: the shared cases, each on server and disk before and after."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cleanup.sandbox import Fault
from tests.cycle.world import World, errors, exit_code, ids, reasons


def uri_of(world: World, model: str) -> str:
    return str(world.sandbox.models[model]["uri"])


def list_output(world: World, task: str, model: str) -> None:
    """Put a model among the outputs of a task that did not make it, as a pipeline's controller does."""
    entries = [*world.sandbox.tasks[task]["models"]["output"], {"name": f"monitored {model}", "model": model}]
    world.sandbox.edit_task(task, **{"models.output": entries})


def model_path(world: World, model: str) -> str:
    """Return where on disk the file of a model lies."""
    return world.path(uri_of(world, model))


# Two models with one address


def test_two_models_of_one_task_with_one_address_go_with_the_file(world: World) -> None:
    task = world.add()
    first = world.sandbox.add_model(task, "weights")
    world.sandbox.add_model(task, "same", uri=uri_of(world, first))
    result = world.clean()

    assert (world.sandbox.tasks, world.sandbox.models, world.sandbox.files()) == ({}, {}, set())
    assert result.files.deleted == 1


def test_the_file_stays_while_a_living_task_has_a_model_with_its_address(world: World) -> None:
    task, living = world.add(), world.add("living", archived=False)
    world.sandbox.add_artifact(task, "data")
    mine = world.sandbox.add_model(task, "weights")
    path = model_path(world, mine)
    other = world.sandbox.add_model(living, "same", uri=uri_of(world, mine))
    world.clean()

    assert set(world.sandbox.tasks) == {living}
    assert set(world.sandbox.models) == {other}
    assert world.sandbox.files() == {path}
    assert world.folders_of(task)


def test_two_going_tasks_with_one_address_leave_no_file(world: World) -> None:
    first, second = world.add("first"), world.add("second")
    model = world.sandbox.add_model(first, "weights")
    world.sandbox.add_model(second, "same", uri=uri_of(world, model))
    result = world.clean()

    assert (world.sandbox.tasks, world.sandbox.models, world.sandbox.files()) == ({}, {}, set())
    assert result.files.deleted == 1


def test_an_entry_of_the_registry_that_no_task_made_keeps_the_file(world: World) -> None:
    task = world.add()
    mine = world.sandbox.add_model(task, "weights")
    path = model_path(world, mine)
    imported = world.sandbox.add_model(None, "imported", uri=uri_of(world, mine))
    world.clean()

    assert world.sandbox.tasks == {}
    assert set(world.sandbox.models) == {imported}
    assert world.sandbox.files() == {path}


# Models in use


@pytest.mark.parametrize(
    "user",
    [
        {"archived": False},
        {"archived": False, "system_tags": ["hidden"]},
        {"archived": True, "age_days": 1.0},
        {"archived": True, "tags": ["keep"]},
        {"archived": False, "status": "created"},
    ],
    ids=["living", "hidden", "archived lately", "kept by its tag", "a draft"],
)
def test_a_model_in_use_by_a_task_that_stays_keeps_entry_and_file(world: World, user: dict[str, Any]) -> None:
    maker = world.add_full("maker")
    using = world.add("user", **user)
    model = world.sandbox.add_model(maker, "used")
    path = model_path(world, model)
    world.sandbox.use_model(using, model)
    result = world.clean(keep_tags="keep")

    assert set(world.sandbox.tasks) == {using}
    assert set(world.sandbox.models) == {model}
    assert world.sandbox.files() == {path}
    assert result.kept_files_by_reason == {"model … is in use by task …": 1}
    assert [(file.task, file.holder) for file in result.kept_files] == [(maker, using)]
    assert exit_code(result) == 0


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_a_chain_of_makers_and_users_goes_whole_in_one_cycle(world: World, order: tuple[int, ...]) -> None:
    tasks = [world.add(f"{n}", age_days=60.0 + age) for n, age in enumerate(order)]
    for maker, user in zip(tasks, [*tasks[1:], None], strict=True):
        model = world.sandbox.add_model(maker, "weights")
        if user:
            world.sandbox.use_model(user, model)
    result = world.clean()

    assert (world.sandbox.tasks, world.sandbox.models, world.sandbox.files()) == ({}, {}, set())
    assert (len(result.deleted), exit_code(result)) == (3, 0)


def test_a_long_chain_over_several_batches_goes_whole_in_one_cycle(world: World) -> None:
    makers = [world.add(f"maker {n}", age_days=90.0) for n in range(250)]
    users = [world.add(f"user {n}", age_days=60.0) for n in range(250)]
    for maker, user in zip(makers, users, strict=True):
        world.sandbox.use_model(user, world.sandbox.add_model(maker, "weights"))
    world.clean()

    assert (world.sandbox.tasks, world.sandbox.models, world.sandbox.files()) == ({}, {}, set())


@pytest.mark.parametrize("across_batches", [False, True])
def test_a_user_that_cannot_go_keeps_the_file_that_it_uses(
    world: World, monkeypatch: pytest.MonkeyPatch, across_batches: bool
) -> None:
    if across_batches:
        monkeypatch.setattr("cleanup.cycle.run.BATCH", 1)
    maker, user = world.add_full("maker", age_days=90.0), world.add_full("user")
    model = world.sandbox.add_model(maker, "used")
    world.sandbox.use_model(user, model)
    world.sandbox.add_artifact(user, "elsewhere", uri=f"https://nowhere.test/x.{user}/artifacts/x/x.bin")
    result = world.clean()

    assert set(world.sandbox.tasks) == {user}
    assert set(errors(result)) == {user}
    assert world.files_of(maker) == {model_path(world, model)}
    assert len(world.files_of(user)) == 6


@pytest.mark.parametrize("stuck", ["user", "maker"])
def test_what_a_task_uses_that_fails_at_its_own_files_stays_too(world: World, stuck: str) -> None:
    tasks = {name: world.add_full(name, project=name, age_days=age) for name, age in (("maker", 90.0), ("user", 60.0))}
    model = world.sandbox.add_model(tasks["maker"], "used")
    world.sandbox.use_model(tasks["user"], model)
    path = model_path(world, model)
    folder = next(iter(world.folders_of(tasks[stuck])))
    world.block(f"{folder}/artifacts/data")
    result = world.clean()

    assert set(world.sandbox.tasks) == {tasks[stuck]}
    assert set(errors(result)) == {tasks[stuck]}
    assert path in world.sandbox.files()


def test_a_model_that_only_its_maker_uses_leaves_no_entry_behind(world: World) -> None:
    task = world.add()
    world.sandbox.use_model(task, world.sandbox.add_model(task, "weights"))
    world.clean()

    assert (world.sandbox.tasks, world.sandbox.models, world.sandbox.files()) == ({}, {}, set())


def test_two_tasks_that_use_each_others_models_go_with_them(world: World) -> None:
    one, two = world.add_full("one"), world.add_full("two")
    world.sandbox.use_model(one, world.sandbox.add_model(two, "used"))
    world.sandbox.use_model(two, world.sandbox.add_model(one, "used"))
    result = world.clean()

    assert (world.sandbox.tasks, world.sandbox.models, world.sandbox.files()) == ({}, {}, set())
    assert exit_code(result) == 0


def test_a_published_model_stays_with_its_file_and_nothing_else_does(world: World) -> None:
    task = world.add_full("published", "published")
    model = world.sandbox.add_model(task, "best", published=True)
    path = model_path(world, model)
    result = world.clean()

    assert world.sandbox.tasks == {}
    assert set(world.sandbox.models) == {model}
    assert world.sandbox.files() == {path}
    assert result.files.deleted == 6
    assert world.folders_of(task)


@pytest.mark.parametrize("published", [False, True])
def test_a_model_that_a_living_task_made_outlives_another_that_lists_it(world: World, published: bool) -> None:
    living, listing = world.add("living", archived=False), world.add_full("listing")
    model = world.sandbox.add_model(living, "weights", published=published)
    before = world.sandbox.models[model]
    list_output(world, listing, model)
    world.clean()

    assert set(world.sandbox.tasks) == {living}
    assert world.sandbox.models == {model: before}
    assert world.sandbox.files() == {model_path(world, model)}


# Links


def test_an_artifact_linked_to_a_shared_dataset_is_a_link_and_the_file_stays(world: World) -> None:
    dataset = world.add("dataset", archived=False, system_tags=["dataset", "hidden"])
    shared = world.sandbox.add_artifact(dataset, "data")
    task = world.add_full("linking")
    world.sandbox.add_artifact(task, "linked", uri=shared)
    world.sandbox.add_artifact(task, "bucket", uri="s3://datasets/images/cats.zip")
    world.sandbox.add_artifact(task, "page", uri="https://example.com/data.csv")
    result = world.clean()

    assert set(world.sandbox.tasks) == {dataset}
    assert world.sandbox.files() == {world.path(shared)}
    assert (result.files.deleted, result.kept_files_by_reason.total()) == (6, 3)
    assert exit_code(result) == 0


def test_a_debug_sample_linked_by_address_is_a_link(world: World) -> None:
    living = world.add("living", archived=False)
    shared = world.sandbox.add_debug_samples(living, 1)[0]
    task = world.add("linking")
    world.sandbox.add_debug_samples(task, 3, [shared, "https://example.com/cat.png", shared])
    world.sandbox.add_plot_image(task, uri=shared)
    world.clean()

    assert set(world.sandbox.tasks) == {living}
    assert world.sandbox.files() == {world.path(shared)}


# Events


@pytest.mark.parametrize("first", [0, -1500, 1])
def test_a_task_with_3000_debug_samples_leaves_none(world: World, first: int) -> None:
    task, other = world.add(), world.add("other", archived=False)
    world.sandbox.add_debug_samples(task, 3000, first_iteration=first)
    theirs = set(map(world.path, world.sandbox.add_debug_samples(other, 3)))
    assert len(world.sandbox.files()) == 3003
    result = world.clean()

    assert set(world.sandbox.tasks) == {other}
    assert world.sandbox.files() == theirs
    assert result.files.deleted == 3000


def test_samples_that_all_have_one_iteration_leave_none(world: World) -> None:
    task = world.add()
    for number in range(300):
        world.sandbox.add_debug_samples(task, 1, metric=f"m{number}")
    world.clean()

    assert (world.sandbox.tasks, world.sandbox.files()) == ({}, set())


def test_plot_images_of_every_form_go(world: World) -> None:
    task = world.add()
    uris = [world.sandbox.add_plot_image(task, iteration=number) for number in range(3)]
    deep = world.sandbox.put_file(f"{world.sandbox.folder(task)}/metrics/deep/v/x.png", b"png")
    plot = json.dumps({"data": [{"source": deep}], "layout": {}})
    world.sandbox.add_event(task, {"type": "plot", "metric": "deep", "variant": "v", "iter": 0, "plot_str": plot})
    assert len(world.sandbox.files()) == len(uris) + 1
    world.clean()

    assert (world.sandbox.tasks, world.sandbox.files()) == ({}, set())


def test_a_task_whose_events_cannot_all_be_read_stays_with_its_files(world: World) -> None:
    task, other = world.add_full("unreadable"), world.add_full()
    world.sandbox.inject(Fault("events.get_task_events", times=None, match=lambda body: body["task"] == task))
    result = world.clean()

    assert set(world.sandbox.tasks) == {task}
    assert len(world.files_of(task)) == 6
    assert ids(result.deleted) == {other}
    assert "code 500" in errors(result)[task]


def test_a_task_without_any_file_goes(world: World) -> None:
    world.add("bare")
    world.add("bare draft", "created")
    result = world.clean()

    assert world.sandbox.tasks == {}
    assert (result.files.deleted, result.files.gone, result.files.failed) == (0, 0, 0)


# Names, folders, and files that cannot be deleted


NAMES = ["a b+c%41", "ünïcode ж", "it's; (x) [y] {z}", "a#b?c&d=e", "100%", "a.b.c", "x" * 180]


@pytest.mark.parametrize("name", NAMES)
def test_tasks_of_any_name_leave_no_file_and_neighbours_lose_none(world: World, name: str) -> None:
    task = world.add_full(name, project=f"team/{name}")
    neighbour = world.add_full(name, project=f"team/{name}", archived=False)
    world.clean()

    assert set(world.sandbox.tasks) == {neighbour}
    assert world.sandbox.files() == world.files_of(neighbour)
    assert len(world.files_of(neighbour)) == 6
    assert not world.folders_of(task)


def test_files_of_a_task_that_no_address_can_name_keep_it_and_say_so(world: World) -> None:
    task, other = world.add_full("climbing", project="%2e%2e"), world.add_full()
    result = world.clean()

    assert set(world.sandbox.tasks) == {task}
    assert len(world.files_of(task)) == 6
    assert ids(result.deleted) == {other}
    assert "climbs" in errors(result)[task]
    assert exit_code(result) == 1


def test_files_that_are_gone_already_count_as_such(world: World) -> None:
    task = world.add_full()
    for path in sorted(world.sandbox.files())[:2]:
        (world.sandbox.files_root / path).unlink()
    result = world.clean()

    assert (world.sandbox.tasks, world.sandbox.files()) == ({}, set())
    assert (result.files.deleted, result.files.gone, result.files.failed) == (4, 2, 0)
    assert ids(result.deleted) == {task}


def test_a_file_that_cannot_be_deleted_keeps_its_task_and_no_other(world: World) -> None:
    stuck, other = world.add_full("stuck"), world.add_full()
    address = f"https://nowhere.test/team/stuck.{stuck}/artifacts/x/x.bin"
    world.sandbox.add_artifact(stuck, "elsewhere", uri=address)
    result = world.clean()

    assert set(world.sandbox.tasks) == {stuck}
    assert ids(result.deleted) == {other}
    assert address in errors(result)[stuck]
    assert "api.files_server" in errors(result)[stuck]
    assert [file.address for file in result.failed_files] == [address]
    assert exit_code(result) == 1


def test_with_ignored_errors_the_task_goes_and_the_address_is_told(world: World) -> None:
    stuck = world.add_full("stuck")
    address = f"https://nowhere.test/team/stuck.{stuck}/artifacts/x/x.bin"
    world.sandbox.add_artifact(stuck, "elsewhere", uri=address)
    result = world.clean(ignore_file_errors=True)

    assert (world.sandbox.tasks, world.sandbox.files()) == ({}, set())
    assert [(file.task, file.address) for file in result.failed_files] == [(stuck, address)]
    assert exit_code(result) == 1


def test_a_file_server_that_refuses_keeps_every_task_with_files(world: World) -> None:
    tasks = [world.add_full(f"{number}") for number in range(5)]
    bare = world.add("bare")
    world.sandbox.inject(Fault("files.*", status=403, times=None))
    before = world.state
    result = world.clean()

    assert set(world.sandbox.tasks) == set(tasks)
    assert world.state.files == before.files
    assert ids(result.deleted) == {bare}
    assert set(errors(result)) == set(tasks)


def test_of_two_tasks_that_share_a_folders_name_only_the_old_one_loses_files(world: World) -> None:
    old, living = world.add_full("same"), world.add_full("same", archived=False)
    inside = world.sandbox.put_file(f"{world.sandbox.folder(living)}/x.{old}y/artifacts/a/a.bin", b"x")
    world.clean()

    assert not world.files_of(old)
    assert world.files_of(living) == world.sandbox.files()
    assert world.path(inside) in world.sandbox.files()


# Dataset versions


def dataset(world: World, name: str, parents: list[str], **more: Any) -> str:
    task = world.add_full(name, system_tags=["dataset", "hidden"], type="data_processing", **more)
    config = {"Dataset Struct": {"name": "Dataset Struct", "value": json.dumps({task: parents})}}
    world.sandbox.edit_task(task, configuration=config)
    return task


def test_a_dataset_version_that_a_living_one_is_built_on_stays_whole(world: World) -> None:
    parent = dataset(world, "v1", [])
    child = dataset(world, "v2", [parent], archived=False)
    before = world.state
    result = world.clean()

    assert world.state == before
    assert reasons(result) == {parent: f"dataset version {child} is built on it"}


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_line_of_archived_dataset_versions_goes_whole(world: World, dry_run: bool) -> None:
    first = dataset(world, "v1", [], age_days=90.0)
    second = dataset(world, "v2", [first], age_days=80.0)
    third = dataset(world, "v3", [second, first], age_days=70.0)
    result = world.clean(dry_run=dry_run)

    assert ids(result.deleted) == {first, second, third}
    assert set(world.sandbox.tasks) == ({first, second, third} if dry_run else set())
    assert len(world.sandbox.files()) == (18 if dry_run else 0)
