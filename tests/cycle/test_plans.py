"""What a plan holds, and which are refused. What goes with one, and what stays: tests/faults/cases."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cleanup.base.errors import SettingsError
from cleanup.cycle import search
from cleanup.report.__main__ import main
from tests.cycle.world import World, exit_code, ids, reasons

Lines = list[dict[str, Any]]


def review(world: World, tmp_path: Path, **settings: Any) -> Path:
    """Make a dry run; return the plan that it left."""
    dry = world.add("dry run", "completed", archived=False)
    result = world.clean(dry_run=True, own_task=dry, **settings)
    assert result.plan
    return Path(shutil.copy(result.plan, tmp_path / "plan.jsonl.gz"))


def lines(plan: Path) -> Lines:
    return [json.loads(line) for line in gzip.open(plan, "rt")]


def test_a_plan_lists_every_file_and_what_made_it_and_goes_whole(world: World, tmp_path: Path) -> None:
    planned = [world.add_full(f"{number}") for number in range(3)]
    plan = review(world, tmp_path, keep_tags="gold")
    head, *between, end = lines(plan)

    assert (head["plan"], head["settings"]["keep_tags"]) == (1, "gold")
    assert world.sandbox.task(head["made_by"])["name"] == "dry run"
    files = [line for line in between if "file" in line and not line["kind"].startswith("folder")]
    assert {line["file"].lstrip("/") for line in files} == world.files_of(*planned)
    assert {line["storage"] for line in files} == {world.sandbox.files_url}
    assert [line["size"] for line in files if line["kind"] == "artifact"] == 6 * [7]
    assert {line["task"] for line in between if "task" in line} == {*planned}
    assert end == {"end": {"task": 3, "model": 0, "file": len(between) - 3}}

    result = world.clean(plan=str(plan))

    assert (ids(result.deleted), result.files.deleted, exit_code(result)) == ({*planned}, 18, 0)
    assert world.sandbox.files() == set()
    assert {folder.rpartition(".")[2] for folder in world.sandbox.folders()}.isdisjoint(planned)


UNKNOWN_FILE = "the plan does not have its file"


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

    assert reasons(result)[tasks[0]].startswith(UNKNOWN_FILE)
    assert world.sandbox.files() == files
    assert ids(result.deleted) == {*tasks[1:]}


def test_a_plan_holds_for_entries_of_the_archive_too(world: World, tmp_path: Path) -> None:
    maker, user = world.add("maker", archived=False), world.add("user", archived=False)

    def archived(name: str) -> str:
        model = world.sandbox.add_model(maker, name)
        world.sandbox.edit_model(model, system_tags=["archived"], last_change="2020-01-01T00:00:00")
        return model

    planned, again, moved = map(archived, ("planned", "used again", "moved"))
    plan, later = review(world, tmp_path, archived_models=True), archived("later")
    world.sandbox.use_model(user, again)
    world.sandbox.edit_model(moved, uri=world.sandbox.put_file(f"{world.sandbox.folder(maker)}/models/other.bin"))
    fates = world.clean(plan=str(plan), archived_models=True).models

    assert ids(fates.deleted) == {planned}
    assert set(world.sandbox.models) == {again, moved, later}
    assert reasons(fates)[later] == "not in the plan"
    assert reasons(fates)[again].startswith("in use by task")
    assert reasons(fates)[moved].startswith(UNKNOWN_FILE)


def rewritten(change: Callable[[Lines], object]) -> Callable[[Path], None]:
    def rewrite(plan: Path) -> None:
        held = lines(plan)
        change(held)
        with gzip.open(plan, "wt") as out:
            out.writelines(json.dumps(line) + "\n" for line in held)

    return rewrite


ODD = {"file": {}, "of": [], "storage": 1, "kind": 0, "size": 0, "also": 3}


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: path.unlink(), "there is no such file"),
        (lambda path: path.write_text('{"tasks_deleted": []}'), "no plan"),
        (lambda path: path.write_bytes(path.read_bytes()[:-20]), "no plan, or a damaged one"),
        (rewritten(lambda held: held.pop()), "cut off"),
        (rewritten(lambda held: held.pop(1)), "does not hold as much"),
        (rewritten(lambda held: held.append(held[-1])), "goes on behind its end"),
        (rewritten(lambda held: held[0].update(plan=2)), "format 2"),
        (rewritten(lambda held: held.insert(1, ODD)), "damaged"),
        (rewritten(lambda held: held[0].update(made_by="0" * 32)), "not on this server"),
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
    task, dry = world.add_full(), world.add("dry run", archived=False)
    result = world.clean(dry_run=True, own_task=dry)
    assert result.plan
    with pytest.raises(SettingsError, match="no artifact called plan"):
        world.clean(plan=dry)
    with pytest.raises(SettingsError, match="no such task"):
        world.clean(plan="0" * 32)
    world.sandbox.add_artifact(dry, "plan", result.plan.read_bytes())

    assert reasons(world.clean(plan=dry, force_delete=False)) == {task: "in the plan, but not a draft"}
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


def test_two_plans_are_told_apart_by_what_is_new_gone_and_changed_and_what_is_no_plan_is_refused(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    same, changed, gone = (world.add_full(name) for name in ("same", "changed", "gone"))
    older = review(world, tmp_path).rename(tmp_path / "old.jsonl.gz")
    world.sandbox.edit_task(gone, system_tags=[])
    file, new = world.sandbox.add_artifact(changed, "more"), world.add_full("new")
    newer = review(world, tmp_path, keep_tags="gold")

    assert main([str(older), str(newer)]) == 0
    first, *between, equal, old_counts, new_counts = capsys.readouterr().out.splitlines()
    assert first == "setting keep_tags: '' before, 'gold' now"
    assert sorted(line.split(":")[0] for line in between if line[0] in "-+~") == [
        f"+ task new ({new}) in team", f"- task gone ({gone}) in team", f"~ task changed ({changed}) in team",
    ]  # fmt: skip
    (line,) = [line for line in between if line.startswith("    ")]
    assert line.startswith(f"    + {world.sandbox.files_url} ")
    assert line.endswith(f"{world.path(file)} (artifact, 7 bytes)")
    assert not [line for line in between if same in line]
    assert equal == "the same in both: 1"
    assert old_counts == "old: 3 tasks with 18 files, 42 bytes; 0 models with 0 files, 0 bytes"
    assert new_counts.startswith("new: 3 tasks with 19 files")

    newer.write_text("{}")
    assert main([str(older), str(newer)]) == 2
    assert "no plan, or a damaged one" in capsys.readouterr().err
