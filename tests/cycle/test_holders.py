"""Whatever stays and refers to a file keeps it, however spelled; what outlived its maker goes with its last user."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.cycle.test_files import list_output, model_path, uri_of
from tests.cycle.world import World, errors, exit_code, ids, reasons

SPELLINGS = {
    "another host": lambda uri, base: uri.replace(base, "http://fileserver:8081"),
    "https behind a proxy": lambda uri, base: uri.replace(base, "https://files.example.com/files"),
    "a mount": lambda uri, base: uri.replace(base, "/mnt/fileserver"),
    "a query": lambda uri, base: f"{uri}?download=1",
    "capitals": lambda uri, base: uri.upper(),
    "quoted twice": lambda uri, base: base + quote(uri.removeprefix(base)),
    "quoted in full": lambda uri, base: f"{base}/{quote(uri.removeprefix(base + '/'), safe='')}",
    "its folder": lambda uri, base: uri.rpartition("/")[0],
    "the task's folder": lambda uri, base: uri.rpartition("/models/")[0],
    "climbing": lambda uri, base: uri.replace("/models/", "/artifacts/../models/"),
}


@pytest.mark.parametrize("holder", ["published entry", "artifact of a living task"])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_file_that_something_else_names_stays_however_that_spells_it(
    world: World, spelling: str, holder: str
) -> None:
    task, living = world.add_full("lr:0.1 run"), world.add("living", archived=False)
    model = world.sandbox.add_model(task, "best")
    path, before = model_path(world, model), world.sandbox.files()
    address = SPELLINGS[spelling](uri_of(world, model), world.sandbox.files_url)
    if holder == "published entry":
        world.sandbox.add_model(None, "alias", uri=address, published=True)
    else:
        world.sandbox.add_artifact(living, "link", uri=address)
    result = world.clean()

    assert set(world.sandbox.tasks) == {living}
    assert path in world.sandbox.files()
    held = {"its folder": "/models/", "the task's folder": "/", "climbing": "/"}.get(spelling, "/models/best.bin")
    assert world.sandbox.files() == {kept for kept in before if held in kept}
    assert sum(result.kept_files_by_reason.values()) == len(world.sandbox.files())


def test_links_are_not_looked_for_where_that_is_not_wanted(world: World) -> None:
    task, living = world.add(), world.add("living", archived=False)
    world.sandbox.add_artifact(living, "link", uri=world.sandbox.add_artifact(task, "data"))
    world.clean(check_links=False)

    assert world.sandbox.files() == set()


@pytest.mark.parametrize("how", ["deleted", "held"])
def test_a_file_whose_address_the_sdk_stored_raw_is_the_one_that_it_uploaded(world: World, how: str) -> None:
    task = world.add("lr:0.1 run")
    folder = world.sandbox.folder(task)
    assert "%3A" in folder
    stored = world.sandbox.put_file(f"{folder}/models/w.bin", b"x")
    raw = f"{world.sandbox.files_url}/{folder}/models/w.bin"
    assert raw != stored
    world.sandbox.add_model(task, "weights", uri=raw, published=how == "held")
    result = world.clean()

    assert world.sandbox.tasks == {}
    assert world.sandbox.files() == (set() if how == "deleted" else {f"{folder}/models/w.bin"})
    assert result.files.deleted == (how == "deleted")


def test_another_tasks_folder_inside_stays_with_all_its_files(world: World) -> None:
    outer, living = world.add_full("outer"), world.add("inner", archived=False)
    destination = f"{world.sandbox.files_url}/{world.sandbox.folder(outer)}"
    world.sandbox.edit_task(living, **{"output.destination": destination})
    inner = f"{world.sandbox.folder(outer)}/team/inner.{living}"
    uri = world.sandbox.put_file(f"{inner}/artifacts/data/data.bin", b"x")
    world.sandbox.add_artifact(living, "data", uri=uri)
    world.sandbox.put_file(f"{inner}/metrics/a/b/sample.png", b"x")
    theirs = world.files_of(living)
    assert len(theirs) == 2
    world.clean()

    assert set(world.sandbox.tasks) == {living}
    assert world.sandbox.files() == theirs


@pytest.mark.parametrize("staying", [False, True])
def test_a_folder_around_an_older_tasks_folder_goes_with_that_one(
    world: World, staying: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer, older = world.add_full("newer"), world.add("older", age_days=90.0)
    unnamed = world.path(world.sandbox.put_file(f"{world.sandbox.folder(newer)}/models/superseded.pt", b"x"))
    inner = world.sandbox.put_file(f"{world.sandbox.folder(newer)}/team/older.{older}/artifacts/data/data.bin", b"x")
    world.sandbox.add_artifact(older, "data", uri=inner)
    if staying:
        world.sandbox.add_model(newer, "best", uri=f"{world.sandbox.files_url}/{unnamed}", published=True)
    monkeypatch.setattr("cleanup.cycle.run.BATCH", 1)
    world.clean()

    assert world.sandbox.tasks == {}
    assert world.sandbox.files() == ({unnamed} if staying else set())


def test_what_nothing_names_any_more_goes_with_the_folder(world: World) -> None:
    task, reset = world.add_full(), world.add("reset", "created")
    for name in (task, reset):
        world.sandbox.put_file(f"{world.sandbox.folder(name)}/artifacts/data/older.bin", b"x")
    world.clean()

    assert (world.sandbox.tasks, world.sandbox.files(), world.folders_of(task, reset)) == ({}, set(), set())


# Models that outlive their makers


def outlived(world: World, users: int, **more: Any) -> tuple[str, list[str]]:
    """Add users of a draft model whose maker is deleted already; return the model and them."""
    maker = world.add("maker", **more)
    model = world.sandbox.add_model(maker, "weights")
    tasks = [world.add(f"user {number}", age_days=60.0 + number) for number in range(users)]
    for task in tasks:
        world.sandbox.use_model(task, model)
    world.sandbox.remove_task(maker)
    world.sandbox.edit_model(model, task=None)
    return model, tasks


@pytest.mark.parametrize("users", [1, 3])
@pytest.mark.parametrize("dry_run", [True, False])
def test_a_model_that_outlived_its_maker_goes_with_its_last_user(world: World, users: int, dry_run: bool) -> None:
    outlived(world, users)
    assert world.sandbox.files()
    result = world.clean(dry_run=dry_run)

    assert (result.models_deleted, result.files.deleted) == (1, 1)
    if not dry_run:
        assert (world.sandbox.tasks, world.sandbox.models, world.sandbox.files()) == ({}, {}, set())


def test_it_stays_while_one_user_stays(world: World) -> None:
    model, users = outlived(world, 3)
    world.sandbox.edit_task(users[0], tags=["keep"])
    world.clean(keep_tags="keep")

    assert set(world.sandbox.tasks) == {users[0]}
    assert world.sandbox.files() == {model_path(world, model)}


def test_a_chain_of_fine_tuned_models_archived_one_after_another_leaves_nothing(world: World) -> None:
    tasks = [world.add(f"{n}", archived=False, age_days=90.0 - n) for n in range(4)]
    models = [world.sandbox.add_model(task, "weights") for task in tasks]
    for user, model in zip(tasks[1:], models[:-1], strict=True):
        world.sandbox.use_model(user, model)
    for task in tasks:
        world.sandbox.edit_task(task, system_tags=["archived"])
        world.clean()

    assert (world.sandbox.tasks, world.sandbox.models, world.sandbox.files()) == ({}, {}, set())


def test_an_imported_model_outlives_all_its_users(world: World) -> None:
    model = world.sandbox.add_model(None, "pretrained", uri="s3://bucket/pretrained.bin")
    user = world.add_full("user")
    world.sandbox.use_model(user, model)
    world.clean()

    assert set(world.sandbox.models) == {model}


def test_a_model_that_outlived_its_reset_maker_and_cannot_be_deleted_keeps_it(world: World) -> None:
    maker = world.add("maker")
    model = world.sandbox.add_model(maker)
    world.sandbox.use_model(maker, model)
    world.sandbox.edit_model(model, task=None)
    world.sandbox.edit_task(maker, **{"models.output": []})
    world.block(maker)
    result = world.clean()

    assert (ids(result.failed), set(world.sandbox.tasks), set(world.sandbox.models)) == ({maker}, {maker}, {model})


def test_a_dry_run_counts_the_models_of_a_maker_that_is_newer_than_their_user_as_the_run_does(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cleanup.cycle.run.BATCH", 1)
    user, maker = world.add("user", age_days=90.0), world.add("maker")
    world.sandbox.use_model(user, world.sandbox.add_model(maker))
    counts = [(result.models_deleted, result.files) for result in (world.clean(dry_run=True), world.clean())]

    assert counts[0] == counts[1]
    assert (world.sandbox.tasks, world.sandbox.models, world.sandbox.files()) == ({}, {}, set())


def test_a_public_model_that_outlived_its_maker_is_nobodys_to_delete(world: World) -> None:
    model, _ = outlived(world, 1)
    world.sandbox.edit_model(model, company="")
    world.clean()

    assert (world.sandbox.tasks, set(world.sandbox.models)) == ({}, {model})
    assert world.sandbox.files() == {model_path(world, model)}


def test_a_file_on_a_disk_that_stays_counts_once(world: World, tmp_path: Path) -> None:
    task = world.add("disk", **{"output.destination": f"file://{tmp_path}"})
    file = tmp_path / f"team/disk.{task}/models/best.pt"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"weights")
    world.sandbox.add_model(task, uri=f"file://{file}", published=True)
    result = world.clean()

    assert file.exists()
    assert (len(result.kept_files), result.kept_files_by_reason.total()) == (1, 1)


@pytest.mark.parametrize("how", ["imported", "linked as an artifact", "registered as a model"])
def test_a_file_in_the_folder_of_another_servers_task_stays(world: World, tmp_path: Path, how: str) -> None:
    file = tmp_path / f"other server/run.{'b' * 32}/models/best.pt"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"weights")
    user, address = world.add_full("user"), f"file://{file}"
    if how == "imported":
        model = world.sandbox.add_model(None, uri=address, comment=f"Imported by task id: {user}")
        world.sandbox.use_model(user, model)
    elif how == "linked as an artifact":
        world.sandbox.add_artifact(user, "best", uri=address)
    else:
        world.sandbox.add_model(user, uri=address, comment=f"Created by task id: {user}")
    world.clean()

    assert world.sandbox.tasks == {}
    assert file.exists()
    assert list(world.sandbox.models) == ([model] if how == "imported" else [])


# Pipelines


def run_of(world: World, steps: list[str], **more: Any) -> str:
    """Add a pipeline's controller whose configuration names its steps."""
    controller = world.add("controller", system_tags=["pipeline"], type="controller", **more)
    dag = json.dumps({f"step {number}": {"job_id": step} for number, step in enumerate(steps)})
    world.sandbox.edit_task(controller, configuration={"Pipeline": {"name": "Pipeline", "value": dag}})
    return controller


