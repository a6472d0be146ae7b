"""A file goes with the task that wrote it, or with the last that used it; one that may be another server's stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cleanup.sandbox.values import days_ago
from tests.cycle.world import World, ids


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


def test_a_public_model_that_outlived_its_maker_is_nobodys_to_delete(world: World) -> None:
    model, _ = outlived(world, 1)
    world.sandbox.edit_model(model, company="")
    world.clean()

    assert (world.sandbox.tasks, set(world.sandbox.models)) == ({}, {model})
    assert world.sandbox.files() == {world.path(world.sandbox.models[model]["uri"])}


def test_a_file_on_a_disk_that_stays_counts_once(world: World, tmp_path: Path) -> None:
    task = world.add("disk", **{"output.destination": f"file://{tmp_path}"})
    file = tmp_path / f"team/disk.{task}/models/best.pt"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"weights")
    world.sandbox.add_model(task, uri=f"file://{file}", published=True)
    result = world.clean()

    assert file.exists()
    assert (len(result.kept_files), result.kept_files_by_reason.total()) == (1, 1)


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


def test_an_archived_entry_that_was_imported_from_another_servers_task_leaves_the_file(
    world: World, tmp_path: Path
) -> None:
    file = tmp_path / f"run.{'b' * 32}/models/best.pt"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"weights")
    model = world.sandbox.add_model(None, uri=f"file://{file}", comment="Imported by task id: x")
    world.sandbox.edit_model(model, system_tags=["archived"], last_change=days_ago(60.0))
    world.clean(archived_models=True)

    assert (world.sandbox.models, file.exists()) == ({}, True)


def test_a_draft_that_lists_a_model_of_another_goes_at_once(world: World) -> None:
    living, draft = world.add("living", archived=False), world.add("draft", "created")
    model = world.sandbox.add_model(living)
    world.sandbox.list_model(draft, model)
    result = world.clean()

    assert (ids(result.deleted), set(world.sandbox.tasks), set(world.sandbox.models)) == ({draft}, {living}, {model})


def test_a_link_to_a_folder_of_a_task_that_is_gone_is_only_a_link(world: World) -> None:
    task, other = world.add_full(), world.add("gone", archived=False)
    world.sandbox.add_artifact(task, "models", uri=f"{world.sandbox.files_url}/team/gone.{other}/models/")
    world.sandbox.add_artifact(task, "own", uri=f"{world.sandbox.files_url}/{world.sandbox.folder(task)}/artifacts/")
    world.sandbox.remove_task(other)
    result = world.clean()

    assert (ids(result.deleted), world.sandbox.files()) == ({task}, set())


def test_a_file_named_once_where_it_lies_and_once_by_an_unknown_host_goes_with_its_task(world: World) -> None:
    task = world.add("task")
    place = world.path(world.sandbox.put_file(f"{world.sandbox.folder(task)}/artifacts/data/data.bin", b"x"))
    world.sandbox.add_artifact(task, "data", uri=f"https://files.former.example/{place}")
    world.sandbox.add_artifact(task, "same", uri=f"{world.sandbox.files_url}/{place}")
    result = world.clean()

    assert (world.sandbox.tasks, world.sandbox.files()) == ({}, set())
    assert result.ok


def test_that_a_destination_cannot_be_looked_through_is_told(world: World) -> None:
    world.add("task", output={"destination": "s3://bucket/prefix"})
    result = world.clean()

    assert world.sandbox.tasks == {}
    assert "sdk.aws.s3" in result.unlisted["s3://bucket"]
    assert result.ok


def test_files_go_whose_other_reading_is_too_long_for_any_file_system(world: World) -> None:
    for number in range(3):
        task = world.add(f"Обучение модели классификации {number}", project="team")
        world.sandbox.add_artifact(task, "Обучающая выборка для классификации изображений")
        world.sandbox.add_model(task, "веса")
    result = world.clean()

    assert (world.sandbox.tasks, world.sandbox.files()) == ({}, set())
    assert (result.ok, result.files.deleted, result.files.gone) == (True, 6, 0)


def test_a_task_that_made_a_public_model_stays_with_it(world: World) -> None:
    maker = world.add_full("maker")
    model = world.sandbox.add_model(maker, "public")
    world.sandbox.edit_model(model, company="")
    before = world.sandbox.files()
    world.clean()

    assert (set(world.sandbox.tasks), world.sandbox.files()) == ({maker}, before)


@pytest.mark.parametrize("gone", ["before", "in the same cycle"])
def test_a_task_that_lists_anothers_model_goes_though_an_input_of_it_is_gone(
    world: World, gone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    living, user = world.add("living", archived=False), world.add("user", age_days=90.0)
    theirs = world.sandbox.add_model(living, "theirs")
    made = world.sandbox.add_model(world.add("maker"), "made")
    world.sandbox.use_model(user, made)
    world.sandbox.list_model(user, theirs)
    if gone == "before":
        world.sandbox.edit_task(user, **{"models.input": [{"name": "made", "model": f"__DELETED__{made}"}]})
    monkeypatch.setattr("cleanup.server.deletion.at_once", lambda: 1)
    world.clean()

    assert set(world.sandbox.tasks) == {living}
    assert set(world.sandbox.models) == {theirs}
    assert len(world.sandbox.files()) == 1
