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


def told(result: CycleResult) -> dict[str, Any]:
    """Return all that a result says about the fate of tasks, models and files."""
    fates = {
        name: (Counter(some.deleted), reasons(some), errors(some))
        for name, some in {"tasks": result, "models": result.models}.items()
    }
    counts = ("matched", "force_would_add", "files", "kept_files_by_reason", "models_deleted", "storages", "projects")
    return {**fates, "kept": Counter(result.kept_files), **{name: getattr(result, name) for name in counts}}


@pytest.mark.parametrize(
    ("settings", "deleted"),
    [
        ({}, 11), ({"force_delete": False}, 2), ({"keep_tags": "keep"}, 10), ({"max_tasks_per_cycle": 3}, 3),
        ({"projects": "team"}, 11), ({"check_links": False}, 11), ({"archive_grace_days": 90}, 0),
        ({"delete_threshold_days": 3650}, 0), ({"archived_models": True}, 11),
    ],
    ids=str,
)  # fmt: skip
def test_a_dry_run_asks_for_no_change_and_tells_what_the_cycle_after_it_does(
    world: World, settings: dict[str, Any], deleted: int
) -> None:
    sandbox = world.sandbox
    names = ("plain", "maker", "user", "chain 1", "chain 2", "published", "both", "unreadable")
    tasks = {name: world.add_full(name) for name in names}
    tasks |= {name: world.add_full(name, "created") for name in ("draft", "other draft")}
    tasks["living"] = world.add_full("living", archived=False)
    tasks["keep"] = world.add_full("keep", tags=["keep"])
    tasks["public"] = world.add_full("public", public=True)
    used = {name: sandbox.add_model(tasks[name], "used") for name in ("maker", "chain 1", "both", "living")}
    for user, maker in (("living", "maker"), ("chain 2", "chain 1"), ("both", "both"), ("plain", "living")):
        sandbox.use_model(tasks[user], used[maker])
    sandbox.add_model(tasks["published"], "best", published=True)
    sandbox.add_artifact(tasks["plain"], "linked", uri="s3://datasets/cats.zip")
    sandbox.add_model(tasks["user"], "same", uri=sandbox.models[used["chain 1"]]["uri"])
    for model in (used["living"], sandbox.add_model(tasks["living"], "alone"), used["maker"]):
        sandbox.edit_model(model, system_tags=["archived"], last_change="2020-01-01T00:00:00")
    sandbox.reset_requests()
    planned = world.clean(dry_run=True, **settings)
    assert sandbox.requests
    assert not [name for name in sandbox.requests if CHANGING.search(name.partition(".")[2])]
    done = world.clean(**settings)

    assert told(planned) == told(done)
    assert (len(done.deleted), planned.dry_run, done.dry_run) == (deleted, True, False)


def test_what_lies_in_a_storage_out_of_reach_fails_in_the_plan_as_it_does_then(world: World) -> None:
    good, stuck = world.add("bare"), world.add_full("stuck")
    elsewhere = f"https://nowhere.test/team/old.{stuck}/artifacts/x/x.bin"
    world.sandbox.add_artifact(stuck, "elsewhere", uri=elsewhere)
    refused, before = world.add_full(), world.sandbox.files()
    world.sandbox.inject(Fault("files.*", status=403, times=None))
    planned, done = world.clean(dry_run=True), world.clean()

    for result in (planned, done):
        assert (ids(result.deleted), errors(result).keys()) == ({good}, {stuck, refused})
        assert elsewhere in errors(result)[stuck]
        assert "api.files_server" in errors(result)[stuck]
        assert (stuck, elsewhere) in [(file.task, file.address) for file in result.failed_files]
        assert not result.ok
    assert set(planned.unreachable) == {world.sandbox.files_url}
    assert world.sandbox.files() == before
