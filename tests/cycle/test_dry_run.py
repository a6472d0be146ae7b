"""A dry run tells what the cycle after it does. That it changes nothing, in every world: tests/faults/cases."""

from __future__ import annotations

from typing import Any

import pytest

from cleanup.sandbox import Fault
from tests.cycle.world import World, errors, ids
from tests.faults.judge import kept_its_word


@pytest.mark.parametrize(
    ("settings", "deleted"),
    [({}, 6), ({"max_tasks_per_cycle": 3}, 3), ({"projects": "other"}, 1), ({"delete_threshold_days": 3650}, 0)],
)
def test_a_dry_run_keeps_its_word_under_settings_that_no_world_has(
    world: World, settings: dict[str, Any], deleted: int
) -> None:
    for number in range(5):
        world.add_full(f"{number}", age_days=50 + number)
    world.add_full("elsewhere", project="other")
    planned, done = world.clean(dry_run=True, **settings), world.clean(**settings)

    assert not kept_its_word(planned, done)
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
