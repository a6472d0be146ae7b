"""Which tasks a cycle deletes under each setting. Each rule at its edge: tests/unit/test_selection.py."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cleanup import selection
from cleanup.base.errors import SettingsError
from cleanup.sandbox.values import days_ago
from tests.cycle.world import World, errors, exit_code, ids, reasons


def names_left(world: World) -> list[str]:
    return sorted(task["name"] for task in world.sandbox.tasks.values())


@pytest.mark.parametrize("status", ["created", "completed"])
def test_public_tasks_stay_and_the_server_is_never_asked_to_delete_one(world: World, status: str) -> None:
    public = world.add_full("public", status, public=True)
    before = world.state
    world.sandbox.record = True
    result = world.clean()
    world.sandbox.record = False

    assert world.state == before
    assert reasons(result) == {public: selection.PUBLIC}
    assert not [request for request in world.sandbox.log if "delete" in request.endpoint.lower()]
    assert exit_code(result) == 0


@pytest.mark.parametrize("status", ["in_progress", "completed"])
def test_the_services_own_task_stays_even_if_archived(world: World, status: str) -> None:
    own = world.add_full("Cleanup Service", status)
    other = world.add_full()
    result = world.clean(own_task=own)

    assert set(world.sandbox.tasks) == {own}
    assert len(world.files_of(own)) == 6
    assert reasons(result) == {own: selection.OWN_TASK}
    assert ids(result.deleted) == {other}


PROJECTS = ["team", "team/a", "team/a/b", "team2", "my team", "Team", "x/team", "a+b", "aab", "(x)", "x", "a.c", "abc"]


@pytest.mark.parametrize(
    ("asked", "cleaned"),
    [
        ("team", {"team", "team/a", "team/a/b"}),
        ("team/a", {"team/a", "team/a/b"}),
        ("a+b", {"a+b"}),
        ("(x)", {"(x)"}),
        ("a.c", {"a.c"}),
        ("x", {"x", "x/team"}),
        (" team2 , my team,", {"team2", "my team"}),
        ("Team", {"Team"}),
        ("", set(PROJECTS)),
    ],
)
def test_only_the_named_projects_and_those_below_them_are_cleaned(world: World, asked: str, cleaned: set[str]) -> None:
    for project in PROJECTS:
        world.add(project, project=project)
        world.add(project, "created", project=project)
    world.clean(projects=asked)

    assert names_left(world) == sorted(2 * [project for project in PROJECTS if project not in cleaned])


@pytest.mark.parametrize("name", ["tea", "TEAM", "team.*"])
def test_a_project_that_does_not_exist_stops_the_run_before_anything_goes(world: World, name: str) -> None:
    world.add_full(project="team")
    before = world.state

    with pytest.raises(SettingsError, match="there is no such project"):
        world.clean(projects=f"team, {name}")
    assert world.state == before


def test_the_grace_after_archiving_keeps_a_task(world: World) -> None:
    lately = world.add_full("archived lately")
    world.sandbox.edit_task(lately, last_change=days_ago(2.0))
    world.add_full("archived long ago")
    result = world.clean(archive_grace_days=7)

    assert names_left(world) == ["archived lately"]
    assert reasons(result) == {lately: selection.GRACE}
    assert len(world.files_of(lately)) == 6


def test_at_most_so_many_go_the_oldest_first(world: World) -> None:
    tasks = [world.add_full(f"{age:03}", age_days=age) for age in range(40, 70)]
    result = world.clean(max_tasks_per_cycle=7)

    assert names_left(world) == [f"{age:03}" for age in range(40, 63)]
    assert not world.files_of(*tasks[-7:])
    assert len(world.files_of(*tasks[:-7])) == 23 * 6
    assert (len(result.deleted), set(reasons(result).values())) == (7, {selection.OVER_LIMIT})
    assert exit_code(result) == 0

    for _ in range(4):
        world.clean(max_tasks_per_cycle=7)
    assert names_left(world) == []


@pytest.mark.parametrize("limit", [1, 7])
def test_failures_use_up_no_room_and_starve_no_one(world: World, limit: int) -> None:
    tasks = [world.add_full(f"{age:03}", age_days=age) for age in range(40, 60)]
    bad = tasks[-5:]
    world.sandbox.task_failures.update(dict.fromkeys(bad, (400, 123, "refused")))
    result = world.clean(max_tasks_per_cycle=limit)

    assert ids(result.deleted) == set(tasks[-5 - limit : -5])
    assert set(errors(result)) == set(bad)


@pytest.mark.parametrize("cap", [1, 50])
def test_a_server_with_shorter_pages_is_cleaned_as_well(other_world: Callable[..., World], cap: int) -> None:
    world = other_world(page_cap=cap)
    tasks = [world.add(f"{number}", "created" if number % 3 else "completed") for number in range(120)]
    for task in tasks[:20]:
        world.sandbox.add_model(task, "weights")
    result = world.clean()

    assert world.sandbox.tasks == {}
    assert world.sandbox.files() == set()
    assert len(result.deleted) == 120


@pytest.mark.parametrize("version", ["2.12", "2.13", "2.31"])
def test_servers_of_every_age_are_cleaned(other_world: Callable[..., World], version: str) -> None:
    world = other_world(api_version=version, delete_many_enabled=version != "2.12")
    tasks = [world.add_full(f"{number}", "created" if number % 2 else "failed") for number in range(12)]
    world.sandbox.use_model(tasks[1], world.sandbox.add_model(tasks[0], "used"))
    living = world.add("living", archived=False)
    kept = world.sandbox.add_model(tasks[2], "kept")
    world.sandbox.use_model(living, kept)
    address = world.path(world.sandbox.models[kept]["uri"])
    world.clean()

    assert set(world.sandbox.tasks) == {living}
    assert world.sandbox.files() == {address}
    assert set(world.sandbox.models) == {kept}
