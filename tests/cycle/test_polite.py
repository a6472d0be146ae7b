"""A polite client: never more requests open than the bound, and few requests."""

from __future__ import annotations

import pytest

from tests.cycle.world import World
from tests.faults.rig import empty


@pytest.mark.parametrize("bound", [1, 3])
def test_never_more_requests_are_open_than_parallel_requests(world: World, bound: int) -> None:
    for number in range(40):
        world.add_full(f"t {number}")
    world.sandbox.latency = 0.005
    world.sandbox.reset_requests()

    assert len(world.clean(network={"parallel": bound}, parallel_requests=bound).deleted) == 40
    assert world.sandbox.peak_concurrency <= bound


def cost(world: World, count: int, uses: list[tuple[int, int]]) -> float:
    """Return the API requests a task of a cycle over ``count`` tasks with a model each, used as (maker, user)."""
    empty(world.sandbox)
    tasks = [world.add(f"t {number}", age_days=100 - number / 10) for number in range(count)]
    models = [world.sandbox.add_model(task, "weights") for task in tasks]
    for task in tasks:
        world.sandbox.add_artifact(task, "data")
    for maker, user in uses:
        world.sandbox.use_model(tasks[user], models[maker])
    world.sandbox.reset_requests()
    assert len(world.clean().deleted) == count
    assert world.is_empty
    return world.sandbox.api_requests / count


def test_tasks_without_samples_cost_less_than_a_fifth_of_a_request_each(world: World) -> None:
    assert cost(world, 300, []) <= 0.18
    assert world.sandbox.file_requests <= 6


@pytest.mark.parametrize(
    ("count", "uses"),
    [
        pytest.param(400, [(i, i + 1) for i in range(399)], id="a chain across batches"),
        pytest.param(10, [(i, (i + 1) % 10) for i in range(10)], id="a ring"),
        pytest.param(8, [(i + a, i + b) for i in (0, 4) for a, b in ((0, 1), (0, 2), (1, 3), (2, 3))], id="diamonds"),
    ],
)
def test_tasks_that_use_each_others_models_cost_no_more(world: World, count: int, uses: list[tuple[int, int]]) -> None:
    assert cost(world, count, uses) <= cost(world, count, []) + 0.2
