"""Finding tasks and projects: what is asked, page by page, and what is made of odd answers."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from cleanup.base.errors import ServerError, SettingsError
from cleanup.cycle.plan import count_force_would_add, make_plan
from cleanup.cycle.result import CycleResult
from cleanup.selection import PUBLIC, rules_of
from cleanup.server import LISTED, WITH_FILES, Server
from cleanup.settings import Settings
from tests.unit.api import Api, Refusal

Connect = Callable[..., Server]

NOW = datetime(2026, 6, 15, 12, 30, 0, 250_000, tzinfo=timezone.utc)
OLD = "2020-01-01T00:00:00.000000+00:00"


def row(number: int, **changed: Any) -> dict[str, Any]:
    """Return the row of a task that may go with force, without the fields given as ``...``."""
    times = dict.fromkeys(("status_changed", "last_update", "last_change", "created"), OLD)
    fields = {"id": task_id(number), "company": "c", "project": "p", "status": "completed", **times, **changed}
    return {"system_tags": ["archived"], **{name: value for name, value in fields.items() if value is not ...}}


def task_id(number: int) -> str:
    return f"{number:032x}"


def plan_of(server: Server, **settings: Any) -> tuple[list[str], CycleResult]:
    """Return the ids of the plan that a cycle makes, and its result so far."""
    result = CycleResult(NOW)
    rules = rules_of(Settings.parse({"force_delete": True, **settings}), NOW, None, None)
    return [task.id for task in make_plan(server, rules, set(), result)], result


def asked(api: Api, call: str = "tasks.get_all") -> list[dict[str, Any]]:
    """Return the first request of every listing, without its page and fields."""
    return [
        {name: value for name, value in body.items() if name not in ("page", "page_size", "only_fields")}
        for body in api.bodies(call)
        if body["page"] == 0
    ]


def test_with_force_all_statuses_and_then_all_drafts_are_listed(api: Api, connect: Connect) -> None:
    api.rows("tasks.get_all")
    plan_of(connect())

    archived = {"system_tags": ["archived"], "search_hidden": True}
    cutoff = "<2026-05-16T12:30:00.250000+00:00"
    assert asked(api) == [
        {**archived, "status_changed": [cutoff], "order_by": ["status_changed"]},
        {**archived, "status": ["created"], "order_by": ["created"]},
    ]


def test_without_force_only_drafts_are_listed(api: Api, connect: Connect) -> None:
    api.rows("tasks.get_all")
    plan_of(connect(), force_delete=False)

    assert [body["status"] for body in asked(api)] == [["created"], ["created"]]
    assert ["status_changed" in body for body in asked(api)] == [True, False]


def test_what_force_would_add_is_asked_for_in_every_other_status(api: Api, connect: Connect) -> None:
    rows = [row(1), row(2, status="created"), row(3, status="published"), row(4, company=""), row(5, system_tags=[])]
    api.rows("tasks.get_all", rows, [row(1), row(6, status="in_progress")])
    rules = rules_of(Settings(), NOW, None, None)

    assert count_force_would_add(connect(), rules) == 3
    assert set(asked(api)[0]["status"]) == {
        "queued", "in_progress", "stopped", "publishing", "published", "closed", "failed", "completed", "unknown",
    }  # fmt: skip


def test_the_cutoff_is_sent_in_utc_whatever_the_zone_of_the_clock(api: Api, connect: Connect) -> None:
    api.rows("tasks.get_all")
    there = datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=5)))
    list(connect().tasks.archived(statuses=(), changed_before=there, projects=None))

    assert asked(api)[0]["status_changed"] == ["<2025-12-31T20:00:00.000000+00:00"]


def test_pages_are_read_until_an_empty_one_however_short_they_are(api: Api, connect: Connect) -> None:
    api.rows("tasks.get_all", [row(1)], [row(n) for n in range(2, 300)], [row(300)], [])
    plan, result = plan_of(connect())

    assert sorted(plan) == [task_id(n) for n in range(1, 301)]
    assert result.matched == 300
    listing = [body["page"] for body in api.bodies("tasks.get_all") if "status_changed" in body]
    assert listing == [0, 1, 2, 3]


def test_pages_are_asked_for_in_the_size_that_the_server_really_gives(api: Api, connect: Connect) -> None:
    api.rows("tasks.get_all", [row(n) for n in range(500)], [row(500)])
    plan_of(connect())

    assert {body["page_size"] for body in api.bodies("tasks.get_all")} == {500}
    assert all(set(body["only_fields"]) == set(LISTED) for body in api.bodies("tasks.get_all"))


def test_a_row_that_comes_twice_is_planned_once(api: Api, connect: Connect) -> None:
    api.rows("tasks.get_all", [row(1), row(2)], [row(2), row(3)])
    plan, result = plan_of(connect())

    assert plan == [task_id(1), task_id(2), task_id(3)]
    assert result.matched == 3


def test_the_plan_begins_with_the_oldest(api: Api, connect: Connect) -> None:
    ages = ["2024-05-01", "2021-01-01", "2023-01-01"]
    api.rows("tasks.get_all", [row(n, status_changed=age) for n, age in enumerate(ages)])

    assert plan_of(connect())[0] == [task_id(1), task_id(2), task_id(0)]


def test_a_server_that_ignores_every_filter_plans_nothing_more(api: Api, connect: Connect) -> None:
    everything = [
        row(1),
        row(2, system_tags=[]),
        row(3, system_tags=["archived"], status_changed="2026-06-14T00:00:00+00:00"),
        row(4, status_changed=...),
        row(5, status_changed="a month ago"),
        row(6, company=...),
        row(7, status="in_progress", last_update="2026-06-15T00:00:00+00:00"),
        row(8, status="created", status_changed=..., last_update="2026-06-14T00:00:00+00:00"),
        row(9, status="created", status_changed=...),
        {"id": task_id(10)},
    ]
    api.rows("tasks.get_all", everything)
    plan, result = plan_of(connect())

    assert plan == [task_id(1), task_id(9)]
    assert {entry.task.id: entry.reason for entry in result.kept}[task_id(6)] == PUBLIC
    assert {entry.task.id for entry in result.kept} == {task_id(6), task_id(7)}
    assert result.matched == 4


def test_without_force_a_server_that_ignores_the_status_plans_drafts_alone(api: Api, connect: Connect) -> None:
    api.rows("tasks.get_all", [row(1), row(2, status="created"), row(3, status="published")])

    assert plan_of(connect(), force_delete=False)[0] == [task_id(2)]


def test_rows_with_ids_that_are_none_are_left_out(api: Api, connect: Connect) -> None:
    api.rows("tasks.get_all", [row(1), row(2) | {"id": "../x"}, row(3) | {"id": "-a"}, row(4) | {"id": ""}])

    assert plan_of(connect())[0] == [task_id(1)]


@pytest.mark.parametrize("rows", [[None], ["x"], [7], [[]], [{}], [{"id": None}], [{"id": 5}]])
def test_a_page_of_rows_that_are_none_is_an_error(api: Api, connect: Connect, rows: list[Any]) -> None:
    api.on("tasks.get_all", {"tasks": [row(1), *rows]})

    with pytest.raises(ServerError, match="tasks"):
        plan_of(connect())


def test_a_list_that_breaks_off_is_an_error_and_no_shorter_list(api: Api, connect: Connect) -> None:
    api.on("tasks.get_all", {"tasks": [row(1)]}, *[Refusal(500)] * 3)

    with pytest.raises(ServerError, match="code 500"):
        plan_of(connect())


def test_names_from_the_server_are_shown_on_one_line(api: Api, connect: Connect) -> None:
    api.rows("tasks.get_all", [row(1, name="a\nDeleted 500 tasks\x1b[31m" + "x" * 5000)])
    rules = rules_of(Settings.parse({"force_delete": True}), NOW, None, None)
    (planned,) = make_plan(connect(), rules, set(), CycleResult(NOW))

    assert planned.name.startswith("a Deleted 500 tasks [31mxxx")
    assert len(planned.name) == 200


def test_projects_are_listed_in_chunks_that_the_server_takes(api: Api, connect: Connect) -> None:
    api.rows("tasks.get_all")
    ids = [task_id(n) for n in range(1001)]
    list(connect().tasks.archived(statuses=(), changed_before=NOW, projects=reversed(ids)))

    assert [len(body["project"]) for body in asked(api)] == [500, 500, 1]
    assert [project for body in asked(api) for project in body["project"]] == ids


def test_no_project_means_no_request_and_never_all_projects(api: Api, connect: Connect) -> None:
    api.rows("tasks.get_all", [row(1)])

    assert list(connect().tasks.archived(statuses=(), changed_before=NOW, projects=[])) == []
    assert api.count("tasks.get_all") == 0


def test_a_batch_is_read_by_id_with_the_same_condition(api: Api, connect: Connect) -> None:
    listed: dict[str, Any] = {"execution": {"artifacts": []}}
    api.on("tasks.get_all", {"tasks": [row(1, **listed), row(2, **listed), row(77, **listed)]})
    found = connect().tasks.read([task_id(1), task_id(2), task_id(3)], WITH_FILES)

    assert set(found) == {task_id(1), task_id(2)}
    body, again = api.bodies("tasks.get_all")
    assert body["id"] == [task_id(1), task_id(2), task_id(3)]
    assert again["id"] == [task_id(3)]
    assert body["system_tags"] == ["archived"]
    assert body["search_hidden"] is True
    assert set(body["only_fields"]) == set(WITH_FILES)


@pytest.mark.parametrize("cap", [1, 3, 9])
def test_a_batch_is_read_whole_however_short_the_servers_pages_are(api: Api, connect: Connect, cap: int) -> None:
    api.on("tasks.get_all", lambda body: {"tasks": [{"id": task} for task in body["id"] if task != "x"][:cap]})
    ids = [task_id(number) for number in range(10)]
    server = connect()

    assert list(server.tasks.read([*ids, "x"], LISTED)) == ids
    assert server.tasks.existing([*ids, "x"]) == set(ids)


def test_nothing_to_read_is_no_request(api: Api, connect: Connect) -> None:
    server = connect()

    assert server.tasks.read([], LISTED) == {}
    assert server.tasks.existing([]) == set()
    assert server.tasks.project_names([]) == {}
    assert server.models.made_by([]) == []
    assert server.models.users_of([]) == {}
    assert [call for call, _, _ in api.requests] == ["auth.login"]


@pytest.mark.parametrize("execution", [..., None, {}, {"artifacts": None}, {"artifacts": "x"}])
def test_artifacts_that_do_not_come_are_looked_for_in_the_whole_record(
    api: Api, connect: Connect, execution: Any
) -> None:
    api.on("tasks.get_all", {"tasks": [row(1, execution=execution)]})
    api.on("tasks.get_by_id", {"task": row(1, execution={"artifacts": [{"key": "k", "uri": "u"}]})})

    (task,) = connect().tasks.read([task_id(1)], WITH_FILES).values()
    assert [artifact.uri for artifact in task.artifacts] == ["u"]


def test_a_task_whose_whole_record_has_no_artifacts_either_has_none(api: Api, connect: Connect) -> None:
    api.on("tasks.get_all", {"tasks": [row(1)]})
    api.on("tasks.get_by_id", {"task": row(1)})

    (task,) = connect().tasks.read([task_id(1)], WITH_FILES).values()
    assert task.artifacts == ()


@pytest.mark.parametrize("record", [{}, {"task": None}, {"task": {}}, {"task": {"id": "another"}}])
def test_artifacts_that_do_not_come_in_the_whole_record_either_are_an_error(
    api: Api, connect: Connect, record: dict[str, Any]
) -> None:
    api.on("tasks.get_all", {"tasks": [row(1)]})
    api.on("tasks.get_by_id", record)

    with pytest.raises(ServerError, match=f"lacks the artifacts of task {task_id(1)}"):
        connect().tasks.read([task_id(1)], WITH_FILES)


def test_existing_tasks_are_found_hidden_or_not(api: Api, connect: Connect) -> None:
    api.on("tasks.get_all", {"tasks": [{"id": task_id(1)}]})

    assert connect().tasks.existing([task_id(1), task_id(2), "__DELETED__x", "-y", ""]) == {task_id(1)}
    body = api.bodies("tasks.get_all")[0]
    assert body["id"] == [task_id(1), task_id(2)]
    assert body["search_hidden"] is True
    assert "system_tags" not in body


def projects(*names: str) -> list[dict[str, str]]:
    return [{"id": project_id(name), "name": name} for name in names]


def project_id(name: str) -> str:
    return name.encode().hex()


def ids_of(*names: str) -> set[str]:
    return set(map(project_id, names))


def matching(*names: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Answer as the server does: names that its regular expression finds, in any case."""

    def answer(body: dict[str, Any]) -> dict[str, Any]:
        found = [name for name in names if re.search(body["name"], name, re.IGNORECASE)]
        return {"projects": projects(*found) if body["page"] == 0 else []}

    return answer


