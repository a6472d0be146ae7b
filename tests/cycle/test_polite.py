"""A polite client: never more requests open than the bound, few requests, and patience with a busy server."""

from __future__ import annotations

import pytest

from cleanup.sandbox import Fault
from tests.cycle.world import World


@pytest.mark.parametrize("bound", [1, 3])
def test_never_more_requests_are_open_than_parallel_requests(world: World, bound: int) -> None:
    for number in range(40):
        world.add_full(f"t {number}")
    world.sandbox.latency = 0.005
    world.sandbox.reset_requests()

    result = world.clean(network={"parallel": bound}, parallel_requests=bound)

    assert len(result.deleted) == 40
    assert world.sandbox.peak_concurrency <= bound


def test_tasks_without_samples_cost_less_than_a_tenth_of_a_request_each(world: World) -> None:
    for number in range(300):
        task = world.add(f"t {number}")
        world.sandbox.add_artifact(task, "data")
        world.sandbox.add_model(task, "weights")
    world.sandbox.reset_requests()

    assert len(world.clean().deleted) == 300
    assert world.sandbox.api_requests <= 30
    assert world.sandbox.file_requests <= 30


def test_a_server_that_is_busy_for_a_while_gets_all_its_requests_later(world: World) -> None:
    tasks = {world.add_full(f"t {number}") for number in range(20)}
    world.sandbox.inject(Fault(endpoint="*", kind="status", status=429, probability=0.3, times=None))

    world.clean(network={"attempts": 12, "backoff": 0.001})

    world.sandbox.clear_faults()
    world.clean()
    assert not tasks & set(world.sandbox.tasks)
    assert not world.files_of(*tasks)
