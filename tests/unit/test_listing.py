"""Finding tasks and projects: what is asked, what is made of odd answers, and what is written on a task."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from cleanup.base.errors import ServerError, SettingsError
from cleanup.cycle.plan import count_force_would_add, make_plan
from cleanup.cycle.result import CycleResult, Planned
from cleanup.selection import PUBLIC, REPORTING, rules_of
from cleanup.server import LISTED, WITH_FILES, Server
from cleanup.settings import Settings
from tests.unit.api import Api, Refusal

NOW = datetime(2026, 6, 15, 12, 30, 0, 250_000, tzinfo=timezone.utc)
OLD, NEW = "2020-01-01T00:00:00.000000+00:00", "2026-06-15T00:00:00+00:00"


def row(number: int, **changed: Any) -> dict[str, Any]:
    """Return the row of a task that may go with force, without the fields given as ``...``."""
    times = dict.fromkeys(("status_changed", "last_update", "last_change", "created"), OLD)
    fields = {"id": task_id(number), "company": "c", "project": "p", "status": "completed", **times, **changed}
    return {"system_tags": ["archived"], **{name: value for name, value in fields.items() if value is not ...}}


def task_id(number: int) -> str:
    return f"{number:032x}"


def plan_of(server: Server, **settings: Any) -> tuple[list[Planned], dict[str, str]]:
    """Return the plan that a cycle makes, and by task why others that match are kept."""
    result, plan = CycleResult(NOW), list[Planned]()
    make_plan(server, rules_of(Settings.parse({"force_delete": True, **settings}), NOW, None, None), result, plan)
    return plan, {entry.task.id: entry.reason for entry in result.kept}


def asked(api: Api) -> list[dict[str, Any]]:
    """Return the different lists of tasks that were asked for, without their pages and fields."""
    without = ("page", "page_size", "only_fields")
    bodies = [{name: body[name] for name in body if name not in without} for body in api.bodies("tasks.get_all")]
    return [body for number, body in enumerate(bodies) if body not in bodies[:number]]


def test_archived_tasks_are_listed_and_then_all_drafts_without_force_only_drafts(api: Api, server: Server) -> None:
    archived: dict[str, Any] = {"system_tags": ["archived"], "search_hidden": True}
    bounded = {"status_changed": ["<2026-05-16T12:30:00.250000+00:00"], "order_by": ["status_changed"]}
    drafts = {**archived, "status": ["created"], "order_by": ["created"]}
    api.rows("tasks.get_all", [row(1), row(2, status="created"), row(3, status="published")])

    plan_of(server)
    assert asked(api) == [{**archived, **bounded}, drafts]
    assert {body["page_size"] for body in api.bodies("tasks.get_all")} == {500}
    assert all(set(body["only_fields"]) == set(LISTED) for body in api.bodies("tasks.get_all"))

    api.requests.clear()
    assert [task.id for task in plan_of(server, force_delete=False)[0]] == [task_id(2)]
    assert asked(api) == [{**drafts, **bounded}, drafts]


def test_what_force_would_add_is_asked_for_in_every_other_status(api: Api, server: Server) -> None:
    rows = [row(1), row(2, status="created"), row(3, status="published"), row(4, company=""), row(5, system_tags=[])]
    api.rows("tasks.get_all", rows, [row(1), row(6, status="in_progress")])

    assert count_force_would_add(server, rules_of(Settings(), NOW, None, None)) == 3
    assert set(asked(api)[0]["status"]) == {
        "queued", "in_progress", "stopped", "publishing", "published", "closed", "failed", "completed", "unknown",
    }  # fmt: skip


def test_the_plan_has_every_task_of_every_page_once_the_oldest_first(api: Api, server: Server) -> None:
    ages = ["", "2024-05-01", "2021-01-01", "2023-01-01", "2021-01-01"]
    first, second, third, fourth = (row(number, status_changed=ages[number]) for number in range(1, 5))
    api.rows(
        "tasks.get_all",
        [first | {"name": "a\nDeleted 500 tasks\x1b[31m" + "x" * 500}],
        [fourth, third],
        [third, second],
    )
    plan, kept = plan_of(server)

    assert [task.id for task in plan] == [task_id(number) for number in (2, 4, 3, 1)]
    assert kept == {}
    assert plan[-1].name.startswith("a Deleted 500 tasks [31mxxx")
    assert len(plan[-1].name) == 200


def test_a_server_that_ignores_every_filter_plans_nothing_more(api: Api, server: Server) -> None:
    everything = [
        row(1),
        row(2, system_tags=[]),
        row(3, status_changed=NEW),
        row(4, status_changed=...),
        row(5, status_changed="a month ago"),
        row(6, company=...),
        row(7, status="in_progress", last_update=NEW),
        row(8, status="created", status_changed=..., last_update=NEW),
        row(9, status="created", status_changed=...),
        {"id": task_id(10)},
        *(row(11) | {"id": odd} for odd in ("../x", "-a", "")),
    ]
    api.rows("tasks.get_all", everything)
    plan, kept = plan_of(server)

    assert [task.id for task in plan] == [task_id(1), task_id(9)]
    assert kept == {task_id(6): PUBLIC, task_id(7): REPORTING}


@pytest.mark.parametrize("rows", [[None], ["x"], [{}], [{"id": None}]])
def test_a_page_of_rows_that_are_none_is_an_error(api: Api, server: Server, rows: list[Any]) -> None:
    api.on("tasks.get_all", {"tasks": [row(1), *rows]})

    with pytest.raises(ServerError, match="tasks"):
        plan_of(server)


@pytest.mark.parametrize("listed", ["tasks", "references", "claims", "models"])
def test_a_row_that_the_server_fails_at_hides_no_other_and_its_error_is_told(
    api: Api, server: Server, listed: str
) -> None:
    def answer(body: dict[str, Any]) -> Any:
        first, size = body["page"] * body["page_size"], body["page_size"]
        page = [row(number, ready=False) for number in range(10)][first : first + size]
        return Refusal(500, 0, "cannot read it") if row(7, ready=False) in page else {"tasks": page, "models": page}

    api.on("tasks.get_all", answer)
    api.on("models.get_all", answer)
    source, found = {
        "tasks": (server.tasks, server.tasks.archived(drafts=None, changed_before=NOW, projects=None)),
        "references": (server.survey, server.survey.references()),
        "claims": (server.survey, server.survey.claims()),
        "models": (server.models, server.models.archived()),
    }[listed]

    assert {item.id for item in found} == {task_id(number) for number in range(10) if number != 7}
    assert {"cannot read it" in error for error in source.unreadable} == {True}


def test_projects_are_listed_in_chunks_none_never_means_all_and_times_are_sent_in_utc(api: Api, server: Server) -> None:
    api.rows("tasks.get_all", [])
    ids = [task_id(number) for number in range(1001)]
    there = datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=5)))

    assert list(server.tasks.archived(drafts=None, changed_before=there, projects=[])) == []
    assert api.count("tasks.get_all") == 0
    list(server.tasks.archived(drafts=None, changed_before=there, projects=reversed(ids)))
    assert [body["project"] for body in asked(api)] == [ids[:500], ids[500:1000], ids[1000:]]
    assert asked(api)[0]["status_changed"] == ["<2025-12-31T20:00:00.000000+00:00"]


def test_a_batch_is_read_by_id_with_the_same_condition(api: Api, server: Server) -> None:
    api.on("tasks.get_all", {"tasks": [row(number, execution={"artifacts": []}) for number in (1, 2, 77)]})

    assert set(server.tasks.read([task_id(1), task_id(2), task_id(3)], WITH_FILES)) == {task_id(1), task_id(2)}
    body, again = api.bodies("tasks.get_all")
    assert (body["id"], again["id"]) == ([task_id(1), task_id(2), task_id(3)], [task_id(3)])
    assert (body["system_tags"], body["search_hidden"]) == (["archived"], True)
    assert set(body["only_fields"]) == set(WITH_FILES)


def test_a_batch_is_read_whole_however_short_the_servers_pages_are(api: Api, server: Server) -> None:
    api.on("tasks.get_all", lambda body: {"tasks": [{"id": task} for task in body["id"] if task != "x"][:3]})
    ids = [task_id(number) for number in range(10)]

    assert list(server.tasks.read([*ids, "x"], LISTED)) == ids
    assert server.tasks.existing([*ids, "x", "__DELETED__x", "-y", ""]) == set(ids)
    assert asked(api)[-1].keys() == {"id", "search_hidden"}
    assert all({"__DELETED__x", "-y", ""}.isdisjoint(body["id"]) for body in asked(api))


def test_nothing_to_read_is_no_request(api: Api, server: Server) -> None:
    tasks, models = server.tasks, server.models

    assert tasks.read([], LISTED) == tasks.project_names([]) == {}
    assert models.users([]) == models.listers([]) == models.delete([]) == {}
    assert models.made_by([]) == models.by_id(["", "-x"]) == models.naming([]) == []
    assert tasks.existing(["", "__$any"]) == set()
    assert [call for call, _, _ in api.requests] == ["auth.login"]


def test_a_task_without_artifacts_in_its_row_is_read_whole(api: Api, server: Server) -> None:
    api.on("tasks.get_all", {"tasks": [row(1), row(2, execution={"artifacts": "x"}), row(3)]})
    held = {"execution": {"artifacts": [{"key": "k", "uri": "u"}]}}
    api.on("tasks.get_by_id", {"task": row(1, **held)}, {"task": row(2, **held)}, {"task": row(3)})
    found = server.tasks.read([task_id(1), task_id(2), task_id(3)], WITH_FILES)

    assert [[artifact.uri for artifact in task.artifacts] for task in found.values()] == [["u"], ["u"], []]
    assert [body["task"] for body in api.bodies("tasks.get_by_id")] == list(found)


@pytest.mark.parametrize("record", [{}, {"task": {}}, {"task": {"id": "another"}}])
def test_artifacts_that_come_in_no_record_either_are_an_error(api: Api, server: Server, record: Any) -> None:
    api.on("tasks.get_all", {"tasks": [row(1)]})
    api.on("tasks.get_by_id", record)

    with pytest.raises(ServerError, match=f"lacks the artifacts of task {task_id(1)}"):
        server.tasks.read([task_id(1)], WITH_FILES)


@pytest.mark.parametrize("version", ["2.12", "2.31"])
def test_models_are_taken_off_a_tasks_lists(
    old_api: Callable[[str], Api], connect: Callable[..., Server], version: str
) -> None:
    api = old_api(version)
    server = connect(attempts=1)
    api.on("tasks.edit", {"updated": 1}, Refusal(400, 101, "Invalid task id"))
    server.tasks.unlist_models("t")

    assert api.bodies("tasks.edit") == [{"task": "t", "force": True, "models": {"output": []}}]
    with pytest.raises(ServerError, match="Invalid task id"):
        server.tasks.unlist_models("t")


def test_a_note_goes_among_the_user_properties_if_it_can(api: Api, server: Server) -> None:
    api.on("tasks.edit_hyper_params", {"updated": 1}, Refusal(400, 101, "Invalid task id"))
    for _ in range(2):
        server.tasks.note("t", "why")

    item = {"section": "properties", "name": "cleanup_service", "value": "why", "type": "str"}
    note = {"task": "t", "hyperparams": [item], "replace_hyperparams": "none"}
    assert api.bodies("tasks.edit_hyper_params") == [note, note]


def matching(*names: str, ignored: bool = False) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Answer as the server does, with projects that its regular expression finds, in any case; their ids are hex."""

    def answer(body: dict[str, Any]) -> dict[str, Any]:
        found = [name for name in names if ignored or re.search(body["name"], name, re.IGNORECASE)]
        page = found[body["page"] * 3 :][:3]
        return {"projects": [{"id": name.encode().hex(), "name": name} for name in page]}

    return answer


