"""What is reviewed is what goes: a plan lets nothing beyond it go, and everything in it is checked again."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from cleanup.base.errors import SettingsError
from cleanup.cycle import search
from cleanup.report.__main__ import main
from cleanup.sandbox.values import stamp
from cleanup.selection import ALREADY_GONE
from tests.cycle.world import World, exit_code, ids, reasons


def review(world: World, tmp_path: Path, **settings: Any) -> Path:
    """Make a dry run; return the plan that it left."""
    dry = world.add("dry run", "completed", archived=False)
    result = world.clean(dry_run=True, own_task=dry, **settings)
    assert result.plan
    return Path(shutil.copy(result.plan, tmp_path / "plan.jsonl.gz"))


def lines(plan: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.open(plan, "rt")]


def rewritten(plan: Path, change: Callable[[list[dict[str, Any]]], object]) -> Path:
    held = lines(plan)
    change(held)
    with gzip.open(plan, "wt") as out:
        out.writelines(json.dumps(line) + "\n" for line in held)
    return plan


def test_what_was_planned_goes_whole_and_nothing_else(world: World, tmp_path: Path) -> None:
    planned = [world.add_full(f"{number}") for number in range(3)]
    plan = review(world, tmp_path)
    later = world.add_full("archived later")
    files = world.files_of(later)
    result = world.clean(plan=str(plan))

    assert ids(result.deleted) == {*planned}
    assert world.sandbox.files() == files
    assert reasons(result) == {later: "not in the plan"}
    assert (result.files.deleted, exit_code(result)) == (18, 0)
    assert world.folders_of(*planned) == set()


def test_a_plan_lists_every_file_with_storage_and_size_and_what_made_it(world: World, tmp_path: Path) -> None:
    task = world.add_full()
    plan = review(world, tmp_path, keep_tags="gold")
    head, *between, end = lines(plan)

    assert head["plan"] == 1
    assert head["settings"]["keep_tags"] == "gold"
    assert world.sandbox.task(head["made_by"])["name"] == "dry run"
    files = [line for line in between if "file" in line and not line["kind"].startswith("folder")]
    assert {line["file"].lstrip("/") for line in files} == world.files_of(task)
    assert {line["storage"] for line in files} == {world.sandbox.files_url}
    assert [line["size"] for line in files if line["kind"] == "artifact"] == [7, 7]
    assert between[-1]["task"] == task
    assert end == {"end": {"task": 1, "model": 0, "file": len(between) - 1}}


def unarchive(world: World, task: str) -> None:
    world.sandbox.edit_task(task, system_tags=[])


def run_again(world: World, task: str) -> None:
    now = stamp(datetime.now(timezone.utc))
    world.sandbox.edit_task(task, status="in_progress", status_changed=now, last_update=now)


def add_artifact(world: World, task: str) -> None:
    world.sandbox.add_artifact(task, "new")


def add_sample(world: World, task: str) -> None:
    world.sandbox.add_debug_samples(task, 1, metric="new")


def add_model(world: World, task: str) -> None:
    world.sandbox.add_model(task, "new")


CHANGES = [
    pytest.param(unarchive, {}, "in the plan, but not archived", id="unarchived"),
    pytest.param(run_again, {}, "in the plan, but not past the threshold", id="run again"),
    pytest.param(lambda *_: None, {"delete_threshold_days": 90}, "in the plan, but not past the threshold", id="older"),
    pytest.param(lambda *_: None, {"force_delete": False}, "in the plan, but not a draft", id="no force"),
    pytest.param(lambda *_: None, {"archive_grace_days": 90}, "changed within archive_grace_days", id="in grace"),
    pytest.param(add_artifact, {}, "the plan does not have its file", id="new artifact"),
    pytest.param(add_sample, {}, "the plan does not have its file", id="new debug sample"),
    pytest.param(add_model, {}, "the plan does not have its file", id="new model"),
]


@pytest.mark.parametrize(("change", "settings", "reason"), CHANGES)
def test_what_changed_since_the_plan_stays_with_all_its_files_and_says_why(
    world: World, tmp_path: Path, change: Callable[[World, str], object], settings: dict[str, Any], reason: str
) -> None:
    other = world.add_full("other", "created", age_days=120)
    task = world.add_full("changing")
    plan = review(world, tmp_path)
    change(world, task)
    files = world.files_of(task)
    result = world.clean(plan=str(plan), **settings)

    assert reasons(result)[task].startswith(reason)
    assert ids(result.deleted) == {other}
    assert world.files_of(task) == files
    assert exit_code(result) == 0


def test_what_others_deleted_since_the_plan_is_gone_already(world: World, tmp_path: Path) -> None:
    task = world.add_full()
    plan = review(world, tmp_path)
    world.sandbox.remove_task(task)

    assert reasons(world.clean(plan=str(plan))) == {task: ALREADY_GONE}


def test_a_model_that_someone_uses_since_the_plan_stays_and_its_maker_goes(world: World, tmp_path: Path) -> None:
    task, user = world.add("maker"), world.add("user", archived=False)
    model = world.sandbox.add_model(task, "weights")
    plan = review(world, tmp_path)
    world.sandbox.use_model(user, model)
    result = world.clean(plan=str(plan))

    assert ids(result.deleted) == {task}
    assert world.sandbox.files() == {world.path(world.sandbox.models[model]["uri"])}


def test_a_file_that_the_plan_showed_as_kept_keeps_its_task_once_it_could_go(world: World, tmp_path: Path) -> None:
    task, user = world.add("maker"), world.add("user", archived=False)
    world.sandbox.use_model(user, world.sandbox.add_model(task, "weights"))
    plan = review(world, tmp_path)
    world.sandbox.remove_task(user)
    files = world.sandbox.files()
    result = world.clean(plan=str(plan))

    assert reasons(result)[task].startswith("the plan does not have its file")
    assert world.sandbox.files() == files


def test_a_task_whose_unknown_file_comes_in_the_last_part_loses_none(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "FILES_AT_ONCE", 2)
    tasks = [world.add(f"{number}") for number in range(3)]
    for task in tasks:
        world.sandbox.add_debug_samples(task, 5)
    plan = review(world, tmp_path)
    world.sandbox.add_plot_image(tasks[0])
    files = world.files_of(tasks[0])
    result = world.clean(plan=str(plan))

    assert reasons(result)[tasks[0]].startswith("the plan does not have its file")
    assert world.sandbox.files() == files
    assert ids(result.deleted) == {*tasks[1:]}


def test_a_task_that_would_have_failed_is_not_in_the_plan(world: World, tmp_path: Path) -> None:
    task = world.add("stuck")
    world.sandbox.add_artifact(task, "x", uri=f"https://nowhere.test/team/stuck.{task}/artifacts/x/x.bin")
    plan = review(world, tmp_path)

    assert reasons(world.clean(plan=str(plan))) == {task: "not in the plan"}


def cut_end(held: list[dict[str, Any]]) -> None:
    held.pop()


def lose_a_file(held: list[dict[str, Any]]) -> None:
    held.pop(1)


def be_newer(held: list[dict[str, Any]]) -> None:
    held[0]["plan"] = 2


def be_foreign(held: list[dict[str, Any]]) -> None:
    held[0]["made_by"] = "0" * 32


def be_odd(held: list[dict[str, Any]]) -> None:
    held[1] = {"file": {}, "of": [], "storage": 1, "kind": 0, "size": 0, "also": 3}


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        pytest.param(lambda path: path.unlink(), "there is no such file", id="missing"),
        pytest.param(lambda path: path.write_text('{"tasks_deleted": []}'), "no plan", id="another version's"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes()[:-20]), "no plan, or a damaged one", id="cut"),
        pytest.param(lambda path: rewritten(path, cut_end), "cut off", id="without its end"),
        pytest.param(lambda path: rewritten(path, lose_a_file), "does not hold as much", id="a file lost"),
        pytest.param(lambda path: rewritten(path, be_newer), "format 2", id="another format"),
        pytest.param(lambda path: rewritten(path, be_odd), "damaged", id="odd"),
        pytest.param(lambda path: rewritten(path, be_foreign), "not on this server", id="foreign"),
    ],
)
def test_a_plan_that_cannot_be_trusted_is_refused_before_anything_goes(
    world: World, tmp_path: Path, damage: Callable[[Path], object], said: str
) -> None:
    world.add_full()
    plan = review(world, tmp_path)
    damage(plan)
    before = world.state
    with pytest.raises(SettingsError, match=said) as refused:
        world.clean(plan=str(plan))

    assert f"plan = {str(plan)!r}" in str(refused.value)
    assert world.state == before


def test_a_plan_by_the_id_of_a_dry_run(world: World) -> None:
    task = world.add_full()
    dry = world.add("dry run", archived=False)
    result = world.clean(dry_run=True, own_task=dry)
    assert result.plan
    with pytest.raises(SettingsError, match="no artifact called plan"):
        world.clean(plan=dry)
    with pytest.raises(SettingsError, match="no such task"):
        world.clean(plan="0" * 32)
    world.sandbox.add_artifact(dry, "plan", result.plan.read_bytes())

    assert ids(world.clean(plan=dry).deleted) == {task}


def test_a_dry_run_that_is_cut_off_leaves_no_plan(world: World) -> None:
    world.add_full()
    stop = threading.Event()
    world.sandbox.on_request = lambda _, body: stop.set() if body.get("id") else None
    result = world.clean(dry_run=True, network={"stop": stop})

    assert result.interrupted
    assert result.plan is None


MANY = """
import resource, sys
from datetime import datetime, timezone
from cleanup.cycle.plan_file import Plan, PlanWriter
from cleanup.cycle.result import Planned
from cleanup.storage import Location

