"""Which tasks a cycle reaches under each setting. Each rule at its edge: tests/unit/test_selection.py."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cleanup import selection
from cleanup.base.errors import SettingsError
from tests.cycle.world import World, errors, exit_code, ids, reasons


def names_left(world: World) -> list[str]:
    return sorted(task["name"] for task in world.sandbox.tasks.values())


def test_the_services_own_task_stays_even_if_archived(world: World) -> None:
    own, other = world.add_full("Cleanup Service"), world.add_full()
    result = world.clean(own_task=own)

    assert set(world.sandbox.tasks) == {own}
    assert len(world.files_of(own)) == 6
    assert (reasons(result), ids(result.deleted)) == ({own: selection.OWN_TASK}, {other})


PROJECTS = ["team", "team/a", "team/a/b", "team2", "my team", "Team", "x/team", "a+b", "aab", "(x)", "x", "a.c", "abc"]


@pytest.mark.parametrize(
    ("asked", "cleaned"),
    [
        ("team", {"team", "team/a", "team/a/b"}),
        ("a+b", {"a+b"}),
        ("(x)", {"(x)"}),
        ("a.c", {"a.c"}),
        (" team2 , my team,", {"team2", "my team"}),
        ("", set(PROJECTS)),
    ],
)
def test_only_the_named_projects_and_those_below_them_are_cleaned(world: World, asked: str, cleaned: set[str]) -> None:
    for project in PROJECTS:
        world.add(project, project=project)
        world.add(project, "created", project=project)
        model = world.sandbox.add_model(world.add("maker", archived=False, project=project), project)
        world.sandbox.edit_model(model, system_tags=["archived"], last_change="2020-01-01T00:00:00")
    world.clean(projects=asked, archived_models=True)

    left = [project for project in PROJECTS if project not in cleaned]
    assert names_left(world) == sorted([*2 * left, *len(PROJECTS) * ["maker"]])
    assert sorted(model["name"] for model in world.sandbox.models.values()) == sorted(left)


@pytest.mark.parametrize("name", ["tea", "TEAM", "team.*"])
def test_a_project_that_does_not_exist_stops_the_run_before_anything_goes(world: World, name: str) -> None:
    world.add_full(project="team")
    before = world.state

    with pytest.raises(SettingsError, match="there is no such project"):
        world.clean(projects=f"team, {name}")
    assert world.state == before


def test_at_most_so_many_go_the_oldest_first_and_failures_use_up_no_room(world: World) -> None:
    tasks = [world.add_full(f"{age:03}", age_days=age) for age in range(40, 62)]
    bad = tasks[-5:]
    world.sandbox.task_failures.update(dict.fromkeys(bad, (400, 123, "refused")))
    result = world.clean(max_tasks_per_cycle=7)

    assert ids(result.deleted) == set(tasks[10:17])
    assert set(errors(result)) == set(bad)
    assert (len(world.files_of(*tasks)), reasons(result)) == (60, dict.fromkeys(tasks[:10], selection.OVER_LIMIT))

    world.sandbox.task_failures.clear()
    assert exit_code(world.clean(max_tasks_per_cycle=7)) == 0
    world.clean(max_tasks_per_cycle=1)
    assert names_left(world) == [f"{age:03}" for age in range(40, 47)]


@pytest.mark.parametrize("cap", [1, 50])
def test_a_server_with_shorter_pages_is_cleaned_as_well(other_world: Callable[..., World], cap: int) -> None:
    world = other_world(page_cap=cap)
    for number in range(120):
        task = world.add(f"{number}", "created" if number % 3 else "completed")
        if number < 20:
            world.sandbox.add_model(task, "weights")

    assert len(world.clean().deleted) == 120
    assert world.is_empty


@pytest.mark.parametrize("version", ["2.12", "2.13", "2.31"])
def test_servers_of_every_age_are_cleaned(other_world: Callable[..., World], version: str) -> None:
    world = other_world(api_version=version, delete_many_enabled=version != "2.12")
    tasks = [world.add_full(f"{number}", "created" if number % 2 else "failed") for number in range(12)]
    world.sandbox.use_model(tasks[1], world.sandbox.add_model(tasks[0], "used"))
    living, kept = world.add("living", archived=False), world.sandbox.add_model(tasks[2], "kept")
    world.sandbox.use_model(living, kept)
    world.clean()

    assert (set(world.sandbox.tasks), set(world.sandbox.models)) == ({living}, {kept})
    assert world.sandbox.files() == {world.path(world.sandbox.models[kept]["uri"])}