@pytest.mark.parametrize("name", ["team", "a+b", "(x)", "a.c", "[a]", "^a$", "a|b", "a\\d", "ä/ö", "-a", "{2}"])
def test_a_project_is_found_with_all_below_it_and_none_beside_it(api: Api, server: Server, name: str) -> None:
    beside = [f"{name}2", f"my {name}", "TEAM/x", f"x/{name}", f"{name}s/a", "aab", "ab", "x", "a", "b", "a1"]
    for ignored in (False, True):
        api.on("projects.get_all", matching(*beside, name, f"{name}/sub", f"{name}/sub/b", ignored=ignored))
        found = server.tasks.projects_under([name])

        assert {bytes.fromhex(project).decode() for project in found} == {name, f"{name}/sub", f"{name}/sub/b"}
    assert all(body["search_hidden"] for body in api.bodies("projects.get_all"))


def test_every_project_that_does_not_exist_is_named(api: Api, server: Server) -> None:
    api.on("projects.get_all", matching("team/a", "OTHER", "other2"))

    with pytest.raises(SettingsError) as caught:
        server.tasks.projects_under(["team/a", "other", "nope"])
    assert caught.value.problems == tuple(
        f"projects = {name!r}: there is no such project" for name in ("other", "nope")
    )


def test_names_of_projects_are_read_by_id(api: Api, server: Server) -> None:
    api.on("projects.get_all", {"projects": [{"id": "p1", "name": "team/a"}, {"id": "p2"}]})

    assert server.tasks.project_names(["p1", "p2", ""]) == {"p1": "team/a", "p2": ""}
    assert api.bodies("projects.get_all")[0]["id"] == ["p1", "p2"]
