"""Models: who made them, who shares their files, who uses them; what odd answers of the server are taken for."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from cleanup.base.errors import ServerError
from cleanup.base.records import Model
from cleanup.server import Server
from cleanup.server.registry import folder_pattern
from tests.unit.api import Api, Refusal

Connect = Callable[..., Server]

TASK, OTHER = "0123456789abcdef0123456789abcdef", "f" * 32
MINE = f"https://files.test/team/a.{TASK}/models/m.bin"


def row(model: str = "m", uri: object = MINE, task: object = TASK, ready: object = False) -> dict[str, Any]:
    return {"id": model, "uri": uri, "task": task, "ready": ready}


def test_models_of_tasks_are_read_to_the_last_page(api: Api, connect: Connect) -> None:
    api.rows("models.get_all", [row("a"), row("b", ready=True)], [row("c", task={"id": OTHER})])

    assert connect().models.made_by([TASK, OTHER]) == [
        Model("a", MINE, TASK, published=False),
        Model("b", MINE, TASK, published=True),
        Model("c", MINE, OTHER, published=False),
    ]
    assert api.bodies("models.get_all")[0] == {
        "task": [TASK, OTHER], "only_fields": ["id", "uri", "task", "ready"], "order_by": ["created"], "page": 0,
        "page_size": 500,
    }  # fmt: skip


@pytest.mark.parametrize("task", ["e" * 32, None, "", 7])
def test_models_of_other_tasks_are_an_error_and_never_deleted_as_own(api: Api, connect: Connect, task: Any) -> None:
    api.rows("models.get_all", [row("a"), row("b", task=task)])

    with pytest.raises(ServerError):
        connect().models.made_by([TASK])


@pytest.mark.parametrize("broken", [{"id": "m", "uri": MINE, "task": TASK}, {"ready": False}, {}, None, "m"])
def test_a_model_without_id_or_state_is_a_broken_answer(api: Api, connect: Connect, broken: Any) -> None:
    api.on("models.get_all", {"models": [row(), broken]})

    with pytest.raises(ServerError, match="models"):
        connect().models.made_by([TASK])


def test_models_in_the_folders_of_tasks_are_asked_for_by_pattern(api: Api, connect: Connect) -> None:
    api.rows("models.get_all", [row("a")], [row("b", task=OTHER, uri=MINE.replace(".0", "%2E0"))])

    assert [model.id for model in connect().models.in_folders([TASK, OTHER]) or []] == ["a", "b"]
    pattern = api.bodies("models.get_all")[0]["_any_"]
    assert pattern == {"pattern": folder_pattern([TASK, OTHER]), "fields": ["uri"]}


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        (f"s3://b/team/a.{TASK}/models/m.bin", True),
        (f"https://h/team/a%2e{TASK}%2Fmodels/m.bin", True),
        (f"https://h/team/a%2E{TASK.upper()}/m.bin", True),
        (f"https://h/team/a.{TASK}", False),
        (f"https://h/team/{TASK}/m.bin", False),
        (f"https://h/team/a.{TASK}0/m.bin", False),
        (f"https://h/team/a.{OTHER}/m.bin", False),
    ],
)
def test_the_pattern_finds_what_lies_in_a_folder_of_the_task(address: str, inside: bool) -> None:
    assert bool(re.search(folder_pattern([TASK]), address, re.IGNORECASE)) is inside


def test_a_server_that_does_not_know_the_pattern_answers_nothing_to_rely_on(api: Api, connect: Connect) -> None:
    api.rows("models.get_all", [row("a"), row("b", uri="https://files.test/elsewhere.bin")])
    assert connect().models.in_folders([TASK]) is None

    api.on("models.get_all", Refusal(400, 12, "Validation error"))
    assert connect().models.in_folders([TASK]) is None


def test_a_server_that_fails_at_the_pattern_is_an_error(api: Api, connect: Connect) -> None:
    api.on("models.get_all", Refusal(500))

    with pytest.raises(ServerError, match="code 500"):
        connect().models.in_folders([TASK])


def test_addresses_that_would_turn_the_filter_round_are_not_asked_for(api: Api, connect: Connect) -> None:
    api.rows("models.get_all", [row()])
    connect().models.at(["-x", "__$not", "", MINE, "--", "__$any"])

    assert [body["uri"] for body in api.bodies("models.get_all") if body["page"] == 0] == [[MINE]]


def test_only_addresses_that_would_turn_the_filter_round_are_no_request(api: Api, connect: Connect) -> None:
    assert connect().models.at(["-x", "__$not", ""]) == []
    assert api.count("models.get_all") == 0


def test_many_addresses_are_asked_for_in_parts(api: Api, connect: Connect) -> None:
    api.rows("models.get_all")
    connect().models.at([f"s3://b/{number}" for number in range(450)])

    assert [len(body["uri"]) for body in api.bodies("models.get_all")] == [200, 200, 50]


def users(*pairs: tuple[str, list[str]]) -> list[dict[str, Any]]:
    return [{"id": task, "models": {"input": [{"model": model} for model in used]}} for task, used in pairs]


def test_users_of_models_are_found_hidden_ones_too(api: Api, connect: Connect) -> None:
    api.rows("tasks.get_all", users(("t1", ["a", "b"]), ("t2", ["b", "x"])), users(("t3", ["a"])))

    assert connect().models.users_of(["a", "b", "c"]) == {"a": {"t1", "t3"}, "b": {"t1", "t2"}}
    body = api.bodies("tasks.get_all")[0]
    assert body["models.input.model"] == ["a", "b", "c"]
    assert body["search_hidden"] is True
    assert "system_tags" not in body


def test_one_model_is_asked_for_in_the_form_that_every_server_reads(api: Api, connect: Connect) -> None:
    api.rows("tasks.get_all", users(("t1", ["a"])))

    assert connect().models.users_of(["a"]) == {"a": {"t1"}}
    assert api.bodies("tasks.get_all")[0]["models.input.model"] == "a"


def test_older_servers_are_asked_for_one_model_at_a_time(old_api: Callable[[str], Api], connect: Connect) -> None:
    api = old_api("2.20")
    api.on(
        "tasks.get_all",
        lambda body: {
            "tasks": []
            if body["page"]
            else users((f"user-of-{body['models.input.model']}", [body["models.input.model"]]))
        },
    )

    assert connect().models.users_of(["a", "b"]) == {"a": {"user-of-a"}, "b": {"user-of-b"}}
    assert [body["models.input.model"] for body in api.bodies("tasks.get_all") if not body["page"]] == ["a", "b"]


def test_a_server_that_ignores_the_filter_makes_no_one_a_user(api: Api, connect: Connect) -> None:
    api.rows("tasks.get_all", users(("t1", []), ("t2", ["x"]), ("t3", ["a"])))

    assert connect().models.users_of(["a"]) == {"a": {"t3"}}


def test_a_model_entry_is_deleted_without_its_file(api: Api, connect: Connect) -> None:
    api.on("models.delete", {"deleted": True})
    connect().models.delete("m")

    assert api.bodies("models.delete") == [{"model": "m", "force": True, "delete_external_artifacts": False}]


def test_a_model_entry_that_is_gone_already_is_deleted(api: Api, connect: Connect) -> None:
    api.on("models.delete", Refusal(400, 201, "Invalid model id"))
    connect().models.delete("m")

    api.on("models.delete", Refusal(400, 205, "Model is used by tasks"))
    with pytest.raises(ServerError, match="used by tasks"):
        connect().models.delete("m")
