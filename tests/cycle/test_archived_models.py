"""Model entries that a user archived: settings, counts, failures. What else goes and stays: tests/faults/cases."""

from __future__ import annotations

import threading
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


def use(world: World, model: str) -> None:
    world.sandbox.use_model(living(world, "user"), model)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"archived_models": False}, ""),
        ({"delete_threshold_days": 90}, ""),
        ({"projects": "elsewhere"}, ""),
        ({"archive_grace_days": 90}, "changed within archive_grace_days"),
    ],
    ids=str,
)
def test_the_settings_for_tasks_hold_for_models(world: World, settings: dict[str, Any], reason: str) -> None:
    world.add("in it", archived=False, project="elsewhere")
    model = archived(world)
    young = archived(world)
    world.sandbox.edit_model(young, last_change=None, last_update=days_ago(20))
    before = world.state
    result = clean(world, **settings)

    assert world.state == before
    assert kept(result) == ({model: reason} if reason else {})


def test_models_count_apart_from_tasks_and_their_files_together_with_theirs(world: World) -> None:
    maker = living(world)
    first = archived(world, maker)
    archived(world, maker, "same", uri=world.sandbox.models[first]["uri"])
    archived(world, maker, "link", uri=world.sandbox.put_file("shared/weights.bin"))
    result = clean(world)

    assert (world.sandbox.models, world.sandbox.files()) == ({}, {"shared/weights.bin"})
    assert (result.matched, len(result.models.deleted), result.files.deleted, exit_code(result)) == (0, 3, 1, 0)
    assert list(result.kept_files_by_reason) == ["linked, not written by this task"]


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