def planned(tasks):
    writer = PlanWriter(Plan, {})
    for number in range(tasks):
        task = f"{number:032x}"
        for file in range(10):
            writer.file(task, "artifact", [Location("http://files:8081", f"team/old.{task}/artifacts/{file}.bin")], 7)
        writer.owner("task", Planned(task, "old", "p", "completed", datetime.now(timezone.utc)), "team")
    plan = Plan(writer.finish())
    assert sum(owner.files for owner in plan.owners()) == tasks * 10
    plan.close()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

few = planned(100)
print(planned(5_000) - few)
"""


def test_a_large_plan_needs_hardly_more_memory_than_a_small_one() -> None:
    run = subprocess.run([sys.executable, "-c", MANY], capture_output=True, text=True, check=True, timeout=300)

    # Kilobytes. The addresses of 50,000 files alone would take more than twice as much.
    assert int(run.stdout) < 8_000


def test_two_plans_are_told_apart_by_what_is_new_gone_and_changed(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    same, changed, gone = (world.add_full(name) for name in ("same", "changed", "gone"))
    old = review(world, tmp_path)
    older = old.rename(tmp_path / "old.jsonl.gz")
    unarchive(world, gone)
    file = world.sandbox.add_artifact(changed, "more")
    new = world.add_full("new")
    newer = review(world, tmp_path, keep_tags="gold")

    assert main([str(older), str(newer)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "setting keep_tags: '' before, 'gold' now"
    assert sorted(line.split(":")[0] for line in said if line[0] in "-+~") == [
        f"+ task new ({new}) in team", f"- task gone ({gone}) in team", f"~ task changed ({changed}) in team",
    ]  # fmt: skip
    (line,) = [line for line in said if line.startswith("    ")]
    assert line.startswith(f"    + {world.sandbox.files_url} ")
    assert line.endswith(f"{world.path(file)} (artifact, 7 bytes)")
    assert not [line for line in said if same in line]
    assert said[-3:-1] == [
        "the same in both: 1",
        "old: 3 tasks with 18 files, 42 bytes; 0 models with 0 files, 0 bytes",
    ]
    assert said[-1].startswith("new: 3 tasks with 19 files")


def test_a_file_that_is_no_plan_cannot_be_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "plan.json").write_text("{}")

    assert main([str(tmp_path / "plan.json"), str(tmp_path / "plan.json")]) == 2
    assert "no plan, or a damaged one" in capsys.readouterr().err
