"""Deleting tasks: what is asked of the server, once, and what it says became of each id."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from cleanup.base.errors import ServerError
from cleanup.server import Deletion, Server
from tests.unit.api import SECRET, Api, Raw, Refusal

Connect = Callable[..., Server]

MISSING = {"codes": [400, 101], "msg": "Invalid task id: id=x", "data": {}}
FORBIDDEN = {"codes": [403, 21], "msg": "No write permission", "data": {}}
OPTIONS = {
    "force": True, "move_to_trash": False, "delete_external_artifacts": False, "delete_output_models": True,
    "return_file_urls": False,
}  # fmt: skip


def answer(*deleted: str, **failed: Any) -> dict[str, Any]:
    succeeded = [{"id": task, "deleted": True, "deleted_models": 0, "urls": None} for task in deleted]
    return {"succeeded": succeeded, "failed": [{"id": task, "error": error} for task, error in failed.items()]}


@pytest.mark.parametrize("version", ["2.13", "2.35"])
def test_many_are_deleted_in_one_request_with_the_servers_file_deletion_off(
    old_api: Callable[[str], Api], connect: Connect, version: str
) -> None:
    api = old_api(version)
    api.on("tasks.delete_many", answer("a", "b"))
    server = connect()

    assert server.deleted_at_once == 100
    assert server.delete(["a", "b"]) == Deletion(deleted={"a", "b"})
    assert api.bodies("tasks.delete_many") == [{"ids": ["a", "b"], **OPTIONS}]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (answer("a", b=MISSING, c=FORBIDDEN), Deletion({"a"}, {"b"}, {"c": "No write permission (codes [403, 21])"})),
        # As a duplicate does; and what nobody asked for.
        (answer("a", "b", "c", "x", a=MISSING, y=FORBIDDEN), Deletion({"a", "b", "c"})),
        (answer("b", "c", a=None), Deletion({"b", "c"}, set(), {"a": "no reason given (codes None)"})),
        (answer("b", "c", a={"codes": 7}), Deletion({"b", "c"}, set(), {"a": "no reason given (codes 7)"})),
    ],
)  # fmt: skip
def test_each_id_has_what_the_server_says_of_it(api: Api, connect: Connect, said: Any, expected: Deletion) -> None:
    api.on("tasks.delete_many", said)
    assert connect().delete(["a", "b", "c"]) == expected


@pytest.mark.parametrize(
    "unclear",
    [
        Refusal(500), Refusal(502), Refusal(400, 12, "Validation error"), Raw(200, '{"meta"'),
        requests.ConnectionError("connection reset"), requests.ReadTimeout("timed out"), {},
        {"succeeded": 5, "failed": "x"}, {"succeeded": [None, "a", {}, {"id": ["a"]}], "failed": [{"id": {"a": 1}}]},
        answer("a"), {"succeeded": [{"id": "a"}, {"id": "b", "deleted": False}]},
    ],
)  # fmt: skip
def test_without_a_clear_answer_for_each_id_it_is_an_error_and_nothing_is_sent_again(
    api: Api, connect: Connect, unclear: Any
) -> None:
    api.on("tasks.delete_many", unclear)

    with pytest.raises(ServerError):
        connect().delete(["a", "b"])
    assert (api.count("tasks.delete_many"), api.count("tasks.delete")) == (1, 0)


def test_no_reason_holds_a_secret(api: Api, connect: Connect) -> None:
    api.on("tasks.delete_many", answer(a={"codes": [500, 0], "msg": f"mongodb://root:{SECRET}@db failed"}))

    assert SECRET not in connect().delete(["a"]).refused["a"]


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        ({"deleted": True}, "deleted"),
        (Refusal(400, 101, "Invalid task id"), "gone"),
        (Refusal(400, 123, "Task cannot be deleted"), "refused"),
        (Refusal(499), "refused"),
        (Refusal(401), "an error"),
        (Refusal(500), "an error"),
        ({"deleted": False}, "an error"),
        (requests.ConnectionError("connection reset"), "an error"),
    ],
)
def test_servers_before_2_13_delete_one_at_a_time(
    old_api: Callable[[str], Api], connect: Connect, said: Any, outcome: str
) -> None:
    api = old_api("2.12")
    api.on("tasks.delete", said)
    server = connect()

    assert server.deleted_at_once == 1
    try:
        result = server.delete(["a"])
        assert [name for name, ids in vars(result).items() if "a" in ids] == [outcome]
        assert not result.refused or said.message in result.refused["a"]
    except ServerError:
        assert outcome == "an error"
    assert {"task": "a", **OPTIONS} in api.bodies("tasks.delete")
    assert api.count("tasks.delete") == 1 or said == Refusal(401)
