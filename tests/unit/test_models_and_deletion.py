"""Model entries and deletion: what is asked, answers that would hide a model, what became of each id."""

from __future__ import annotations

import re
from typing import Any

import pytest
import requests
import responses

from cleanup.base.errors import ServerError
from cleanup.base.records import Model
from cleanup.files import places
from cleanup.server import Deletion, Server
from tests.unit.api import SECRET, Api, Raw, Refusal

TASK, OTHER = "0123456789abcdef0123456789abcdef", "f" * 32
MINE = f"https://files.test/team/a.{TASK}/models/m.bin"
ENTRY_OPTIONS = {"force": True, "delete_external_artifacts": False}


def row(model: str = "m", uri: object = MINE, task: object = TASK, ready: object = False) -> dict[str, Any]:
    return {"id": model, "uri": uri, "task": task, "ready": ready, "company": "c"}


def tasks(side: str, **lists: list[str]) -> list[dict[str, Any]]:
    return [{"id": task, "models": {side: [{"model": model} for model in named]}} for task, named in lists.items()]


def test_models_of_tasks_and_of_given_ids_are_read_or_it_is_an_error(api: Api, server: Server) -> None:
    api.rows("models.get_all", [row("a"), row("b", ready=True)], [row("c", task={"id": OTHER})])
    found = [Model("a", MINE, TASK, False), Model("b", MINE, TASK, True), Model("c", MINE, OTHER, False)]
    assert server.models.made_by([TASK, OTHER]) == server.models.by_id(["c", "a", "-x", "__$any", ""]) == found
    first, *_, last = api.bodies("models.get_all")
    fields = ["id", "uri", "task", "ready", "company", "comment"]
    assert first == {
        "task": [TASK, OTHER],
        "only_fields": fields,
        "order_by": ["-created"],
        "page": 0,
        "page_size": 500,
    }
    assert last["id"] == ["a", "c"]

    for odd in (row("b", task="e" * 32), {"id": "m", "task": TASK}, {"ready": False}, None):
        api.rows("models.get_all", [row("a"), odd])
        with pytest.raises(ServerError, match=r"models of others|without its models"):
            server.models.made_by([TASK])


def test_models_whose_address_names_a_task_are_asked_for_by_pattern(api: Api, server: Server) -> None:
    api.rows("models.get_all", [row("a"), row("b", f"s3://b/x.{OTHER.upper()}", None)], [row("c", {"url": MINE})])
    assert [model.id for model in server.models.naming([TASK, "0" * 32, OTHER])] == ["a", "b", "c"]
    pattern = rf"(\.|%[0-9a-f%]*[e5])(0({TASK[1:]}|{'0' * 31})|f({OTHER[1:]}))"
    assert api.bodies("models.get_all")[0]["_any_"] == {"pattern": pattern, "fields": ["uri"]}
    for dot in (".", "%2e", "%2E", "%252e", "%25252E", "%%32e", "%2%65", "%2%2545", "%25%32%65"):
        uri = f"http://h/e5/A%20b{dot}{TASK}/models/m.bin"
        assert {place.task for place in places(uri)} == {TASK}
        assert re.search(pattern, uri, re.IGNORECASE)


def test_tasks_that_use_a_model_or_list_it_are_found_whatever_else_comes(api: Api, server: Server) -> None:
    api.rows("tasks.get_all", tasks("input", t1=["a", "b"], t2=["b", "x"], t4=[]), tasks("input", t3=["a"]))
    assert server.models.users(["a", "b", "c"]) == {"a": {"t1", "t3"}, "b": {"t1", "t2"}}
    # One alone in the form that every server reads.
    assert server.models.users(["a"]) == {"a": {"t1", "t3"}}
    first, *_, last = api.bodies("tasks.get_all")
    assert (first["models.input.model"], last["models.input.model"]) == (["a", "b", "c"], "a")

    api.rows("tasks.get_all", tasks("output", t1=["a1", "x"], t2=["b2"]), tasks("output", t3=["a1"]))
    assert server.models.listers(["a1", "a.2", "b2"]) == {"a1": {"t1", "t3"}, "b2": {"t2"}}
    body = api.bodies("tasks.get_all")[-1]
    assert body["_any_"] == {"pattern": r"^(a(1|\.2)|b(2))$", "fields": ["models.output.model"]}
    for body in api.bodies("tasks.get_all"):
        assert (body["search_hidden"], "system_tags" in body) == (True, False)


def test_a_server_that_does_not_understand_a_pattern_is_an_error(api: Api, server: Server) -> None:
    api.rows("models.get_all", [row(), row("b", f"https://files.test/a.{OTHER}/m.bin")])
    api.rows("tasks.get_all", tasks("output", t1=[TASK], t2=["x"]))
    for ask in (server.models.naming, server.models.listers):
        with pytest.raises(ServerError, match="does not understand a pattern"):
            ask([TASK])