def test_a_project_is_found_with_all_below_it_and_none_beside_it(api: Api, connect: Connect) -> None:
    api.on("projects.get_all", matching("team", "team/a", "team/a/b", "team2", "my team", "Team", "x/team", "teams/a"))

    assert connect().tasks.projects_under(["team"]) == ids_of("team", "team/a", "team/a/b")
    assert all(body["search_hidden"] for body in api.bodies("projects.get_all"))


@pytest.mark.parametrize("name", ["a+b", "(x)", "a.c", "[a]", "^a$", "a|b", "a\\d", "a*", "a b", "ä/ö", "-a", "{2}"])
def test_a_name_is_no_regular_expression(api: Api, connect: Connect, name: str) -> None:
    others = ["aab", "ab", "x", "abc", "a", "b", "a1", "aa"]
    api.on("projects.get_all", matching(name, f"{name}/sub", *others))

    assert connect().tasks.projects_under([name]) == ids_of(name, f"{name}/sub")


def test_every_project_that_does_not_exist_is_named(api: Api, connect: Connect) -> None:
    api.on("projects.get_all", matching("team/a", "OTHER", "other2"))

    with pytest.raises(SettingsError) as caught:
        connect().tasks.projects_under(["team/a", "other", "nope"])
    assert caught.value.problems == (
        "projects = 'other': there is no such project",
        "projects = 'nope': there is no such project",
    )


