"""Deleting tasks: what is asked of the server, once, and what it says became of each id."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import responses

from cleanup.base.errors import ServerError
from cleanup.server import Deletion
from tests.unit.api import SECRET, Api, Raw, Refusal

MISSING = {"codes": [400, 101], "msg": "Invalid task id: id=x", "data": {}}
FORBIDDEN = {"codes": [403, 21], "msg": "No write permission", "data": {}}
LEAKING = {"codes": [500, 0], "msg": f"mongodb://root:{SECRET}@db failed"}
LOST = requests.ConnectionError("connection reset")
OPTIONS = {
    "force": True, "move_to_trash": False, "delete_external_artifacts": False, "delete_output_models": True,
    "return_file_urls": False,
}  # fmt: skip


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
