"""Models: who made them, which lie in a task's folders, who needs them, and what becomes of their entries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cleanup.base.errors import ServerError
from cleanup.base.records import Model
from cleanup.server import Server
from tests.unit.api import Api, Refusal

Connect = Callable[..., Server]

TASK, OTHER = "0123456789abcdef0123456789abcdef", "f" * 32
MINE = f"https://files.test/team/a.{TASK}/models/m.bin"


def row(model: str = "m", uri: object = MINE, task: object = TASK, ready: object = False) -> dict[str, Any]:
    return {"id": model, "uri": uri, "task": task, "ready": ready}


def test_models_of_tasks_are_read_to_the_last_page(api: Api, connect: Connect) -> None:
    api.rows("models.get_all", [row("a"), row("b", ready=True)], [row("c", task={"id": OTHER})])

    made = [
        Model("a", MINE, TASK, published=False),
        Model("b", MINE, TASK, published=True),
        Model("c", MINE, OTHER, published=False),
    ]
    models = connect().models
    assert models.made_by([TASK, OTHER]) == models.by_id(["c", "a", "-x", "__$any", ""]) == made
    page = {"only_fields": ["id", "uri", "task", "ready"], "order_by": ["created"], "page": 0, "page_size": 500}
    first, *_, by_id, _, _ = api.bodies("models.get_all")
    assert first == {"task": [TASK, OTHER], **page}
    assert by_id == {"id": ["a", "c"], **page}


@pytest.mark.parametrize("task", ["e" * 32, None, ""])
def test_models_of_other_tasks_are_an_error_and_never_deleted_as_own(api: Api, connect: Connect, task: Any) -> None:
    api.rows("models.get_all", [row("a"), row("b", task=task)])

    with pytest.raises(ServerError, match="with models of others"):
        connect().models.made_by([TASK])


@pytest.mark.parametrize("broken", [{"id": "m", "uri": MINE, "task": TASK}, {"ready": False}, None])
def test_a_model_without_id_or_state_is_a_broken_answer(api: Api, connect: Connect, broken: Any) -> None:
    api.on("models.get_all", {"models": [row(), broken]})

    with pytest.raises(ServerError, match="models"):
        connect().models.made_by([TASK])


def test_models_whose_address_names_a_task_are_asked_for_by_pattern(api: Api, connect: Connect) -> None:
    found = [row("a"), row("b", OTHER.upper(), None), row("c", {"url": MINE})]
    api.rows("models.get_all", found[:2], found[2:])

    assert [model.id for model in connect().models.naming([TASK, "0" * 32, OTHER])] == ["a", "b", "c"]
    pattern = f"0({TASK[1:]}|{'0' * 31})|f({OTHER[1:]})"
    assert api.bodies("models.get_all")[0]["_any_"] == {"pattern": pattern, "fields": ["uri"]}


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        ("naming", {"models": [row(), row("b", f"https://files.test/a.{OTHER}/m.bin")]}),
        ("naming", {"models": [row(uri=None)]}),
        ("listers", {"tasks": [{"id": "t", "models": {"output": [{"model": "x"}]}}]}),
        ("listers", {"tasks": [{"id": "t"}]}),
    ],
)
def test_a_server_that_does_not_understand_a_pattern_is_an_error(
    api: Api, connect: Connect, call: str, answer: dict[str, Any]
) -> None:
    (name,) = answer
    api.rows(f"{name}.get_all", answer[name])

    with pytest.raises(ServerError, match="does not understand a pattern"):
        getattr(connect().models, call)([TASK])


def tasks(side: str, **lists: list[str]) -> list[dict[str, Any]]:
    return [{"id": task, "models": {side: [{"model": model} for model in named]}} for task, named in lists.items()]


def test_users_of_models_are_found_whatever_else_the_server_answers(api: Api, connect: Connect) -> None:
    api.rows("tasks.get_all", tasks("input", t1=["a", "b"], t2=["b", "x"], t4=[]), tasks("input", t3=["a"]))
    models = connect().models

    assert models.users(["a", "b", "c"]) == {"a": {"t1", "t3"}, "b": {"t1", "t2"}}
    # One alone in the form that every server reads.
    assert models.users(["a"]) == {"a": {"t1", "t3"}}
    first, *_, last = api.bodies("tasks.get_all")
    assert (first["models.input.model"], last["models.input.model"]) == (["a", "b", "c"], "a")
    assert (first["search_hidden"], "system_tags" in first) == (True, False)


@pytest.mark.parametrize("version", ["2.12", "2.30"])
def test_older_servers_are_asked_for_users_of_one_model_at_a_time(
    old_api: Callable[[str], Api], connect: Connect, version: str
) -> None:
    api = old_api(version)

    def answer(body: dict[str, Any]) -> dict[str, Any]:
        model = body["models.input.model"]
        return {"tasks": [] if body["page"] else tasks("input", **{f"user-of-{model}": [model]})}

    api.on("tasks.get_all", answer)
    assert connect().models.users(["a", "b"]) == {"a": {"user-of-a"}, "b": {"user-of-b"}}


def test_tasks_that_list_a_model_among_their_outputs_are_found_by_pattern(api: Api, connect: Connect) -> None:
    api.rows("tasks.get_all", tasks("output", t1=["a1", "x"], t2=["b2"]), tasks("output", t3=["a1"]))

    assert connect().models.listers(["a1", "a.2", "b2"]) == {"a1": {"t1", "t3"}, "b2": {"t2"}}
    body = api.bodies("tasks.get_all")[0]
    assert body["_any_"] == {"pattern": r"^(a(1|\.2)|b(2))$", "fields": ["models.output.model"]}
    assert (body["search_hidden"], "system_tags" in body) == (True, False)


def test_entries_are_deleted_many_at_once_without_their_files(api: Api, connect: Connect) -> None:
    api.on("models.delete_many", lambda body: {"succeeded": [{"id": model, "deleted": True} for model in body["ids"]]})
    ids = [f"m{number}" for number in range(150)]
    connect().models.delete(ids)

    options = {"force": True, "delete_external_artifacts": False}
    assert api.bodies("models.delete_many") == [{"ids": ids[:100], **options}, {"ids": ids[100:], **options}]


def test_entries_that_are_gone_already_are_fine_and_one_that_stays_is_an_error(api: Api, connect: Connect) -> None:
    gone = {"id": "b", "error": {"codes": [400, 201], "msg": "Invalid model id"}}
    kept = {"id": "a", "error": {"codes": [400, 205], "msg": "Model is used"}}
    api.on("models.delete_many", {"succeeded": [{"id": "a"}], "failed": [gone]}, {"failed": [kept, gone]}, {})
    models = connect().models

    assert models.delete(["a", "b"]) == {}
    assert list(models.delete(["a", "b"])) == ["a"]
    with pytest.raises(ServerError, match="does not say what became of a"):
        models.delete(["a"])


def test_servers_before_2_13_delete_entries_one_by_one(old_api: Callable[[str], Api], connect: Connect) -> None:
    api = old_api("2.12")
    api.on(
        "models.delete", {"deleted": True}, Refusal(400, 201, "Invalid model id"), Refusal(400, 205, "Model is used")
    )
    models = connect().models
    assert models.delete(["a", "b"]) == {}
    assert "Model is used" in models.delete(["c"])["c"]
    sent = [{"model": model, "force": True, "delete_external_artifacts": False} for model in "abc"]
    assert api.bodies("models.delete") == sent
