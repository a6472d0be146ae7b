"""A polite client: never more requests open than the bound, few requests, and patience with a busy server."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cleanup.sandbox import Fault
from tests.cycle.world import World

Edges = Callable[[int], list[tuple[int, int]]]
"""Which tasks' models which others use, by number: (maker, user)."""


@pytest.mark.parametrize("bound", [1, 3])
def test_never_more_requests_are_open_than_parallel_requests(world: World, bound: int) -> None:
    for number in range(40):
        world.add_full(f"t {number}")
    world.sandbox.latency = 0.005
    world.sandbox.reset_requests()

    result = world.clean(network={"parallel": bound}, parallel_requests=bound)

    assert len(result.deleted) == 40
    assert world.sandbox.peak_concurrency <= bound


def cost(world: World, count: int, link: Callable[[list[str], list[str]], None] = lambda *_: None) -> float:
    """Return the API requests a task of a cycle over ``count`` tasks with a model each, linked as ``link`` does."""
    world.empty()
    tasks = [world.add(f"t {number}", age_days=100 - number / 10) for number in range(count)]
    models = [world.sandbox.add_model(task, "weights") for task in tasks]
    for task in tasks:
        world.sandbox.add_artifact(task, "data")
    link(tasks, models)
    world.sandbox.reset_requests()
    assert len(world.clean().deleted) == count
    assert (world.sandbox.models, world.sandbox.files()) == ({}, set())
    return world.sandbox.api_requests / count


def test_tasks_without_samples_cost_about_an_eighth_of_a_request_each(world: World) -> None:
    assert cost(world, 300) <= 0.13
    assert world.sandbox.file_requests <= 6


@pytest.mark.parametrize(
    ("count", "edges"),
    [
        pytest.param(200, lambda n: [(i, i + 1) for i in range(n - 1)], id="a chain"),
        pytest.param(700, lambda n: [(i, i + 1) for i in range(n - 1)], id="a chain across batches"),
        pytest.param(10, lambda n: [(i, (i + 1) % n) for i in range(n)], id="a ring"),
        pytest.param(8, lambda n: [e for i in (0, 4) for e in ((i, i + 1), (i, i + 2), (i + 1, i + 3), (i + 2, i + 3))],
                     id="diamonds"),
    ],
)  # fmt: skip
def test_tasks_that_use_each_others_models_cost_no_more(world: World, count: int, edges: Edges) -> None:
    def link(tasks: list[str], models: list[str]) -> None:
        for maker, user in edges(count):
            world.sandbox.use_model(tasks[user], models[maker])

    assert cost(world, count, link) <= cost(world, count) + 0.2


def test_a_server_that_is_busy_for_a_while_gets_all_its_requests_later(world: World) -> None:
    tasks = {world.add_full(f"t {number}") for number in range(20)}
    world.sandbox.inject(Fault(endpoint="*", kind="status", status=429, probability=0.3, times=None))

    world.clean(network={"attempts": 12, "backoff": 0.001})

    world.sandbox.clear_faults()
    world.clean()
    assert not tasks & set(world.sandbox.tasks)
    assert not world.files_of(*tasks)
