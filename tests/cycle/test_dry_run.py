"""A dry run changes nothing, and tells what the cycle after it does."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest

from cleanup.cycle.result import CycleResult
from cleanup.sandbox import Fault
from tests.cycle.world import World, errors, ids, reasons

CHANGING = re.compile("delete|edit|update|archive|add|create|reset|stop|enqueue|publish|POST|PUT")


def crowd(world: World) -> dict[str, str]:
    """Fill ``world`` with one task of every fate, by name."""
    sandbox = world.sandbox
    tasks = {
        name: world.add_full(name) for name in ("plain", "maker", "user", "chain 1", "chain 2", "published", "both")
    }
    tasks |= {name: world.add_full(name, "created") for name in ("draft", "other draft")}
    tasks["living"] = world.add_full("living", archived=False)
    tasks["keep"] = world.add_full("keep", tags=["keep"])
    tasks["public"] = world.add_full("public", public=True)
    tasks["unreadable"] = world.add_full("unreadable")
    sandbox.use_model(tasks["living"], sandbox.add_model(tasks["maker"], "used"))
    sandbox.use_model(tasks["chain 2"], sandbox.add_model(tasks["chain 1"], "used"))
    sandbox.use_model(tasks["both"], sandbox.add_model(tasks["both"], "itself"))
    sandbox.add_model(tasks["published"], "best", published=True)
    sandbox.add_artifact(tasks["plain"], "linked", uri="s3://datasets/cats.zip")
    same = sandbox.add_model(tasks["plain"], "same")
    sandbox.add_model(tasks["user"], "same", uri=sandbox.models[same]["uri"])
    return tasks


def told(result: CycleResult) -> dict[str, Any]:
    """Return all that a result says about the fate of tasks and files."""
    return {
        "matched": result.matched,
        "deleted": Counter(result.deleted),
        "kept": reasons(result),
        "failed": errors(result),
        "force_would_add": result.force_would_add,
        "files": result.files,
        "kept_files": Counter(result.kept_files),
        "models": result.models_deleted,
        "storages": result.storages,
        "projects": result.projects,
    }


@pytest.mark.parametrize(
    "settings",
    [
        {}, {"force_delete": False}, {"keep_tags": "keep"}, {"max_tasks_per_cycle": 3}, {"projects": "team"},
        {"check_links": False}, {"archive_grace_days": 90}, {"delete_threshold_days": 3650},
    ],
    ids=str,
)  # fmt: skip
def test_a_dry_run_tells_what_the_cycle_after_it_does(world: World, settings: dict[str, Any]) -> None:
    crowd(world)
    planned = world.clean(dry_run=True, **settings)
    done = world.clean(**settings)

    assert told(planned) == told(done)
    assert (planned.dry_run, done.dry_run) == (True, False)


def test_a_dry_run_changes_nothing_and_asks_for_nothing_that_could(world: World) -> None:
    crowd(world)
    before, folders = world.state, world.sandbox.folders()
    world.sandbox.reset_requests()
    result = world.clean(dry_run=True)

    assert world.state == before
    assert world.sandbox.folders() == folders
    assert len(result.deleted) == 11
    assert world.sandbox.requests
    assert not [name for name in world.sandbox.requests if CHANGING.search(name.partition(".")[2])]


def test_a_task_in_a_storage_out_of_reach_would_fail(world: World) -> None:
    good, stuck = world.add_full(), world.add_full("stuck")
    elsewhere = f"https://nowhere.test/team/old.{stuck}/artifacts/x/x.bin"
    world.sandbox.add_artifact(stuck, "elsewhere", uri=elsewhere)
    planned = world.clean(dry_run=True)
    done = world.clean()

    assert ids(planned.deleted) == ids(done.deleted) == {good}
    assert set(errors(planned)) == set(errors(done)) == {stuck}
    assert elsewhere in errors(planned)[stuck]
    assert [file.address for file in planned.failed_files] == [elsewhere]


def test_a_file_server_that_does_not_answer_fails_its_tasks_in_the_plan(world: World) -> None:
    full, bare = world.add_full(), world.add("bare")
    world.sandbox.inject(Fault("files.*", status=403, times=None))
    planned = world.clean(dry_run=True)

    assert ids(planned.deleted) == {bare}
    assert set(errors(planned)) == {full}
    assert set(planned.unreachable) == {world.sandbox.files_url}
    assert not planned.ok