def test_entries_are_deleted_many_at_once_without_their_files(api: Api, server: Server) -> None:
    gone = {"id": "m1", "error": {"codes": [400, 201], "msg": "Invalid model id"}}
    kept = {"id": "m2", "error": {"codes": [400, 205], "msg": "Model is used"}}

    def answer(body: dict[str, Any]) -> dict[str, Any]:
        deleted = [{"id": model, "deleted": True} for model in body["ids"] if model not in ("m1", "m2")]
        return {"succeeded": deleted, "failed": [gone, kept]}

    api.on("models.delete_many", answer)
    ids = [f"m{number}" for number in range(150)]
    assert server.models.delete(ids) == {"m2": "Model is used (codes [400, 205])"}
    assert api.bodies("models.delete_many") == [
        {"ids": ids[:100], **ENTRY_OPTIONS},
        {"ids": ids[100:], **ENTRY_OPTIONS},
    ]


def test_older_servers_are_asked_for_one_model_at_a_time(mock: responses.RequestsMock) -> None:
    api = Api(mock, "2.12")
    models = api.connect(attempts=1).models
    refusals = [Refusal(400, 201), Refusal(400, 205, "Model is used"), Refusal(500, 0, "database error")]
    api.on("models.delete", {"deleted": True}, *refusals)
    api.on("tasks.get_all", lambda body: {"tasks": tasks("input", user=[body["models.input.model"]])[body["page"] :]})

    assert models.users(["a", "b"]) == {"a": {"user"}, "b": {"user"}}
    (refused,) = models.delete(["a", "b", "c"]).items()
    assert (refused[0], "Model is used" in refused[1]) == ("c", True)
    with pytest.raises(ServerError, match="database error"):
        models.delete(["d"])
    assert api.bodies("models.delete") == [{"model": model, **ENTRY_OPTIONS} for model in "abcd"]


MISSING = {"codes": [400, 101], "msg": "Invalid task id: id=x", "data": {}}
FORBIDDEN = {"codes": [403, 21], "msg": "No write permission", "data": {}}
LEAKING = {"codes": [500, 0], "msg": f"mongodb://root:{SECRET}@db failed"}
LOST = requests.ConnectionError("connection reset")
OPTIONS = {**ENTRY_OPTIONS, "move_to_trash": False, "delete_output_models": True, "return_file_urls": False}


def answer(*deleted: str, **failed: Any) -> dict[str, Any]:
    succeeded = [{"id": task, "deleted": True, "deleted_models": 0, "urls": None} for task in deleted]
    return {"succeeded": succeeded, "failed": [{"id": task, "error": error} for task, error in failed.items()]}


def test_many_are_deleted_in_one_request_and_each_has_what_the_server_says_of_it(mock: responses.RequestsMock) -> None:
    api = Api(mock, "2.13")
    server = api.connect()
    assert server.deleted_at_once == 100
    for said, gone, refused in (
        (answer("a", b=MISSING, c=FORBIDDEN), {"b"}, {"c": "No write permission (codes [403, 21])"}),
        # As a duplicate does; and what nobody asked for.
        (answer("a", "b", "c", "x", a=MISSING, y=FORBIDDEN), set(), {}),
        (answer("b", "c", a=None), set(), {"a": "no reason given (codes None)"}),
        (answer("b", "c", a={"codes": 7}), set(), {"a": "no reason given (codes 7)"}),
        (answer("b", "c", a=LEAKING), set(), {"a": "mongodb://root:***@db failed (codes [500, 0])"}),
    ):
        api.on("tasks.delete_many", said)
        deleted = {"a", "b", "c"} - gone - refused.keys()
        assert server.delete(["a", "b", "c"]) == Deletion(deleted, gone, refused)
        assert api.bodies("tasks.delete_many")[-1] == {"ids": ["a", "b", "c"], **OPTIONS}


@pytest.mark.parametrize(
    "unclear",
    [
        Refusal(500), Refusal(400, 12, "Validation error"), Raw(200, '{"meta"'), LOST, {}, answer("a"),
        {"succeeded": 5, "failed": "x"}, {"succeeded": [{"id": "a"}, {"id": "b", "deleted": False}]},
        {"succeeded": [None, "a", {}, {"id": ["a"]}], "failed": [{"id": {"a": 1}}]},
    ],
)  # fmt: skip
def test_without_a_clear_answer_for_each_id_it_is_an_error_and_nothing_is_sent_again(api: Api, unclear: Any) -> None:
    api.on("tasks.delete_many", unclear)
    with pytest.raises(ServerError):
        api.connect().delete(["a", "b"])
    assert (api.count("tasks.delete_many"), api.count("tasks.delete")) == (1, 0)


def test_servers_before_2_13_delete_one_at_a_time(mock: responses.RequestsMock) -> None:
    api = Api(mock, "2.12")
    server = api.connect()
    assert server.deleted_at_once == 1
    api.on("tasks.delete", {"deleted": True}, Refusal(400, 101), Refusal(400, 123), Refusal(499))
    assert server.delete(["a"]) == Deletion({"a"})
    assert server.delete(["a"]) == Deletion(set(), {"a"})
    for code in ("code 400/123", "code 499"):
        assert code in server.delete(["a"]).refused["a"]
    assert api.bodies("tasks.delete") == [{"task": "a", **OPTIONS}] * 4

    for unclear, sent in ((Refusal(429), 1), (Refusal(500), 1), ({"deleted": False}, 1), (LOST, 1), (Refusal(401), 2)):
        api.requests.clear()
        api.on("tasks.delete", unclear)
        with pytest.raises(ServerError):
            server.delete(["a"])
        assert api.count("tasks.delete") == sent
