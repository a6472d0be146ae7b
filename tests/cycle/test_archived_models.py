"""Model entries that a user archived go with their files, and what anything needs stays: the server guards neither."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cleanup.cycle.result import CycleResult
from cleanup.report.figures import numbers
from cleanup.sandbox import Fault
from cleanup.sandbox.values import days_ago
from tests.cycle.test_meanwhile import once
from tests.cycle.world import World, exit_code, ids


def archive(world: World, model: str, days: float = 60.0, **fields: Any) -> str:
    """Archive a model so many days ago."""
    world.sandbox.edit_model(model, system_tags=["archived"], last_change=days_ago(days), **fields)
    return model


def living(world: World, name: str = "maker") -> str:
    return world.add(name, archived=False)


def archived(world: World, maker: str | None = None, name: str = "weights", **fields: Any) -> str:
    """Add an archived model of a task that lives."""
    return archive(world, world.sandbox.add_model(maker or living(world), name, **fields))


def clean(world: World, **settings: Any) -> CycleResult:
    """Run a cycle and check that its numbers of models add up."""
    result = world.clean(**{"archived_models": True, **settings})
    fates = result.models
    told = [entry.task.id for entries in (fates.deleted, fates.kept, fates.failed) for entry in entries]
    shown = numbers(result)
    assert fates.matched == len(told) == len(set(told))
    assert shown["models_matched"] == sum(shown[f"models_{fate}"] for fate in ("deleted", "kept", "failed"))
    assert result.dry_run or set(world.sandbox.models).isdisjoint(ids(fates.deleted))
    return result


def kept(result: CycleResult) -> dict[str, str]:
    return {entry.task.id: entry.reason for entry in result.models.kept}


def test_archived_models_go_with_their_files_whether_their_makers_live_or_not(world: World) -> None:
    maker, gone = living(world), living(world, "gone")
    archived(world, maker, "draft")
    archived(world, maker, "published", published=True)
    archive(world, archived(world, gone, "of a deleted task"), task=f"__DELETED__{gone}")
    archive(world, archived(world, gone, "that outlived its task"), task=None)
    world.sandbox.remove_task(gone)
    other = world.sandbox.add_model(maker, "not archived")
    assert clean(world, archived_models=False).models.matched == 0
    assert len(world.sandbox.models) == 5
    result = clean(world)

    assert set(world.sandbox.models) == {other}
    assert world.sandbox.files() == {world.path(world.sandbox.models[other]["uri"])}
    assert set(world.sandbox.tasks) == {maker}
    assert (result.files.deleted, result.matched, exit_code(result)) == (4, 0, 0)


def nothing(world: World, model: str) -> None:
    """Leave it as it is."""


def use(world: World, model: str) -> None:
    world.sandbox.use_model(living(world, "user"), model)


def list_elsewhere(world: World, model: str) -> None:
    world.sandbox.list_model(living(world, "pipeline"), model)


def use_by_kept(world: World, model: str) -> None:
    world.sandbox.use_model(world.add("kept", tags=["keep"]), model)


def editing(**fields: Any) -> Callable[[World, str], None]:
    return lambda world, model: world.sandbox.edit_model(model, **fields)


STAYING = [
    pytest.param(use, {}, "in use by task", id="used"),
    pytest.param(use_by_kept, {"keep_tags": "keep"}, "in use by task", id="used by an archived task that stays"),
    pytest.param(list_elsewhere, {}, "among the outputs of task", id="output of another task"),
    pytest.param(editing(company=""), {}, "public model", id="public"),
    pytest.param(editing(ready=True), {"force_delete": False}, "published, and force_delete is False", id="published"),
    pytest.param(editing(tags=["keep"]), {"keep_tags": "keep"}, "has the tag keep", id="tagged"),
    pytest.param(nothing, {"archive_grace_days": 90}, "changed within archive_grace_days", id="in grace"),
    pytest.param(nothing, {"delete_threshold_days": 90}, "", id="too young"),
    pytest.param(nothing, {"projects": "elsewhere"}, "", id="of another project"),
    pytest.param(editing(system_tags=[]), {}, "", id="not archived"),
    pytest.param(editing(last_change=None), {"delete_threshold_days": 1}, "", id="by its last update"),
]


@pytest.mark.parametrize(("change", "settings", "reason"), STAYING)
def test_a_model_that_stays_keeps_its_file_and_says_why(
    world: World, change: Callable[[World, str], None], settings: dict[str, Any], reason: str
) -> None:
    world.add("in it", archived=False, project="elsewhere")
    model = archived(world)
    change(world, model)
    before = world.state
    result = clean(world, **settings)

    assert world.state == before
    assert {name: why[: len(reason)] for name, why in kept(result).items()} == ({model: reason} if reason else {})
    assert (result.models.deleted, exit_code(result)) == ([], 0)


def test_a_model_goes_in_the_same_cycle_as_the_tasks_that_used_it(world: World) -> None:
    model = archived(world, published=True)
    user = world.add("user")
    world.sandbox.use_model(user, model)
    assert ids(clean(world, dry_run=True).models.deleted) == {model}
    assert ids(clean(world).models.deleted) == {model}
    assert user not in world.sandbox.tasks
    assert world.sandbox.files() == set()


def other_entry(world: World, uri: str, maker: str) -> None:
    world.sandbox.add_model(living(world, "other"), "same", uri=uri.replace("http://127.0.0.1", "https://proxy.test"))


def linking_artifact(world: World, uri: str, maker: str) -> None:
    world.sandbox.add_artifact(living(world, "linker"), "link", uri=uri.replace("models/weights", "models%2fWeights"))


def own_artifact(world: World, uri: str, maker: str) -> None:
    world.sandbox.add_artifact(maker, "mine", uri=f"{uri}?v=1")


@pytest.mark.parametrize("refer", [other_entry, linking_artifact, own_artifact])
def test_a_file_that_anything_else_refers_to_stays_and_the_entry_goes(
    world: World, refer: Callable[[World, str, str], None]
) -> None:
    maker = living(world)
    model = archived(world, maker)
    refer(world, world.sandbox.models[model]["uri"], maker)
    result = clean(world)

    assert model not in world.sandbox.models
    assert len(world.sandbox.files()) == 1
    assert [(file.task, bool(file.holder)) for file in result.kept_files] == [(model, True)]


@pytest.mark.parametrize("uri", ["s3://bucket/weights.bin", "https://elsewhere.test/w.bin", "file:///w.bin", None])
def test_what_an_entry_only_links_to_stays(world: World, uri: str | None) -> None:
    model = archived(world, uri=uri or world.sandbox.put_file("shared/weights.bin"))
    files = world.sandbox.files()
    result = clean(world)

    assert (ids(result.models.deleted), world.sandbox.models) == ({model}, {})
    assert world.sandbox.files() == files
    assert list(result.kept_files_by_reason) == ["linked, not written by this task"]


def test_an_imported_file_of_another_servers_task_stays(world: World, tmp_path: Path) -> None:
    file = tmp_path / f"run.{'b' * 32}/models/best.pt"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"weights")
    archived(world, uri=f"file://{file}", comment="Imported by task id: x")
    clean(world)

    assert (world.sandbox.models, file.exists()) == ({}, True)


def test_entries_that_share_a_file_take_it_along_once(world: World) -> None:
    maker = living(world)
    first = archived(world, maker)
    archived(world, maker, "same", uri=world.sandbox.models[first]["uri"])
    result = clean(world)

    assert (world.sandbox.models, world.sandbox.files()) == ({}, set())
    assert (len(result.models.deleted), result.files.deleted) == (2, 1)


def test_a_file_that_cannot_be_deleted_keeps_its_entry(world: World) -> None:
    maker = living(world)
    stuck, good = archived(world, maker, "stuck"), archived(world, maker, "good")
    world.block("stuck")
    result = clean(world)

    assert set(world.sandbox.models) == {stuck}
    assert ids(result.models.deleted) == {good}
    assert [entry.task.id for entry in result.models.failed] == [stuck]
    assert "could not be deleted, so the model stays" in result.models.failed[0].error
    assert exit_code(result) == 1


def test_an_entry_whose_file_lies_where_nothing_can_be_asked_stays(world: World) -> None:
    maker = living(world)
    model = archived(world, maker, uri=f"https://nowhere.test/team/maker.{maker}/models/w.bin")
    planned, result = clean(world, dry_run=True), clean(world)

    assert set(world.sandbox.models) == {model}
    assert "nowhere.test" in result.models.failed[0].error
    assert planned.models.failed == result.models.failed


def listed_whole(endpoint: str, body: dict[str, Any]) -> bool:
    return endpoint == "models.get_all" and bool(body.get("id"))


def files_go(endpoint: str, body: dict[str, Any]) -> bool:
    return endpoint.startswith("files.")


def test_an_entry_that_someone_uses_before_its_file_goes_stays_whole(world: World) -> None:
    model, user = archived(world), living(world, "user")
    once(world, listed_whole, lambda: world.sandbox.use_model(user, model))
    result = clean(world)

    assert kept(result) == {model: f"in use by task {user}"}
    assert len(world.sandbox.files()) == 1


def test_an_entry_that_someone_takes_out_of_the_archive_while_its_file_goes_stays_and_failed(world: World) -> None:
    model = archived(world)
    once(world, files_go, lambda: world.sandbox.edit_model(model, system_tags=[]))
    result = clean(world)

    assert set(world.sandbox.models) == {model}
    assert [entry.error for entry in result.models.failed] == [
        "changed since it was listed: not archived, after 1 file of it had been deleted"
    ]


def test_what_is_cut_off_between_file_and_entry_is_finished_by_the_next_cycle(world: World) -> None:
    model = archived(world)
    stop = threading.Event()
    once(world, lambda endpoint, _: endpoint == "models.delete_many", stop.set)
    world.sandbox.inject(Fault("models.delete_many", status=503, times=1))
    result = clean(world, network={"stop": stop})
    assert (len(world.sandbox.models), world.sandbox.files()) == (1, set())
    assert result.interrupted
    world.sandbox.on_request = None
    result = clean(world)

    assert ids(result.models.deleted) == {model}
    assert (result.files.gone, exit_code(result)) == (1, 0)


def test_one_entry_that_the_server_fails_at_stops_no_other(world: World) -> None:
    maker = living(world)
    models = [archived(world, maker, f"{number}") for number in range(5)]
    bad = models[2]
    world.sandbox.inject(
        Fault("models.delete_many", status=500, times=None, match=lambda body: bad in body.get("ids", ()))
    )
    result = clean(world)

    assert set(world.sandbox.models) == {bad}
    assert ids(result.models.deleted) == {*models} - {bad}
    assert [entry.task.id for entry in result.models.failed] == [bad]


def test_a_dry_run_tells_what_becomes_of_models_and_changes_nothing(world: World) -> None:
    maker = world.add("goes too")
    archived(world, maker, "with its maker")
    archived(world, maker, "published", published=True)
    archived(world, living(world), "alone")
    use(world, archived(world, name="used"))
    archive(world, archived(world, name="shared"), uri=world.sandbox.put_file("shared/weights.bin"))
    before = world.state
    planned = clean(world, dry_run=True)
    assert world.state == before
    done = clean(world)

    def told(result: CycleResult) -> tuple[Any, ...]:
        fates = (ids(result.models.deleted), kept(result), ids(result.models.failed))
        return *fates, result.files, result.kept_files_by_reason, numbers(result)["models_matched"]

    assert told(planned) == told(done)
    assert len(done.models.deleted) == 2


def test_a_plan_holds_for_models_too(world: World, tmp_path: Path) -> None:
    dry, maker = living(world, "dry run"), living(world)
    planned, again, moved = (archived(world, maker, name) for name in ("planned", "used again", "moved"))
    result = clean(world, dry_run=True, own_task=dry)
    assert result.plan
    later = archived(world, maker, "later")
    use(world, again)
    world.sandbox.edit_model(moved, uri=world.sandbox.put_file(f"{world.sandbox.folder(maker)}/models/other.bin"))
    done = clean(world, plan=str(result.plan))

    assert ids(done.models.deleted) == {planned}
    assert set(world.sandbox.models) == {again, moved, later}
    assert kept(done)[later] == "not in the plan"
    assert kept(done)[again].startswith("in use by task")
    assert kept(done)[moved].startswith("the plan does not have its file")