def test_a_server_that_ignores_the_name_gives_no_other_project(api: Api, connect: Connect) -> None:
    api.rows("projects.get_all", projects("other", "team", "team/a"), projects("team/b", "x/team"))

    assert connect().tasks.projects_under(["team"]) == ids_of("team", "team/a", "team/b")


def test_names_of_projects_are_read_by_id(api: Api, connect: Connect) -> None:
    api.on("projects.get_all", {"projects": [{"id": "p1", "name": "team/a"}, {"id": "p2"}]})

    assert connect().tasks.project_names(["p1", "p2", "", "p1"]) == {"p1": "team/a", "p2": ""}
    assert api.bodies("projects.get_all")[0]["id"] == ["p1", "p1", "p2"]


def test_dataset_versions_are_found_with_those_built_on_them(api: Api, connect: Connect) -> None:
    first, second, third, other = map(task_id, (1, 2, 3, 4))
    config = {"Dataset": {"name": "Dataset", "value": f'{{"{second}": ["{first}"], "{third}": ["{second}"]}}'}}
    api.rows(
        "tasks.get_all",
        [
            {"id": third, "system_tags": ["dataset", "hidden"], "configuration": config},
            {"id": other, "system_tags": ["hidden"], "configuration": config},
            {"id": first, "system_tags": ["dataset"], "configuration": {}},
        ],
        [{"id": second, "system_tags": ["dataset"], "configuration": "junk"}],
    )

    assert connect().tasks.datasets_in_use() == {first: {third}, second: {third}}
    assert api.bodies("tasks.get_all")[0]["search_hidden"] is True
