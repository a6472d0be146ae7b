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
LEAKING = {"codes": [500, 0], "msg": f"mongodb://root:{SECRET}@db failed"}
LOST = requests.ConnectionError("connection reset")
OPTIONS = {
    "force": True, "move_to_trash": False, "delete_external_artifacts": False, "delete_output_models": True,
    "return_file_urls": False,
}  # fmt: skip


def answer(*deleted: str, **failed: Any) -> dict[str, Any]:
    succeeded = [{"id": task, "deleted": True, "deleted_models": 0, "urls": None} for task in deleted]
    return {"succeeded": succeeded, "failed": [{"id": task, "error": error} for task, error in failed.items()]}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (answer("a", b=MISSING, c=FORBIDDEN), Deletion({"a"}, {"b"}, {"c": "No write permission (codes [403, 21])"})),
        # As a duplicate does; and what nobody asked for.
        (answer("a", "b", "c", "x", a=MISSING, y=FORBIDDEN), Deletion({"a", "b", "c"})),
        (answer("b", "c", a=None), Deletion({"b", "c"}, set(), {"a": "no reason given (codes None)"})),
        (answer("b", "c", a={"codes": 7}), Deletion({"b", "c"}, set(), {"a": "no reason given (codes 7)"})),
        (
            answer("b", "c", a=LEAKING),
            Deletion({"b", "c"}, set(), {"a": "mongodb://root:***@db failed (codes [500, 0])"}),
        ),
    ],
)
def test_many_are_deleted_in_one_request_and_each_has_what_the_server_says_of_it(
    old_api: Callable[[str], Api], connect: Connect, said: Any, expected: Deletion
) -> None:
    api = old_api("2.13")
    api.on("tasks.delete_many", said)
    server = connect()

    assert server.deleted_at_once == 100
    assert server.delete(["a", "b", "c"]) == expected
    assert api.bodies("tasks.delete_many") == [{"ids": ["a", "b", "c"], **OPTIONS}]


@pytest.mark.parametrize(
    "unclear",
    [
        Refusal(500), Refusal(400, 12, "Validation error"), Raw(200, '{"meta"'), LOST, {}, answer("a"),
        {"succeeded": 5, "failed": "x"}, {"succeeded": [{"id": "a"}, {"id": "b", "deleted": False}]},
        {"succeeded": [None, "a", {}, {"id": ["a"]}], "failed": [{"id": {"a": 1}}]},
    ],
)  # fmt: skip
def test_without_a_clear_answer_for_each_id_it_is_an_error_and_nothing_is_sent_again(
    api: Api, connect: Connect, unclear: Any
) -> None:
    api.on("tasks.delete_many", unclear)

    with pytest.raises(ServerError):
        connect().delete(["a", "b"])
    assert (api.count("tasks.delete_many"), api.count("tasks.delete")) == (1, 0)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"deleted": True}, Deletion({"a"})),
        (Refusal(400, 101), Deletion(set(), {"a"})),
        (Refusal(400, 123), "code 400/123"),
        (Refusal(499), "code 499"),
        *((unclear, None) for unclear in (Refusal(401), Refusal(429), Refusal(500), {"deleted": False}, LOST)),
    ],
)
def test_servers_before_2_13_delete_one_at_a_time(
    old_api: Callable[[str], Api], connect: Connect, said: Any, expected: Deletion | str | None
) -> None:
    api = old_api("2.12")
    api.on("tasks.delete", said)
    server = connect()

    assert server.deleted_at_once == 1
    if expected is None:
        with pytest.raises(ServerError):
            server.delete(["a"])
    elif isinstance(expected, str):
        assert expected in server.delete(["a"]).refused["a"]
    else:
        assert server.delete(["a"]) == expected
    assert api.bodies("tasks.delete")[0] == {"task": "a", **OPTIONS}
    assert api.count("tasks.delete") == 1 or said == Refusal(401)