def test_steps_that_a_living_pipeline_run_names_stay_whole(world: World) -> None:
    step, other = world.add_full("step"), world.add_full("other")
    controller = run_of(world, [step], archived=False)
    files = world.files_of(step)
    result = world.clean()

    assert set(world.sandbox.tasks) == {controller, step}
    assert world.sandbox.files() == files
    assert reasons(result) == {step: f"it is a step of pipeline run {controller}"}
    assert ids(result.deleted) == {other}


def test_a_pipeline_run_goes_with_its_steps(world: World) -> None:
    steps = [world.add_full(f"step {number}", age_days=70.0 - number) for number in range(3)]
    controller = run_of(world, steps, age_days=65.0)
    for step in steps:
        model = next(entry["model"] for entry in world.sandbox.tasks[step]["models"]["output"])
        list_output(world, controller, model)
        artifact = world.sandbox.tasks[step]["execution"]["artifacts"][0]["uri"]
        world.sandbox.add_artifact(controller, f"monitored {step}", uri=artifact)
    result = world.clean()

    assert (world.sandbox.tasks, world.sandbox.models, world.sandbox.files()) == ({}, {}, set())
    assert exit_code(result) == 0


def test_a_monitored_model_and_artifact_of_a_step_stay_with_a_living_controller(world: World) -> None:
    step, controller = world.add_full("step"), world.add("controller", archived=False, type="controller")
    model = world.sandbox.add_model(step, "best")
    list_output(world, controller, model)
    result = world.clean()

    assert set(world.sandbox.tasks) == {controller, step}
    assert model_path(world, model) in world.sandbox.files()
    assert reasons(result) == {step: f"its model {model} is among the outputs of task {controller}"}


def test_what_a_task_kept_by_its_claimers_uses_stays_too(world: World) -> None:
    maker, step = world.add_full("maker", age_days=90.0), world.add_full("step")
    model = world.sandbox.add_model(maker, "used")
    world.sandbox.use_model(step, model)
    controller = run_of(world, [step], archived=False)
    world.clean()

    assert set(world.sandbox.tasks) == {controller, step}
    assert world.files_of(maker) == {model_path(world, model)}


# Storages that cannot be used


def test_a_task_with_a_file_that_no_storage_can_be_asked_for_loses_none_of_its_others(world: World) -> None:
    task = world.add_full()
    world.sandbox.add_artifact(task, "elsewhere", uri=f"https://nowhere.test/x.{task}/artifacts/x/x.bin")
    result = world.clean()

    assert len(world.files_of(task)) == 6
    assert "nowhere.test" in errors(result)[task]
