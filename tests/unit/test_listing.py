"""Lists of tasks and projects: what is asked, what is made of odd answers, what is written on a task."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

import pytest
import responses

from cleanup.base.errors import ServerError, SettingsError
from cleanup.cycle.plan import count_force_would_add, make_plan
from cleanup.cycle.result import CycleResult, Planned
from cleanup.selection import PUBLIC, REPORTING, rules_of
from cleanup.server import LISTED, WITH_FILES, Claim, References, Server
from cleanup.settings import Settings
from tests.unit.api import Api, Refusal

NOW = datetime(2026, 6, 15, 12, 30, 0, 250_000, tzinfo=timezone.utc)
OLD, NEW = "2020-01-01T00:00:00.000000+00:00", "2026-06-15T00:00:00+00:00"
ARCHIVED: dict[str, Any] = {"system_tags": ["archived"], "search_hidden": True}


def row(number: int, **changed: Any) -> dict[str, Any]:
    """The row of a task that may go with force, without the fields given as ``...``."""
    times = dict.fromkeys(("status_changed", "last_update", "last_change", "created"), OLD)
    fields = {"id": task_id(number), "company": "c", "project": "p", "status": "completed", **times, **changed}
    return {"system_tags": ["archived"], **{name: value for name, value in fields.items() if value is not ...}}


def task_id(number: int) -> str:
    return f"{number:032x}"


def plan_of(server: Server, **settings: Any) -> tuple[list[Planned], dict[str, str]]:
    """The plan that a cycle makes, and by task why others that match are kept."""
    result, plan = CycleResult(NOW), list[Planned]()
    make_plan(server, rules_of(Settings.parse({"force_delete": True, **settings}), NOW, None, None), result, plan)
    return plan, {entry.task.id: entry.reason for entry in result.kept}


def asked(api: Api) -> list[dict[str, Any]]:
    """The different lists of tasks that were asked for, without their pages and fields."""
    without = ("page", "page_size", "only_fields")
    bodies = [{name: body[name] for name in body if name not in without} for body in api.bodies("tasks.get_all")]
    return [body for number, body in enumerate(bodies) if body not in bodies[:number]]


def test_archived_tasks_are_listed_and_then_all_drafts_without_force_only_drafts(api: Api, server: Server) -> None:
    bounded = {"status_changed": ["<2026-05-16T12:30:00.250000+00:00"], "order_by": ["status_changed"]}
    drafts = {**ARCHIVED, "status": ["created"], "order_by": ["created"]}
    api.rows("tasks.get_all", [row(1), row(2, status="created"), row(3, status="published")])
    plan_of(server)
    assert asked(api) == [{**ARCHIVED, **bounded}, drafts]
    assert {body["page_size"] for body in api.bodies("tasks.get_all")} == {500}
    assert all(set(body["only_fields"]) == set(LISTED) for body in api.bodies("tasks.get_all"))
    api.requests.clear()
    assert [task.id for task in plan_of(server, force_delete=False)[0]] == [task_id(2)]
    assert asked(api) == [{**drafts, **bounded}, drafts]


def test_what_force_would_add_is_asked_for_in_every_other_status(api: Api, server: Server) -> None:
    rows = [row(1), row(2, status="created"), row(3, status="published"), row(4, company=""), row(5, system_tags=[])]
    api.rows("tasks.get_all", rows, [row(1), row(6, status="in_progress")])
    assert count_force_would_add(server, rules_of(Settings(), NOW, None, None)) == 3
    every_other = "queued in_progress stopped publishing published closed failed completed unknown"
    assert set(asked(api)[0]["status"]) == set(every_other.split())


def test_the_plan_has_every_task_of_every_page_once_the_oldest_first(api: Api, server: Server) -> None:
    years = (2024, 2021, 2023, 2021)
    first, second, third, fourth = (row(n, status_changed=f"{year}-01-01") for n, year in enumerate(years, 1))
    long_name = first | {"name": "a\nDeleted 500 tasks\x1b[31m" + "x" * 500}
    api.rows("tasks.get_all", [long_name], [fourth, third], [third, second])
    plan, kept = plan_of(server)
    assert ([task.id for task in plan], kept) == ([task_id(number) for number in (2, 4, 3, 1)], {})
    assert (plan[-1].name[:27], len(plan[-1].name)) == ("a Deleted 500 tasks [31mxxx", 200)


def test_a_server_that_ignores_every_filter_plans_nothing_more(api: Api, server: Server) -> None:
    everything = [
        row(1),
        row(2, system_tags=[]),
        row(3, status_changed=NEW),
        row(4, status_changed="a month ago"),
        row(5, company=...),
        row(6, status="in_progress", last_update=NEW),
        row(7, status="created", status_changed=..., last_update=NEW),
        row(8, status="created", status_changed=...),
        row(9, id="../x"),
    ]
    api.rows("tasks.get_all", everything)
    plan, kept = plan_of(server)

    assert [task.id for task in plan] == [task_id(1), task_id(8)]
    assert kept == {task_id(5): PUBLIC, task_id(6): REPORTING}


def test_a_page_of_rows_that_are_none_is_an_error(api: Api, server: Server) -> None:
    for odd in (None, "x", {}, {"id": None}):
        api.on("tasks.get_all", {"tasks": [row(1), odd]})
        with pytest.raises(ServerError, match="tasks"):
            plan_of(server)


def test_a_row_that_the_server_fails_at_hides_no_other_and_its_error_is_told(api: Api, server: Server) -> None:
    rows = [row(number, ready=False) for number in range(10)]

    def answer(body: dict[str, Any]) -> Any:
        first, size = body["page"] * body["page_size"], body["page_size"]
        page = rows[first : first + size]
        return Refusal(500, 0, "cannot read it") if rows[7] in page else {"tasks": page, "models": page}

    api.on("tasks.get_all", answer)
    api.on("models.get_all", answer)
    for source, listed in (
        (server.tasks, server.tasks.archived(drafts=None, changed_before=NOW, projects=None)),
        (server.survey, server.survey.references()),
        (server.survey, server.survey.claims()),
        (server.models, server.models.archived()),
    ):
        source.unreadable.clear()
        assert {item.id for item in listed} == {task_id(number) for number in range(10) if number != 7}
        assert {"cannot read it" in error for error in source.unreadable} == {True}


def test_projects_are_listed_in_chunks_none_never_means_all_and_times_are_sent_in_utc(api: Api, server: Server) -> None:
    api.rows("tasks.get_all", [])
    ids = [task_id(number) for number in range(1000)]
    there = datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=5)))
    assert list(server.tasks.archived(drafts=None, changed_before=there, projects=[])) == []
    assert api.count("tasks.get_all") == 0
    list(server.tasks.archived(drafts=None, changed_before=there, projects=reversed(ids)))
    assert [body["project"] for body in asked(api)] == [ids[:500], ids[500:]]
    assert asked(api)[0]["status_changed"] == ["<2025-12-31T20:00:00.000000+00:00"]


def test_a_batch_is_read_by_id_with_the_same_condition_however_short_the_pages_are(api: Api, server: Server) -> None:
    api.on(
        "tasks.get_all", lambda body: {"tasks": [row(77), *(row(int(one, 16)) for one in body["id"] if one != "x")][:4]}
    )
    ids = [task_id(number) for number in range(10)]

    assert list(server.tasks.read([*ids, "x"], LISTED)) == ids
    bodies = api.bodies("tasks.get_all")
    assert [body["id"] for body in bodies] == [[*ids, "x"], [*ids[3:], "x"], [*ids[6:], "x"], [ids[9], "x"], ["x"]]
    assert all(body.items() >= ARCHIVED.items() for body in bodies)
    assert set(bodies[0]["only_fields"]) == set(LISTED)

    assert server.tasks.existing([*ids, "x", "__DELETED__x", "-y", ""]) == set(ids)
    assert asked(api)[-1].keys() == {"id", "search_hidden"}
    assert all({"__DELETED__x", "-y", ""}.isdisjoint(body["id"]) for body in asked(api))


def test_nothing_to_read_is_no_request(api: Api, server: Server) -> None:
    tasks, models = server.tasks, server.models
    assert tasks.read([], LISTED) == tasks.project_names(["", "-x"]) == {}
    assert models.users([]) == models.listers([]) == models.delete([]) == {}
    assert models.made_by([]) == models.by_id(["", "-x"]) == models.naming([]) == []
    assert tasks.existing(["", "__$any"]) == set()
    assert [call for call, _, _ in api.requests] == ["auth.login"]


def test_a_task_without_artifacts_in_its_row_is_read_whole_or_it_is_an_error(api: Api, server: Server) -> None:
    held = {"execution": {"artifacts": [{"key": "k", "uri": "u"}]}}
    api.on("tasks.get_all", {"tasks": [row(1), row(2, execution={"artifacts": "x"}), row(3), row(4, **held)]})
    api.on("tasks.get_by_id", {"task": row(1, **held)}, {"task": row(2, **held)}, {"task": row(3)})
    ids = [task_id(number) for number in (1, 2, 3, 4)]
    found = server.tasks.read(ids, WITH_FILES)

    assert [[artifact.uri for artifact in task.artifacts] for task in found.values()] == [["u"], ["u"], [], ["u"]]
    assert [body["task"] for body in api.bodies("tasks.get_by_id")] == ids[:3]
    assert set(api.bodies("tasks.get_all")[0]["only_fields"]) == set(WITH_FILES)

    records: tuple[Any, ...] = ({}, {"task": {}}, {"task": {"id": "another"}})
    for record in records:
        api.on("tasks.get_by_id", record)
        with pytest.raises(ServerError, match=f"lacks the artifacts of task {ids[0]}"):
            server.tasks.read(ids, WITH_FILES)


@pytest.mark.parametrize("version", ["2.12", "2.31"])
def test_models_are_taken_off_a_tasks_list_and_put_back(mock: responses.RequestsMock, version: str) -> None:
    """Without those that are gone by then, which the server refuses with the whole list."""
    api = Api(mock, version)
    tasks = api.connect(attempts=1).tasks
    there, gone = ({"name": name, "model": task_id(number)} for number, name in enumerate(("there", "gone")))
    api.on("tasks.get_all", {"tasks": [row(1, models={"output": [there, gone], "input": [gone]})]})
    api.on("models.get_all", {"models": [{"id": there["model"], "ready": False}]})
    api.on("tasks.edit", {"updated": 1}, Refusal(400, 201, "Invalid model id"), {"updated": 1}, Refusal(400, 101, "?"))

    outputs = tasks.listed_models(task_id(1), "output")
    assert outputs == [there, gone]
    tasks.list_outputs(task_id(1), [])
    tasks.list_outputs(task_id(1), outputs)
    sent = [{"output": []}, {"output": outputs}, {"output": [there], "input": []}]
    assert api.bodies("tasks.edit") == [{"task": task_id(1), "force": True, "models": models} for models in sent]
    with pytest.raises(ServerError, match="400/101"):
        tasks.list_outputs(task_id(1), [])


def test_a_note_goes_among_the_user_properties_if_it_can(api: Api, server: Server) -> None:
    api.on("tasks.edit_hyper_params", {"updated": 1}, Refusal(400, 101, "Invalid task id"))
    for _ in range(2):
        server.tasks.note("t", "why")
    item = {"section": "properties", "name": "cleanup_service", "value": "why", "type": "str"}
    note = {"task": "t", "hyperparams": [item], "replace_hyperparams": "none"}
    assert api.bodies("tasks.edit_hyper_params") == [note, note]


@pytest.mark.parametrize("name", ["team", "ä+[b]{2}|^c$\\d"])
def test_a_project_is_found_with_all_below_it_and_none_beside_it(api: Api, server: Server, name: str) -> None:
    """Even if the server ignores the pattern; its own ignores case, and it gives out three projects a page."""
    names = [f"{name}2", f"my {name}", "TEAM/x", f"x/{name}", f"{name}s/a", name, f"{name}/sub", f"{name}/sub/b"]

    def answer(search: Any, body: dict[str, Any]) -> dict[str, Any]:
        found = [name for name in names if search(body["name"], name, re.IGNORECASE)]
        return {"projects": [{"id": name.encode().hex(), "name": name} for name in found[3 * body["page"] :][:3]]}

    for search in (re.search, lambda *_: True):
        api.on("projects.get_all", partial(answer, search))
        found = server.tasks.projects_under([name])
        assert {bytes.fromhex(project).decode() for project in found} == {name, f"{name}/sub", f"{name}/sub/b"}
    assert all(body["search_hidden"] for body in api.bodies("projects.get_all"))
    with pytest.raises(SettingsError) as caught:
        server.tasks.projects_under([name, "sub", "nope"])
    assert caught.value.problems == tuple(f"projects = '{name}': there is no such project" for name in ("sub", "nope"))


FIRST, SECOND, THIRD, RUN, OLD_RUN = (digit * 32 for digit in "12345")


def test_what_tasks_refer_to_is_their_artifacts_and_the_folder_they_upload_to(api: Api, server: Server) -> None:
    artifacts: list[Any] = [{"uri": "s3://b/x"}, {"uri": ""}, {"uri": ["odd"]}, {}, None]
    first = {"id": FIRST, "execution": {"artifacts": artifacts}, "output": {"destination": "s3://b/out"}}
    api.rows("tasks.get_all", [first], [{"id": SECOND, "execution": "junk"}, {"id": "../x"}])
    addresses = ("s3://b/x", ["odd"], f"s3://b/out/.{FIRST}")
    assert list(server.survey.references()) == [References(FIRST, addresses), References(SECOND, ())]
    body = api.bodies("tasks.get_all")[0]
    assert body["only_fields"] == ["id", "execution.artifacts", "output.destination", "report_assets"]
    assert (body["search_hidden"], "system_tags" in body) == (True, False)


def test_a_dataset_version_needs_all_versions_that_it_names_and_a_run_its_steps(api: Api, server: Server) -> None:
    dataset = {"Dataset": {"value": f'{{"{SECOND}": ["{FIRST}"], "{THIRD}": ["{SECOND}"]}}'}, "odd": None}
    pipeline = {"pipeline": {"value": f'{{"step": {{"job_id": "{FIRST}"}}}}'}, "Other": {"value": SECOND}}
    held = {
        "dataset": [{"id": THIRD, "configuration": dataset}, {"id": FIRST, "configuration": "junk"}, {"id": "-x"}],
        "pipeline": [{"id": RUN, "configuration": pipeline}],
        "controller": [{"id": OLD_RUN, "configuration": {"Pipeline": {"value": SECOND}}}],
    }
    api.on("tasks.get_all", lambda body: {"tasks": held.pop((body.get("system_tags") or body["type"])[0], [])})

    assert list(server.survey.claims()) == [
        Claim(THIRD, frozenset({FIRST, SECOND}), f"dataset version {THIRD} is built on it"),
        Claim(FIRST, frozenset(), f"dataset version {FIRST} is built on it"),
        Claim(RUN, frozenset({FIRST}), f"it is a step of pipeline run {RUN}"),
        Claim(OLD_RUN, frozenset({SECOND}), f"it is a step of pipeline run {OLD_RUN}"),
    ]
    assert all(body["search_hidden"] for body in api.bodies("tasks.get_all"))


def test_later_only_what_changed_since_is_read(api: Api, server: Server) -> None:
    api.rows("tasks.get_all")
    there = datetime(2026, 6, 15, 14, 30, 0, 250_000, tzinfo=timezone(timedelta(hours=2)))
    for reading in (server.survey.references, server.survey.claims):
        for since, asked in ((None, None), (there, [">=2026-06-15T12:30:00.250000+00:00"])):
            api.requests.clear()
            assert list(reading(since)) == []
            assert {str(body.get("last_change")) for body in api.bodies("tasks.get_all")} == {str(asked)}
