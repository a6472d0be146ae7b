"""Files that are many, gone or kept, and what is said of them. Who keeps what: tests/faults/cases."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cycle.world import World, exit_code, ids


def test_a_task_with_3000_debug_samples_and_plots_of_every_form_leaves_none(world: World) -> None:
    task, other = world.add(), world.add("other", archived=False)
    world.sandbox.add_debug_samples(task, 3000, first_iteration=-1500)
    for number in range(300):
        world.sandbox.add_debug_samples(task, 1, metric=f"m{number}")
    for number in range(3):
        world.sandbox.add_plot_image(task, iteration=number)
    deep = world.sandbox.put_file(f"{world.sandbox.folder(task)}/metrics/deep/v/x.png", b"png")
    plot = json.dumps({"data": [{"source": deep}], "layout": {}})
    world.sandbox.add_event(task, {"type": "plot", "metric": "deep", "variant": "v", "iter": 0, "plot_str": plot})
    theirs = set(map(world.path, world.sandbox.add_debug_samples(other, 3)))
    result = world.clean()

    assert (set(world.sandbox.tasks), world.sandbox.files()) == ({other}, theirs)
    assert result.files.deleted == 3304


def test_what_is_gone_and_what_stays_is_counted_once_and_told_with_who_needs_it(world: World, tmp_path: Path) -> None:
    task, user = world.add_full(), world.add("user", archived=False)
    for path in sorted(world.sandbox.files())[:2]:
        (world.sandbox.files_root / path).unlink()
    world.sandbox.use_model(user, world.sandbox.add_model(task, "used"))
    world.sandbox.add_artifact(task, "link", uri="s3://datasets/cats.zip")
    disk = world.add("disk", **{"output.destination": f"file://{tmp_path}"})
    best = tmp_path / f"team/disk.{disk}/models/best.pt"
    best.parent.mkdir(parents=True)
    best.write_bytes(b"weights")
    world.sandbox.add_model(disk, uri=f"file://{best}", published=True)
    result = world.clean()

    assert result.kept_files_by_reason == {
        "model … is in use by task …": 1, "linked, not written by this task": 1, "published model …": 1,
    }  # fmt: skip
    assert len(result.kept_files) == 3
    assert (task, user) in [(file.task, file.holder) for file in result.kept_files]
    assert (result.files.deleted, result.files.gone, result.files.failed, exit_code(result)) == (4, 2, 0, 0)
    assert ids(result.deleted) == {task, disk}
    assert best.exists()


def test_entries_of_the_archive_count_apart_from_tasks_and_their_files_together_with_theirs(world: World) -> None:
    maker = world.add("maker", archived=False)
    first = world.sandbox.add_model(maker, "first")
    same = world.sandbox.add_model(maker, "same", uri=world.sandbox.models[first]["uri"])
    link = world.sandbox.add_model(maker, "link", uri=world.sandbox.put_file("shared/weights.bin"))
    for model in (first, same, link):
        world.sandbox.edit_model(model, system_tags=["archived"], last_change="2020-01-01T00:00:00")
    result = world.clean(archived_models=True)

    assert (world.sandbox.models, world.sandbox.files()) == ({}, {"shared/weights.bin"})
    assert (result.matched, len(result.models.deleted), result.files.deleted, exit_code(result)) == (0, 3, 1, 0)
    assert list(result.kept_files_by_reason) == ["linked, not written by this task"]


def test_a_chain_of_fine_tuned_models_archived_one_after_another_leaves_nothing(world: World) -> None:
    tasks = [world.add(f"{n}", archived=False, age_days=90 - n) for n in range(4)]
    models = [world.sandbox.add_model(task, "weights") for task in tasks]
    for user, model in zip(tasks[1:], models[:-1], strict=True):
        world.sandbox.use_model(user, model)
    for task in tasks:
        world.sandbox.edit_task(task, system_tags=["archived"])
        world.clean()

    assert world.is_empty


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
